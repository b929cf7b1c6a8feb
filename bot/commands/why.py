"""``/credits why``: what one can spend; with an amount, or a model and its tokens, whether that can be spent."""

from __future__ import annotations

from typing import Final

from bot.desk import Desk
from bot.grammar import Slip
from bot.names import CREDITS_COMMAND
from bot.text import clipped, escape
from bot.views import why as views
from bot.views.blocks import Said
from core.ledger.credits import Credits
from core.services import why as use_case
from core.services.views import Actor
from core.services.why import MAX_TOKENS, Question

_MAX_ECHO: Final = 80
_HINT: Final = "After `why` comes nothing, an amount like 500, or a model and how many tokens."


async def why(desk: Desk, actor: Actor, asked: str) -> Said:
    """Answer what was asked. Raises Slip for what is no question."""
    return views.why(await use_case.why(desk.ledger, actor=actor, question=_question(asked)))


def _question(asked: str) -> Question:
    words = asked.split()
    if not words:
        return Question()
    if len(words) == 2:
        tokens = words[1].replace(",", "")
        if tokens.isascii() and tokens.isdecimal() and len(tokens) <= len(str(MAX_TOKENS)):
            return use_case.question_of(model=words[0], tokens=int(tokens))
    if len(words) > 1:
        raise Slip(_HINT, f"{CREDITS_COMMAND} why {escape(clipped(words[0], _MAX_ECHO))} 12000")
    try:
        return Question(amount=Credits.parse_typed(words[0]))
    except ValueError:
        raise Slip(_HINT, f"{CREDITS_COMMAND} why 500") from None
