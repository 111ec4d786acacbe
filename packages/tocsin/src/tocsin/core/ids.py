"""Names for the things that have identity. The shell gives ids; the core only carries them."""

from typing import NewType

IncidentId = NewType("IncidentId", str)
"""``INC-42``: short enough to say on the phone."""

AlertFingerprint = NewType("AlertFingerprint", str)
"""What makes two notifications speak of the same alert; the sender's, prefixed by its source where it needs one."""

SignalId = NewType("SignalId", str)
IntentId = NewType("IntentId", str)
"""Also the idempotency key that a provider is given, so a message handed over twice can be told apart."""

PageId = NewType("PageId", str)
RuleId = NewType("RuleId", str)
PersonId = NewType("PersonId", str)
ComponentId = NewType("ComponentId", str)
RotationId = NewType("RotationId", str)
AudienceId = NewType("AudienceId", str)
SilenceId = NewType("SilenceId", str)
ArrangementId = NewType("ArrangementId", str)
"""``OVR-``, ``SWAP-``, ``AWAY-`` or ``CAL-``: what people arranged beside the playbook."""

ChannelName = NewType("ChannelName", str)
RunId = NewType("RunId", str)
"""``R1``: the first thing that somebody asked to have done in an incident. Short enough to say on the phone."""
DiagnosticId = NewType("DiagnosticId", str)
GatheringId = NewType("GatheringId", str)
"""One run of an incident's diagnostics: made of the place in the timeline at which it was asked for."""

Digest = NewType("Digest", str)
"""``sha256:…`` of an attachment's bytes: what a timeline keeps of an output, and by which it is found."""

RoleName = NewType("RoleName", str)
Severity = NewType("Severity", str)
"""A severity's name. Its rank is its place in the playbook's list, so another organisation may have three or five."""


def intent_id(incident: IncidentId, number: int, place: str | int) -> IntentId:
    """Answer the id of a message that an incident's event of this number asks for."""
    return IntentId(f"{incident}.{number}.{place}")


INCIDENT_COMMANDER = RoleName("incident_commander")
"""The one role that the core itself speaks of: only it may resolve unverified (V4) and approve a mitigation (M4)."""

SINGLE_RESPONDER = RoleName("responder")
"""Who carries an incident too small for a commander (R1, SEV3 and SEV4); stands in for one where one is asked for."""
