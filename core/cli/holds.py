"""``teamcredits hold``: authorize and capture requests manually, as a gateway would."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member, new_key
from core.cli.options import PLAIN, Json, Key, Member, Org
from core.cli.output import Columns, print_item, print_items
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.usage import holds
from core.services.usage.holds import DEFAULT_SECONDS, HoldState, HoldView

app: Final = typer.Typer(help="Manage holds (requests authorized but not yet charged).", **PLAIN)
MAX_SHOWN: Final = 50

Hold = Annotated[str, typer.Argument(metavar="HOLD", help="Hold id")]
INPUT: Final = typer.Option("--input", metavar="TOKENS", help="Prompt tokens, including cached ones")
Input = Annotated[int, INPUT]
Cached = Annotated[int, typer.Option(metavar="TOKENS", help="Prompt tokens read from a cache")]
Tier = Annotated[str | None, typer.Option(help="Service tier on the rate card, such as fast")]


@app.command("open")
def open_(  # noqa: PLR0913  (the properties of a request)
    member: Member,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model name as on the rate card")],
    *,
    input_tokens: Input,
    cached: Cached = 0,
    max_tokens: Annotated[int | None, typer.Option(metavar="TOKENS", help="Output limit of the request")] = None,
    tier: Tier = None,
    seconds: Annotated[int, typer.Option(help="Seconds until the hold expires")] = DEFAULT_SECONDS,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Authorize a request by holding its estimated cost."""

    async def act(ledger: LedgerService, operator: Actor) -> HoldView:
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

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def capture(  # noqa: PLR0913  (the usage of a request)
    hold: Hold,
    *,
    input_tokens: Annotated[int | None, INPUT] = None,
    cached: Cached = 0,
    cache_write: Annotated[
        int, typer.Option(metavar="TOKENS", help="Prompt tokens written to a cache for 5 minutes")
    ] = 0,
    cache_write_1h: Annotated[
        int, typer.Option(metavar="TOKENS", help="Prompt tokens written to a cache for an hour")
    ] = 0,
    output: Annotated[int | None, typer.Option(metavar="TOKENS", help="Output tokens")] = None,
    model: Annotated[str | None, typer.Option(help="Model that was used (default: the authorized one)")] = None,
    tier: Tier = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Charge a request's actual usage and release the rest. Requires --input, --output or both."""
    counts = {"cached_tokens": cached, "cache_write_tokens": cache_write, "cache_write_1h_tokens": cache_write_1h}
    stated = {"input_tokens": input_tokens, "output_tokens": output}
    counts |= {name: count for name, count in stated.items() if count is not None}

    async def act(ledger: LedgerService, operator: Actor) -> HoldView:
        answer = await holds.capture(ledger, actor=operator, hold_id=hold, counts=counts, model=model, tier=tier)
        return answer.item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def release(hold: Hold, *, org: Org = None, as_json: Json = False) -> None:
    """Release the hold of a request that wasn't made."""

    async def act(ledger: LedgerService, operator: Actor) -> HoldView:
        return (await holds.release(ledger, actor=operator, hold_id=hold)).item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command("list")
def list_(
    member: Member,
    *,
    state: Annotated[HoldState | None, typer.Option(help="List only holds in this state")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List a member's most recent holds."""

    async def act(ledger: LedgerService, operator: Actor) -> list[HoldView]:
        whose = await find_member(ledger, operator, member)
        page = await holds.holds(ledger, actor=operator, member_id=whose.id, state=state, limit=MAX_SHOWN)
        return list(page.items)

    empty = "There are no holds."
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


def _notes(hold: HoldView) -> str:
    marks = {"default rate": hold.is_fallback, "captured late": hold.is_late}
    return ", ".join(mark for mark, applies in marks.items() if applies)


_COLUMNS: Columns[HoldView] = {
    "ID": lambda hold: hold.id,
    "STATE": lambda hold: hold.state.value,
    "MODEL": lambda hold: hold.model,
    "AMOUNT": lambda hold: hold.amount,
    "EXPIRES": lambda hold: hold.deadline_at,
    "CHARGED": lambda hold: hold.charged if hold.state is HoldState.CAPTURED else None,
    "OWED": lambda hold: hold.overage or None,
    "NOTES": _notes,
}
