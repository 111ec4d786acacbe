"""Playbooks as files: which folder a command means, and its compiled rows."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.cli.session import Failed

if TYPE_CHECKING:
    from tocsin.core.rules import Rulebook


def folder_of(named: str) -> Path:
    """Answer the folder that is meant. Raises `PlaybookErrors` if a shipped one is meant and there is none."""
    from tocsin.playbook.load import shipped  # noqa: PLC0415 - most commands read no playbook.

    return shipped(named) if is_shipped(named) else Path(named).expanduser()


def is_shipped(named: str) -> bool:
    """Tell whether a playbook is named as the shipped ones are, and not as a folder is."""
    return not ("/" in named or os.sep in named or named.startswith(("~", ".")) or Path(named).is_dir())


def chosen(given: str | None) -> Path:
    """Answer the folder of the playbook that was given, or that the settings name; fails if there is none."""
    from tocsin.cli.settings import SettingsError, load  # noqa: PLC0415 - as above.
    from tocsin.playbook.problems import PlaybookErrors  # noqa: PLC0415

    try:
        named = given or load().playbook
        return folder_of(named)
    except SettingsError as error:
        raise Failed(str(error)) from error
    except PlaybookErrors as error:
        raise Failed(f'there is no playbook "{named}"', f"{error.problems[0].remedy}; or name a folder") from error


def compiled(given: str | None, speed: float = 1.0) -> "Rulebook":
    """Compile a playbook's files, or fail with all that is wrong with them."""
    from tocsin.playbook.load import load_rulebook  # noqa: PLC0415 - as above.
    from tocsin.playbook.problems import PlaybookErrors  # noqa: PLC0415

    folder = chosen(given)
    try:
        return load_rulebook(folder, speed=speed)
    except PlaybookErrors as error:
        raise Failed(f"the playbook {folder} cannot be used:\n{error}") from error
