"""Why something can or cannot be spent: the evaluator is asked as an authorization would ask it (S1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.accounts import wallet_of
from core.ledger.commands import ReadSet
from core.ledger.credits import MAX_TRANSFER, ZERO, Credits
from core.ledger.errors import Code, Refused
from core.metering.evaluate import SpendingSnapshot, TraceStep, allowance_left, blocking_window, lots_left, pay
from core.metering.usage import MAX_MODEL_LENGTH, MAX_TOKENS, Rating, Usage
from core.services.allowances.messages import limit_label
from core.services.common.actors import Actor
from core.services.common.authorization import NamedSubject, named_subjects, readable
from core.services.common.ledger_service import LedgerService
from core.services.usage.charges import rated
from core.services.usage.explanations import Explanation, explain, limit_name
from core.services.usage.payments import spending_profile
from core.services.usage.ratecards import card_at
from core.store import dry_run
from core.store.queries import charges

ANYTHING: Final = Credits(1)  # what is tested when nothing is asked: whether there is anything at all

__all__ = ["MAX_MODEL_LENGTH", "MAX_TOKENS", "PricedView", "SpendQuestion", "StepView", "WhyView", "question_of", "why"]


@dataclass(frozen=True, slots=True)
class SpendQuestion:
    """What is asked about: the usage of a request, or an amount; neither asks whether anything can be spent."""

    usage: Usage | None = None
    amount: Credits | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """One limit that was tested, its name for programs and for people; a headroom of None is unlimited."""

    limit: str
    label: str
    headroom: Credits | None
    blocks: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class PricedView:
    """What the usage asked about costs, and by which card; ``is_fallback`` when the card does not know the model."""

    model: str
    amount: Credits
    card: str
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class WhyView:
    """The answer: ``sentence`` for people, and every limit tested in the order of the payment.

    ``allowance`` and ``lots`` are the parts of what was asked about, or of all that can be spent where nothing was.
    ``ask_for`` more credits, or waiting until ``wait_until``, would change the answer; of what is granted, ``owed``
    is repaid first.
    """

    member_id: str
    name: str
    sentence: str
    can: bool
    amount: Credits | None
    spendable: Credits
    short: Credits
    allowance: Credits
    lots: Credits
    blocked: Code | None
    ask_for: Credits | None
    owed: Credits
    wait_until: datetime | None
    trace: tuple[StepView, ...]
    priced: PricedView | None
    as_of: datetime


def question_of(
    *,
    model: str | None = None,
    tokens: int | None = None,
    input_tokens: int | None = None,
    cached_tokens: int = 0,
    output_tokens: int | None = None,
    tier: str | None = None,
    amount: Credits | None = None,
) -> SpendQuestion:
    """Return what is asked: the usage of a model, an amount, or neither.

    ``tokens`` is short for ``input_tokens``, the whole prompt. Raises Refused(invalid_request) for both, for tokens
    without a model, and for a model without tokens.
    """
    counted = [each for each in (tokens, input_tokens, output_tokens) if each is not None]
    if tokens is not None and input_tokens is not None:
        raise _wrong("tokens", "tokens is short for input_tokens: give one of them.")
    if amount is not None and (model is not None or counted or tier is not None):
        raise _wrong("amount", "Ask about an amount, or about the tokens of a model, not both.")
    if model is None and (counted or cached_tokens or tier is not None):
        raise _wrong("model", "Say which model the tokens are of.")
    if model is None:
        return SpendQuestion(amount=amount)
    if not counted:
        raise _wrong("tokens", "Say how many tokens: tokens, input_tokens or output_tokens.")
    prompt = input_tokens if tokens is None else tokens
    counts = {"input_tokens": prompt or 0, "cached_tokens": cached_tokens, "output_tokens": output_tokens or 0}
    try:
        return SpendQuestion(Usage.of_prompt(model, tier, **counts))
    except ValueError as problem:
        raise _wrong("model" if "model" in str(problem) else "tokens", f"{problem}.") from None


async def why(ledger: LedgerService, *, actor: Actor, question: SpendQuestion, member_id: str | None = None) -> WhyView:
    """Answer for oneself, for somebody of a team one leads, or by an admin for anybody. Nothing is set aside.

    Raises Refused: not_found, not_allowed, invalid_request.
    """
    now = ledger.clock()
    if question.amount is not None and not ZERO < question.amount <= MAX_TRANSFER:
        raise _wrong("amount", f"Ask about an amount above 0 and up to {MAX_TRANSFER.shown()}.")
    rating = None
    if question.usage is not None:
        rating = rated(question.usage, await card_at(ledger, org_id=actor.org_id, at=now))
    asked = question.amount if rating is None else rating.amount

    def look(connection: Connection) -> WhyView:
        who = readable(connection, actor, member_id).member_id
        needs = ReadSet(members=(who,), spending_of=(who,))
        spender = spending_profile(dry_run.state_for_reads(connection, actor.org_id, needs, now), actor.org_id, who)
        present = spender.at(now)
        amount = ANYTHING if asked is None else asked
        answer = explain(spender, present, pay(present, amount), amount, now)
        names = named_subjects(connection, actor.org_id, {who, *spender.team_ids})
        owed = charges.owed_by(connection, actor.org_id, wallet_of(who))
        return _view(answer, present, names, names[who], question, rating, owed, now)

    return await ledger.read(look)


def _view(
    answer: Explanation,
    present: SpendingSnapshot,
    names: Mapping[int, NamedSubject],
    who: NamedSubject,
    question: SpendQuestion,
    rating: Rating | None,
    owed: Credits,
    now: datetime,
) -> WhyView:
    priced, sentence = None, answer.sentence
    if question.usage is not None and rating is not None:
        priced = PricedView(question.usage.model, rating.amount, rating.card, rating.is_fallback)
        if rating.is_fallback:
            sentence += f" The rate card does not know {priced.model}: it is default rate."
    elif question.amount is None and not answer.blocked:
        sentence = _in_general(answer, present)
    amount = question.amount if rating is None else rating.amount
    parts = pay(present, answer.spendable) if amount is None else answer.payment
    if owed and answer.ask_for is not None:
        sentence += f" What is granted first repays the {owed.shown()} cr that are owed."
    return WhyView(
        who.id,
        who.name,
        sentence,
        can=not answer.payment.short and answer.blocked is None,
        amount=amount,
        spendable=answer.spendable,
        short=parts.short,
        allowance=parts.allowance,
        lots=parts.from_lots,
        blocked=answer.blocked,
        ask_for=None if amount is None else answer.ask_for,
        owed=owed,
        wait_until=answer.wait_until,
        trace=tuple(_step(step, names) for step in answer.steps),
        priced=priced,
        as_of=now,
    )


def _in_general(answer: Explanation, present: SpendingSnapshot) -> str:
    """Return what can be spent at all, of what, and which window ends it first."""
    if not answer.spendable:
        if answer.forbidding:
            return f"You can spend nothing now. {answer.forbidden}"
        later = answer.wait_until
        way = "Ask for credits." if later is None else f"It comes back {later:%Y-%m-%d %H:%M} UTC; or ask for credits."
        return f"You can spend nothing now. {way}"
    sentence = f"You can spend {answer.spendable.shown()} cr now"
    allowance, lots = allowance_left(present), lots_left(present)
    if allowance and lots:
        sentence += f": {allowance.shown()} cr of your allowance, then {lots.shown()} cr of your wallet and pools"
    window = blocking_window([*present.allowance, *present.caps])
    if window is None or window.headroom is None:
        return f"{sentence}."
    label, left = limit_label(window.meter), window.headroom.shown()
    return f"{sentence}. Your {label} has {left} cr left" + (
        f" until {window.closes_at:%Y-%m-%d %H:%M} UTC." if window.is_open else "."
    )


def _step(step: TraceStep, names: Mapping[int, NamedSubject]) -> StepView:
    teams = {number: named.name for number, named in names.items()}
    return StepView(limit_name(step.limit), limit_label(step.limit, teams), step.headroom, step.blocks, step.until)


def _wrong(field: str, sentence: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, sentence, errors=[{"field": field, "message": sentence}])
