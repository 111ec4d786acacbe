"""The documents that callers send and get."""

from __future__ import annotations

import msgspec

from agentic_flow.booster.edit import Edit


class TransformRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One edit: in `source`, make the definition `target` what the snippet `edit` says."""

    source: str
    language: str
    target: str
    edit: str

    def to_edit(self) -> Edit:
        """Give what is asked for."""
        return Edit(self.source, self.language, self.target, self.edit)


class ApplyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The same for `/v1/apply`, whose callers say `code` for the source."""

    code: str
    language: str
    target: str
    edit: str

    def to_edit(self) -> Edit:
        """Give what is asked for."""
        return Edit(self.code, self.language, self.target, self.edit)


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Several edits, each of a source of its own."""

    edits: list[TransformRequest]


class TransformAnswer(msgspec.Struct):
    """An applied edit."""

    result: str
    output: str
    strategy: str
    confidence: float
    first_line: int
    last_line: int
    release: str
    duration_ms: float
