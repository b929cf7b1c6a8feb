"""``/credits why``: what one can spend; with an amount, or a model and its tokens, whether that can be spent."""

from __future__ import annotations

from typing import Final

from bot.action_ids import CREDITS_COMMAND
from bot.context import AppContext
from bot.messages import why as views
from bot.messages.blocks import Message
from bot.mrkdwn import clipped, escape
from bot.parsing import UsageError
from core.ledger.credits import Credits
from core.services.common.actors import Actor
from core.services.usage import why as use_case
from core.services.usage.why import MAX_TOKENS, SpendQuestion

_MAX_ECHO: Final = 80
_HINT: Final = "After `why` comes nothing, an amount like 500, or a model and how many tokens."


async def why(app_context: AppContext, actor: Actor, asked: str) -> Message:
    """Answer what was asked. Raises Slip for what is no question."""
    return views.why(await use_case.why(app_context.ledger, actor=actor, question=_question(asked)))


def _question(asked: str) -> SpendQuestion:
    words = asked.split()
    if not words:
        return SpendQuestion()
    if len(words) == 2:
        tokens = words[1].replace(",", "")
        if tokens.isascii() and tokens.isdecimal() and len(tokens) <= len(str(MAX_TOKENS)):
            return use_case.question_of(model=words[0], tokens=int(tokens))
    if len(words) > 1:
        raise UsageError(_HINT, f"{CREDITS_COMMAND} why {escape(clipped(words[0], _MAX_ECHO))} 12000")
    try:
        return SpendQuestion(amount=Credits.parse_typed(words[0]))
    except ValueError:
        raise UsageError(_HINT, f"{CREDITS_COMMAND} why 500") from None
