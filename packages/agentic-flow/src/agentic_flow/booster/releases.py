"""Releases of the guard module: directories with a manifest, and a pointer to the current one.

    releases/
    ├── current              the version in use, one line
    ├── 1.9.0/manifest.json  version, module, sha256, target, built_at
    └── 1.9.0/module.wasm

Modules are assembled from `guard.wat` when a release is built; no binaries are kept in the repository. A release may
be built wrong on purpose: for the wrong target, cut short, or changed after its hash was taken.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from importlib import resources
from pathlib import Path

import msgspec
import wasmtime

MANIFEST = "manifest.json"
CURRENT = "current"
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_WASI_IMPORTS = """
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
"""


class Target(StrEnum):
    """What a module is built for. The service provides nothing that a WASI module imports."""

    UNKNOWN = "wasm32-unknown-unknown"
    WASI = "wasm32-wasi"


class Corruption(StrEnum):
    """How a built module may be spoilt."""

    TRUNCATED = "truncated"
    FLIPPED = "flipped"


class ReleaseError(Exception):
    """A release that cannot be built, found or read."""


class Manifest(msgspec.Struct, frozen=True):
    """What a release says about itself."""

    version: str
    module: str
    sha256: str
    target: Target
    built_at: str


def build(directory: Path, version: str, target: Target, corruption: Corruption | None = None) -> Manifest:
    """Assemble the module and write a release; an existing release of that version is replaced."""
    code = assemble(target)
    if corruption is Corruption.TRUNCATED:
        code = code[: len(code) * 2 // 3]  # Cut before it was hashed: the build itself was incomplete.
    manifest = Manifest(
        version=_checked(version),
        module="module.wasm",
        sha256=hashlib.sha256(code).hexdigest(),
        target=target,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if corruption is Corruption.FLIPPED:
        code = _flip(code)  # Changed after it was hashed: damaged on the way.
    release = directory / version
    release.mkdir(parents=True, exist_ok=True)
    (release / manifest.module).write_bytes(code)
    (release / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def assemble(target: Target) -> bytes:
    """Translate the guard's text to a module for that target."""
    text = resources.files("agentic_flow.booster").joinpath("guard.wat").read_text(encoding="utf-8")
    imports = _WASI_IMPORTS if target is Target.WASI else ""
    return bytes(wasmtime.wat2wasm(text.replace(";;IMPORTS", imports)))


def read(directory: Path, version: str) -> tuple[Manifest, Path]:
    """Read a release's manifest; give also the path of its module."""
    release = directory / _checked(version)
    try:
        manifest = msgspec.json.decode((release / MANIFEST).read_bytes(), type=Manifest)
    except OSError:
        raise ReleaseError(f"there is no release {version}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReleaseError(f"the manifest of release {version} cannot be read: {error}") from None
    if manifest.version != version:
        raise ReleaseError(f"the manifest of release {version} is that of release {manifest.version}")
    if Path(manifest.module).name != manifest.module or "\0" in manifest.module:
        raise ReleaseError(f"the manifest of release {version} names a module outside its directory")
    return manifest, release / manifest.module


def versions(directory: Path) -> list[Manifest]:
    """List the releases that can be read, the oldest first."""
    found: list[Manifest] = []
    for path in directory.glob(f"*/{MANIFEST}"):
        with suppress(ReleaseError):
            found.append(read(directory, path.parent.name)[0])
    return sorted(found, key=lambda manifest: (manifest.built_at, manifest.version))


def activate(directory: Path, version: str) -> None:
    """Point to a release. The switch is one rename: a reader sees the old version or the new one."""
    read(directory, version)
    draft = directory / f".{CURRENT}.{os.getpid()}"
    draft.write_text(version + "\n", encoding="utf-8")
    draft.replace(directory / CURRENT)


def current(directory: Path) -> str:
    """Name the current release."""
    try:
        return _checked((directory / CURRENT).read_text(encoding="utf-8").strip())
    except OSError:
        raise ReleaseError("no release is active") from None


def _checked(version: str) -> str:
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is not a version")
    return version


def _flip(code: bytes) -> bytes:
    middle = len(code) // 2
    return code[:middle] + bytes([code[middle] ^ 0x55]) + code[middle + 1 :]
