"""Programs of this machine, by argument vector: in a group of their own, without input, a shell or our environment.

Which programs there may be, the operator says, by name; the playbook says with which words. Whatever the program does
(hang, flood, fork, die), it ends with the attempt: the whole group is ended, and what it said is bounded. What leaves
the group on purpose, as a daemon does, cannot be ended so; that it may be there is said in the output.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from whenever import Instant

from tocsin.actions.output import Output
from tocsin.actions.port import Captured, Cause, Result, Unreachable, broken_off
from tocsin.core.actions import Rendered

FLOOD_MAX: Final = 16 * 1024 * 1024
"""Bytes after which a program is stopped: nobody reads so much, and draining it costs the machine that pages people."""

GRACE_S: Final = 2.0
"""Seconds between asking a group to end and ending it."""

_LEFT: Final = (
    b"\n[it has ended and its output is still held: what it started may go on outside its group; look for it]\n"
)
"""A program can set something going that outlives it. We cannot end that, so we say it."""

_CHUNK: Final = 64 * 1024
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandTarget:
    """Runs those programs that are on the operator's list."""

    def __init__(self, programs: Iterable[str], directory: Path, path: str = _PATH) -> None:
        self._programs = {name: shutil.which(name, path=path) for name in programs}
        self._directory = directory
        self._environment = {"PATH": path, "HOME": str(directory), "LANG": "C.UTF-8", "TERM": "dumb"}

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer where the program is. Raises `Unreachable`."""
        return Captured({"program": self._program(action)})

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Say that a program cannot be tried without running it."""
        return Result("succeeded", "a program cannot be rehearsed; it is there and may be run")

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Run it once."""
        try:
            program = self._program(action)
        except Unreachable as error:
            return Result("failed", error.why, remedy=error.remedy)
        # A pipe of our own: asyncio waits for its own to close, and what a program forks may hold one open for ever.
        reads, writes = os.pipe()
        stream, transport = await _stream(reads)
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *action.argv[1:],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writes,
                stderr=writes,
                cwd=self._directory,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            transport.close()
            return Result("failed", f"{action.argv[0]} cannot be run: {error.strerror}", remedy="check the program")
        finally:
            os.close(writes)
        try:
            return await _attended(process, stream, action)
        finally:
            transport.close()

    async def close(self) -> None:
        """Nothing is held."""

    def _program(self, action: Rendered) -> str:
        name = action.argv[0]
        if name not in self._programs:
            listed = ", ".join(sorted(self._programs)) or "no program at all"
            raise Unreachable(
                Cause.FORBIDDEN, f"{name} is not on the list of programs", f"TOCSIN_COMMANDS has {listed}; add {name}"
            )
        found = self._programs[name]
        if found is None:
            raise Unreachable(Cause.ABSENT, f"{name} is not installed", f"install {name}, then start Tocsin again")
        return found


async def _stream(reads: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop, stream = asyncio.get_running_loop(), asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reads, "rb", 0))
    return stream, transport


async def _attended(process: asyncio.subprocess.Process, stream: asyncio.StreamReader, action: Rendered) -> Result:
    """Stay with a process until it has ended, one way or another, and so has its group."""
    output, why = Output(), ""
    listening = asyncio.ensure_future(_listen(stream, output))
    ending = asyncio.ensure_future(process.wait())
    try:
        async with asyncio.timeout(action.time_limit_s):
            await asyncio.wait((listening, ending), return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and not listening.result():
                why = f"it said more than {FLOOD_MAX // 2**20} MiB and was stopped"
            else:
                await ending
    except TimeoutError:
        why = f"it did not end within {action.time_limit_s} s and was stopped"
    finally:
        await _end(process)
        # The group is gone and what it said is in the pipe; only a fork that left the group can hold it open.
        await asyncio.wait((listening, ending), timeout=GRACE_S)
        if not listening.done():
            output.add(_LEFT)
        listening.cancel()
    if why:
        # What was stopped half-way may have done half.
        return Result(broken_off(action), _with(output.text, why), None, output.truncated)
    return _result(process.returncode or 0, output)


async def _listen(stream: asyncio.StreamReader, output: Output) -> bool:
    """Listen to the end; False if there is none in sight."""
    while said := await stream.read(_CHUNK):
        output.add(said)
        if output.total > FLOOD_MAX:
            return False
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the group to end, then end it."""
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_S)
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _result(code: int, output: Output) -> Result:
    if code == 0:
        return Result("succeeded", output.text, 0, output.truncated)
    why = f"ended by signal {-code}" if code < 0 else f"ended with {code}"
    return Result("failed", _with(output.text, why), code, output.truncated)


def _with(said: str, why: str) -> str:
    return f"{said}\n[{why}]" if said else f"[{why}]"
