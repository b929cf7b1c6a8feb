"""``teamcredits grant``, ``verify`` and ``replay``: credits come in, are accounted for, and are charged."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from core.cli.context import as_operator, configured_ledger, find_recipient, new_key
from core.cli.options import Amount, Json, Org, Reason, moment
from core.cli.output import day, hint, print_json
from core.cli.replay import replay_file
from core.ledger.lots import Source
from core.services import grants
from core.services.ledger import Ledger
from core.services.verify import Report
from core.services.verify import verify as verify_books
from core.services.views import Actor, Answer, GrantView

UNCLEAN: Final = 1
MAX_FINDINGS_SHOWN: Final = 50
MAX_HEADS_BYTES: Final = 100_000_000


def grant(  # noqa: PLR0913  (what a lot is made of)
    to: Annotated[str, typer.Argument(metavar="TO", help="A member, team or organisation, by id or name.")],
    amount: Amount,
    *,
    source: Annotated[Source, typer.Option(help="Where the credits come from.")] = Source.PURCHASE,
    expires: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="From when on they lapse; never without.")
    ] = None,
    giftable: Annotated[
        bool | None, typer.Option("--giftable/--not-giftable", help="Whether they may be given on.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Lower is spent sooner, 0 to 1000.")] = 100,
    reason: Reason = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key again grants nothing more.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Grant credits to a wallet or pool."""

    async def act(ledger: Ledger, operator: Actor) -> Answer[GrantView]:
        return await grants.grant(
            ledger,
            actor=operator,
            key=new_key(ledger) if key is None else key,
            to=await find_recipient(ledger, operator, to),
            amount=amount,
            source=source,
            expires_at=expires,
            giftable=giftable,
            priority=priority,
            reason=reason,
        )

    answer = as_operator(act, org=org)
    if as_json:
        print_json(answer.item)
        return
    lot = answer.item
    verb = "had already received" if answer.replayed else "received"
    typer.echo(f"{lot.to.name} {verb} {lot.amount.shown()} cr ({lot.lot_id}, until {day(lot.expires_at)})")


def verify(
    *,
    heads: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Heads printed earlier by --json: their end must still be there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that every credit is accounted for.

    Everything is recomputed from the append-only rows. When anything differs, the rows are named and the exit
    code is 1.
    """
    seen = None if heads is None else _heads(heads)
    with configured_ledger() as ledger:
        report = asyncio.run(verify_books(ledger, seen))
    if as_json:
        print_json(
            {
                "clean": report.clean,
                **_counts(report),
                "found": report.found,
                "findings": report.findings,
                "heads": report.heads,
            }
        )
    else:
        for finding in report.findings[:MAX_FINDINGS_SHOWN]:
            hint(f"{finding.row} {finding.problem}")
        counted = ", ".join(f"{number:,} {name}" for name, number in _counts(report).items())
        typer.echo(f"{'clean' if report.clean else f'NOT CLEAN, {report.found:,} rows differ'}: {counted}")
    if not report.clean:
        raise typer.Exit(UNCLEAN)


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file of requests.")],
    *,
    at: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="Whose rate card counts; now without.")
    ] = None,
    org: Org = None,
) -> None:
    """Charge a file of requests.

    Its sessions go to the organisation's members in turn. A request is charged once, however often it is replayed.
    """
    with configured_ledger() as ledger:
        replay_file(ledger, file, org=org, at=at)


def _counts(report: Report) -> dict[str, int]:
    names = ("transfers", "entries", "positions", "gifts", "holds", "batches")
    return {name: getattr(report, name) for name in names}


def _heads(file: Path) -> dict[str, str]:
    """Read heads as ``verify --json`` printed them."""
    try:
        with file.open("rb") as opened:
            read = orjson.loads(opened.read(MAX_HEADS_BYTES))
    except (OSError, orjson.JSONDecodeError) as wrong:
        raise typer.BadParameter(
            f"{file} cannot be read: {getattr(wrong, 'strerror', None) or 'it is no JSON'}"
        ) from None
    heads = read.get("heads", read) if isinstance(read, dict) else None
    if not isinstance(heads, dict) or not all(_is_head(writer, head) for writer, head in heads.items()):
        raise typer.BadParameter(f"{file} holds no heads; write them with: teamcredits verify --json > {file}")
    return heads


def _is_head(writer: str, head: object) -> bool:
    batch, _, seal = head.partition(":") if isinstance(head, str) else ("", "", "")
    return writer.isdecimal() and batch.isdecimal() and all(digit in "0123456789abcdef" for digit in seal)
