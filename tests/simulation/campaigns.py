"""Campaigns: an admin opens one, people apply all at once and take it back; now and then it is ended early."""

from __future__ import annotations

from datetime import timedelta

from core.metering.boosts import Factor
from core.metering.campaigns import Method
from core.services.boosts.application_commands import SubmitApplication, WithdrawApplication
from core.services.boosts.campaign_commands import EndCampaign, OpenCampaign
from core.store.timestamps import to_micros
from tests.simulation.books import Campaign
from tests.simulation.month import Month

HOUR = timedelta(hours=1)


def open_campaign(month: Month) -> None:
    """Of few places; its boost begins before applications close, or after."""
    org, dice, now = month.dice.choice(month.population.orgs), month.dice, month.clock()
    closes = now + dice.choice((3, 200, 500)) * HOUR
    starts = now + dice.choice((0, 20, 300)) * HOUR
    ends = max(starts, closes) + dice.choice((30, 400)) * HOUR
    method, factor = dice.choice((Method.ARRIVAL, Method.ARRIVAL, Method.LOTTERY)), Factor(dice.choice((1_500, 10_000)))
    facts = (org.number, org.admin.number, month.fresh_key(), "Autumn", factor, method, dice.choice((1, 2, 4)), (), ())
    month.send(OpenCampaign(*facts, None, closes, starts, ends, seed=f"{dice.getrandbits(256):064x}"))


def apply(month: Month) -> None:
    """Several at once, at one server or at both; some for the second time."""
    if (campaign := _some_campaign(month)) is None:
        return
    org = next(each for each in month.population.orgs if each.number == campaign.org)
    for person in month.dice.sample(org.people, min(len(org.people), month.dice.choice((1, 3, 6)))):
        month.send(SubmitApplication(org.number, person.number, month.fresh_key(), campaign.number, {}))


def take_back(month: Month) -> None:
    """Mostly somebody who has a place, so that the next one moves up."""
    if (campaign := _some_campaign(month)) is None or not campaign.applications:
        return
    inside = [each for each in campaign.applications.values() if each.state == "admitted"]
    member = month.dice.choice(inside or list(campaign.applications.values())).member
    month.send(WithdrawApplication(campaign.org, member, campaign.number, member))
    if month.dice.random() < 0.5:
        month.sweep("boosting")


def end_campaign(month: Month) -> None:
    if (campaign := _some_campaign(month)) is not None:
        org = next(each for each in month.population.orgs if each.number == campaign.org)
        month.send(EndCampaign(org.number, org.admin.number, campaign.number, None))


def _some_campaign(month: Month) -> Campaign | None:
    """Return mostly one that is not over."""
    campaigns, now = list(month.books.campaigns.values()), to_micros(month.clock())
    running = [each for each in campaigns if each.ends_at > now and each.ended_at is None]
    chosen = running if month.dice.random() < 0.95 else campaigns
    return month.dice.choice(chosen) if chosen else None
