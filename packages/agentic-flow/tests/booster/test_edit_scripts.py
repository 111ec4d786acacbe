"""Edits of JavaScript and TypeScript."""

from __future__ import annotations

import zlib
from textwrap import dedent

import pytest

from agentic_flow.booster.cache import NoTrees, TreeCache
from agentic_flow.booster.edit import Edit, apply
from agentic_flow.booster.languages import grammar_for
from agentic_flow.booster.refusals import Reason, Refused


def edited(source: str, target: str, snippet: str, language: str) -> str:
    def seal(text: bytes, prefix: int, suffix: int) -> int:
        return zlib.crc32(text[:prefix] + b"|" + text[len(text) - suffix :])

    return apply(Edit(source, language, target, snippet), NoTrees(), seal).source


def refused(source: str, target: str, snippet: str, language: str = "javascript") -> Reason:
    with pytest.raises(Refused) as caught:
        edited(source, target, snippet, language)
    return caught.value.reason


CART = dedent("""\
    // A cart.
    'use strict';

    export class Cart extends Base {
      #items = [];
      static limit = 3;

      constructor(owner) {
        super();
        this.owner = owner; // who pays
      }

      /** Adds. */
      add(item, count = 1) {
        const label = `two
    lines ${item}`;
        if (count > 1) {
          this.many(item);
        } else {
          this.one(item);
        }
        return label;
        // done
      }

      total = async () => {
        return 0;
      };
    }

    export const price = (cart) => {
      const sum = cart.sum();
      return sum;
    };

    export default function main() { return 1; }

    function outer() {
      function inner() {
        return 'inner';
      }
      return inner();
    }
    """)
BOTH = pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])


@BOTH
def test_a_method_is_replaced(language: str) -> None:
    snippet = "constructor(owner, time) {\n  super();\n  this.at = time;\n}"
    expected = CART.replace("constructor(owner) {", "constructor(owner, time) {").replace(
        "this.owner = owner; // who pays", "this.at = time;"
    )
    assert edited(CART, "Cart.constructor", snippet, language) == expected


@BOTH
def test_elided_parts_of_a_method_are_copied_to_the_letter(language: str) -> None:
    snippet = dedent("""\
        add(item, count = 1, gift) {
            // ... existing code ...
            if (count > 1) {
                // ... existing code ...
                this.wrap(`a
         b`);
            } else {
                // ...
            }
            // ... existing code ...
        }""")
    expected = CART.replace("count = 1)", "count = 1, gift)").replace(
        "this.many(item);\n", "this.many(item);\n      this.wrap(`a\n b`);\n"
    )
    assert edited(CART, "Cart.add", snippet, language) == expected


@BOTH
def test_a_field_that_holds_a_function_is_a_method(language: str) -> None:
    snippet = "total = async () => {\n  await this.sync();\n  // ... existing code ...\n}"
    expected = CART.replace("    return 0;", "    await this.sync();\n    return 0;")
    assert edited(CART, "Cart.total", snippet, language) == expected


@BOTH
def test_a_constant_that_holds_a_function_is_a_function_and_stays_exported(language: str) -> None:
    snippet = "const price = (cart) => {\n  // ... existing code ...\n  log(sum);\n  return sum;\n};"
    assert edited(CART, "price", snippet, language) == CART.replace("  return sum;", "  log(sum);\n  return sum;")


@BOTH
def test_a_class_may_elide_all_but_what_changes(language: str) -> None:
    snippet = dedent("""\
        export class Cart extends Base {
          // ... existing code ...

          clear() {
            this.#items = [];
          }

          total = async () => {
            return 1;
          };
        }""")
    expected = CART.replace("return 0;", "return 1;").replace(
        "  }\n\n  total", "  }\n\n  clear() {\n    this.#items = [];\n  }\n\n  total"
    )
    assert edited(CART, "Cart", snippet, language) == expected


@BOTH
def test_inner_and_default_exported_functions_are_found(language: str) -> None:
    assert "'new'" in edited(CART, "outer.inner", "function inner() {\n  return 'new';\n}", language)
    assert "export default function main() { return 2; }" in edited(
        CART, "main", "function main() { return 2; }", language
    )


