"""Programs that hang, flood, fork and die: each ends with the attempt, and the timeline hears how."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from whenever import TimeDelta

from tocsin.actions.command import CommandTarget
from tocsin.actions.port import Captured, Cause, Result, Unreachable
from tocsin.core.actions import TargetKind, Verb

from .acts import act

PYTHON = Path(sys.executable).name
BEFORE = Captured()


@pytest.fixture
def target(tmp_path: Path) -> CommandTarget:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return CommandTarget([PYTHON, "cat", "env", "not-there"], tmp_path, path)


async def ran(target: CommandTarget, *argv: str, limit: float = 20, changes: bool = False) -> Result:
    action = act(Verb.COMMAND, TargetKind.COMMAND, argv=argv, changes=changes, time_limit=TimeDelta(seconds=limit))
    return await target.run(action, BEFORE)


async def gone(pid: int) -> bool:
    """Wait until a process has ended; the kernel takes its time after the signal."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]  # noqa: ASYNC240 - no disk is behind it.
        except OSError:
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.01)
    return False


async def test_what_a_program_says_and_how_it_ends_is_told(target: CommandTarget) -> None:
    assert await ran(target, PYTHON, "-c", "print('hello')") == Result("succeeded", "hello", 0)
    result = await ran(target, PYTHON, "-c", "import sys; print('no', file=sys.stderr); sys.exit(3)")
    assert (result.status, result.exit_status) == ("failed", 3)
    assert result.output == "no\n[ended with 3]"


async def test_a_word_stays_a_word_whatever_a_shell_would_make_of_it(target: CommandTarget) -> None:
    code = "import sys; print(sys.argv[1:])"
    result = await ran(target, PYTHON, "-c", code, "a b", "$(id)", "; id", "*")
    assert result.output == str(["a b", "$(id)", "; id", "*"])


async def test_a_program_has_no_input_and_none_of_our_environment(
    target: CommandTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_SLACK_TOKEN", "a secret")
    assert (await ran(target, "cat")).status == "succeeded"
    names = {line.partition("=")[0] for line in (await ran(target, "env")).output.splitlines()}
    assert names <= {"PATH", "HOME", "LANG", "TERM"}


@pytest.mark.parametrize(("changes", "status"), [(False, "failed"), (True, "unknown")])
async def test_a_program_that_hangs_is_stopped_with_all_it_started(
    target: CommandTarget, tmp_path: Path, changes: bool, status: str
) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: open('pids', 'w').write(f'{os.getpid()} {child}'); print('begun', flush=True)\n"
        "time.sleep(600)"
    )
    result = await ran(target, PYTHON, "-c", code, limit=1, changes=changes)
    assert result.status == status
    assert "begun" in result.output
    assert "did not end within 1 s" in result.output
    for pid in (tmp_path / "pids").read_text().split():
        assert await gone(int(pid))


async def test_a_program_that_floods_is_stopped_and_little_of_it_kept(target: CommandTarget) -> None:
    result = await ran(target, PYTHON, "-c", "while True: print('x' * 1000)")
    assert result.status == "failed"
    assert result.truncated
    assert "said more than 16 MiB" in result.output
    assert len(result.output) < 80_000


async def test_what_a_program_leaves_behind_is_not_waited_for(target: CommandTarget, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "child = os.fork()\n"
        "if not child: time.sleep(600)\n"
        "open('pids', 'w').write(str(child)); print('done')"
    )
    result = await ran(target, PYTHON, "-c", code)
    assert result == Result("succeeded", "done", 0)
    assert await gone(int((tmp_path / "pids").read_text()))


async def test_of_what_leaves_its_group_it_is_said_that_it_may_go_on(target: CommandTarget, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os.setsid(); open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'pids'); time.sleep(600)\n"
        "while not os.path.exists('pids'): time.sleep(0.01)\n"
        "print('done')"
    )
    result = await ran(target, PYTHON, "-c", code)
    os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)
    assert result.status == "succeeded"
    assert result.output.startswith("done")
    assert "may go on outside its group" in result.output


async def test_a_program_that_dies_is_said_to_have_died(target: CommandTarget) -> None:
    result = await ran(target, PYTHON, "-c", "import os; os.kill(os.getpid(), 9)")
    assert (result.status, result.exit_status) == ("failed", -9)
    assert "ended by signal 9" in result.output


async def test_only_listed_programs_run(target: CommandTarget) -> None:
    result = await ran(target, "rm", "-rf", "/tmp/x")
    assert result.status == "failed"
    assert "not on the list" in result.output
    assert "TOCSIN_COMMANDS" in result.remedy
    with pytest.raises(Unreachable) as absent:
        await target.capture(act(Verb.COMMAND, TargetKind.COMMAND, argv=("not-there",)))
    assert absent.value.cause is Cause.ABSENT


async def test_leaving_while_a_program_runs_ends_it(target: CommandTarget, tmp_path: Path) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'pids'); time.sleep(600)"
    running = asyncio.ensure_future(ran(target, PYTHON, "-c", code))
    while not (tmp_path / "pids").exists():  # noqa: ASYNC110 - another process makes it.
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await gone(int((tmp_path / "pids").read_text()))


async def test_output_is_redacted(target: CommandTarget) -> None:
    result = await ran(target, PYTHON, "-c", "print('API_TOKEN=abcdef123456')")
    assert result.output == "API_TOKEN=[redacted]"
