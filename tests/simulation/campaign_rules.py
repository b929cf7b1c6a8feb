"""What must be true of campaigns and boosts: places are given in order, never more than there are (S6, S7)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from core.ledger.accounts import wallet_of
from core.ledger.ids import Prefix, shown_id
from core.store.timestamps import to_micros
from tests.simulation.books import Application, Boost, Campaign, Transfer

if TYPE_CHECKING:
    from tests.simulation.rules import Rules


def boosted(rules: Rules, transfer: Transfer) -> None:
    """A boost is dropped or told of, a campaign begins or ends early: none of it moves anything."""
    command: Any = rules.command
    boosts = rules.limits[transfer.org].boosts
    assert not transfer.lines
    assert not transfer.windows
    match type(command).__name__:
        case "GrantBoost":
            boosts[transfer.number] = rules.new_boosts.pop(transfer.number)
        case "OpenCampaign":
            instants = (command.closes_at, command.starts_at, command.ends_at)
            facts = (command.method.value, command.capacity, command.factor.thousandths, command.seed)
            campaign = Campaign(transfer.org, transfer.number, *facts, *map(to_micros, instants))
            rules.books.campaigns[transfer.number] = campaign
        case "EndCampaign":
            campaign = _running(rules, transfer, transfer.cause)
            campaign.ended_at = transfer.at
        case "RevokeBoosts":
            campaign = rules.books.campaigns[command.campaign_id]
            assert campaign.ended_at is not None, f"{campaign} goes on"
            for number in command.boosts:
                _end(rules, boosts[number], campaign.ended_at)
        case "AnnounceStage":
            assert transfer.cause in boosts


def applied(rules: Rules, transfer: Transfer) -> None:
    """S7: one application each, in time, by somebody who may; by arrival it is decided at once, in order."""
    campaign, member = _running(rules, transfer, transfer.cause), rules.command.actor_id  # type: ignore[union-attr]
    assert transfer.at < campaign.closes_at, f"{campaign} is closed"
    assert all(each.member != member for each in campaign.applications.values()), f"{campaign}: {member} applies twice"
    rules.may_spend(wallet_of(member))
    line = campaign.count("waitlisted")
    application = campaign.applications[transfer.number] = Application(member)
    if campaign.method == "arrival":
        has_place = campaign.count("admitted") < campaign.capacity and not line
        _settle(rules, campaign, application, "admitted" if has_place else "waitlisted")


def withdrawn(rules: Rules, transfer: Transfer) -> None:
    """S7: while it still counts; a boost that runs ends at once."""
    found = [each for each in rules.books.campaigns.values() if transfer.cause in each.applications]
    campaign = _running(rules, transfer, found[0].number)
    application = campaign.applications[transfer.cause or 0]
    assert application.state in {"applied", "waitlisted", "admitted"}, f"{application} is taken back"
    application.state = "withdrawn"
    for boost in rules.limits[transfer.org].boosts.values():
        if (boost.campaign, boost.subject) == (campaign.number, application.member):
            _end(rules, boost, transfer.at)


def admitted(rules: Rules, transfer: Transfer) -> None:
    """S7: drawn once applications have closed, and placed in the order of the line, as far as there are places."""
    campaign, command = _running(rules, transfer, transfer.cause), rules.command
    if type(command).__name__ == "DrawLottery":
        assert campaign.method == "lottery"
        assert transfer.at >= campaign.closes_at
        assert not campaign.is_drawn, f"{campaign} is drawn twice"
        campaign.is_drawn = True
        return
    state: str = command.state.value  # type: ignore[union-attr]
    assert state == "waitlisted" or campaign.is_drawn, f"{campaign} is not drawn"
    line = [number for number in _line(campaign, state) if number in command.applications]  # type: ignore[union-attr]
    assert line, f"{transfer} places nobody"
    assert line == _line(campaign, state)[: len(line)], f"{transfer} passes somebody who waits"
    places = campaign.capacity - campaign.count("admitted")
    for place, number in enumerate(line):
        if place < places:
            _settle(rules, campaign, campaign.applications[number], "admitted")
        elif state == "applied":
            _settle(rules, campaign, campaign.applications[number], "waitlisted")


def _settle(rules: Rules, campaign: Campaign, application: Application, state: str) -> None:
    application.state = state
    assert campaign.count("admitted") <= campaign.capacity, f"{campaign} is overfull"
    if state == "admitted":
        mine = [
            number
            for number, boost in rules.new_boosts.items()
            if (boost.campaign, boost.subject) == (campaign.number, application.member)
        ]
        boost = rules.new_boosts.pop(mine[0])
        due = (campaign.thousandths, campaign.starts_at)
        assert (boost.thousandths, boost.starts_at) == due, f"{boost} is not that of {campaign}"
        boost.ends_at = campaign.ends_at  # what became of it in the same batch follows
        rules.limits[campaign.org].boosts[mine[0]] = boost


def _end(rules: Rules, boost: Boost, at: int) -> None:
    """One that had not begun never was."""
    if boost.ends_at > at:
        boost.ends_at = max(boost.starts_at, at)
        rules.unboosted.add(boost.subject)


def _line(campaign: Campaign, state: str) -> list[int]:
    """Return who waits, in order: of a lottery as anybody can work it out, else as they came."""
    waiting = [number for number, each in campaign.applications.items() if each.state == state]
    if campaign.method != "lottery":
        return waiting
    return sorted(waiting, key=lambda number: _rank(campaign.seed, number))


def _rank(seed: str, number: int) -> str:
    return hashlib.sha256(f"{seed}:{shown_id(Prefix.APPLICATION, number)}".encode()).hexdigest()[:15]


def _running(rules: Rules, transfer: Transfer, number: int | None) -> Campaign:
    assert number is not None, f"{transfer} names no campaign"
    campaign = rules.books.campaigns[number]
    assert campaign.ended_at is None, f"{campaign} is over"
    assert transfer.at < campaign.ends_at, f"{campaign} is over"
    assert not transfer.lines
    return campaign