@pytest.mark.parametrize(
    ("target", "snippet", "reason"),
    [
        ("Cart.missing", "missing() {}", Reason.TARGET_NOT_FOUND),
        ("Cart.add", "add( {}", Reason.SNIPPET_SYNTAX_ERROR),
        ("Cart.add", "sub() {}", Reason.SNIPPET_MISMATCH),
        ("Cart.add", "add() {}\nsub() {}", Reason.SNIPPET_NOT_ONE_DEFINITION),
        ("Cart.add", "add() {\n  f(\n    // ... existing code ...\n  );\n}", Reason.MARKER_MISPLACED),
        ("Cart.add", "add() {\n  x(); // ... existing code ...\n}", Reason.MARKER_MISPLACED),
        ("main", "function main() {\n  // ...\n  x();\n}", Reason.UNSUPPORTED_SHAPE),
    ],
)
def test_what_is_not_certain_is_refused(target: str, snippet: str, reason: Reason) -> None:
    assert refused(CART, target, snippet) is reason


def test_accessor_pairs_overloads_and_shared_declarations_are_refused() -> None:
    pair = "class A {\n  get x() { return 1 }\n  set x(v) {}\n}\n"
    assert refused(pair, "A.x", "get x() { return 2 }") is Reason.AMBIGUOUS_TARGET
    overloads = "function f(a: string): void;\nfunction f(a: any) {}\n"
    assert refused(overloads, "f", "function f(a: any) { g() }", "typescript") is Reason.AMBIGUOUS_TARGET
    shared = "const a = () => 1, b = () => 2;\n"
    assert refused(shared, "a", "const a = () => 3;") is Reason.UNSUPPORTED_SHAPE


def test_methods_of_object_literals_are_not_mistaken_for_functions() -> None:
    source = "const api = { get() { return 1 } };\nfunction get() { return 2 }\n"
    assert edited(source, "get", "function get() { return 3 }", "javascript") == source.replace("return 2", "return 3")


def test_a_decorator_stays_with_what_it_decorates() -> None:
    source = "class A {\n  @dec\n  f() {\n    a();\n    b();\n  }\n}\n"
    snippet = "class A {\n  // ...\n  g() {}\n  f() {\n    // ...\n    c();\n  }\n}"
    result = edited(source, "A", snippet, "typescript")
    assert result == "class A {\n  g() {}\n  @dec\n  f() {\n    a();\n    b();\n    c();\n  }\n}\n"
    assert refused(source, "A.f", "f() { b() }", "javascript") is Reason.UNSUPPORTED_SHAPE


def test_types_namespaces_and_generics_are_edited_in_typescript() -> None:
    source = "namespace N {\n  export function f<T>(a: T): T {\n    return a;\n  }\n}\ninterface I {\n  a: string;\n}\n"
    assert "return [a][0];" in edited(source, "N.f", "function f<T>(a: T): T {\n  return [a][0];\n}", "typescript")
    assert "a: number" in edited(source, "I", "interface I {\n  a: number;\n}", "typescript")


def test_a_snippet_cut_out_in_mid_line_goes_back_where_it_was() -> None:
    start = CART.index("add(item")
    snippet = CART[start : CART.index("// done\n  }") + len("// done\n  }")]
    assert edited(CART, "Cart.add", snippet, "javascript") == CART


@BOTH
def test_a_tree_made_by_an_edit_equals_one_made_afresh(language: str) -> None:
    trees, grammar = TreeCache(), grammar_for(language)
    snippets = {
        "Cart.constructor": "constructor(owner, time) {\n  super();\n  this.at = time\n  ;[1].map(f);\n}",
        "Cart.add": "add(item) {\n  return `one\n${item}`;\n}",
        "price": "const price = (cart) => {\n  // ... existing code ...\n  log(sum)\n  return sum;\n};",
        "outer.inner": "function inner() {\n  return /x/;\n}",
    }
    source = CART
    for target, snippet in snippets.items():
        source = apply(Edit(source, language, target, snippet), trees, lambda *_: 0).source
        tree = trees.get(grammar, source.encode())
        assert tree is not None
        assert str(tree.root_node) == str(grammar.parse(source.encode()).root_node)
