"""``teamcredits boost campaign``: boosts that people apply for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from core.cli.context import acting_as, as_operator, find_member, find_team, new_key
from core.cli.options import PLAIN, Json, Member, Org, Reason, moment
from core.cli.output import day, print_json, show_rows
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix
from core.metering.boosts import Factor
from core.metering.campaigns import ApplicationState, Method
from core.services.boosts import applications, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.forms import Question, QuestionKind
from core.services.boosts.views import ApplicationView, CampaignView
from core.services.ledger import Ledger
from core.services.views import Actor

app: Final = typer.Typer(help="Boosts that people apply for.", **PLAIN)
MAX_SHOWN: Final = 200
MAX_FORM_BYTES: Final = 100_000

Campaign = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id, or its name when only one has it.")
]


@app.command()
def create(  # noqa: PLR0913  (what a campaign is made of)
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people see.")],
    *,
    factor: Annotated[str, typer.Option(help="Like 10 or 1.5.")],
    capacity: Annotated[int, typer.Option(help="How many are admitted.")],
    closes: Annotated[datetime, typer.Option(parser=moment, metavar="DATE", help="When applications close.")],
    starts: Annotated[datetime, typer.Option(parser=moment, metavar="DATE", help="When the boost begins.")],
    ends: Annotated[datetime, typer.Option(parser=moment, metavar="DATE", help="When the boost ends.")],
    opens: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="When applications open; now without.")
    ] = None,
    method: Annotated[Method, typer.Option(help="How applications are decided.")] = Method.ARRIVAL,
    team: Annotated[list[str] | None, typer.Option(help="Only its members may apply; may be repeated.")] = None,
    form: Annotated[Path | None, typer.Option(metavar="FILE", help="A JSON file of questions.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key again makes no other.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Make a campaign: a boost that people apply for."""
    try:
        multiplier = Factor.parse(factor)
    except ValueError as wrong:
        raise typer.BadParameter(f"--factor {factor!r}: {wrong}") from None
    questions = () if form is None else _questions(form)

    async def act(ledger: Ledger, operator: Actor) -> CampaignView:
        teams = [(await find_team(ledger, operator, each)).id for each in team or ()]
        terms = CampaignTerms(name, multiplier, capacity, closes, starts, ends, opens, method, tuple(teams), questions)
        answer = await campaigns.open_campaign(
            ledger, actor=operator, key=new_key(ledger) if key is None else key, terms=terms
        )
        return answer.item

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List the campaigns, newest first."""

    async def act(ledger: Ledger, operator: Actor) -> list[CampaignView]:
        return list((await campaigns.campaigns(ledger, actor=operator, limit=MAX_SHOWN)).items)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def show(campaign: Campaign, *, org: Org = None, as_json: Json = False) -> None:
    """Show a campaign, with how applications are decided and what they are asked."""

    async def act(ledger: Ledger, operator: Actor) -> CampaignView:
        return await find_campaign(ledger, operator, campaign)

    found = as_operator(act, org=org)
    _show([found], as_json=as_json, alone=True)
    if not as_json:
        _show_terms(found)


@app.command("applications")
def list_applications(
    campaign: Campaign,
    *,
    state: Annotated[ApplicationState | None, typer.Option(help="Only those in this state.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List who has applied, by state and in the order in which they move up."""

    async def act(ledger: Ledger, operator: Actor) -> list[ApplicationView]:
        found: list[ApplicationView] = []
        which, cursor = await find_campaign(ledger, operator, campaign), None
        while True:
            page = await applications.applications(
                ledger, actor=operator, campaign_id=which.id, state=state, limit=MAX_SHOWN, cursor=cursor
            )
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return found

    show_applications(as_operator(act, org=org), as_json=as_json)


