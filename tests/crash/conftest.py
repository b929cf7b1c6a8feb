"""How often things crash, and by which dice. ``CRASH_ROUNDS`` and ``CRASH_SEED`` say otherwise (see ``make crash``).

The seed decides when and how something is killed and what clients ask for; how far a process has come by then it
cannot decide, so a failure may need several runs of its seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

ROUNDS = 20  # over all tests of this folder

pytest.register_assert_rewrite("tests.support.crash_checks", "tests.support.clients")


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Dice whose seed is printed with a failure."""
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**9))
    print(f"CRASH_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def share() -> Callable[[float], range]:
    """The rounds of a test that does its share of all of them."""
    rounds = int(os.environ.get("CRASH_ROUNDS") or ROUNDS)
    return lambda part: range(max(1, round(rounds * part)))
