"""Boosts and campaigns in the terminal."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from core.clock import system_clock
from tests.support.terminal import Terminal


def the_day(days: int) -> str:
    """Return a day so many days from now."""
    return (system_clock() + timedelta(days=days)).strftime("%Y-%m-%d")


CAMPAIGN = (
    *("boost", "campaign", "create", "Autumn", "--factor", "10", "--capacity", "1"),
    *("--closes", the_day(9), "--starts", the_day(9), "--ends", the_day(40)),
)


def test_a_campaign_from_its_making_to_who_moves_up(office: Terminal, tmp_path: Path) -> None:
    form = tmp_path / "form.json"
    why = '{"name": "why", "label": "What for?", "kind": "text", "required": true}'
    form.write_text(f'[{why}, {{"name": "size", "label": "How many?", "kind": "number"}}]')
    made = office.json(*CAMPAIGN, "--form", str(form))
    first = office.json("boost", "apply", "Autumn", "Al", "--answer", "why=a port")
    second = office.json("boost", "apply", "autumn", "Bo", "--answer", "why=tests")
    twice = office.fails("boost", "apply", made["id"], "Al", "--answer", "why=again")
    huge = office.fails("boost", "apply", made["id"], "Ada", "--answer", "why=x", "--answer", f"size={10**40}")
    gone = office.json("boost", "withdraw", "Autumn", "Al")
    who = office.json("boost", "campaign", "applications", "Autumn")
    shown = office.prints("boost", "campaign", "show", "Autumn")

    assert (first["state"], second["state"], second["place"]) == ("admitted", "waitlisted", 1)
    assert "already" in twice
    assert "whole number" in huge
    assert gone["state"] == "withdrawn"
    assert [(each["member_name"], each["state"]) for each in who] == [("Bo", "admitted"), ("Al", "withdrawn")]
    assert "1 of 1" in office.prints("boost", "campaign", "list")
    assert "by arrival\nwhy (text, required): What for?\nsize (number): How many?" in shown
    assert office.json("verify")["clean"]


def test_a_mistake_in_a_campaign_is_named(office: Terminal, tmp_path: Path) -> None:
    form = tmp_path / "form.json"
    form.write_text('[{"name": "why", "kind": "essay"}]')

    assert "ends before it starts" in office.fails(*CAMPAIGN[:-1], the_day(8))
    assert "more than 1" in office.fails(*CAMPAIGN, "--factor", "1", code=2)
    assert "name, label and kind" in office.fails(*CAMPAIGN, "--form", str(form), code=2)
    assert "No campaign named 'Spring'" in office.fails("boost", "apply", "Spring", "Al")
    assert "decided by arrival" in office.fails("boost", "campaign", "draw", office.json(*CAMPAIGN)["id"])


def test_by_hand_in_the_terminal(office: Terminal) -> None:
    office.json(*CAMPAIGN, "--method", "hand")
    for name in ("Al", "Bo"):
        office.prints("boost", "apply", "Autumn", name)
    admitted = office.json("boost", "campaign", "admit", "Autumn", "Bo")
    full = office.fails("boost", "campaign", "admit", "Autumn", "Al")
    refused = office.prints("boost", "campaign", "refuse", "Autumn", "Al", "--reason", "next time")

    assert admitted["state"] == "admitted"
    assert "places are taken" in full
    assert "refused" in refused
    assert "hasn't applied" in office.fails("boost", "campaign", "admit", "Autumn", "Ada")
    assert office.json("boost", "campaign", "end", "Autumn")["state"] == "ended"


def test_a_boost_is_granted_listed_ended_and_budgeted(office: Terminal) -> None:
    office.prints("team", "create", "Compilers")
    office.prints("team", "add", "Compilers", "Al", "--lead")
    budget = office.json("boost", "budget", "Compilers", "--days", "5", "--max", "10")
    granted = office.json("boost", "grant", "Compilers", "--factor", "1.5", "--days", "2")
    listed = office.prints("boost", "list", "Al")
    ended = office.json("boost", "end", granted["id"])
    for_all = office.json("boost", "grant", "everybody", "--factor", "2", "--days", "1")

    assert (budget["days_left"], budget["max_factor"]) == (5, "10")
    assert (granted["factor"], granted["subject"]["kind"]) == ("1.5", "team")
    assert (for_all["subject"]["kind"], for_all["subject"]["name"]) == ("org", "Acme")
    assert "1.5×" in listed
    assert "running" in listed
    assert not ended["is_running"]
    assert "no boosts" in office.prints("boost", "list", "--team", "Compilers")
    assert "5 of 5" in office.prints("boost", "budget", "Compilers")


def test_a_report_begins_with_the_boost(office: Terminal) -> None:
    office.json(*CAMPAIGN)
    dates = ("--closes", the_day(9), "--starts", the_day(-3), "--ends", the_day(9))
    office.json("boost", "campaign", "create", "Late", "--factor", "2", "--capacity", "1", *dates)
    office.json("boost", "apply", "Late", "Bo")
    office.json("boost", "feedback", "Late", "Bo", "4", "--words", "faster")
    report = office.json("boost", "report", "Late")
    shown = office.prints("boost", "report", "Late")

    assert "has not begun" in office.fails("boost", "report", "Autumn")
    assert [span["phase"] for span in report["spans"]] == ["before", "during"]
    assert report["ratings"] == [{"rating": 4, "people": 1}]
    assert re.search(r"^RATING +PEOPLE\n +4 +1$", shown, re.MULTILINE)
