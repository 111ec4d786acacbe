"""The shipped playbooks, ready to be looked at, and a way to break a copy of the small one."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.core.rules import Rulebook
from tocsin.playbook.document import Playbook
from tocsin.playbook.load import load, load_rulebook, shipped

Break = Callable[..., Path]


@pytest.fixture(scope="session")
def book() -> Rulebook:
    """Agentic Flow's playbook, compiled."""
    return load_rulebook(shipped("agentic-flow"))


@pytest.fixture(scope="session")
def document() -> Playbook:
    """Agentic Flow's playbook as read."""
    return load(shipped("agentic-flow"))


@pytest.fixture(scope="session")
def fast_book() -> Rulebook:
    """The same, sixty times faster."""
    return load_rulebook(shipped("agentic-flow"), speed=60)


@pytest.fixture
def broken(tmp_path: Path) -> Break:
    """Copy the minimal playbook and replace text in one of its files; None removes the file."""

    def breaks(file: str, before: str = "", after: str | None = "") -> Path:
        folder = tmp_path / "playbook"
        if not folder.exists():
            shutil.copytree(shipped("minimal"), folder)
        path = folder / file
        if after is None:
            path.unlink()
            return folder
        text = path.read_text() if path.exists() else ""
        assert before in text, f"{before!r} does not stand in {file}"
        path.write_text(text.replace(before, after, 1) if before else text + after)
        return folder

    return breaks


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker."""
    found = shutil.which("promtool")
    if found is None:
        remedy = "promtool is missing; `make test` installs it with Debian's package prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(remedy)
        pytest.skip(remedy)
    return found
