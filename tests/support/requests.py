"""What people may try in the random ledger test, each as a command of the ledger and in the model's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from core.ledger.accounts import AccountKind, account_id
from core.ledger.commands import Command, Receipt
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.ledger.lots import GIFTABLE_BY_DEFAULT, GiftOrder, Source
from core.ledger.transfers import TransferKind
from core.metering.usage import MAX_TOKENS, Rating, Usage
from core.services.gifts.gift_commands import Give
from core.services.gifts.reversal_commands import Reverse
from core.services.gifts.settlement_commands import ResolveGift
from core.services.grants.grant_commands import Allocate, Grant
from core.services.people.freeze_commands import Deactivate, Freeze, Unfreeze
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize, Capture, Release
from tests.model.model import CREDIT, NEVER, Account, Model
from tests.support.fixtures import PEOPLE, World
from tests.support.spending_limits import TEAMS

ADMIN = 1
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

people = st.sampled_from(sorted(PEOPLE))
accounts = st.one_of(
    st.tuples(st.just("wallet"), people),
    st.tuples(st.just("wallet"), people),
    st.tuples(st.just("pool"), st.sampled_from(TEAMS)),
)
amounts = st.one_of(
    st.sampled_from([1, CREDIT, 50 * CREDIT, 100 * CREDIT, 180 * CREDIT, 340 * CREDIT, 600 * CREDIT]),
    st.integers(1, 150 * CREDIT),
)
numbers = st.integers(0, 5)
lifetimes = st.sampled_from([None, 1 * HOUR, 24 * HOUR, 48 * HOUR, 48 * HOUR + INSTANT, 72 * HOUR, 240 * HOUR])

grants = st.tuples(
    st.just("grant"), accounts, amounts, st.sampled_from(Source), lifetimes, st.sampled_from([100, 100, 50])
)
gifts = st.tuples(
    st.just("give"), people, st.lists(accounts, min_size=1, max_size=2, unique=True), amounts, st.booleans()
)
attempts = [
    *(("sender", "cancel"), ("recipient", "decline"), ("lead", "reject"), ("lead", "settle")) * 3,
    *(("lead", "approve"), ("sender", "settle"), ("recipient", "cancel"), ("bo", "decline"), ("di", "reject")),
]
decisions = st.tuples(st.just("decide"), st.sampled_from(attempts), numbers)
charges = st.tuples(st.just("charge"), people, amounts)
allocations = st.tuples(st.just("allocate"), st.sampled_from(["ada", "di", "bo"]), people, amounts)
times_to_live = st.sampled_from([HOUR / 4, HOUR, 6 * HOUR, 30 * HOUR])
authorizations = st.tuples(st.just("authorize"), people, amounts, times_to_live)
shares = st.sampled_from(["nothing", "a part", "all", "more", "far more"])
captures = st.tuples(st.just("capture"), numbers, shares, st.booleans())
releases = st.tuples(st.just("release"), numbers)
spending = st.one_of(authorizations, authorizations, captures, captures, releases, charges)
intents = st.one_of(gifts, gifts, decisions, grants, charges, allocations, authorizations, captures, releases)
Intent = tuple[Any, ...]


@dataclass(frozen=True)
class Request:
    """A command for the ledger, and the same in the model's words; both under one key of one actor."""

    command: Command
    actor: str
    key: str
    content: tuple[Any, ...]
    in_model: Callable[[datetime], list[int]]
    makes: str | None = None


