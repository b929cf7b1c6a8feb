"""``/credits boost``: what runs, and the campaigns; ``boost apply Autumn a port``, ``boost withdraw Autumn``."""

from __future__ import annotations

from typing import Final

from bot.action_ids import CREDITS_COMMAND
from bot.context import AppContext
from bot.messages import boosts as views
from bot.messages.blocks import Message
from bot.mrkdwn import escape, plain
from bot.parsing import UsageError
from bot.payloads import Payload
from core.services.boosts import applications, campaigns
from core.services.boosts.views import CampaignState, CampaignView
from core.services.common.actors import Actor
from core.services.wallet import balances

MAX_LOOKED_AT: Final = 200
_FORM: Final = f"{CREDITS_COMMAND} boost apply Autumn"


async def boost(app_context: AppContext, actor: Actor, asked: str, command: Payload) -> Message:
    """Answer what there is, apply, or take an application back. Raises Slip for anything else."""
    act, _, rest = asked.partition(" ")
    known = (await campaigns.campaigns(app_context.ledger, actor=actor, limit=MAX_LOOKED_AT)).items
    going_on = [each for each in known if each.state is not CampaignState.ENDED]
    match act.lower():
        case "":
            return views.overview(await balances.balance(app_context.ledger, actor=actor), going_on)
        case "apply":
            campaign, words = _named(rest, going_on)
            key = f"slack:cmd:{command['trigger_id']}"
            answers = _answers(campaign, words)
            made = await applications.apply(
                app_context.ledger, actor=actor, key=key, campaign_id=campaign.id, answers=answers
            )
            return views.application(campaign, made.item)
        case "withdraw":
            campaign, _ = _named(rest, going_on)
            taken_back = await applications.withdraw(app_context.ledger, actor=actor, campaign_id=campaign.id)
            return views.application(campaign, taken_back.item)
        case _:
            raise UsageError("After `boost` comes nothing, `apply` or `withdraw`.", _FORM)


def _named(typed: str, campaigns: list[CampaignView]) -> tuple[CampaignView, str]:
    """Return the campaign whose name the text begins with, and what follows it; of several the longest name counts."""
    words = plain(typed)
    for campaign in sorted(campaigns, key=lambda each: len(each.name), reverse=True):
        rest = words[len(campaign.name) :]
        if words.casefold().startswith(campaign.name.casefold()) and rest[:1] in {"", " "}:
            return campaign, rest.strip()
    names = ", ".join(f"“{escape(each.name)}”" for each in campaigns)
    raise UsageError(f"Say which campaign: {names}." if names else "There is no campaign at present.")


def _answers(campaign: CampaignView, words: str) -> dict[str, str]:
    """Return the words as the answer to the one question that has to be answered, or to the first of all."""
    required = [each for each in campaign.form if each.required]
    if len(required) > 1:
        asked = ", ".join(f"“{escape(each.label)}”" for each in required)
        raise UsageError(f"“{escape(campaign.name)}” asks {asked}: apply with `teamcredits boost apply`.")
    question = next(iter(required or campaign.form), None)
    if question is None or not words:
        if required:
            raise UsageError(f"“{escape(campaign.name)}” asks: {escape(required[0].label)}", f"{_FORM} because …")
        return {}
    return {question.name: words}