@app.command()
def admit(campaign: Campaign, member: Member, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """Admit somebody by hand."""
    _decide(campaign, member, ApplicationState.ADMITTED, reason, org, as_json=as_json)


@app.command()
def refuse(
    campaign: Campaign, member: Member, *, reason: Reason = None, org: Org = None, as_json: Json = False
) -> None:
    """Refuse somebody by hand; they are told the reason."""
    _decide(campaign, member, ApplicationState.REFUSED, reason, org, as_json=as_json)


@app.command()
def draw(campaign: Campaign, *, org: Org = None, as_json: Json = False) -> None:
    """Draw a lottery whose applications have closed, and publish its seed."""

    async def act(ledger: Ledger, operator: Actor) -> CampaignView:
        which = await find_campaign(ledger, operator, campaign)
        return await campaigns.draw(ledger, actor=operator, campaign_id=which.id)

    found = as_operator(act, org=org)
    _show([found], as_json=as_json, alone=True)
    if not as_json:
        typer.echo(f"seed {found.seed}")


@app.command("end")
def end_campaign(campaign: Campaign, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """End a campaign early: its boosts end now."""

    async def act(ledger: Ledger, operator: Actor) -> CampaignView:
        which = await find_campaign(ledger, operator, campaign)
        return await campaigns.end_campaign(ledger, actor=operator, campaign_id=which.id, reason=reason)

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


def _decide(
    campaign: str, member: str, verdict: ApplicationState, reason: str | None, org: str | None, *, as_json: bool
) -> None:
    async def act(ledger: Ledger, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        own = (await campaigns.campaign(ledger, actor=who, campaign_id=which.id)).mine
        if own is None:
            raise Refused(Code.NOT_FOUND, f"{member} has not applied for this campaign.")
        decided = await applications.decide(
            ledger, actor=operator, campaign_id=which.id, application_id=own.id, verdict=verdict, reason=reason
        )
        return decided.item

    show_applications([as_operator(act, org=org)], as_json=as_json, alone=True)


async def find_campaign(ledger: Ledger, operator: Actor, named: str) -> CampaignView:
    """Return the campaign of an id or a name. Raises Refused(not_found) unless it is exactly one."""
    if named.startswith(f"{Prefix.CAMPAIGN.value}_"):
        return await campaigns.campaign(ledger, actor=operator, campaign_id=named)
    page = await campaigns.campaigns(ledger, actor=operator, limit=MAX_SHOWN)
    found = [each for each in page.items if each.name.casefold() == named.strip().casefold()]
    if len(found) != 1:
        sentence = f"There is not exactly one campaign {named!r}. See: teamcredits boost campaign list"
        raise Refused(Code.NOT_FOUND, sentence)
    return found[0]


async def find_actor(ledger: Ledger, operator: Actor, named: str) -> Actor:
    """Return the member of an id or a name, as the operator lets them act."""
    return acting_as(operator, await find_member(ledger, operator, named))


def _questions(path: Path) -> tuple[Question, ...]:
    """Read a JSON file of questions: ``[{"name", "label", "kind", "required", "options"}]``."""
    try:
        with path.open("rb") as file:
            return tuple(_question(each) for each in orjson.loads(file.read(MAX_FORM_BYTES)))
    except (OSError, ValueError, TypeError, KeyError) as wrong:
        kinds = ", ".join(QuestionKind)
        sentence = f"{path}: a list of questions with name, label and kind ({kinds}); {type(wrong).__name__}: {wrong}"
        raise typer.BadParameter(sentence) from None


def _question(given: dict[str, Any]) -> Question:
    return Question(
        given["name"],
        given["label"],
        QuestionKind(given["kind"]),
        bool(given.get("required", False)),
        tuple(given.get("options", ())),
    )


def _show(found: list[CampaignView], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        print_json(found[0] if alone else found)
        return
    rows = [
        (
            each.id,
            each.name,
            f"{each.factor}×",
            each.state.value,
            f"{each.counts.admitted:,} of {each.capacity:,} admitted",
            f"{each.counts.applied:,} undecided",
            f"{each.counts.waitlisted:,} wait",
            f"{day(each.starts_at)} to {day(each.ended_at or each.ends_at)}",
        )
        for each in found
    ]
    show_rows(rows, nothing="There is no campaign yet. See: teamcredits boost campaign create --help")


def _show_terms(campaign: CampaignView) -> None:
    typer.echo(
        f"applications from {day(campaign.opens_at)} until {day(campaign.closes_at)}, by {campaign.method.value}"
    )
    if campaign.seed or campaign.seed_hash:
        typer.echo(f"seed {campaign.seed}" if campaign.seed else f"SHA-256 of the seed {campaign.seed_hash}")
    for question in campaign.form:
        kind = " or ".join(question.options) if question.options else question.kind.value
        typer.echo(f"{question.name} ({kind}{', required' if question.required else ''}): {question.label}")


def show_applications(found: list[ApplicationView], *, as_json: bool, alone: bool = False) -> None:
    """Print applications, for people or programs."""
    if as_json:
        print_json(found[0] if alone else found)
        return
    rows = [
        (each.id, each.member_name, each.state.value, f"place {each.place}" if each.place else "", day(each.applied_at))
        for each in found
    ]
    show_rows(rows, nothing="Nobody has applied yet.")
