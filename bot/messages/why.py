"""Why something can or cannot be spent: the sentence, then every limit that was tested. Pure."""

from __future__ import annotations

from typing import Final

from bot.messages.blocks import Message, bullets, context, message, section
from bot.mrkdwn import escape, moment
from core.services.usage.why import StepView, WhyView

MAX_LIMITS: Final = 30


def why(answer: WhyView) -> Message:
    """Return the answer; what blocks is marked."""
    head = section(f"*{'Yes.' if answer.can else 'No.'}* {escape(answer.sentence)}")
    if answer.amount is None:
        head = section(escape(answer.sentence))
    steps = [_limit(step) for step in answer.trace[:MAX_LIMITS]]
    as_of = context(f"Tested in this order, as of {moment(answer.as_of)}.")
    return message(head, section(bullets(steps)), as_of) if steps else message(head, as_of)


def _limit(step: StepView) -> str:
    sign = ":no_entry: " if step.blocks else ""
    left = "no limit" if step.headroom is None else f"{step.headroom.shown()} cr left"
    until = "" if step.until is None else f", until {moment(step.until)}"
    return f"{sign}{escape(step.label)}: {left}{until}"
