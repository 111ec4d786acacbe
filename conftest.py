"""What the tests of both packages share: programs from outside Python that some of them run for real."""

import os
import shutil

import pytest
from hypothesis import settings

# How long an example takes says what else the machine does, not whether the code is right.
settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail under CI, and skip with the remedy elsewhere, where a needed program is missing."""
    for marker in item.iter_markers("needs"):
        missing = [program for program in marker.args if shutil.which(program) is None]
        if missing:
            remedy = f"{', '.join(missing)} missing; `make test` installs it from Debian's packages"
            if os.environ.get("CI") == "true":
                pytest.fail(remedy)
            pytest.skip(remedy)
