"""Every command that was promised exists, says what it is for, and shows how it is used."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from tocsin.cli.main import main

PROMISED = (
    *(
        "serve",
        "declare",
        "ack",
        "decline",
        "relieve",
        "list",
        "show",
        "note",
        "stage",
        "severity",
        "resolve",
        "classify",
        "simulate",
    ),
    *("actions", "mitigate", "approve", "reject", "withdraw", "delegate", "watch"),
    *(
        "diagnose",
        "role",
        "component",
        "update",
        "mitigation",
        "flag",
        "room",
        "escalate",
        "milestone",
        "reopen",
        "close",
    ),
    *("playbook check", "playbook schema", "playbook rules", "playbook show"),
    *("handoff list", "handoff show", "handoff tick", "handoff accept", "handoff note", "ledger", "test-page"),
    *(f"oncall {what}" for what in ("calendar", "history", "check", "load", "feed", "import")),
    *("override add", "override remove", "override list", "away add", "away remove", "away list"),
    *("swap ask", "swap accept", "swap decline", "swap remove", "swap list"),
    *("contact verify", "contact confirm", "readiness"),
    *("watchdog run", "watchdog answer", "watchdog status"),
    *("token create", "token revoke", "token list", "silence add", "silence list", "silence end", "db upgrade"),
)


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(_commands(main))


def test_every_promised_command_exists_and_no_other() -> None:
    assert sorted(ALL) == sorted(PROMISED)


@pytest.mark.parametrize("name", ALL)
def test_the_help_of_a_command_shows_an_example_of_it(name: str) -> None:
    result = CliRunner().invoke(main, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert re.search(rf"^\s+(?:\S+=\S+ |.*\| )?tocsin {name}\b", result.stdout, re.MULTILINE), result.stdout


@pytest.mark.parametrize("name", [name for name in ALL if name.split()[0] not in ("serve", "token", "silence", "db")])
def test_the_help_of_a_command_names_the_clause_it_serves(name: str) -> None:
    said = " ".join((ALL[name].help or "").split())
    assert re.search(r"\b[CDRMVKEPOQ]\d\b", said) or name in ("list", "show", "note", "playbook schema", "test-page"), (
        said
    )


GROUPS = sorted({" ".join(name.split()[:-1]) for name in ALL})


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_of_commands_says_in_full_what_each_is_for(group: str) -> None:
    result = CliRunner().invoke(main, [*group.split(), "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert not [line for line in result.stdout.splitlines() if line.endswith("...") and "Usage" not in line]


def test_a_misspelt_command_is_answered_with_the_one_that_was_meant() -> None:
    result = CliRunner().invoke(main, ["resovle", "INC-1"])
    assert (result.exit_code, "resolve" in result.stderr) == (2, True)


@pytest.mark.parametrize("name", [name for name in ALL if name != "serve"])
def test_json_is_an_option_of_every_command_and_of_the_line_as_a_whole(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[name].params)
    assert any("--json" in parameter.opts for parameter in main.params)
