"""How tables and JSON show times, amounts and numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.cli.output import print_item, table_lines
from core.ledger.credits import Credits
from tests.support.terminal import Terminal

AT = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)


def test_numbers_are_right_aligned_and_only_the_first_column_of_times_names_the_zone() -> None:
    rows = [["Al", 7, Credits.of(1_500), AT, "never"], ["Barbara", 1_200, None, None, AT]]
    header, first, second = table_lines(("NAME", "REQUESTS", "AMOUNT", "STARTS", "ENDS"), rows)

    assert header.startswith("NAME     REQUESTS    AMOUNT  STARTS (")
    assert header.count("(") == 1
    assert "STARTS (" in header
    assert first.startswith("Al              7  1,500 cr  ")
    assert second.startswith("Barbara     1,200            ")


def test_json_has_exact_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_item({"at": AT, "amount": Credits.parse("0.000001")}, {}, as_json=True)

    assert json.loads(capsys.readouterr().out) == {"at": "2026-07-01T22:30:00Z", "amount": "0.000001"}


def test_a_terminal_in_another_time_zone_shows_its_own_time(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that begins in UTC has begun hours before in Tokyo; JSON stays in UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    terminal = Terminal(tmp_path, sqlite_url)
    terminal.json("init", "--name", "Acme", "--admin", "Ada")
    granted = terminal.prints("grant", "Ada", "5", "--expires", "2099-01-01")
    shown = terminal.prints("member", "show", "Ada")

    assert granted.endswith("expires 2099-01-01 09:00 JST).")
    assert "EXPIRES (JST)\n" in shown
    assert shown.endswith("2099-01-01 09:00")
    assert terminal.json("member", "show", "Ada")["lots"][0]["expires_at"] == "2099-01-01T00:00:00Z"
