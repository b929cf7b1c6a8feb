"""Requests, referrals and rescue from the terminal, each in the name of a member."""

from __future__ import annotations

import pytest

from tests.support.terminal import Terminal


@pytest.fixture
def team(office: Terminal) -> Terminal:
    """Al leads the team that Bo is in too."""
    office.prints("team", "create", "Compilers")
    office.prints("team", "add", "Compilers", "Al", "--lead")
    office.prints("team", "add", "Compilers", "Bo")
    return office


def test_a_request_goes_from_asking_to_gifts(team: Terminal) -> None:
    team.prints("grant", "Al", "1,000")
    asked = team.json("request", "ask", "Bo", "300", "--reason", "a release")
    team.prints("request", "pledge", asked["id"], "100", "--by", "Al")
    back = team.json("request", "unpledge", asked["id"], "--by", "Al")
    team.prints("request", "pledge", asked["id"], "50", "--by", "Al")
    taken = team.json("request", "accept", asked["id"], "--by", "Bo")
    shown = team.prints("request", "show", asked["id"])

    assert (asked["state"], asked["by"]["name"], asked["reason"]) == ("open", "Bo", "a release")
    assert [each["by"]["name"] for each in asked["pledges"]] == ["Al"]
    assert (back["pledged"], taken["state"], taken["given"]) == ("0", "accepted", "50")
    assert "  50 cr     300 cr  accepted" in shown
    assert "given: gift_" in shown
    assert team.json("request", "list", "Al", "--open") == []
    assert [each["id"] for each in team.json("request", "list", "Al")] == [asked["id"]]
    assert team.json("verify")["clean"]


def test_a_request_is_declined_withdrawn_and_filled_out_of_a_pool(team: Terminal) -> None:
    one, two, three = (team.json("request", "ask", "Bo", amount)["id"] for amount in ("1", "2", "3"))
    team.prints("grant", "Compilers", "100")
    declined = team.json("request", "decline", one, "--by", "Al", "--reason", "not now")
    withdrawn = team.json("request", "withdraw", two, "--by", "Bo")
    filled = team.json("request", "fill", three, "Compilers")

    assert [each["state"] for each in (declined, withdrawn, filled)] == ["declined", "withdrawn", "filled"]
    assert team.json("member", "show", "Bo")["available"] == "3"
    assert "This request is declined" in team.fails("request", "pledge", one, "1", "--by", "Al")
    assert "not found" in team.fails("request", "show", "req_zzz")


def test_a_referral_is_written_and_shown(team: Terminal) -> None:
    code = team.prints("referral", "code", "Al")
    team.prints("referral", "use", "Bo", code)
    shown = team.json("referral", "show", "Al")

    assert code == team.json("referral", "code", "Al")["code"]
    assert [each["who"]["name"] for each in shown["invited"]] == ["Bo"]
    assert "referred by: Al" in team.prints("referral", "show", "Bo")
    assert "your own code" in team.fails("referral", "use", "Al", code)


def test_there_may_be_nothing_to_rescue(team: Terminal) -> None:
    assert team.prints("rescue") == "Nothing to rescue: no credits are about to expire unused."
    assert team.json("rescue", "--for", "Bo", "--days", "30") == []
    assert "less than or equal to 30" in team.fails("rescue", "--days", "31", code=2)
