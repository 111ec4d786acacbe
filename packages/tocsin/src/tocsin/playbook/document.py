"""A playbook as read: all of its files together, and where each line stands."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from tocsin.core.ids import ChannelName
from tocsin.playbook.acting import ActionsDoc
from tocsin.playbook.base import Doc
from tocsin.playbook.errands import DrillsDoc, HandoffDoc
from tocsin.playbook.measured import ClassificationDoc, ComponentDoc, HeartbeatDoc
from tocsin.playbook.problems import Problem
from tocsin.playbook.reading import Document, spoken
from tocsin.playbook.rota import RotationDoc, RotationsDoc
from tocsin.playbook.sections import (
    AboutDoc,
    CommunicationDoc,
    DeadlinesDoc,
    EscalationDoc,
    MethodDoc,
    PersonDoc,
    SeverityDoc,
    joined,
)


class Playbook(msgspec.Struct, frozen=True, kw_only=True):
    """One organisation's playbook, every part of the right shape, not yet linted or compiled."""

    about: AboutDoc
    severities: tuple[SeverityDoc, ...]
    people: Mapping[str, PersonDoc]
    rota: RotationsDoc
    escalation: EscalationDoc
    communication: CommunicationDoc
    classification: ClassificationDoc
    plan: DeadlinesDoc
    heartbeats: Mapping[str, HeartbeatDoc]
    acting: ActionsDoc
    handoff: HandoffDoc
    drills: DrillsDoc
    components: Mapping[str, ComponentDoc]
    """By file, ``components/agent-booster.yaml``."""
    parts: Mapping[str, Doc]
    """Every file's struct by the file's name, for checks that look everywhere."""
    digest: str
    documents: Mapping[str, Document]

    @property
    def rotations(self) -> Mapping[str, RotationDoc]:
        """Answer who takes turns."""
        return self.rota.rotations

    def problem(
        self,
        check: str,
        place: tuple[str | int, ...],
        message: str,
        remedy: str,
        severity: Literal["error", "warning"] = "error",
    ) -> Problem:
        """Make a finding; ``place`` is the file and the path inside it."""
        file, path = str(place[0]), place[1:]
        document = self.documents.get(file)
        line = document.line(path) if document else 0
        return Problem(file, line, spoken(path), message, remedy, severity, check)

    def carrier(self, method: MethodDoc) -> ChannelName | None:
        """Answer the channel that carries a person's contact method: its own, or its kind's."""
        return joined(method.channel) if method.channel else self.channel_of(method.kind.value)

    def channel_of(self, kind: str) -> ChannelName | None:
        """Answer the channel that carries a kind of contact; the names of several joined."""
        carrier = self.about.channels.get(kind)
        return None if carrier is None else joined(carrier)
