"""``teamcredits hold``: requests authorized by hand, as a gateway would."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member, new_key
from core.cli.options import PLAIN, Json, Member, Org
from core.cli.output import day, print_json, show_rows
from core.services import holds
from core.services.holds import DEFAULT_SECONDS, HoldState, HoldView
from core.services.ledger import Ledger
from core.services.views import Actor

app: Final = typer.Typer(help="Requests that were authorized and not yet charged.", **PLAIN)
MAX_SHOWN: Final = 50

Hold = Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id.")]
INPUT: Final = typer.Option("--input", metavar="TOKENS", help="The whole prompt, cached tokens included.")
Input = Annotated[int, INPUT]
Cached = Annotated[int, typer.Option(metavar="TOKENS", help="Of the prompt: read from a cache.")]
Tier = Annotated[str | None, typer.Option(help="A service tier of the rate card, such as fast.")]


@app.command("open")
def open_(  # noqa: PLR0913  (what a request is made of)
    member: Member,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As the rate card names it.")],
    *,
    input_tokens: Input,
    cached: Cached = 0,
    max_tokens: Annotated[int | None, typer.Option(metavar="TOKENS", help="The request's own limit.")] = None,
    tier: Tier = None,
    seconds: Annotated[int, typer.Option(help="How long it is held.")] = DEFAULT_SECONDS,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key again opens no other.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Authorize a request: set aside what it is estimated to cost."""

    async def act(ledger: Ledger, operator: Actor) -> HoldView:
        usage = holds.estimate(model, input_tokens=input_tokens, cached_tokens=cached, max_tokens=max_tokens, tier=tier)
        whose = await find_member(ledger, operator, member)
        answer = await holds.authorize(
            ledger,
            actor=operator,
            key=new_key(ledger) if key is None else key,
            usage=usage,
            member=whose.id,
            seconds=seconds,
        )
        return answer.item

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def capture(  # noqa: PLR0913  (what a request used)
    hold: Hold,
    *,
    input_tokens: Annotated[int | None, INPUT] = None,
    cached: Cached = 0,
    cache_write: Annotated[int, typer.Option(metavar="TOKENS", help="Of the prompt: written for 5 minutes.")] = 0,
    cache_write_1h: Annotated[int, typer.Option(metavar="TOKENS", help="Of the prompt: written for an hour.")] = 0,
    output: Annotated[int | None, typer.Option(metavar="TOKENS", help="What the model wrote.")] = None,
    model: Annotated[str | None, typer.Option(help="Absent is the model that was authorized.")] = None,
    tier: Tier = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Charge what a request really used, and free the rest. Say --input, --output or both, be it 0."""
    counts = {"cached_tokens": cached, "cache_write_tokens": cache_write, "cache_write_1h_tokens": cache_write_1h}
    said = {"input_tokens": input_tokens, "output_tokens": output}
    counts |= {name: count for name, count in said.items() if count is not None}

    async def act(ledger: Ledger, operator: Actor) -> HoldView:
        answer = await holds.capture(ledger, actor=operator, hold_id=hold, counts=counts, model=model, tier=tier)
        return answer.item

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def release(hold: Hold, *, org: Org = None, as_json: Json = False) -> None:
    """Free a hold whose request was not made."""

    async def act(ledger: Ledger, operator: Actor) -> HoldView:
        return (await holds.release(ledger, actor=operator, hold_id=hold)).item

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command("list")
def list_(
    member: Member,
    *,
    state: Annotated[HoldState | None, typer.Option(help="Only those in this state.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List somebody's newest holds."""

    async def act(ledger: Ledger, operator: Actor) -> list[HoldView]:
        whose = await find_member(ledger, operator, member)
        page = await holds.holds(ledger, actor=operator, member_id=whose.id, state=state, limit=MAX_SHOWN)
        return list(page.items)

    _show(as_operator(act, org=org), as_json=as_json)


def _show(found: list[HoldView], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        print_json(found[0] if alone else found)
        return
    show_rows(map(_row, found), nothing="There are no holds.")


def _row(hold: HoldView) -> tuple[str, ...]:
    cost = f"until {day(hold.deadline_at)}"
    if hold.state is HoldState.CAPTURED:
        cost = f"charged {hold.charged.shown()} cr"
    owed = f"{hold.overage.shown()} cr owed" if hold.overage else ""
    marks = [*(["rated as every other model"] if hold.is_fallback else []), *(["late"] if hold.is_late else [])]
    return (hold.id, hold.state.value, hold.model, f"{hold.amount.shown()} cr", cost, owed, ", ".join(marks))
