"""Random commands against the real ledger and the model: after each step both agree, and no rule is broken.

The same machine runs on the pure working state, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.ledger.lots import Source
from core.services.gifts.gift_commands import Give
from core.services.wallet.verify import verify
from tests.model.model import CREDIT, NEVER
from tests.support.compared_ledger import ComparedLedger
from tests.support.fixtures import PEOPLE, World
from tests.support.pure_world import PureWorld
from tests.support.requests import (
    HOUR,
    INSTANT,
    Intent,
    amounts,
    decisions,
    gifts,
    intents,
    numbers,
    people,
    spending,
)
from tests.support.sample_org import open_sample_ledger
from tests.support.spending_limits import TEAMS
from tests.support.stored_world import StoredWorld

# What a run must have met to have proven anything.
WORTH_MEETING = {
    "grant": "done replayed",
    "give": "done idempotency_conflict self_gift not_verified account_frozen policy_refused insufficient_giftable",
    "cancel": "done gift_not_pending not_allowed",
    "decline": "done gift_not_pending not_found",
    "reject": "done",
    "settle": "done not_allowed",
    "reverse": "done replayed",
    "charge": "done replayed",
    "authorize": "done replayed insufficient_credits account_frozen",
    "capture": "done replayed idempotency_conflict hold_closed not_found",
    "release": "done replayed hold_closed",
    "hold": "open captured late released expired",
    "allocate": "done not_allowed",
    "freeze": "done",
    "unfreeze": "done",
    "leave": "done",
    "gift": "pending settled cancelled declined rejected returned reversed",
}


class LedgerMachine(ComparedLedger):
    """What people do and what time does, at random."""

    @initialize()
    def everybody_has_something_and_some_have_given(self) -> None:
        """Each wallet and pool has a bought lot and three that expire, two at the same instant (L4); four gifts are
        pending."""
        holders = [*(("wallet", name) for name in PEOPLE), *(("pool", name) for name in TEAMS)]
        self.carry_out(
            [
                self.requests.grant(holder, amount * CREDIT, source, lifetime, priority)
                for holder in holders
                for amount, source, lifetime, priority in (
                    (200, Source.PURCHASE, None, 50 if holder[0] == "pool" else 100),
                    (150, Source.ALLOTMENT, 72 * HOUR, 100),
                    (50, Source.PROMO, 24 * HOUR, 100),
                    (5, Source.PROMO, 72 * HOUR, 100),
                )
            ]
        )
        self.carry_out(
            [
                self.requests.give("ada", [("wallet", "bo"), ("wallet", "di")], 90 * CREDIT, longest=False),
                self.requests.give("bo", [("wallet", "cy")], 160 * CREDIT, longest=True),
                self.requests.give("di", [("pool", "red")], 20 * CREDIT, longest=False),
            ]
        )

    # What people do.

    @rule(several=st.lists(gifts, min_size=1, max_size=4))
    def gifts_are_made(self, several: list[Intent]) -> None:
        self.commands_come_together(several)

    @precondition(lambda self: self.model.gifts)
    @rule(several=st.lists(decisions, min_size=1, max_size=3))
    def gifts_are_decided(self, several: list[Intent]) -> None:
        self.commands_come_together(several)

    @precondition(lambda self: any(gift.state == "settled" for gift in self.model.gifts))
    @rule(
        number=numbers,
        used=st.booleans(),
        amount=amounts,
        sources=st.lists(st.sampled_from(Source), max_size=2),
        twice=st.booleans(),
    )
    def a_gift_is_clawed_back(
        self, number: int, amount: int, sources: list[Source], *, used: bool, twice: bool
    ) -> None:
        """G6: before or after what it brought was used up; what is then owed is repaid from grants."""
        settled = [gift for gift in self.model.gifts if gift.state == "settled"]
        recipient = settled[number % len(settled)].recipient
        reversal = self.requests.reverse(number)
        requests = [reversal, reversal] if twice else [reversal]
        left = self.model.spendable(recipient[1], self.clock()) if recipient[0] == "wallet" else 0
        if used and left:
            requests.insert(0, self.requests.charge(recipient[1], left))
        requests.extend(self.requests.grant(recipient, amount, source, None, 100) for source in sources)
        self.carry_out([request for request in requests if request is not None])

    @rule(several=st.lists(intents, min_size=2, max_size=5))
    def commands_come_together(self, several: list[Intent]) -> None:
        """L7: what waits is decided in one batch, each in turn, as if they had come one by one."""
        self.carry_out([request for intent in several if (request := self.requests.of(intent)) is not None])

    @rule(number=numbers)
    def a_command_comes_again(self, number: int) -> None:
        """L6: the first answer, or decided afresh if it was refused."""
        self.carry_out([self.tried[number % len(self.tried)]])

    @rule(intent=intents)
    def a_command_comes_twice_at_once(self, intent: Intent) -> None:
        """L6: it takes effect once."""
        if (request := self.requests.of(intent)) is not None:
            self.carry_out([request, request])

    @rule(number=numbers, amount=amounts)
    def a_key_comes_with_other_content(self, number: int, amount: int) -> None:
        """L6: a conflict, if the key took effect; a new gift, if it was refused."""
        given = [request for request in self.tried if isinstance(request.command, Give)]
        first = given[number % len(given)]
        _, to, _, longest = first.content
        self.carry_out([self.requests.give(first.actor, to, amount, longest=longest, key=first.key)])

    @rule(
        case=st.sampled_from(
            [("freeze", "bo"), ("unfreeze", "bo"), ("freeze", "di"), ("unfreeze", "di"), ("leave", "cy")]
        )
    )
    def somebody_is_frozen_or_freed_or_leaves(self, case: tuple[str, str]) -> None:
        """G4, G8: their open gifts go back."""
        self.carry_out([self.requests.halt(*case)])
        self.the_settlement_job_runs()

    @rule(several=st.lists(spending, min_size=1, max_size=4))
    def something_is_used(self, several: list[Intent]) -> None:
        """S2: usage is authorized, captured, released, or reported when it has happened."""
        self.commands_come_together(several)

    # What time does.

    @rule(hours=st.sampled_from([1, 6, 24, 72]))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * HOUR)

    @rule(early=st.booleans())
    def time_comes_to_the_next_instant_that_matters(self, early: bool) -> None:
        """G2, L5: to the very instant at which something settles or lapses, or one micro-second before."""
        instants = [gift.settles_at for gift in self.model.gifts] + [lot.expires_at for lot in self.model.lots]
        instants += [hold.deadline_at for hold in self.model.holds]
        instants += [window.closes_at for window in self.model.windows.known.values()]
        coming = [instant for instant in instants if self.clock() < instant < NEVER]
        if coming:
            self.clock.now = max(self.clock(), min(coming) - (INSTANT if early else timedelta(0)))

    @rule()
    def the_settlement_job_runs(self) -> None:
        self.world.settle_due()
        self.model.settle_due(self.clock())

    @rule()
    def the_expiry_job_runs(self) -> None:
        self.world.expire_due()
        self.model.expire_due(self.clock())

    @rule()
    def the_job_that_frees_holds_runs(self) -> None:
        """S2."""
        self.world.free_due()
        self.model.free_due(self.clock())

    @rule(person=people)
    def somebody_looks_at_their_balance(self, person: str) -> None:
        """A balance never shows what the ledger would refuse."""
        assert self.world.shown_to(person) in {None, self.model.shown_to(person, self.clock())}


def run(open_world: Callable[[], World], *, examples: int, steps: int) -> Counter[tuple[str, str]]:
    """Run the machine and count how each kind of command ended.

    ``examples`` is for each hundred that the profile asks for. Failures are not explained, for that traces every
    line and takes minutes.
    """
    phases = [phase for phase in Phase if phase is not Phase.explain]
    limits = settings(max_examples=settings().max_examples * examples // 100, stateful_step_count=steps, phases=phases)
    seen: Counter[tuple[str, str]] = Counter()

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(open_world)

        def teardown(self) -> None:
            seen.update(self.seen)
            seen.update(("gift", gift.state) for gift in self.model.gifts)
            seen.update(("hold", "late" if hold.is_late else hold.state) for hold in self.model.holds)

    run_state_machine_as_test(Machine, settings=limits)
    return seen


def test_the_pure_working_state_agrees_with_the_model_whatever_people_do() -> None:
    """L1 to L7, G1 to G8 and S1 to S6 on the decisions alone."""
    seen = run(PureWorld, examples=80, steps=60)

    assert {(kind, end) for kind, ends in WORTH_MEETING.items() for end in ends.split()} <= seen.keys()


def test_a_stored_ledger_agrees_with_the_model_whatever_people_do(database_url: str) -> None:
    """L1 to L7, G1 to G8 and S1 to S6 on both databases, each example in an organization of its own."""
    with open_sample_ledger(database_url) as (ledger, clock):
        run(lambda: StoredWorld(ledger, clock), examples=15 if database_url.startswith("sqlite") else 10, steps=25)
        report = asyncio.run(verify(ledger))

    assert report.clean, report.findings
    assert report.gifts
    assert report.holds
