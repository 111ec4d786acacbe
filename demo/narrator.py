"""The narrator: tells the story in the terminal, each entry of the timeline with the clause by which it happened."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {
    "incident_declared": "bold red",
    "severity_raised": "bold red",
    "person_paged": "yellow",
    "acknowledged": "bold green",
    "deadline_missed": "magenta",
    "mitigation_proposed": "cyan",
    "mitigation_approved": "bold green",
    "mitigation_ended": "bold cyan",
    "mitigation_judged": "bold cyan",
    "incident_resolved": "bold green",
    "nobody_reachable": "bold red",
}
_QUIET = {"step_taken", "page_delivered", "audience_told", "person_told"}
"""Entries that only repeat what another one says; they are in the timeline all the same."""


class Narrator:
    """Writes to a terminal, or plainly to a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._verdict = ""

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self._console.print()
        self._console.rule(Text(title, style="bold"), align="left", style="dim")

    def say(self, text: str) -> None:
        """Say what the stage does."""
        self._console.print(Text("           ") + Text(text, style="italic"), soft_wrap=True)

    def screen(self, text: str) -> None:
        """Show what stands on somebody's terminal."""
        for line in text.rstrip().splitlines():
            self._console.print(Text("           │ ", style="dim") + Text(line), soft_wrap=True)

    def ring(self, person: str, how: str, subject: str) -> None:
        """Say that a page has reached somebody."""
        text = Text(f"           ☎ the {how} of {person} rings: {subject}", style="dim")
        self._console.print(text, soft_wrap=True)

    def line(self, line: dict[str, Any]) -> None:
        """Tell one entry of the timeline."""
        kind = line["event"]["type"]
        if kind in _QUIET or self._repeats(line):
            return
        at, clause = line["at"][11:19], line["clause"] or ""
        text = Text(f"  {at} ", style="dim") + Text(f"{clause:<5}", style="blue")
        self._console.print(text + Text(line["text"], style=_STYLES.get(kind, "")), soft_wrap=True)

    def _repeats(self, line: dict[str, Any]) -> bool:
        """Tell whether a measurement says what the one before it said."""
        if line["event"]["type"] != "objectives_measured":
            return False
        before, self._verdict = self._verdict, line["text"].split(" since ")[0]
        return before == self._verdict

    def promises(self, promises: list[dict[str, Any]], speed: int) -> None:
        """Show what was kept and what was missed."""
        table = Table("clause", "promise", "", box=None, pad_edge=True)
        for promise in promises:
            if promise["state"] == "open":
                continue
            kept = promise["state"] == "kept"
            rounds = f", {promise['rounds']} times" if promise["rounds"] else ""
            verdict = Text("kept", style="green") if kept else Text(f"missed{rounds}", style="magenta")
            table.add_row(promise["clause"], promise["title"], verdict)
        self._console.print(table)
        counts = Counter(promise["state"] for promise in promises)
        later = f"; {counts['open']} owed later (the post-mortem)" if counts["open"] else ""
        self.say(f"At {speed} times the speed: {counts['kept']} kept, {counts['missed']} missed{later}.")

    def ledger(self, ledger: dict[str, Any]) -> None:
        """Show what became of every message."""
        states = Counter((entry["intent"]["message"]["kind"], entry["state"]) for entry in ledger["messages"])
        told = ", ".join(f"{count} {kind}s {state}" for (kind, state), count in sorted(states.items()))
        self.say(f"Every message accounted for: {told}.")