class Requests:
    """Turns intents into requests, and knows which of the ledger's ids stands for which number of the model's."""

    def __init__(self, world: World, model: Model) -> None:
        self.world = world
        self.model = model
        self.ids: dict[str, list[int]] = {"lot": [], "gift": [], "hold": [], "event": []}
        self._keys = 0

    def of(self, intent: Intent) -> Request | None:
        match intent:
            case "grant", account, amount, source, lifetime, priority:
                return self.grant(account, amount, source, lifetime, priority)
            case "give", person, to, amount, longest:
                return self.give(person, to, amount, longest=longest)
            case "decide", (person, act), number:
                return self.decide(person, act, number)
            case "charge", person, amount:
                return self.charge(person, amount)
            case "allocate", person, receiver, amount:
                return self.allocate(person, receiver, amount)
            case "authorize", person, amount, lasts:
                return self.authorize(person, amount, lasts)
            case "capture", number, share, by_another:
                return self.capture(number, share, by_another=by_another)
            case "release", number:
                return self.release(number)
        raise AssertionError(intent)

    def grant(
        self, account: Account, amount: int, source: Source, lifetime: timedelta | None, priority: int
    ) -> Request:
        expires_at = None if lifetime is None else self.world.clock() + lifetime
        key = self._fresh_key()
        command = Grant(
            self.world.org_id,
            ADMIN,
            key,
            self.account(account),
            Credits(amount),
            source,
            expires_at,
            giftable=source in GIFTABLE_BY_DEFAULT,
            priority=priority,
            reason=None,
        )
        content = ("grant", account, amount, source, expires_at, priority)
        in_model = partial(
            self.model.grant,
            account=account,
            amount=amount,
            source=source.value,
            expires_at=expires_at or NEVER,
            priority=priority,
        )
        return Request(command, "admin", key, content, in_model, makes="lot")

    def give(self, person: str, to: list[Account], amount: int, *, longest: bool, key: str | None = None) -> Request:
        key = key or self._fresh_key()
        command = Give(
            self.world.org_id,
            self.world.ids[person],
            key,
            tuple(map(self.account, to)),
            Credits(amount),
            message=None,
            prefer=GiftOrder.LONGEST if longest else GiftOrder.SOONEST,
        )
        in_model = partial(self.model.give, actor=person, to=to, amount=amount, longest=longest)
        return Request(command, person, key, ("give", to, amount, longest), in_model, makes="gift")

    def decide(self, person: str, act: str, number: int) -> Request | None:
        if not self.model.gifts:
            return None
        number = len(self.model.gifts) - 1 - number % len(self.model.gifts)
        gift = self.model.gifts[number]
        lead = next(name for name in PEOPLE if PEOPLE[name].leads and PEOPLE[name].team == PEOPLE[gift.sender].team)
        person = {"sender": gift.sender, "recipient": gift.recipient[1], "lead": lead}.get(person, person)
        if person in TEAMS:
            return None
        kind = TransferKind(f"gift_{act}")
        command = ResolveGift(self.world.org_id, self.world.ids[person], kind, self.ids["gift"][number])
        in_model = partial(self.model.decide, actor=person, act=act, number=number)
        return Request(command, person, command.key, (act,), in_model)

    def reverse(self, number: int) -> Request | None:
        """Claw back a settled gift, if there is any, else any gift."""
        settled = [number for number, gift in enumerate(self.model.gifts) if gift.state == "settled"]
        candidates = settled or list(range(len(self.model.gifts)))
        if not candidates:
            return None
        number = candidates[number % len(candidates)]
        command = Reverse(self.world.org_id, ADMIN, self.ids["gift"][number], reason="A mistake.", is_admin=True)
        return Request(command, "admin", command.key, ("reverse",), partial(self.model.reverse, number=number))

    def charge(self, person: str, amount: int) -> Request:
        event = self._fresh_key()
        command = Charge(self.world.org_id, self.world.ids[person], "test", event, person, *_used(amount))
        in_model = partial(self.model.charge, actor=person, amount=amount)
        return Request(command, "system", event, ("charge", amount), in_model, makes="event")

    def authorize(self, person: str, amount: int, lasts: timedelta) -> Request:
        key, member = self._fresh_key(), self.world.ids[person]
        command = Authorize(self.world.org_id, member, key, member, *_used(amount), lasts)
        in_model = partial(self.model.authorize, actor=person, amount=amount, lasts=lasts)
        return Request(command, person, key, ("authorize", amount, lasts), in_model, makes="hold")

    def capture(self, number: int, share: str, *, by_another: bool) -> Request | None:
        """Charge one of the last holds less or more than it set aside; now and then somebody else tries to."""
        if not self.model.holds:
            return None
        number = len(self.model.holds) - 1 - number % len(self.model.holds)
        hold = self.model.holds[number]
        person = sorted(PEOPLE)[number % len(PEOPLE)] if by_another else hold.member
        amount = {
            "nothing": 0,
            "a part": hold.amount * 2 // 3,
            "all": hold.amount,
            "more": hold.amount + 7 * CREDIT,
            "far more": hold.amount + 400 * CREDIT,
        }[share]
        hold_id = self.ids["hold"][number]
        command = Capture(self.world.org_id, self.world.ids[person], hold_id, *_used(amount), for_anybody=False)
        in_model = partial(self.model.capture, actor=person, number=number, amount=amount)
        return Request(command, person, command.key, ("capture", amount), in_model, makes="event")

    def release(self, number: int) -> Request | None:
        if not self.model.holds:
            return None
        number = len(self.model.holds) - 1 - number % len(self.model.holds)
        person = self.model.holds[number].member
        hold_id = self.ids["hold"][number]
        command = Release(self.world.org_id, self.world.ids[person], hold_id, for_anybody=False)
        in_model = partial(self.model.release, actor=person, number=number)
        return Request(command, person, command.key, ("release",), in_model)

    def allocate(self, person: str, receiver: str, amount: int) -> Request:
        key, pool = self._fresh_key(), ("pool", PEOPLE[person].team)
        command = Allocate(
            self.world.org_id,
            self.world.ids[person],
            key,
            self.account(pool),
            self.account(("wallet", receiver)),
            Credits(amount),
            reason=None,
            is_admin=False,
        )
        in_model = partial(self.model.allocate, actor=person, account=("wallet", receiver), amount=amount)
        return Request(command, person, key, ("allocate", receiver, amount), in_model)

    def halt(self, act: str, person: str) -> Request:
        """Freeze somebody, free them again, or let them leave."""
        facts = (self.world.org_id, ADMIN, self._fresh_key(), self.world.ids[person])
        commands: dict[str, Command] = {
            "freeze": Freeze(*facts, reason=None),
            "unfreeze": Unfreeze(*facts, reason=None),
            "leave": Deactivate(*facts),
        }
        in_model = partial(self.model.halt, act=act, person=person)
        return Request(commands[act], "admin", facts[2], (act, person), in_model)

    def learn(self, request: Request, made: list[int], answer: Receipt | Refused) -> None:
        """Remember which of the ledger's ids stands for which number of the model's; it stays the same for ever."""
        if request.makes is None or isinstance(answer, Refused):
            return
        ids = self.ids[request.makes]
        ids.extend(() if answer.replayed else answer.ids)
        assert [ids[number] for number in made] == list(answer.ids)

    def account(self, account: Account) -> int:
        kind, owner = account
        return account_id(self.world.ids[owner], AccountKind[kind.upper()])

    def _fresh_key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"


def _used(amount: int) -> tuple[Usage, Rating]:
    """Usage that costs so many micro-credits."""
    whole, tokens = divmod(amount, MAX_TOKENS)
    usage = Usage("some-model", input_tokens=tokens, output_tokens=whole)
    return usage, Rating(Credits(amount), card="test", is_fallback=False)
