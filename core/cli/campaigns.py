"""``teamcredits boost campaign``: boosts that members apply for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from core.cli.context import PAGE_SIZE, all_items, as_operator, find_actor, find_team, new_key, only_match
from core.cli.options import PLAIN, Json, Key, Member, Org, Reason, factor, moment
from core.cli.output import Columns, local_time, print_item, print_items
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix
from core.metering.boosts import Factor
from core.metering.campaigns import ApplicationState, Method
from core.services.boosts import applications, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.forms import FormQuestion, QuestionKind
from core.services.boosts.views import ApplicationView, CampaignView
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.text import is_same_name

app: Final = typer.Typer(help="Manage boost campaigns.", **PLAIN)
MAX_FORM_BYTES: Final = 100_000

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Campaign id, or name if it's unique")]


@app.command()
def create(  # noqa: PLR0913  (the properties of a campaign)
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign")],
    *,
    factor: Annotated[Factor, typer.Option(parser=factor, metavar="FACTOR", help="Multiplier, like 10 or 1.5")],
    capacity: Annotated[int, typer.Option(help="Number of members admitted")],
    closes: Annotated[datetime, typer.Option(parser=moment, metavar="DATE", help="When applications close")],
    starts: Annotated[datetime, typer.Option(parser=moment, metavar="DATE", help="When the boost starts")],
    ends: Annotated[datetime, typer.Option(parser=moment, metavar="DATE", help="When the boost ends")],
    opens: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="When applications open (default: now)")
    ] = None,
    method: Annotated[Method, typer.Option(help="How applications are decided")] = Method.ARRIVAL,
    team: Annotated[
        list[str] | None, typer.Option(help="Team whose members may apply; repeat for several (default: everybody)")
    ] = None,
    form: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON file of application questions")] = None,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Create a boost that members apply for."""
    questions = () if form is None else _questions(form)

    async def act(ledger: LedgerService, operator: Actor) -> CampaignView:
        teams = [(await find_team(ledger, operator, each)).id for each in team or ()]
        terms = CampaignTerms(name, factor, capacity, closes, starts, ends, opens, method, tuple(teams), questions)
        answer = await campaigns.open_campaign(
            ledger, actor=operator, key=new_key(ledger) if key is None else key, terms=terms
        )
        return answer.item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List campaigns, newest first."""

    async def act(ledger: LedgerService, operator: Actor) -> list[CampaignView]:
        return list((await campaigns.campaigns(ledger, actor=operator, limit=PAGE_SIZE)).items)

    empty = "There are no campaigns yet. See: teamcredits boost campaign create --help"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def show(campaign: Campaign, *, org: Org = None, as_json: Json = False) -> None:
    """Show a campaign and its application questions."""

    async def act(ledger: LedgerService, operator: Actor) -> CampaignView:
        return await find_campaign(ledger, operator, campaign)

    found = as_operator(act, org=org)
    print_item(found, _COLUMNS, as_json=as_json)
    if not as_json:
        _print_terms(found)


@app.command("applications")
def list_applications(
    campaign: Campaign,
    *,
    state: Annotated[ApplicationState | None, typer.Option(help="List only applications in this state")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List applications by state, in waitlist order."""

    async def act(ledger: LedgerService, operator: Actor) -> list[ApplicationView]:
        campaign_id = (await find_campaign(ledger, operator, campaign)).id
        return await all_items(
            lambda cursor: applications.applications(
                ledger, actor=operator, campaign_id=campaign_id, state=state, limit=PAGE_SIZE, cursor=cursor
            )
        )

    print_items(as_operator(act, org=org), APPLICATION_COLUMNS, as_json=as_json, empty="Nobody has applied yet.")


