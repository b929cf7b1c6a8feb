"""Plans, caps and why in the terminal."""

from __future__ import annotations

from tests.support.terminal import Terminal


def test_plans_are_created_assigned_and_unassigned(office: Terminal) -> None:
    made = office.json("plan", "create", "Pro", "--five-hours", "20", "--weekly", "100")
    everybodys = office.json("plan", "give", "pro", "everybody")
    bos = office.json("plan", "give", made["id"], "Bo", "--from", "2026-11-16")
    listed = office.prints("plan", "list")
    taken = office.json("plan", "take", "Bo")

    assert (made["five_hours"], made["weekly"], made["monthly"]) == ("20", "100", None)
    assert (everybodys["name"], bos["anchor_at"]) == ("Acme", "2026-11-16T00:00:00Z")
    assert "Pro   5 h 20 cr, weekly 100 cr" in listed
    assert "everybody" in listed
    assert (taken["is_own"], taken["plan"]["name"]) == (False, "Pro")
    assert office.json("member", "show", "Bo")["spendable"] == "20"

    office.json("plan", "take", "everybody")
    assert office.prints("plan", "remove", "Pro") == "Removed plan Pro."
    assert office.prints("plan", "list").startswith("There are no plans yet.")


def test_a_plan_without_a_window_is_wrong_use(office: Terminal) -> None:
    done = office.runs("plan", "create", "Pro")

    assert done.code == 2
    assert "--weekly" in done.said


def test_caps_are_set_listed_with_their_reasons_and_taken_away(office: Terminal) -> None:
    everybodys = office.json("cap", "set", "everybody", "500")
    office.json("cap", "set", "Bo", "unlimited", "--period", "day")
    blocked = office.json("cap", "set", "Bo", "0")
    listed = office.prints("cap", "list")
    bos = office.json("cap", "list", "--member", "Bo")
    gone = office.json("cap", "inherit", "Bo")

    assert (everybodys["period"], everybodys["amount"], everybodys["state"]) == ("month", "500", "in_force")
    assert blocked["amount"] == "0"
    assert "everybody  500 cr" in listed
    assert [(cap["name"], cap["period"], cap["state"]) for cap in bos] == [
        ("Bo", "day", "in_force"),
        ("Bo", "month", "in_force"),
        ("Acme", "month", "passed_over"),
    ]
    assert gone["inherits"]


def test_why_tells_what_blocks_and_what_would_change_the_answer(office: Terminal) -> None:
    office.prints("grant", "Bo", "5")
    said = office.prints("why", "Bo", "--amount", "7")
    rated = office.json("why", "Bo", "--model", "nobody-knows", "--tokens", "10")
    wrong = office.runs("why", "Bo", "--tokens", "5")

    assert "Bo: This needs 7 cr and you can spend 5 cr. Ask for 2 cr more." in said
    assert "<- blocks" in said
    assert rated["priced"]["is_fallback"]
    assert "which model" in wrong.said
