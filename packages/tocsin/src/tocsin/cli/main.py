"""The command ``tocsin``: a list of commands, each loaded when it is called.

A person who has just been woken should not wait for code that another command needs.
"""

import atexit
import gc
import importlib
from typing import Final

import click

from tocsin.cli.session import session, talks

# A process that ends has nothing to collect for, and the collector's last pass, over types that msgspec made, has been
# seen to crash after the work was done: a command's exit status must say what came of it.
atexit.register(gc.freeze)

_COMMANDS: Final = {
    "serve": "serve:serve",
    "declare": "declare:declare",
    "list": "show:list_incidents",
    "show": "show:show",
    "diagnose": "diagnose:diagnose",
    "ack": "incidents:acknowledge",
    "decline": "incidents:decline",
    "relieve": "incidents:relieve",
    "note": "incidents:note",
    "stage": "incidents:stage",
    "severity": "incidents:severity",
    "role": "incidents:role",
    "component": "incidents:component",
    "update": "incidents:update",
    "actions": "mitigate:actions",
    "mitigate": "mitigate:mitigate",
    "approve": "mitigate:approve",
    "reject": "mitigate:reject",
    "withdraw": "mitigate:withdraw",
    "delegate": "mitigate:delegate",
    "watch": "watch:watch",
    "mitigation": "incidents:mitigation",
    "flag": "incidents:flag",
    "room": "incidents:room",
    "escalate": "incidents:escalate",
    "milestone": "incidents:milestone",
    "resolve": "incidents:resolve",
    "reopen": "incidents:reopen",
    "close": "incidents:close",
    "ledger": "ledger:ledger",
    "oncall": "oncall:oncall",
    "handoff": "handoff:handoff",
    "readiness": "contact:readiness",
    "contact": "contact:contact",
    "test-page": "test_page:test_page",
    "override": "arrange:override",
    "swap": "arrange:swap",
    "away": "arrange:away",
    "classify": "classify:classify",
    "silence": "silence:silence",
    "playbook": "playbook:playbook",
    "watchdog": "watchdog:watchdog",
    "simulate": "simulate:simulate",
    "token": "token:token",
    "db": "db:db",
}
"""In the order in which they are needed."""


class _Commands(click.Group):
    """Commands that are loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name them in our order, not the alphabet's."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"tocsin.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; of an unknown one say which is like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message}{_meant(args[0])}", ctx) from error


def _meant(word: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it.

    close = get_close_matches(word, _COMMANDS, 1)
    return f' Did you mean "{close[0]}"?' if close else ""


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@talks
@click.version_option(package_name="tocsin", message="Tocsin %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Run an organisation's incident playbook.

    It pages until somebody answers, keeps every deadline and proves recovery.

    \b
    Begin with:    tocsin serve
    Woken by it:   tocsin list, then tocsin ack INC-42, then tocsin show INC-42
    Seen trouble:  tocsin declare "Agent Booster is down" --component agent-booster

    Commands speak to the server at TOCSIN_URL (http://127.0.0.1:8700) with TOCSIN_TOKEN.
    Exit status: 0 done, 1 refused or failed, 2 a wrong command line.
    """
    session()
