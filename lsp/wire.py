"""What the server says, as values: the sidecar's own few answer types.

Unknown fields are ignored, so that an older sidecar reads a newer server; what the display rests on is
required, so that nonsense becomes an error and never a number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,6})?", re.ASCII)
STATUS_VERSION = 1

T = TypeVar("T")
Default = TypeVar("Default", Decimal, None)


class NotUnderstoodError(Exception):
    """The server's answer is not what this sidecar knows how to read."""

    @property
    def message(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Window:
    """One allowance window: usage included in a plan until `resets_at`."""

    window: str
    limit: Decimal
    used: Decimal
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class WireBoost:
    """A multiplier on allowances until `ends_at`."""

    factor: Decimal
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class WireBankedResets:
    """Resets that may be used; the first of them expires at `expires_at`."""

    count: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class WireNextAllotment:
    """What the next run of a monthly allotment brings."""

    amount: Decimal
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why nothing may be spent, in the server's words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WireNotice:
    """One event for the person, to be shown by the first window that claims it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class WireStatus:
    """One full state of one member. Amounts are credits, times are aware."""

    as_of: datetime
    valid_until: datetime | None
    member: str
    spendable: Decimal
    available: Decimal
    pool: Decimal
    held_gifts: Decimal
    held_usage: Decimal
    incoming: Decimal
    giftable: Decimal
    gift_limit_left: Decimal | None
    capacity: Decimal
    allowance: tuple[Window, ...]
    boost: WireBoost | None
    resets_at: datetime | None
    blocked: Blocked | None
    notices: tuple[WireNotice, ...]
    resets_banked: WireBankedResets | None = None
    next_allotment: WireNextAllotment | None = None
    owed: Decimal = Decimal(0)
    gift_limit_rule: str | None = None


def parse_status(raw: object) -> WireStatus:
    """The `GET /v1/status` body as a value. Raises NotUnderstoodError naming the field that is wrong."""
    fields = _Fields(raw)
    if fields.raw.get("version") != STATUS_VERSION:
        raise NotUnderstoodError("The server speaks another version. Update teamcredits-lsp.")
    held = fields.inner("held")
    return WireStatus(
        as_of=_required(fields.moment("as_of"), "as_of"),
        valid_until=fields.moment("valid_until"),
        member=fields.inner("member").text("name"),
        spendable=_required(fields.amount("spendable", None), "spendable"),
        available=fields.amount("available", Decimal(0)),
        pool=fields.amount("pool", Decimal(0)),
        held_gifts=held.amount("gifts", Decimal(0)),
        held_usage=held.amount("usage", Decimal(0)),
        incoming=fields.amount("incoming", Decimal(0)),
        giftable=fields.amount("giftable", Decimal(0)),
        gift_limit_left=fields.amount("gift_limit_left", None),
        capacity=fields.amount("capacity", Decimal(0)),
        allowance=tuple(_window(item) for item in fields.items("allowance")),
        boost=_boost(fields.raw["boost"]) if fields.raw.get("boost") else None,
        resets_at=fields.moment("resets_at"),
        blocked=_blocked(fields.raw["blocked"]) if fields.raw.get("blocked") else None,
        notices=tuple(_notice(item) for item in fields.items("notices")),
        resets_banked=_banked(fields.raw["resets_banked"]) if fields.raw.get("resets_banked") else None,
        next_allotment=_next_allotment(fields.raw["next_allotment"]) if fields.raw.get("next_allotment") else None,
        owed=fields.amount("owed", Decimal(0)),
        gift_limit_rule=fields.text("gift_limit_rule") if fields.raw.get("gift_limit_rule") else None,
    )


def _window(raw: object) -> Window:
    fields = _Fields(raw)
    return Window(
        window=fields.text("window"),
        limit=_required(fields.amount("limit", None), "limit"),
        used=fields.amount("used", Decimal(0)),
        resets_at=fields.moment("resets_at"),
    )


def _boost(raw: object) -> WireBoost:
    fields = _Fields(raw)
    factor = fields.raw.get("factor")
    if isinstance(factor, bool) or not isinstance(factor, int | float | str):
        raise NotUnderstoodError("boost.factor is not a number")
    return WireBoost(factor=_decimal(str(factor), "factor"), ends_at=fields.moment("ends_at"))


def _banked(raw: object) -> WireBankedResets:
    fields = _Fields(raw)
    count = fields.raw.get("count")
    if isinstance(count, bool) or not isinstance(count, int):
        raise NotUnderstoodError("resets_banked.count is not a number")
    return WireBankedResets(count=count, expires_at=fields.moment("expires_at"))


def _next_allotment(raw: object) -> WireNextAllotment:
    fields = _Fields(raw)
    return WireNextAllotment(amount=_required(fields.amount("amount", None), "amount"), at=fields.moment("at"))


def _blocked(raw: object) -> Blocked:
    fields = _Fields(raw)
    return Blocked(code=fields.text("code"), message=fields.text("message"))


def _notice(raw: object) -> WireNotice:
    fields = _Fields(raw)
    return WireNotice(id=_required(fields.text("id") or None, "notice id"), text=fields.text("text"))


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise NotUnderstoodError(f"{name} is missing")
    return value


def _decimal(text: str, name: str) -> Decimal:
    if not AMOUNT.fullmatch(text):
        raise NotUnderstoodError(f"{name} is not an amount")
    return Decimal(text)


class _Fields:
    """Typed reading of one JSON object; absent and null are the same."""

    def __init__(self, raw: object) -> None:
        if not isinstance(raw, Mapping):
            raise NotUnderstoodError("an object was expected")
        self.raw: Mapping[str, Any] = raw

    def amount(self, name: str, default: Default) -> Decimal | Default:
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise NotUnderstoodError(f"{name} is not an amount")
        return _decimal(value, name)

    def moment(self, name: str) -> datetime | None:
        value = self.raw.get(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError) as exc:
            raise NotUnderstoodError(f"{name} is not a time") from exc
        if moment.tzinfo is None:
            raise NotUnderstoodError(f"{name} has no time zone")
        return moment

    def text(self, name: str) -> str:
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""

    def items(self, name: str) -> list[object]:
        value = self.raw.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise NotUnderstoodError(f"{name} is not a list")
        return value

    def inner(self, name: str) -> "_Fields":
        value = self.raw.get(name)
        return _Fields({} if value is None else value)
