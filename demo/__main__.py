"""Play the story once. Exit status 0 means that it happened as told; ``--keep`` leaves everything running after it."""

import argparse
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from demo.narrator import Narrator
from demo.phones import Phones
from demo.processes import DemoFailed
from demo.stage import Stage
from demo.story import Story


def main() -> int:
    """Play, tell, and clear away."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False)
    narrator = Narrator(console)
    phones = Phones(narrator.ring)
    stage = Stage(Path("build/demo").resolve(), phones)
    begun = time.monotonic()
    try:
        stage.start()
        Story(stage, narrator).play()
        console.print(f"\n[bold green]The story happened as told, in {time.monotonic() - begun:.0f} s.[/]")
        if keep:
            _keep(stage, console)
    except DemoFailed as failure:
        console.print(f"\n[bold red]The story did not happen:[/] {failure}\nLogs: {stage.folder}")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130
    finally:
        stage.stop()
        phones.stop()
    return 0


def _keep(stage: Stage, console: Console) -> None:
    console.print(f"Tocsin: {stage.tocsin_url}   Prometheus: {stage.prometheus_url}   Ctrl-C ends it all.")
    console.print(f"export TOCSIN_URL={stage.tocsin_url} TOCSIN_TOKEN={stage.token}")
    while True:
        time.sleep(1)
        stage.processes.check()


if __name__ == "__main__":
    sys.exit(main())
