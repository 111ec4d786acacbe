"""What an edit does to a source, and what is refused."""

from __future__ import annotations

import zlib
from textwrap import dedent

import pytest

from agentic_flow.booster.cache import NoTrees, TreeCache
from agentic_flow.booster.edit import Edit, Edited, SealBroken, apply
from agentic_flow.booster.refusals import REMEDIES, Reason, Refused


def seal(text: bytes, prefix: int, suffix: int) -> int:
    return zlib.crc32(text[:prefix] + b"|" + text[len(text) - suffix :])


def edited(source: str, target: str, snippet: str, language: str = "python", least: float = 0.0) -> Edited:
    return apply(Edit(source, language, target, snippet), NoTrees(), seal, least)


def refused(source: str, target: str, snippet: str, language: str = "python", least: float = 0.0) -> Reason:
    with pytest.raises(Refused) as caught:
        edited(source, target, snippet, language, least)
    assert caught.value.sentence
    assert caught.value.remedy
    return caught.value.reason


SHOP = dedent('''\
    """A shop."""

    class Shop:
        """Sells."""

        rate = 2

        @property
        def total(self):
            return 1

        def sell(self, item):
            """Sell
          one.
            """
            # Look first.
            found = self.find(item)

            if found:
                self.count += 1
                note(found)
            else:
                raise KeyError(item)
            return found
            # The end.

        # About refunds.
        def refund(self): pass


    def outer():
        def inner():
            return 1
        return inner
    ''')


def test_a_method_is_replaced_in_place_and_nothing_else_changes() -> None:
    result = edited(SHOP, "Shop.refund", "def refund(self, item):\n    return -item\n")
    assert result.source == SHOP.replace("def refund(self): pass", "def refund(self, item):\n        return -item")
    assert (result.strategy, result.confidence) == ("replace", 1.0)


def test_decorators_that_the_snippet_does_not_mention_stay() -> None:
    assert edited(SHOP, "Shop.total", "def total(self):\n    return 2").source == SHOP.replace(
        "return 1", "return 2", 1
    )


def test_decorators_that_the_snippet_states_replace_the_old_ones() -> None:
    result = edited(SHOP, "Shop.total", "@cached\ndef total(self):\n    return 1").source
    assert result == SHOP.replace("@property", "@cached")


def test_an_inner_function_is_found_by_its_qualified_name() -> None:
    assert "return 7" in edited(SHOP, "outer.inner", "def inner():\n    return 7").source


def test_elided_parts_are_copied_to_the_letter_with_their_comments_and_docstring() -> None:
    snippet = dedent("""\
        def sell(self, item, price):
            # ... existing code ...
            if found:
                # ... existing code ...
                charge(price)
            else:
                # ...
            return found
        """)
    expected = SHOP.replace("sell(self, item)", "sell(self, item, price)").replace(
        "note(found)\n", "note(found)\n            charge(price)\n"
    )
    assert edited(SHOP, "Shop.sell", snippet).source == expected


def test_a_class_may_elide_all_but_one_method() -> None:
    snippet = dedent("""\
        class Shop:
            # ... existing code ...

            def refund(self):
                return 0

            # ... existing code ...
        """)
    assert edited(SHOP, "Shop", snippet).source == SHOP.replace(
        "def refund(self): pass", "def refund(self):\n            return 0".replace("            ", "        ")
    )


def test_a_new_method_goes_where_the_snippet_puts_it() -> None:
    snippet = "class Shop:\n    # ... existing code ...\n\n    def open(self):\n        pass\n\n    def refund(self):\n"
    snippet += "        # ... existing code ...\n"
    assert refused(SHOP, "Shop", snippet) is Reason.UNSUPPORTED_SHAPE  # refund has its body on its header's row.
    shop = SHOP.replace("refund(self): pass", "refund(self):\n        pass")
    result = edited(shop, "Shop", snippet).source
    assert result == shop.replace("# The end.\n", "# The end.\n\n    def open(self):\n        pass\n")


def test_multi_line_strings_are_never_re_indented() -> None:
    snippet = 'def refund(self):\n    text = """\none\n  two"""\n    return text'
    result = edited(SHOP, "Shop.refund", snippet).source
    assert '        text = """\none\n  two"""\n        return text\n' in result


def test_tabs_in_the_source_are_kept_whatever_the_snippet_uses() -> None:
    source = "class A:\n\tdef f(self):\n\t\tif x:\n\t\t\ty()\n\t\treturn 1\n"
    snippet = "def f(self):\n  if x:\n    z()\n  return 1\n"
    assert edited(source, "A.f", snippet).source == source.replace("y()", "z()")


