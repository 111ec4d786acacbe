"""Why an edit is not applied: a closed set of reasons, each with a sentence and a way out.

A refusal is the caller's to mend. It is never a fault of the service and never counts against its objective.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Every reason for which an edit may be refused."""

    MALFORMED_REQUEST = "malformed_request"
    UNSUPPORTED_LANGUAGE = "unsupported_language"
    TOO_LARGE = "too_large"
    NOT_TEXT = "not_text"
    TARGET_NOT_FOUND = "target_not_found"
    AMBIGUOUS_TARGET = "ambiguous_target"
    TARGET_HAS_SYNTAX_ERROR = "target_has_syntax_error"
    UNSUPPORTED_SHAPE = "unsupported_shape"
    SNIPPET_SYNTAX_ERROR = "snippet_syntax_error"
    SNIPPET_NOT_ONE_DEFINITION = "snippet_not_one_definition"
    SNIPPET_MISMATCH = "snippet_mismatch"
    MARKER_MISPLACED = "marker_misplaced"
    ANCHOR_NOT_FOUND = "anchor_not_found"
    AMBIGUOUS_ANCHOR = "ambiguous_anchor"
    LOW_CONFIDENCE = "low_confidence"
    ADDS_SYNTAX_ERROR = "adds_syntax_error"
    WOULD_CHANGE_MEANING = "would_change_meaning"


REMEDIES: dict[Reason, str] = {
    Reason.MALFORMED_REQUEST: "Send a JSON object with the strings source, language, target and edit.",
    Reason.UNSUPPORTED_LANGUAGE: "Use one of python, javascript, typescript, tsx.",
    Reason.TOO_LARGE: "Split the file, or send a smaller definition.",
    Reason.NOT_TEXT: "Send well-formed Unicode text whose lines end in LF or CRLF.",
    Reason.TARGET_NOT_FOUND: "Name a function, class or method of the source, qualified, such as Class.method.",
    Reason.AMBIGUOUS_TARGET: "Edit the enclosing definition instead, so that the name is met only once.",
    Reason.TARGET_HAS_SYNTAX_ERROR: "Mend the definition first, or replace an enclosing one.",
    Reason.UNSUPPORTED_SHAPE: "Send the whole definition without elided parts, or edit the enclosing one.",
    Reason.SNIPPET_SYNTAX_ERROR: "Correct the snippet: it must parse on its own.",
    Reason.SNIPPET_NOT_ONE_DEFINITION: "Send exactly one definition, with nothing but markers around it.",
    Reason.SNIPPET_MISMATCH: "Let the snippet define the name the target ends in, as the same kind of thing.",
    Reason.MARKER_MISPLACED: "Write markers on lines of their own between statements: ... existing code ...",
    Reason.ANCHOR_NOT_FOUND: "Quote an unchanged neighbouring statement between the markers.",
    Reason.AMBIGUOUS_ANCHOR: "Quote more of the unchanged neighbouring statements, on both sides of the change.",
    Reason.LOW_CONFIDENCE: "Quote more unchanged statements, or lower CONFIDENCE_THRESHOLD.",
    Reason.ADDS_SYNTAX_ERROR: "Check the snippet against the code around it: together they do not parse.",
    Reason.WOULD_CHANGE_MEANING: "Indent the snippet consistently; in place it reads differently than alone.",
}


class Refused(Exception):
    """The edit is not applied, and the source stays as it was."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence

    @property
    def remedy(self) -> str:
        """Say what the caller can do about it."""
        return REMEDIES[self.reason]
