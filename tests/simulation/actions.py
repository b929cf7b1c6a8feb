"""Everything that may happen in a step of a month, and how often beside the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulation.campaigns import apply, end_campaign, open_campaign, take_back
from tests.simulation.fault_injection import FAULT_ACTIONS
from tests.simulation.gifts import decide, give, give_abroad, give_all, give_for_review, give_often, review
from tests.simulation.grants import allocate, allotments, charge, grant, use_crumbs
from tests.simulation.memberships import freeze_or_free, join, leave, move
from tests.simulation.month import Month
from tests.simulation.requests import answer, ask, fill, pledge
from tests.simulation.retries import a_defect, again, ask_again, other_actor, other_content, twins
from tests.simulation.reversals import at_the_very_instant, back_to_life, claw_back
from tests.simulation.usage import at_the_deadline, authorize, capture, drop_boost, refund, release, reset

Actions = Sequence[tuple[int, Callable[[Month], None]]]

ACTIONS: Actions = [
    (9, grant),
    (3, allotments),
    (8, use_crumbs),
    (5, back_to_life),
    (4, allocate),
    (2, charge),
    (7, authorize),
    (7, capture),
    (2, release),
    (2, at_the_deadline),
    (2, reset),
    (1, drop_boost),
    (3, refund),
    (3, open_campaign),
    (7, apply),
    (3, take_back),
    (1, end_campaign),
    (4, ask),
    (9, pledge),
    (5, answer),
    (3, fill),
    (14, give),
    (4, give_all),
    (3, give_often),
    (4, give_for_review),
    (9, give_abroad),
    (8, decide),
    (5, review),
    (5, claw_back),
    (5, at_the_very_instant),
    (3, freeze_or_free),
    (3, leave),
    (2, join),
    (3, move),
    (7, again),
    (5, twins),
    (3, other_content),
    (2, other_actor),
    (5, ask_again),
    (2, a_defect),
    *FAULT_ACTIONS,
]
