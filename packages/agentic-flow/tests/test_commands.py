"""The command line, as an operator types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from agentic_flow.cli import main
from agentic_flow.workload import samples


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_releases_are_built_listed_and_activated(tmp_path: Path) -> None:
    assert run("release", "build", tmp_path, "1.9.0")[0] == 0
    assert run("release", "build", tmp_path, "1.9.1", "--target", "wasm32-wasi")[0] == 0
    assert run("release", "build", tmp_path, "1.9.2", "--corrupt", "flipped")[0] == 0
    assert run("release", "activate", tmp_path, "1.9.0") == (0, "1.9.0 is current\n")
    code, listing = run("release", "list", tmp_path)
    assert code == 0
    assert [line[:7] for line in listing.splitlines()] == ["* 1.9.0", "  1.9.1", "  1.9.2"]


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    code, told = run("release", "activate", tmp_path, "7")
    assert (code, told) == (1, "Error: there is no release 7\n")
    code, told = run("get", "booster", "--state", tmp_path)
    assert code == 1
    assert "start one with agentic-flow up" in told
    code, told = run("up", "--state", tmp_path, "--port", "0", "--control-port", "0")
    assert code == 1
    assert "release" in told


@pytest.mark.parametrize("change", ["", "=x", "-", "NAME"])
def test_a_change_of_the_environment_is_spelt_out(tmp_path: Path, change: str) -> None:
    assert run("set-env", "booster", "--state", tmp_path, "--", change)[0] == 2


def test_every_command_explains_itself() -> None:
    for command in main.commands.values():
        assert command.help
        assert CliRunner().invoke(main, [command.name or "", "--help"]).exit_code == 0


def test_the_load_edits_only_files_below_the_size_asked_for() -> None:
    assert run("load", "--largest", "10")[0] == 2
    assert run("load", "--url", "https://127.0.0.1:1")[0] == 2
    assert max(sample.size for sample in samples(0, 4000, 50, seed=1)) < 4000
    code, told = run("load", "--url", "http://127.0.0.1:1", "--rate", "5", "--seconds", "0.4", "--largest", "4000")
    assert code == 0
    assert told.splitlines()[-1].split()[:5] == ["total", "0", "0", "0", "2"]  # Nobody listens there.
