"""How values of options are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import typer

from core.cli.options import moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-29", datetime(2026, 9, 29, tzinfo=UTC)),
        ("2026-09-29T14:00:00Z", datetime(2026, 9, 29, 14, tzinfo=UTC)),
        ("2026-09-29T14:00:00+02:00", datetime(2026, 9, 29, 12, tzinfo=UTC)),
    ],
)
def test_a_date_is_midnight_utc_and_a_time_has_an_offset(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-09-29T14:00:00", "29.09.2026", "1e9", "2026-W40-2"]
)
def test_anything_else_is_not_a_date(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="isn't a valid date"):
        moment(text)
