"""Why something can or cannot be spent, in answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import AmountShown, Shown
from core.services.usage.why import PricedView, StepView, WhyView


class StepShown(Shown):
    """One limit that was tested, in the order of the payment."""

    limit: Annotated[str, Field(examples=["weekly"])]
    label: Annotated[str, Field(examples=["weekly allowance"])]
    headroom: Annotated[AmountShown | None, Field(description="null is unlimited.")]
    blocks: bool
    until: datetime | None


class PricedShown(Shown):
    """What the usage asked about costs."""

    model: str
    amount: AmountShown
    card: str
    fallback: Annotated[bool, Field(description="The card does not know the model: it is rated as every other.")]


class WhyShown(Shown):
    """The answer, every limit tested, and what would change it: ``ask_for`` credits more, or to ``wait_until``.

    Asked about nothing, ``allowance`` and ``lots`` are the parts of all that can be spent.
    """

    member: str
    name: str
    sentence: str
    can: bool
    amount: Annotated[AmountShown | None, Field(description="What was asked about; null is whether there is anything.")]
    spendable: AmountShown
    short: AmountShown
    allowance: Annotated[AmountShown, Field(description="What the plan would cover of it.")]
    lots: Annotated[AmountShown, Field(description="What the wallet and pools would.")]
    blocked: str | None
    ask_for: AmountShown | None
    owed: Annotated[AmountShown, Field(description="Of what is granted, so much is repaid first.")]
    wait_until: datetime | None
    trace: list[StepShown]
    priced: PricedShown | None
    as_of: datetime


def why_shown(answer: WhyView) -> WhyShown:
    return WhyShown(
        member=answer.member_id,
        name=answer.name,
        sentence=answer.sentence,
        can=answer.can,
        amount=None if answer.amount is None else str(answer.amount),
        spendable=str(answer.spendable),
        short=str(answer.short),
        allowance=str(answer.allowance),
        lots=str(answer.lots),
        blocked=None if answer.blocked is None else answer.blocked.value,
        ask_for=None if answer.ask_for is None else str(answer.ask_for),
        owed=str(answer.owed),
        wait_until=answer.wait_until,
        trace=[_step_shown(step) for step in answer.trace],
        priced=None if answer.priced is None else _priced_shown(answer.priced),
        as_of=answer.as_of,
    )


def _step_shown(step: StepView) -> StepShown:
    return StepShown(
        limit=step.limit,
        label=step.label,
        headroom=None if step.headroom is None else str(step.headroom),
        blocks=step.blocks,
        until=step.until,
    )


def _priced_shown(priced: PricedView) -> PricedShown:
    return PricedShown(model=priced.model, amount=str(priced.amount), card=priced.card, fallback=priced.is_fallback)
