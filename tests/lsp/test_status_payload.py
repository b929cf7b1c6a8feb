"""The payload an editor gets: kinds, their precedence, and the wording of DESIGN section 8 (pure)."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lsp.payload import Connection, StatusSnapshot, Threshold, payload, server_status
from lsp.tooltip import lines
from lsp.wire import parse_status
from tests.support.fake_api import full_state

NOW = datetime(2026, 11, 20, 13, 2, tzinfo=UTC)
FROZEN = {"code": "account_frozen", "message": "Your wallet is frozen. Ask an admin to unfreeze it."}
BOOST = {"factor": 10, "ends_at": "2026-12-03T00:00:00Z"}
AT_14 = "2026-11-20T14:00:00Z"


def live(**changes: Any) -> StatusSnapshot:
    return StatusSnapshot(Connection.LIVE, status=parse_status(full_state(**changes)))


def shown(seen: StatusSnapshot, *, zone: str = "UTC", threshold: Threshold | None = None) -> dict[str, Any]:
    return payload(seen, now=NOW, zone=ZoneInfo(zone), threshold=threshold or Threshold())


@pytest.mark.parametrize(
    ("state", "kind", "text"),
    [
        ({}, "ok", "4,210 cr"),
        ({"boost": BOOST}, "ok", "4,210 cr · 10× boost 12 d"),
        ({"boost": BOOST, "resets_at": AT_14}, "ok", "4,210 cr · 10× boost 12 d · resets 14:00"),
        ({"incoming": "500"}, "ok", "4,210 cr · +500 incoming"),
        ({"spendable": "320", "resets_at": AT_14}, "low", "320 cr · resets 14:00"),
        ({"spendable": "320"}, "low", "320 cr"),
        ({"spendable": "0.004"}, "low", "<0.01 cr"),
        ({"spendable": "0", "resets_at": AT_14}, "empty", "0 cr · back 14:00"),
        ({"spendable": "0", "incoming": "500"}, "empty", "0 cr · +500 incoming"),
        ({"spendable": "0", "blocked": FROZEN}, "blocked", "0 cr · frozen"),
        ({"blocked": {"code": "cap_reached", "message": "Cap."}, "resets_at": AT_14}, "blocked",
         "4,210 cr · blocked · back 14:00"),
        ({"spendable": "1234567.899999"}, "ok", "1,234,567.89 cr"),
    ],
)  # fmt: skip
def test_a_live_state_is_worded_by_its_kind(state: dict[str, Any], kind: str, text: str) -> None:
    told = shown(live(**state))

    assert (told["kind"], told["text"]) == (kind, text)


def test_kinds_follow_their_precedence() -> None:
    everything = replace(live(spendable="0", blocked=FROZEN), problem="why")
    links = (Connection.SIGNED_OUT, Connection.ERROR, Connection.OFFLINE, Connection.LIVE)
    kinds = [shown(replace(everything, link=link))["kind"] for link in links]

    assert kinds == ["signedOut", "error", "offline", "blocked"]
    assert shown(live(spendable="0"))["kind"] == "empty"


@pytest.mark.parametrize("link", [Connection.OFFLINE, Connection.ERROR, Connection.CONNECTING])
def test_a_number_that_is_not_confirmed_carries_its_time(link: Connection) -> None:
    seen = replace(live(boost=BOOST, incoming="5"), link=link, confirmed_at=NOW)
    told = shown(seen)

    assert told["text"] == "4,210 cr · as of 13:02"
    assert told["shortText"] == "4,210 cr (13:02)"
    assert told["asOf"] == "2026-11-20T13:02:00Z"
    assert "may have changed" in told["tooltip"]


def test_a_stale_number_from_another_day_names_the_day() -> None:
    yesterday = datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
    long_ago = datetime(2026, 10, 3, 9, 30, tzinfo=UTC)

    assert (
        shown(replace(live(), link=Connection.OFFLINE, confirmed_at=yesterday))["text"] == "4,210 cr · as of Thu 09:30"
    )
    assert shown(replace(live(), link=Connection.OFFLINE, confirmed_at=long_ago))["text"] == "4,210 cr · as of 3 Oct"


def test_nothing_known_is_said_in_words_and_never_as_a_number() -> None:
    assert shown(StatusSnapshot(Connection.SIGNED_OUT))["text"] == "Credits: sign in"
    assert shown(StatusSnapshot(Connection.CONNECTING))["text"] == "Credits: connecting"
    assert shown(StatusSnapshot(Connection.OFFLINE))["text"] == "Credits: offline"
    assert shown(StatusSnapshot(Connection.ERROR))["text"] == "Credits: error"
    assert shown(StatusSnapshot(Connection.OFFLINE))["spendable"] is None


def test_signing_out_hides_what_was_known() -> None:
    told = shown(replace(live(), link=Connection.SIGNED_OUT))

    assert told["spendable"] is None
    assert "4,210" not in str(told)


def test_the_payload_has_exactly_the_fields_of_the_contract() -> None:
    fields = {
        "version", "kind", "busy", "text", "shortText", "tooltip", "ariaLabel", "asOf", "validUntil",
        "spendable", "available", "held", "incoming", "giftable", "pool", "allowance", "boost", "resetsAt",
        "command",
    }  # fmt: skip

    assert set(shown(live())) == fields
    assert set(shown(StatusSnapshot(Connection.SIGNED_OUT))) == fields


def test_amounts_are_decimal_strings_and_times_have_zones() -> None:
    window = {"window": "5h", "limit": "100", "used": "20.5", "resets_at": AT_14}
    told = shown(live(allowance=[window], boost=BOOST, resets_at=AT_14, held={"gifts": "500", "usage": "0.25"}))

    assert told["spendable"] == "4210"
    assert told["held"] == {"gifts": "500", "usage": "0.25"}
    assert told["allowance"] == [{"window": "5h", "limit": "100", "used": "20.5", "resetsAt": AT_14}]
    assert told["boost"] == {"factor": 10, "endsAt": "2026-12-03T00:00:00Z"}
    assert told["resetsAt"] == AT_14


def test_low_is_under_ten_percent_of_the_capacity() -> None:
    assert shown(live(spendable="500"))["kind"] == "ok"
    assert shown(live(spendable="499.999999"))["kind"] == "low"


def test_the_editor_may_choose_when_it_is_low() -> None:
    assert shown(live(), threshold=Threshold(amount=Decimal(4211)))["kind"] == "low"
    assert shown(live(spendable="499"), threshold=Threshold(amount=Decimal(100)))["kind"] == "ok"
    assert shown(live(), threshold=Threshold(share=Decimal("0.9")))["kind"] == "low"


def test_times_are_in_the_persons_own_zone() -> None:
    assert shown(live(spendable="320", resets_at=AT_14), zone="Europe/Berlin")["text"] == "320 cr · resets 15:00"


def test_a_boost_that_has_ended_is_not_shown() -> None:
    assert shown(live(boost={"factor": 10, "ends_at": "2026-11-20T13:02:00Z"}))["text"] == "4,210 cr"


def test_a_screen_reader_gets_whole_words() -> None:
    told = shown(live(boost=BOOST, incoming="500", resets_at=AT_14))

    assert told["ariaLabel"] == ("4,210 credits, 500 incoming, 10 times boost for 12 days, resets at 14:00")
    assert "frozen: Your wallet is frozen." in shown(live(blocked=FROZEN))["ariaLabel"]


def test_the_offered_command_fits_the_kind() -> None:
    offered = {
        shown(seen)["kind"]: shown(seen)["command"]["command"]
        for seen in (
            live(),
            live(blocked=FROZEN),
            StatusSnapshot(Connection.SIGNED_OUT),
            StatusSnapshot(Connection.OFFLINE),
        )
    }

    assert offered == {
        "ok": "credits.show",
        "blocked": "credits.why",
        "signedOut": "credits.signIn",
        "offline": "credits.refresh",
    }


def test_foreign_words_cannot_become_markup() -> None:
    evil = {"code": "x", "message": "[pay](http://evil) **now**\n# <img src=x>"}
    told = shown(live(blocked=evil))

    assert "[pay](" not in told["tooltip"]
    assert " <img" not in told["tooltip"]
    assert "[pay](http://evil) **now** # <img src=x>" in lines(told["tooltip"])


def test_server_status_is_at_most_fifty_characters_and_never_spins() -> None:
    long = shown(replace(live(boost=BOOST, incoming="1234567.89", resets_at="2026-11-23T14:00:00Z"), busy=True))
    told = server_status(long)

    assert len(long["text"]) > 50
    assert len(told["message"]) <= 50
    assert told["message"].startswith("4,210 cr · +1,234,567.89 incoming")
    assert told["quiescent"] is True
    assert [
        server_status(shown(seen))["health"] for seen in (live(), live(spendable="1"), StatusSnapshot(Connection.ERROR))
    ] == [
        "ok",
        "warning",
        "error",
    ]
