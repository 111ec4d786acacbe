"""Read a playbook's folder: the only place where the playbook touches files.

`load` reads and checks the shape and answers the document; `load_rulebook` goes on to lint it and to compile the rows
that the core decides by. Both raise `PlaybookErrors` with everything that was found.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tocsin.core.actions import TargetKind
from tocsin.core.rules import Rulebook
from tocsin.playbook.acting import ActionsDoc
from tocsin.playbook.base import Doc
from tocsin.playbook.compile import compiled
from tocsin.playbook.document import Playbook
from tocsin.playbook.errands import DrillsDoc, HandoffDoc
from tocsin.playbook.lint import errors
from tocsin.playbook.measured import ComponentDoc, HeartbeatsDoc
from tocsin.playbook.problems import PlaybookErrors, Problem
from tocsin.playbook.reading import BYTES_MAX, Document, read
from tocsin.playbook.schema import FILES, OPTIONAL
from tocsin.playbook.sections import DeadlinesDoc
from tocsin.playbook.shape import meant, shaped

COMPONENTS_MAX: Final = 200
SHIPPED: Final = Path(__file__).parent / "shipped"


def shipped(name: str) -> Path:
    """Answer the folder of a playbook that comes with Tocsin. Raises `PlaybookErrors` if there is none of that name."""
    names = sorted(folder.name for folder in SHIPPED.iterdir() if folder.is_dir())
    if name not in names:
        remedy = meant(name, names, "the shipped playbooks are")
        raise PlaybookErrors([Problem(name, 0, "", "there is no such shipped playbook", remedy)])
    return SHIPPED / name


def load(folder: Path) -> Playbook:
    """Read a playbook's folder into its document. Raises `PlaybookErrors`."""
    if not folder.is_dir():
        remedy = "name a folder that holds a playbook.yaml"
        raise PlaybookErrors([Problem(str(folder), 0, "", "there is no such folder", remedy, "error", "missing-file")])
    problems = list(_strangers(folder))
    digest = hashlib.sha256()
    documents: dict[str, Document] = {}
    parts: dict[str, Doc] = {}
    kinds: dict[str, type[Doc]] = {**FILES, **dict.fromkeys(_components(folder), ComponentDoc)}
    for name, kind in kinds.items():
        document = _document(folder, name, digest)
        documents[name] = document
        part = shaped(document, kind)
        problems += document.problems
        if part is not None:
            parts[name] = part
    if problems:
        raise PlaybookErrors(problems)
    return _assembled(parts, documents, digest.hexdigest()[:8])


def load_rulebook(folder: Path, *, speed: float = 1.0, workloads: TargetKind = TargetKind.KUBERNETES) -> Rulebook:
    """Read, lint and compile a playbook. Raises `PlaybookErrors`.

    ``speed`` divides its durations; ``workloads`` is what runs the workloads that its actions speak of.
    """
    if not speed > 0:
        raise PlaybookErrors([Problem(str(folder), 0, "", f"speed {speed} is not above 0", "use 1, or 60 for a demo")])
    playbook = load(folder)
    found = errors(playbook)
    if found:
        raise PlaybookErrors(found)
    return compiled(playbook, speed=speed, workloads=workloads)


def _components(folder: Path) -> list[str]:
    found = sorted((folder / "components").glob("*.yaml"))
    return [f"components/{path.name}" for path in found[:COMPONENTS_MAX]]


def _strangers(folder: Path) -> Iterator[Problem]:
    """Find files that nobody would read: a misspelt name must not mean a missing section."""
    for path in sorted([*folder.glob("*.y*ml"), *(folder / "components").glob("*.yml")]):
        name = str(path.relative_to(folder))
        if name not in FILES:
            remedy = meant(path.with_suffix(".yaml").name, FILES, "the files are")
            yield Problem(name, 0, "", "this file is no part of a playbook", remedy, "error", "unknown-file")
    if len(list((folder / "components").glob("*.yaml"))) > COMPONENTS_MAX:
        yield Problem("components", 0, "", f"more than {COMPONENTS_MAX} components", "divide the playbook")


def _document(folder: Path, name: str, digest: "hashlib._Hash") -> Document:
    path = folder / name
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        document = Document(name)
        if name not in OPTIONAL:
            document.add(0, "", "the file is missing", f"add {name}; a shipped playbook shows how", "missing-file")
        return document
    except OSError as error:
        document = Document(name)
        document.add(0, "", f"the file cannot be read: {error.strerror}", "check what it is and its permissions")
        return document
    digest.update(name.encode() + b"\0" + raw + b"\0")
    return read(name, raw)


def _assembled(parts: dict[str, Doc], documents: dict[str, Document], digest: str) -> Playbook:
    components = {name: part for name, part in parts.items() if isinstance(part, ComponentDoc)}
    return Playbook(
        about=parts["playbook.yaml"],  # type: ignore[arg-type]  # each file was shaped as its own kind.
        severities=parts["severities.yaml"].severities,  # type: ignore[attr-defined]
        people=parts["people.yaml"].people,  # type: ignore[attr-defined]
        rota=parts["rotations.yaml"],  # type: ignore[arg-type]
        escalation=parts["escalation.yaml"],  # type: ignore[arg-type]
        communication=parts["communication.yaml"],  # type: ignore[arg-type]
        classification=parts["classification.yaml"],  # type: ignore[arg-type]
        plan=parts.get("deadlines.yaml", DeadlinesDoc()),  # type: ignore[arg-type]
        heartbeats=parts.get("heartbeats.yaml", HeartbeatsDoc()).heartbeats,  # type: ignore[attr-defined]
        acting=parts.get("actions.yaml", ActionsDoc()),  # type: ignore[arg-type]
        handoff=parts.get("handoff.yaml", HandoffDoc()),  # type: ignore[arg-type]
        drills=parts.get("drills.yaml", DrillsDoc()),  # type: ignore[arg-type]
        components=components,
        parts=parts,
        digest=digest,
        documents=documents,
    )
