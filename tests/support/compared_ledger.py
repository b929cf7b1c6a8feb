"""Gives the same requests to a ledger and to its model, and compares everything that came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hypothesis import note
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from core.ledger.accounts import kind_of
from core.ledger.commands import Receipt
from core.ledger.errors import Refused
from tests.model.model import Model, Refusal
from tests.support.fixtures import PEOPLE, World
from tests.support.requests import (
    INSTANT,
    Request,
    Requests,
)


class ComparedLedger(RuleBasedStateMachine):
    """A ledger beside its model: after each step both hold the same, and no rule is broken."""

    def __init__(self, open_world: Callable[[], World]) -> None:
        super().__init__()
        self.world = open_world()
        self.clock = self.world.clock
        self.model = Model({name: replace(person) for name, person in PEOPLE.items()})
        self.requests = Requests(self.world, self.model)
        self.tried: list[Request] = []
        self.seen: Counter[tuple[str, str]] = Counter()

    @invariant()
    def the_ledger_and_the_model_hold_the_same(self) -> None:
        expected = {
            (self.requests.account(owner), self.requests.ids["lot"][lot]): n
            for (owner, lot), n in self.model.holdings().items()
        }
        assert self.world.holdings() == expected

    @invariant()
    def every_gift_is_in_the_same_state(self) -> None:
        """G2: and so each is resolved at most once."""
        expected = {
            number: (gift.state, gift.settles_at)
            for number, gift in zip(self.requests.ids["gift"], self.model.gifts, strict=True)
        }
        assert self.world.gifts() == expected

    @invariant()
    def the_books_are_balanced(self) -> None:
        """L1: each transfer sums to zero for each lot. L3: positions are the sums of their entries. L2: none below."""
        lines = self.world.lines()
        sums: Counter[tuple[int, int]] = Counter()
        transfers: Counter[tuple[int, int]] = Counter()
        for transfer, account, lot, amount in lines:
            transfers[transfer, lot] += amount
            if not kind_of(account).is_house:
                sums[account, lot] += amount
        assert not any(transfers.values())
        assert all(amount >= 0 for amount in sums.values())
        assert {key: amount for key, amount in sums.items() if amount} == self.world.holdings()

    @invariant()
    def everybody_owes_the_same(self) -> None:
        """G6: a debt is never a negative position, and what is repaid is never more than was owed."""
        owed = {self.requests.ids[kind][number]: debt.left for (kind, number), debt in self.model.debts.items()}
        assert self.world.debts() == owed

    @invariant()
    def every_hold_and_event_came_to_the_same(self) -> None:
        """S2."""
        ids, model = self.requests.ids, self.model
        assert self.world.holds() == {
            number: (each.state, each.amount, each.allowance, each.charged, each.overage, each.is_late)
            for number, each in zip(ids["hold"], model.holds, strict=True)
        }
        assert self.world.events() == {
            number: (each.amount, each.allowance, each.overage)
            for number, each in zip(ids["event"], model.events, strict=True)
        }

    @invariant()
    def as_much_of_every_window_was_used(self) -> None:
        """S5, S6."""
        known = self.model.windows.known
        expected = {
            (self.world.ids[who], self.meter(meter), opens_at): window.used
            for (who, meter, opens_at), window in known.items()
            if window.used
        }
        assert self.world.windows() == expected

    def carry_out(self, requests: list[Request]) -> None:
        """Give requests to the ledger at once and to the model in turn, and compare the answers."""
        self.tried.extend(requests)
        answers = self.world.execute([request.command for request in requests])
        for request, answer in zip(requests, answers, strict=True):
            command = partial(request.in_model, self.clock())
            try:
                made, replayed = self.model.once(request.actor, request.key, request.content, command)
            except Refusal as refusal:
                expected = refusal.code
            else:
                expected = "replayed" if replayed else "done"
                self.requests.learn(request, made, answer)
            note(f"{request.actor}: {request.key} {request.content}: {expected}")
            self.seen[request.content[0], expected] += 1
            assert outcome_of(answer) == expected
        self.clock.advance(INSTANT)  # what is owed is repaid in the order of time: no two batches are of one moment

    def meter(self, name: str) -> str:
        """The ledger's name of a meter: a pool goes by its team's id."""
        kind, *words = name.split(":")
        return f"pool:{self.world.ids[words[0]]}:{words[1]}" if kind == "pool" else name


def outcome_of(answer: Receipt | Refused) -> str:
    if isinstance(answer, Refused):
        return answer.code.value
    return "replayed" if answer.replayed else "done"