@app.command()
def admit(campaign: Campaign, member: Member, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """Admit an applicant."""
    _decide(campaign, member, ApplicationState.ADMITTED, reason, org, as_json=as_json)


@app.command()
def refuse(
    campaign: Campaign, member: Member, *, reason: Reason = None, org: Org = None, as_json: Json = False
) -> None:
    """Refuse an applicant. They are told the reason."""
    _decide(campaign, member, ApplicationState.REFUSED, reason, org, as_json=as_json)


@app.command()
def draw(campaign: Campaign, *, org: Org = None, as_json: Json = False) -> None:
    """Draw a campaign's lottery and publish the seed.

    Applications must have closed.
    """

    async def act(ledger: LedgerService, operator: Actor) -> CampaignView:
        which = await find_campaign(ledger, operator, campaign)
        return await campaigns.draw(ledger, actor=operator, campaign_id=which.id)

    found = as_operator(act, org=org)
    print_item(found, _COLUMNS, as_json=as_json)
    if not as_json:
        typer.echo(f"seed: {found.seed}")


@app.command("end")
def end_campaign(campaign: Campaign, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """End a campaign early. Its boosts end immediately."""

    async def act(ledger: LedgerService, operator: Actor) -> CampaignView:
        which = await find_campaign(ledger, operator, campaign)
        return await campaigns.end_campaign(ledger, actor=operator, campaign_id=which.id, reason=reason)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


def _decide(
    campaign: str, member: str, verdict: ApplicationState, reason: str | None, org: str | None, *, as_json: bool
) -> None:
    async def act(ledger: LedgerService, operator: Actor) -> ApplicationView:
        which, who = await find_campaign(ledger, operator, campaign), await find_actor(ledger, operator, member)
        own = (await campaigns.campaign(ledger, actor=who, campaign_id=which.id)).mine
        if own is None:
            raise Refused(Code.NOT_FOUND, f"{member} hasn't applied for this campaign.")
        decided = await applications.decide(
            ledger, actor=operator, campaign_id=which.id, application_id=own.id, verdict=verdict, reason=reason
        )
        return decided.item

    print_item(as_operator(act, org=org), APPLICATION_COLUMNS, as_json=as_json)


async def find_campaign(ledger: LedgerService, operator: Actor, named: str) -> CampaignView:
    """Return the campaign with an id or a name. Raises Refused(not_found)."""
    if named.startswith(f"{Prefix.CAMPAIGN.value}_"):
        return await campaigns.campaign(ledger, actor=operator, campaign_id=named)
    page = await campaigns.campaigns(ledger, actor=operator, limit=PAGE_SIZE)
    found = [each for each in page.items if is_same_name(each.name, named)]
    return only_match(found, named=named, kind="campaign", see="teamcredits boost campaign list")


def _questions(path: Path) -> tuple[FormQuestion, ...]:
    """Read a JSON file of questions: ``[{"name", "label", "kind", "required", "options"}]``."""
    try:
        with path.open("rb") as file:
            return tuple(_question(each) for each in orjson.loads(file.read(MAX_FORM_BYTES)))
    except (OSError, ValueError, TypeError, KeyError) as wrong:
        kinds = ", ".join(QuestionKind)
        sentence = (
            f"{path} must be a list of questions with name, label and kind ({kinds}); {type(wrong).__name__}: {wrong}"
        )
        raise typer.BadParameter(sentence) from None


def _question(given: dict[str, Any]) -> FormQuestion:
    return FormQuestion(
        given["name"],
        given["label"],
        QuestionKind(given["kind"]),
        bool(given.get("required", False)),
        tuple(given.get("options", ())),
    )


def _print_terms(campaign: CampaignView) -> None:
    typer.echo(
        f"applications: {local_time(campaign.opens_at)} to {local_time(campaign.closes_at)}, by {campaign.method.value}"
    )
    if campaign.seed or campaign.seed_hash:
        typer.echo(f"seed: {campaign.seed}" if campaign.seed else f"SHA-256 of the seed: {campaign.seed_hash}")
    for question in campaign.form:
        kind = " or ".join(question.options) if question.options else question.kind.value
        typer.echo(f"{question.name} ({kind}{', required' if question.required else ''}): {question.label}")


_COLUMNS: Columns[CampaignView] = {
    "ID": lambda campaign: campaign.id,
    "NAME": lambda campaign: campaign.name,
    "FACTOR": lambda campaign: f"{campaign.factor}×",
    "STATE": lambda campaign: campaign.state.value,
    "ADMITTED": lambda campaign: f"{campaign.counts.admitted:,} of {campaign.capacity:,}",
    "UNDECIDED": lambda campaign: campaign.counts.applied,
    "WAITLISTED": lambda campaign: campaign.counts.waitlisted,
    "STARTS": lambda campaign: campaign.starts_at,
    "ENDS": lambda campaign: campaign.ended_at or campaign.ends_at,
}
APPLICATION_COLUMNS: Columns[ApplicationView] = {
    "ID": lambda application: application.id,
    "MEMBER": lambda application: application.member_name,
    "STATE": lambda application: application.state.value,
    "PLACE": lambda application: application.place or None,
    "APPLIED": lambda application: application.applied_at,
}
