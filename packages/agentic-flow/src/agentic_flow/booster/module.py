"""The WebAssembly guard on the path of every operation.

A module is loaded only if its bytes have the hash its manifest names, it compiles, it imports nothing the service does
not provide, and it passes a self-test. Otherwise the service has no guard, and every operation fails: an edit whose
surroundings nobody vouches for is not given out.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter

import wasmtime

from agentic_flow.booster import releases
from agentic_flow.booster.releases import Manifest, ReleaseError

ABI = 2
MAX_MEMORY_BYTES = 4 * 1024 * 1024  # The largest source is far smaller; a runaway module stops here.
_PAGE = 65536
_QUESTION = struct.Struct("<III4x")
_SEAL = struct.Struct("<q")
_SEAL_AT = 16
_TEXT_AT = 24
_SELF_TEST = (b"guard self-test", 5, 4)
_SELF_TEST_SEAL = -4938110332403105032


class LoadFailure(StrEnum):
    """Why a module is not loaded."""

    RELEASE = "release_unreadable"
    HASH = "hash_mismatch"
    INVALID = "invalid_module"
    IMPORTS = "missing_import"
    INTERFACE = "wrong_interface"


class ModuleError(Exception):
    """The module cannot be loaded, or failed at its work."""

    def __init__(self, failure: LoadFailure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


@dataclass(frozen=True, eq=False)
class Guard:
    """A loaded module."""

    manifest: Manifest
    load_seconds: float
    _store: wasmtime.Store
    _memory: wasmtime.Memory
    _seal: wasmtime.Func

    def seal(self, text: bytes, prefix: int, suffix: int) -> int:
        """Take the checksum of the first `prefix` and the last `suffix` bytes of a text."""
        end = _TEXT_AT + len(text)
        missing = end - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // _PAGE))
        memory = self._view()
        _QUESTION.pack_into(memory, 0, len(text), prefix, suffix)
        memory[_TEXT_AT:end] = text
        self._seal(self._store)
        return int(_SEAL.unpack_from(memory, _SEAL_AT)[0])

    def _view(self) -> memoryview:
        """Look at the module's memory where it lies now: it moves when it grows."""
        return memoryview(self._memory.get_buffer_ptr(self._store)).cast("B")


def load(directory: Path, version: str) -> Guard:
    """Load the module of a release, or say why it cannot be loaded."""
    start = perf_counter()
    try:
        manifest, path = releases.read(directory, version)
        code = path.read_bytes()
    except (ReleaseError, OSError) as error:
        raise ModuleError(LoadFailure.RELEASE, str(error)) from None
    if hashlib.sha256(code).hexdigest() != manifest.sha256:
        raise ModuleError(LoadFailure.HASH, "the module's hash is not the one in its manifest")
    try:
        store, memory, seal = _instantiate(code)
        guard = Guard(manifest, perf_counter() - start, store, memory, seal)
        _self_test(guard)
    except (wasmtime.WasmtimeError, wasmtime.Trap, struct.error, ValueError) as error:
        raise ModuleError(LoadFailure.INTERFACE, f"the module fails when called: {_first_line(error)}") from None
    return guard


def _instantiate(code: bytes) -> tuple[wasmtime.Store, wasmtime.Memory, wasmtime.Func]:
    engine = wasmtime.Engine(_config())
    store = wasmtime.Store(engine)
    store.set_limits(memory_size=MAX_MEMORY_BYTES)
    try:
        module = wasmtime.Module(engine, code)
    except wasmtime.WasmtimeError as error:
        raise ModuleError(LoadFailure.INVALID, _first_line(error)) from None
    try:
        exports = wasmtime.Linker(engine).instantiate(store, module).exports(store)
    except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
        raise ModuleError(LoadFailure.IMPORTS, _first_line(error)) from None
    memory, seal, abi = exports.get("memory"), exports.get("seal"), exports.get("abi")
    if not isinstance(memory, wasmtime.Memory) or not isinstance(seal, wasmtime.Func):
        raise ModuleError(LoadFailure.INTERFACE, "the module does not export memory and seal")
    if not isinstance(abi, wasmtime.Func) or abi(store) != ABI:
        raise ModuleError(LoadFailure.INTERFACE, f"the module's interface is not version {ABI}")
    return store, memory, seal


def _config() -> wasmtime.Config:
    """Reserve only the address space in use, so that a memory limit on the process stays meaningful."""
    config = wasmtime.Config()
    config.memory_reservation = 0
    config.memory_guard_size = 0
    config.memory_reservation_for_growth = MAX_MEMORY_BYTES
    return config


def _self_test(guard: Guard) -> None:
    text, prefix, suffix = _SELF_TEST
    if guard.seal(text, prefix, suffix) != _SELF_TEST_SEAL:
        raise ModuleError(LoadFailure.INTERFACE, "the module fails its self-test")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:3])[:300]