def test_crlf_is_kept() -> None:
    source = "def f():\r\n    a = 1\r\n    return a\r\n\r\nb = 2\r\n"
    snippet = "def f():\n    # ... existing code ...\n    log(a)\n    return a\n"
    assert edited(source, "f", snippet).source == source.replace("a = 1\r\n", "a = 1\r\n    log(a)\r\n")


def test_text_that_looks_like_a_marker_inside_a_string_is_content() -> None:
    snippet = 'def inner():\n    return """\n# ... existing code ...\n"""'
    assert edited(SHOP, "outer.inner", snippet).strategy == "replace"


def test_an_error_elsewhere_does_not_forbid_an_edit() -> None:
    source = "def broken(:\n    pass\n\ndef f():\n    return 1\n"
    assert edited(source, "f", "def f():\n    return 2").source == source.replace("return 1", "return 2")


@pytest.mark.parametrize(
    ("target", "snippet", "reason"),
    [
        ("Shop.missing", "def missing(self): pass", Reason.TARGET_NOT_FOUND),
        ("", "def f(): pass", Reason.TARGET_NOT_FOUND),
        ("refund", "def refund(self): pass", Reason.TARGET_NOT_FOUND),
        ("Shop.sell", "def sell(self:\n    pass", Reason.SNIPPET_SYNTAX_ERROR),
        ("Shop.sell", "def sell(self):\n    print 'x'", Reason.ADDS_SYNTAX_ERROR),
        ("Shop.sell", "def sold(self):\n    pass", Reason.SNIPPET_MISMATCH),
        ("Shop.sell", "class sell:\n    pass", Reason.SNIPPET_MISMATCH),
        ("Shop.sell", "x = 1\ndef sell(self):\n    pass", Reason.SNIPPET_NOT_ONE_DEFINITION),
        ("Shop.sell", "def sell(self):\n    pass\ndef sell(self):\n    pass", Reason.SNIPPET_NOT_ONE_DEFINITION),
        ("Shop.sell", "", Reason.SNIPPET_NOT_ONE_DEFINITION),
        ("Shop.sell", "def sell(self):\n    x = 1  # ... existing code ...", Reason.MARKER_MISPLACED),
        ("Shop.sell", "def sell(self):\n    # rest of the method unchanged\n    x = 1", Reason.MARKER_MISPLACED),
        ("Shop.sell", "def sell(self):\n    # ...\n    new()\n    # ...", Reason.ANCHOR_NOT_FOUND),
        ("Shop.sell", "def sell(self):\n    # ...\n    while x:\n        # ...\n    # ...", Reason.ANCHOR_NOT_FOUND),
        ("Shop.sell", "def sell(self):\n    # ...\n    return None", Reason.AMBIGUOUS_ANCHOR),
        ("Shop.sell", "def sell(self):\n    new()\n    # ...", Reason.AMBIGUOUS_ANCHOR),
        (
            "Shop.sell",
            "def sell(self):\n    # ...\n    return found\n    # ...\n    found = self.find(item)",
            Reason.AMBIGUOUS_ANCHOR,
        ),
        ("Shop.sell", "def sell(self):\n    # ...\n    if found:\n        x()\n    # ...", Reason.ANCHOR_NOT_FOUND),
        ("Shop.refund", "def refund(self):\n    # ...\n    x()", Reason.UNSUPPORTED_SHAPE),
    ],
)
def test_what_is_not_certain_is_refused(target: str, snippet: str, reason: Reason) -> None:
    assert refused(SHOP, target, snippet) is reason


def test_overloads_properties_and_conditional_pairs_are_ambiguous() -> None:
    pair = "if a:\n    def f(): return 1\nelse:\n    def f(): return 2\n"
    assert refused(pair, "f", "def f(): return 3") is Reason.AMBIGUOUS_TARGET
    setter = "class A:\n    @property\n    def x(self): pass\n    @x.setter\n    def x(self, v): pass\n"
    assert refused(setter, "A.x", "def x(self): return 1") is Reason.AMBIGUOUS_TARGET


def test_statements_met_twice_are_no_anchors() -> None:
    source = "def f():\n    step()\n    a = 1\n    step()\n    return a\n"
    assert refused(source, "f", "def f():\n    # ...\n    step()\n    new()\n    # ...") is Reason.ANCHOR_NOT_FOUND


