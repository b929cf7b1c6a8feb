"""``teamcredits grant`` and ``verify``: credits come in, and every one is accounted for."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from core.cli.context import as_operator, configured_ledger, find_recipient, new_key
from core.cli.options import Amount, Json, Key, MemberOrPool, Org, Reason, moment
from core.cli.output import hint, local_time, print_json
from core.ledger.lots import Source
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.common.views import GrantView
from core.services.grants import grants
from core.services.wallet.verify import VerifyReport
from core.services.wallet.verify import verify as verify_ledger

UNCLEAN: Final = 1
MAX_FINDINGS_SHOWN: Final = 50
MAX_HEADS_BYTES: Final = 100_000_000


def grant(  # noqa: PLR0913  (the properties of a lot)
    to: MemberOrPool,
    amount: Amount,
    *,
    source: Annotated[Source, typer.Option(help="Where the credits come from")] = Source.PURCHASE,
    expires: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="Expiry date (default: never)")
    ] = None,
    giftable: Annotated[
        bool | None,
        typer.Option("--giftable/--not-giftable", help="Allow gifting the credits (default: depends on the source)"),
    ] = None,
    priority: Annotated[int, typer.Option(help="Priority from 0 to 1000; lower is spent first")] = 100,
    reason: Reason = None,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Grant credits to a wallet or pool."""

    async def act(ledger: LedgerService, operator: Actor) -> CommandResult[GrantView]:
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
    verb = "Already granted" if answer.replayed else "Granted"
    expiry = f"expires {local_time(lot.expires_at)}" if lot.expires_at else "never expires"
    typer.echo(f"{verb} {lot.amount.shown()} cr to {lot.to.name} ({lot.lot_id}, {expiry}).")


def verify(
    *,
    heads: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output of an earlier verify --json, to detect missing rows at the end"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify that every credit is accounted for.

    Everything is recomputed from append-only rows. If something differs, the rows are listed and the exit code is 1.
    """
    seen = None if heads is None else _heads(heads)
    with configured_ledger() as ledger:
        report = asyncio.run(verify_ledger(ledger, seen))
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
        differences = "difference" if report.found == 1 else "differences"
        result = "clean" if report.clean else f"NOT CLEAN ({report.found:,} {differences})"
        typer.echo(f"{result}: {counted}")
    if not report.clean:
        raise typer.Exit(UNCLEAN)


def _counts(report: VerifyReport) -> dict[str, int]:
    names = ("transfers", "entries", "positions", "gifts", "holds", "batches")
    return {name: getattr(report, name) for name in names}


def _heads(file: Path) -> dict[str, str]:
    """Read the seals' heads that ``verify --json`` printed."""
    try:
        with file.open("rb") as opened:
            read = orjson.loads(opened.read(MAX_HEADS_BYTES))
    except (OSError, orjson.JSONDecodeError) as wrong:
        reason = getattr(wrong, "strerror", None) or "not valid JSON"
        raise typer.BadParameter(f"can't read {file}: {reason}") from None
    heads = read.get("heads", read) if isinstance(read, dict) else None
    if not isinstance(heads, dict) or not all(_is_head(writer, head) for writer, head in heads.items()):
        raise typer.BadParameter(f"{file} contains no heads. Create it with: teamcredits verify --json > {file}")
    return heads


def _is_head(writer: str, head: object) -> bool:
    batch, _, seal = head.partition(":") if isinstance(head, str) else ("", "", "")
    return writer.isdecimal() and batch.isdecimal() and all(digit in "0123456789abcdef" for digit in seal)
