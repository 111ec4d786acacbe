"""Chance that depends on nothing but the seed and what it is thrown for.

Every throw is named by what it decides ("does Ines answer page INC-1.7 by pager?"), not by how many throws went before
it. A crash, a doubled delivery or one event more therefore changes only what it really changes.
"""

import random


def dice(*named: object) -> random.Random:
    """Answer the dice for one question: always the same ones for the same words."""
    return random.Random(":".join(map(str, named)))  # noqa: S311 - no secret is made of it.
