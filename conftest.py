"""What the tests of both packages share: programs from outside Python that some of them run for real."""

import os
import shutil
from pathlib import Path

import pytest

_FETCHED = Path(__file__).parent / "build" / "debian" / "usr" / "bin"

# Where `make` has put Debian's programs, tests find them as if they were installed.
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], str(_FETCHED)])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail under CI, and skip with the remedy elsewhere, where a needed program is missing."""
    for marker in item.iter_markers("needs"):
        missing = [program for program in marker.args if shutil.which(program) is None]
        if missing:
            remedy = f"{', '.join(missing)} missing; `make test` fetches it from Debian's packages"
            if os.environ.get("CI") == "true":
                pytest.fail(remedy)
            pytest.skip(remedy)
