"""What somebody has and what moved it, in the terminal."""

from __future__ import annotations

from tests.support.terminal import Terminal


def test_a_member_is_shown_with_all_that_makes_up_what_they_can_spend(office: Terminal) -> None:
    """The plan with its boost, what is banked and to come, and what is owed, as the status has them."""
    office.prints("plan", "give", office.json("plan", "create", "Pro", "--weekly", "4")["id"], "Bo")
    office.prints("boost", "grant", "Bo", "--factor", "2", "--days", "2")
    _used(office, "Bo", 10)
    office.prints("reset", "give", "Bo", "--bank")
    office.prints("allotment", "begin", "Bo", "500", "--day", "1")
    shown = office.prints("member", "show", "Bo")

    assert "owed            2 cr" in shown
    assert "weekly allowance: 8 of 8 cr used, resets 20" in shown
    assert "2× boost until 20" in shown
    assert "1 reset banked, the first expiring 20" in shown
    assert "next allotment: 500 cr on 20" in shown
    assert office.json("member", "show", "Bo")["owed"] == "2"


def test_a_statement_tells_what_was_used_and_what_nothing_covered(office: Terminal) -> None:
    """S2: overage is visible where a person looks for it."""
    office.prints("grant", "Bo", "5", "--reason", "to begin with")
    _used(office, "Bo", 7)
    lines = office.prints("member", "statement", "Bo").splitlines()
    newest = office.json("member", "statement", "Bo", "--limit", "1")

    assert "charge   -5 cr  a-tool 7 cr, 2 cr owed" in lines[1]
    assert lines[2].endswith("grant     5 cr  to begin with")
    assert [line["usage"]["overage"] for line in newest] == ["2"]
    assert office.prints("member", "statement", "Al") == "There are no transactions yet."


def _used(office: Terminal, name: str, amount: int) -> None:
    """Report usage of today that cost so many credits."""
    shown, file = office.json("member", "show", name), office.folder / "used.csv"
    line = f"{shown['member_id']},{shown['as_of'][:10]},a-tool,{amount}"
    file.write_text(f"member,time,model,credits\n{line}\n", encoding="utf-8")
    office.prints("usage", "import", str(file))
