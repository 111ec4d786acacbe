"""The guard module and its releases: what loads, and why the rest does not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from agentic_flow.booster import module, releases
from agentic_flow.booster.module import LoadFailure, ModuleError
from agentic_flow.booster.releases import Corruption, ReleaseError, Target


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> module.Guard:
    directory = tmp_path_factory.mktemp("releases")
    releases.build(directory, "1.9.0", Target.UNKNOWN)
    return module.load(directory, "1.9.0")


def why(directory: Path, version: str) -> ModuleError:
    with pytest.raises(ModuleError) as caught:
        module.load(directory, version)
    return caught.value


@given(
    front=st.binary(max_size=40), middle=st.binary(max_size=9), other=st.binary(max_size=9), back=st.binary(max_size=40)
)
def test_the_seal_ignores_the_middle_and_nothing_else(
    guard: module.Guard, front: bytes, middle: bytes, other: bytes, back: bytes
) -> None:
    seal = guard.seal(front + middle + back, len(front), len(back))
    assert seal == guard.seal(front + other + back, len(front), len(back))
    for place in range(len(front)):
        changed = front[:place] + bytes([front[place] ^ 1]) + front[place + 1 :]
        assert guard.seal(changed + middle + back, len(front), len(back)) != seal


def test_the_seal_takes_texts_larger_than_the_module_began_with(guard: module.Guard) -> None:
    assert guard.seal(b"x" * 500_000, 499_990, 5) == guard.seal(b"x" * 500_001, 499_990, 5)


@pytest.mark.parametrize(
    ("target", "corruption", "failure", "words"),
    [
        (Target.WASI, None, LoadFailure.IMPORTS, "unknown import: `wasi_snapshot_preview1::fd_write`"),
        (Target.UNKNOWN, Corruption.TRUNCATED, LoadFailure.INVALID, "unexpected end"),
        (Target.UNKNOWN, Corruption.FLIPPED, LoadFailure.HASH, "hash"),
    ],
)
@pytest.mark.clause("C3")
def test_a_release_built_wrong_does_not_load_and_says_why(
    tmp_path: Path, target: Target, corruption: Corruption | None, failure: LoadFailure, words: str
) -> None:
    releases.build(tmp_path, "1.9.1", target, corruption)
    error = why(tmp_path, "1.9.1")
    assert error.failure is failure
    assert words in str(error)


def test_a_missing_release_and_a_broken_manifest_are_told_apart(tmp_path: Path) -> None:
    assert "there is no release 3" in str(why(tmp_path, "3"))
    releases.build(tmp_path, "4", Target.UNKNOWN)
    (tmp_path / "4" / releases.MANIFEST).write_text("{")
    assert "cannot be read" in str(why(tmp_path, "4"))


@pytest.mark.parametrize(
    "text",
    [
        "(module)",
        '(module (memory (export "memory") 1) (func (export "abi") (result i32) unreachable) (func (export "seal")))',
        '(module (memory (export "memory") 1) (func (export "abi") (param i32)) (func (export "seal")))',
        '(module (memory (export "memory") 1) (func (export "abi") (result i32) i32.const 2)'
        ' (func (export "seal") unreachable))',
        '(module (memory (export "memory") 0 0) (func (export "abi") (result i32) i32.const 2) (func (export "seal")))',
    ],
)
def test_another_module_than_the_guard_is_refused(tmp_path: Path, text: str) -> None:
    manifest = releases.build(tmp_path, "5", Target.UNKNOWN)
    code = bytes(wasmtime.wat2wasm(text))
    (tmp_path / "5" / manifest.module).write_bytes(code)
    change_manifest(tmp_path / "5", sha256=hashlib.sha256(code).hexdigest())
    assert why(tmp_path, "5").failure is LoadFailure.INTERFACE


@pytest.mark.parametrize(
    "change", [{"version": "6"}, {"module": "../5/module.wasm"}, {"module": "a\0"}, {"target": "x"}]
)
def test_a_manifest_that_was_tampered_with_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    releases.build(tmp_path, "5", Target.UNKNOWN)
    change_manifest(tmp_path / "5", **change)
    assert why(tmp_path, "5").failure is LoadFailure.RELEASE
    assert releases.versions(tmp_path) == []
    (tmp_path / "5" / releases.MANIFEST).write_bytes(b'{"version":"\xff"}')
    assert why(tmp_path, "5").failure is LoadFailure.RELEASE


def change_manifest(release: Path, **change: str) -> None:
    document = json.loads((release / releases.MANIFEST).read_text())
    (release / releases.MANIFEST).write_text(json.dumps(document | change))


@pytest.mark.parametrize("version", ["../1", "", "a/b", "x" * 100, "-1"])
def test_a_version_cannot_lead_out_of_the_directory(tmp_path: Path, version: str) -> None:
    with pytest.raises(ReleaseError):
        releases.build(tmp_path, version, Target.UNKNOWN)
    with pytest.raises(ReleaseError):
        releases.activate(tmp_path, version)


def test_the_pointer_names_the_release_in_use(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError):
        releases.current(tmp_path)
    releases.build(tmp_path, "1.9.0", Target.UNKNOWN)
    releases.build(tmp_path, "1.9.1", Target.WASI)
    releases.activate(tmp_path, "1.9.0")
    assert releases.current(tmp_path) == "1.9.0"
    assert [manifest.version for manifest in releases.versions(tmp_path)] == ["1.9.0", "1.9.1"]
