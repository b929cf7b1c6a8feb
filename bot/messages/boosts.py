"""The boost that runs, campaigns and one's applications, in Slack. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.action_ids import CREDITS_COMMAND
from bot.messages.blocks import Message, bullets, context, message, section
from bot.mrkdwn import escape, moment
from core.services.boosts.views import ApplicationState, ApplicationView, CampaignState, CampaignView
from core.services.common.views import BalanceView

MAX_CAMPAIGNS: Final = 15
_MINE: Final = {
    ApplicationState.APPLIED: "you have applied; it is not decided yet",
    ApplicationState.ADMITTED: "you are in",
    ApplicationState.WAITLISTED: "you are on the waitlist",
    ApplicationState.REFUSED: "your application was refused",
    ApplicationState.WITHDRAWN: "you have taken your application back",
}


def overview(state: BalanceView, campaigns: Sequence[CampaignView]) -> Message:
    """Return the boost that counts now, and the campaigns that are not over."""
    running = "No boost is running for you."
    if state.boost is not None:
        running = f"*{state.boost.factor}× boost* until {moment(state.boost.ends_at)}."
    lines = [_campaign(each) for each in campaigns[:MAX_CAMPAIGNS]]
    return message(section(running), section(bullets(lines)) if lines else context("There is no campaign at present."))


def application(campaign: CampaignView, mine: ApplicationView) -> Message:
    """Return what became of an application."""
    reply = f"“{escape(campaign.name)}”: {_standing(mine)}."
    until = f"{campaign.factor}× from {moment(campaign.starts_at)} until {moment(campaign.ends_at)}."
    return message(section(reply), context(until))


def _campaign(campaign: CampaignView) -> str:
    facts = f"{campaign.factor}× from {moment(campaign.starts_at)} until {moment(campaign.ends_at)}"
    return f"“{escape(campaign.name)}”: {facts}; {_way(campaign)}"


def _way(campaign: CampaignView) -> str:
    if campaign.mine is not None:
        return _standing(campaign.mine)
    if campaign.state is CampaignState.OPEN:
        command = f"`{CREDITS_COMMAND} boost apply {escape(campaign.name)}`"
        return f"{command} until {moment(campaign.closes_at)}"
    opens = campaign.state is CampaignState.ANNOUNCED
    return f"applications open {moment(campaign.opens_at)}" if opens else "applications are closed"


def _standing(mine: ApplicationView) -> str:
    place = f", place {mine.place}" if mine.place is not None else ""
    return _MINE[mine.state] + place
