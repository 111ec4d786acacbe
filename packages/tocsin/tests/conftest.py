"""What all tests of Tocsin share. Fixtures of one area stand in its own folder."""

import pytest

# Suites that several implementations run are no test modules by name, and should explain failures all the same.
pytest.register_assert_rewrite(f"{__package__}.contracts.store_contract")
