"""What a program said is bounded, and harmless to whoever reads it."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from tocsin.actions.output import Output, clean, kept


def test_a_flood_keeps_its_beginning_and_its_end_and_says_how_much_is_gone() -> None:
    output = Output(1_000)
    output.add(b"the beginning\n")
    for number in range(100_000):
        output.add(b"line %d\n" % number)
    output.add(b"the end\n")
    assert output.truncated
    assert output.text.startswith("the beginning\n")
    assert output.text.endswith("\nthe end")
    assert "bytes left out" in output.text
    assert len(output.text) < 1_100


def test_a_flood_takes_no_more_memory_than_what_is_kept() -> None:
    output, said = Output(10_000), b"x" * 1_000
    tracemalloc.start()
    for _ in range(5_000):
        output.add(said)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert output.total == 5_000_000
    assert most < 500_000


def test_where_there_are_no_lines_half_a_word_is_left_out() -> None:
    output = Output(100)
    output.add(b"a " * 100 + b"s" * 72 + b" end")
    assert output.text.endswith("\nend")


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_what_fits_is_kept_whole(parts: list[bytes]) -> None:
    output = Output(1_000)
    for part in parts:
        output.add(part)
    assert not output.truncated
    assert output.text == clean(b"".join(parts).decode(errors="replace"))


def test_no_output_gives_orders_to_a_terminal() -> None:
    assert clean("\x1b[31mred\x1b[0m\x1b]0;title\x07 \x07bell\x00 \x9b5A") == "red bell 5A"
    assert clean("10 %\r20 %\r\ndone") == "10 %\n20 %\ndone"


def test_secrets_do_not_stay() -> None:
    assert kept("password=hunter2 next") == ("password=[redacted] next", False)
