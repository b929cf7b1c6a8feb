"""Credits that come every month, are shared out, taken back and given back, at the terminal."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import system_clock
from tests.support.replays import some_requests, write_requests
from tests.support.terminal import NearTerminal, Terminal


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Terminal:
    """A terminal on a ledger with Ada, Bo and a team, on either database."""
    terminal = NearTerminal(monkeypatch, tmp_path, database_url)
    terminal.json("init", "--name", "Acme", "--admin", "Ada")
    terminal.prints("team", "create", "Compilers")
    terminal.prints("member", "add", "Bo", "--verified", "--team", "Compilers")
    return terminal


def test_an_allotment_is_begun_listed_changed_and_ended(office: Terminal) -> None:
    begun = office.json("allotment", "begin", "Compilers", "5,000", "--day", "31", "--reason", "budget")
    changed = office.json("allotment", "change", begun["id"], "--amount", "4000", "--lasts", "2")
    listed = office.json("allotment", "list")
    told = office.prints("allotment", "list")
    ended = office.prints("allotment", "end", begun["id"])

    assert (begun["to"]["name"], begun["amount"], begun["day"]) == ("Compilers pool", "5000", 31)
    assert (changed["amount"], changed["lasts_months"]) == ("4000", 2)
    assert listed == [changed]
    assert "4,000 cr   31  20" in told
    assert "5,000 cr" not in ended
    assert ended.endswith("ended")
    assert "has ended" in office.fails("allotment", "change", begun["id"], "--amount", "1")
    assert "nothing to change" in office.fails("allotment", "change", begun["id"], code=2)


def test_a_pools_credits_are_allocated_and_an_unused_grant_is_taken_back(office: Terminal) -> None:
    lot = office.json("grant", "Compilers", "100")["lot_id"]
    line = office.json("allocate", "Compilers", "Bo", "30", "--reason", "for the release")
    taken = office.prints("void", lot, "20", "--reason", "granted twice")
    rest = office.json("void", lot, "--reason", "granted twice")

    assert (line["kind"], line["amount"]) == ("allocate", "30")
    assert taken == ("Revoked 20 cr from Compilers pool. The rest: 50 cr left, 0 cr held, 0 cr used, 30 cr given away.")
    assert (rest["amount"], rest["story"]["became"]["given"]) == ("50", "30")
    assert "Nothing of this grant is left" in office.fails("void", lot, "--reason", "again")
    assert "is a member, not a pool" in office.fails("allocate", "Bo", "Bo", "1")
    assert office.json("verify")["clean"]


def test_a_charge_is_given_back(office: Terminal) -> None:
    """What a replay has charged, found by its transfer in the export."""
    office.prints("grant", "Bo", "1000")
    office.prints("grant", "Ada", "1000")
    office.prints("replay", str(write_requests(office.folder / "requests.csv", some_requests(2))))
    exported = json.loads(office.prints("export"))
    charge = next(each for each in exported["transfers"] if each["kind"] in {"charge", "capture"})
    given = office.prints("refund", charge["id"], "0.000001", "--reason", "the model failed")
    rest = office.json("refund", charge["id"], "--reason", "the model failed")

    assert given.startswith("Refunded <0.01 cr to ")
    assert rest["charge"]["amount"] == rest["charge"]["refunded"]
    assert "given back already" in office.fails("refund", charge["id"], "--reason", "again")
    assert office.json("verify")["clean"]


def test_resets_are_given_listed_and_used(office: Terminal) -> None:
    """Nobody has a plan here: a banked one is kept, and one at once changes nothing."""
    until = (system_clock() + timedelta(days=60)).date().isoformat()
    banked = office.json("reset", "give", "everybody", "--bank", "--expires", until, "--reason", "the outage")
    nobody = office.prints("reset", "give", "Compilers")
    (reset,) = office.json("reset", "list", "Bo")
    orders = office.prints("reset", "orders")

    assert (banked["done"], banked["unchanged"], banked["expires_at"]) == (2, 0, f"{until}T00:00:00Z")
    assert nobody.endswith(": 0 reset; 1 had nothing to reset.")
    assert (reset["state"], reset["expires_at"]) == ("banked", f"{until}T00:00:00Z")
    assert "Acme" in orders
    assert "FINISHED (" in orders
    assert "nothing to reset" in office.fails("reset", "use", "Bo")
    assert "nothing to reset" in office.fails("reset", "give", "Bo")
    assert "banked" in office.prints("reset", "list", "Bo")
    assert office.json("verify")["clean"]
