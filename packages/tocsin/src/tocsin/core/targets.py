"""Whom a playbook can name: by turn, by name, by role, or by where the escalation stands."""

import msgspec

from tocsin.core.ids import PersonId, RoleName, RotationId


class OnRotation(msgspec.Struct, frozen=True, tag="rotation"):
    """Whoever is on call in a rotation at that instant."""

    rotation: RotationId


class ThePerson(msgspec.Struct, frozen=True, tag="person"):
    """One person, whatever the hour."""

    person: PersonId


class InRole(msgspec.Struct, frozen=True, tag="role"):
    """Whoever holds a role in the incident."""

    role: RoleName


class ComponentOwner(msgspec.Struct, frozen=True, tag="component_owner"):
    """Whoever is on call for the incident's components."""


class Everybody(msgspec.Struct, frozen=True, tag="everybody"):
    """All that the incident's ladder names: for the alarm that nobody answers (E4)."""


class NextOnLadder(msgspec.Struct, frozen=True, tag="next_on_ladder"):
    """Somebody of the incident's ladder who is not at work on it: first those not asked yet, in the ladder's order."""


class LevelAbove(msgspec.Struct, frozen=True, tag="level_above"):
    """The people of the level above the one that the incident has reached (E4)."""


class EmergencyContact(msgspec.Struct, frozen=True, tag="emergency_contact"):
    """Whom the playbook names for when nobody else can be reached (E4)."""


Target = OnRotation | ThePerson | InRole | ComponentOwner | Everybody | NextOnLadder | LevelAbove | EmergencyContact
