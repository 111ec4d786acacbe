"""What a program said is bounded, and harmless to whoever reads it."""

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
