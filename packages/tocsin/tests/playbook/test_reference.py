"""The page for authors says what the schema says."""

import os
from pathlib import Path

from tocsin.core import marks as m
from tocsin.playbook.reference import written

PAGE = Path(__file__).parents[4] / "docs/playbook.md"


def test_the_tables_of_keys_are_up_to_date() -> None:
    text = PAGE.read_text()
    if os.environ.get("TOCSIN_WRITE_DOCS"):
        PAGE.write_text(written(text))
    assert text == written(text), "run this test again with TOCSIN_WRITE_DOCS=1, then look at the difference"


def test_every_mark_is_explained() -> None:
    text = PAGE.read_text()
    assert [mark for mark in m.SINGLE if f"`{mark}`" not in text] == []
    assert [family for family in m.FAMILIES if family != "empty." and f"`{family}" not in text] == []