def test_too_few_anchors_are_refused_by_the_threshold() -> None:
    snippet = "def sell(self, item):\n    # ...\n    a()\n    b()\n    c()\n    d()"
    assert edited(SHOP, "Shop.sell", snippet, least=0.2).confidence == 0.2
    assert refused(SHOP, "Shop.sell", snippet, least=0.5) is Reason.LOW_CONFIDENCE


@pytest.mark.parametrize(
    ("source", "language", "reason"),
    [
        ("x", "cobol", Reason.UNSUPPORTED_LANGUAGE),
        ("def f(): pass\rx = 1", "python", Reason.NOT_TEXT),
        ("def f(): pass\0", "python", Reason.NOT_TEXT),
        ("def f(): return '\ud800'", "python", Reason.NOT_TEXT),
        ("#" * 600_000, "python", Reason.TOO_LARGE),
        ("def f(:\n  return (", "python", Reason.TARGET_NOT_FOUND),
    ],
)
def test_sources_that_cannot_be_edited_are_refused(source: str, language: str, reason: Reason) -> None:
    assert refused(source, "f", "def f(): pass", language) is reason


@pytest.mark.parametrize("operator", ["+a", ".a", "(", "["])
def test_code_nested_without_end_is_refused_and_does_not_exhaust_the_stack(operator: str) -> None:
    closing = {"(": ")", "[": "]"}.get(operator, "")
    deep = operator * 50_000 + closing * 50_000 if closing else "a" + operator * 50_000
    source = f"def f():\n    return {deep}\n"
    assert refused(source, "f", "def f():\n    return 1") is Reason.TOO_LARGE
    assert refused("def f(): pass\n", "f", source) is Reason.TOO_LARGE


def test_a_guard_that_disagrees_stops_the_edit() -> None:
    seals = iter([1, 2])
    with pytest.raises(SealBroken):
        apply(Edit(SHOP, "python", "outer", "def outer(): pass"), NoTrees(), lambda *_: next(seals))


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Reason)


def test_the_cache_is_bounded_and_a_warm_edit_equals_a_cold_one() -> None:
    trees = TreeCache(most_trees=3)
    for number in range(10):
        source = SHOP + f"# {number}\n"
        edit = Edit(source, "python", "Shop.refund", "def refund(self):\n    return 1")
        cold = apply(edit, trees, seal)
        assert apply(edit, trees, seal) == cold == apply(edit, NoTrees(), seal)
        assert len(trees) <= 3


def test_edits_may_follow_one_another_on_cached_trees() -> None:
    trees, source = TreeCache(), SHOP
    for number in range(20):
        snippet = f"def sell(self, item):\n    # ... existing code ...\n    step_{number}()\n    return found\n"
        warm = apply(Edit(source, "python", "Shop.sell", snippet), trees, seal).source
        assert warm == apply(Edit(source, "python", "Shop.sell", snippet), NoTrees(), seal).source
        source = warm
    assert source.count("step_") == 20


def test_a_comment_that_hangs_below_a_statement_stays_with_it() -> None:
    source = "def f():\n    a = 1  # one thing\n           # and another\n    b = 2\n"
    result = edited(source, "f", "def f():\n    # ... existing code ...\n    new()\n    b = 2\n").source
    assert result == source.replace("    b = 2", "    new()\n    b = 2")


def test_a_comment_above_a_quoted_statement_stays_with_it() -> None:
    source = "def f():\n    a = 1\n\n    # Why b.\n    b = 2\n"
    result = edited(source, "f", "def f():\n    # ... existing code ...\n    new()\n    b = 2\n").source
    assert result == source.replace("a = 1\n", "a = 1\n    new()\n")


def test_code_that_only_the_interpreter_refuses_is_found_in_the_one_method_that_changed() -> None:
    shop = SHOP.replace("def refund(self): pass", "def refund(self):\n        pass")
    snippet = "class Shop:\n    # ... existing code ...\n    def refund(self):\n        {}\n        pass\n"
    assert "yield 1" in edited(shop, "Shop", snippet.format("yield 1")).source
    assert refused(shop, "Shop", snippet.format("print 'x'")) is Reason.ADDS_SYNTAX_ERROR
    assert refused(shop, "Shop", snippet.format("note(a=1, 2)")) is Reason.ADDS_SYNTAX_ERROR


def test_an_error_that_a_method_had_before_does_not_forbid_an_edit_of_it() -> None:
    source = "class A:\n    def f(self):\n        print 'x'\n        return 1\n"
    snippet = "class A:\n    def f(self):\n        print 'x'\n        return 2\n"
    assert edited(source, "A", snippet).source == source.replace("return 1", "return 2")
