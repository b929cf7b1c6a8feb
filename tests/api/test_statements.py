"""Statements as text, as data."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from core.api.statements import statement_beancount, statement_csv
from core.ledger.credits import Credits
from core.services.common.views import StatementLineView

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def a_line(
    micros: int = 500_000, *, number: int = 1, note: str | None = None, kind: str = "grant"
) -> StatementLineView:
    return StatementLineView(f"tr_{number}", NOON + timedelta(minutes=number), kind, Credits(micros), "Bo", note, ())


@pytest.mark.parametrize("note", ["=SUM(A1)", "+1", "-1", "@x", "\tx"])
def test_no_cell_can_be_taken_for_a_formula(note: str) -> None:
    row = next(csv.DictReader(io.StringIO(statement_csv([a_line(note=note)]), newline="")))

    assert row["note"] == f"'{note}"


def test_commas_quotes_and_lines_stay_in_their_cell() -> None:
    note = 'a, "b"\nc'
    rows = list(csv.DictReader(io.StringIO(statement_csv([a_line(-1, note=note)]), newline="")))

    assert [(row["amount"], row["note"], row["at"]) for row in rows] == [("-0.000001", note, "2026-11-20T12:01:00Z")]


def test_beancount_balances_opens_every_account_and_runs_forward() -> None:
    text = statement_beancount([a_line(-5, number=2, kind="gift_reserve", note='say "hi"\n\\o/'), a_line(7)])

    assert text == (
        "1970-01-01 open Assets:Wallet CREDITS\n"
        "1970-01-01 open Equity:GiftReserve CREDITS\n"
        "1970-01-01 open Equity:Grant CREDITS\n"
        '\n2026-11-20 * "Bo" "grant"\n'
        '  at: "2026-11-20T12:01:00Z"\n'
        '  transfer: "tr_1"\n'
        "  Assets:Wallet  0.000007 CREDITS\n"
        "  Equity:Grant  -0.000007 CREDITS\n"
        '\n2026-11-20 * "Bo" "say \\"hi\\" \\\\o/"\n'
        '  at: "2026-11-20T12:02:00Z"\n'
        '  transfer: "tr_2"\n'
        "  Assets:Wallet  -0.000005 CREDITS\n"
        "  Equity:GiftReserve  0.000005 CREDITS\n"
    )
