"""About one message a second to each person, and growing pauses after failures."""

from __future__ import annotations

import pytest

from bot.delivery import backoff
from bot.pacer import MAX_REMEMBERED, Pacer


def test_messages_to_one_person_are_a_second_apart_and_others_do_not_wait() -> None:
    pacer = Pacer()

    assert [pacer.wait_for("U1", 100.0) for _ in range(3)] == [0.0, 1.0, 2.0]
    assert pacer.wait_for("U2", 100.0) == 0.0
    assert pacer.wait_for("U1", 103.5) == 0.0


def test_it_remembers_only_those_whose_turn_lies_ahead() -> None:
    pacer = Pacer()
    for number in range(MAX_REMEMBERED + 1):
        pacer.wait_for(f"U{number}", float(number))

    assert len(pacer._next) < MAX_REMEMBERED


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 5.0), (1, 10.0), (5, 160.0), (10, 3600.0), (10_000, 3600.0)])
def test_pauses_double_up_to_an_hour(attempts: int, seconds: float) -> None:
    assert backoff(attempts) == seconds
