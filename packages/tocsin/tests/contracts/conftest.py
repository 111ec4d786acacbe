"""What the contract suites share."""

import pytest

# No test module by its name, and its assertions should explain themselves all the same.
pytest.register_assert_rewrite(f"{__package__}.channel_contract", f"{__package__}.target_contract")
