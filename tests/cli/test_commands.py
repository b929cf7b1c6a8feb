"""What the commands do, from the first organization on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from core.services.common.actors import Scope
from core.services.people import devices
from core.services.people.devices import DeviceToken
from core.store.migrate import newest
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.replays import some_requests, write_requests
from tests.support.terminal import SECRET, NearTerminal, Terminal


def test_the_terminal_sets_up_a_house_on_either_database(either_terminal: Terminal) -> None:
    terminal = either_terminal
    begun = terminal.json("init", "--name", "Acme", "--admin", "Ada")
    added = terminal.json("member", "add", "Bo", "--verified", "--email", "bo@acme.example", "--slack", "T1:U1")
    team = terminal.json("team", "create", "Compilers")
    seated = terminal.json("team", "add", "Compilers", "Bo", "--lead")
    lot = terminal.json("grant", "Bo", "1,000", "--expires", "2099-01-01", "--source", "allotment")
    pool = terminal.json("grant", "Compilers", "0.5")
    shown = terminal.json("member", "show", "Bo")

    assert sorted(begun) == ["admin_token", "org_id"]
    assert added["slack_user_id"] == "U1"
    assert seated["leads"] == [added["id"]]
    assert (lot["amount"], lot["expires_at"], lot["giftable"]) == ("1000", "2099-01-01T00:00:00Z", True)
    assert (pool["to"]["id"], pool["to"]["is_pool"]) == (team["id"], True)
    assert (shown["available"], shown["pool"], shown["spendable"]) == ("1000", "0.5", "1000.5")
    assert [each["name"] for each in terminal.json("member", "list")] == ["Ada", "Bo"]
    assert terminal.json("verify")["clean"]


def test_init_begins_on_an_empty_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str
) -> None:
    done = NearTerminal(monkeypatch, tmp_path, empty_database_url).runs("init", "--name", "Acme")

    assert done.code == 0
    assert {line.split()[0] for line in done.printed.splitlines()} == {"organization", "admin"}
    assert "tc_" in done.printed


def test_migrate_says_which_schema_the_database_has_and_twice_is_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str
) -> None:
    terminal = NearTerminal(monkeypatch, tmp_path, empty_database_url)

    assert terminal.prints("migrate") == terminal.prints("migrate") == f"database schema: {newest()}"


def test_people_are_found_by_id_by_name_and_by_a_part_that_only_one_has(office: Terminal) -> None:
    bo = office.json("member", "show", "bo")["member_id"]

    assert office.json("member", "show", bo)["name"] == "Bo"
    assert office.json("member", "show", "B")["name"] == "Bo"
    assert "'a' matches several members: Ada (mem_" in office.fails("member", "show", "a")
    assert office.fails("member", "show", "Zoe") == "No member named 'Zoe'. See: teamcredits member list"
    assert "mem_zzz" in office.fails("member", "show", "mem_zzz")


def test_a_grant_with_a_key_is_made_once_and_without_one_each_time(office: Terminal) -> None:
    """L6: the same key and content answers again, other content is refused."""
    first = office.json("grant", "Al", "5", "--key", "may")
    again = office.json("grant", "Al", "5", "--key", "may")
    said = office.prints("grant", "Al", "5", "--key", "may")
    other = office.fails("grant", "Al", "6", "--key", "may")
    office.prints("grant", "Al", "1")
    office.prints("grant", "Al", "1")

    assert first["lot_id"] == again["lot_id"]
    assert "Already granted 5 cr to Al" in said
    assert "key" in other
    assert office.json("member", "show", "Al")["available"] == "7"


def test_a_member_is_changed_frozen_freed_and_leaves(office: Terminal) -> None:
    named = office.json("member", "change", "Bo", "--name", "Bob", "--admin", "--joined", "2020-02-02")
    frozen = office.json("member", "freeze", "Bob", "--reason", "lost the laptop")
    freed = office.json("member", "unfreeze", "Bob", "--reason", "found it")
    left = office.json("member", "leave", "Bob")

    assert (named["name"], named["role"], named["joined_at"]) == ("Bob", "admin", "2020-02-02T00:00:00Z")
    assert frozen["frozen_at"] is not None
    assert freed["frozen_at"] is None
    assert left["deactivated_at"] is not None
    assert [each["name"] for each in office.json("member", "list")] == ["Ada", "Al"]


def test_a_team_is_listed_and_left(office: Terminal) -> None:
    office.prints("team", "create", "Compilers")
    office.prints("team", "add", "compilers", "Al")
    removed = office.json("team", "remove", "Compilers", "Al")

    assert removed["members"] == []
    assert "Compilers" in office.prints("team", "list")
    assert "is not in this team" in office.fails("team", "remove", "Compilers", "Al")


def test_a_token_is_printed_once_listed_without_its_secret_and_revoked(office: Terminal) -> None:
    done = office.runs("token", "issue", "Al", "--scope", "read", "--label", "for a script")
    secret = done.printed.strip()
    [token] = office.json("token", "list", "Al")
    office.prints("token", "revoke", token["id"])

    assert secret.startswith("tc_")
    assert "\n" not in secret
    assert "won't be shown again" in done.said
    assert (token["label"], token["scopes"]) == ("for a script", ["read"])
    assert secret not in json.dumps(token)
    assert office.json("token", "list", "Al") == []


@pytest.mark.parametrize("answer", ["yes", "no", "--yes", "--deny"])
def test_a_device_gets_its_token_only_when_it_is_approved(office: Terminal, answer: str) -> None:
    ledger = open_ledger(some_settings(office.settings["database_url"]))

    async def sign_in() -> tuple[bool, str]:
        started = await devices.start_device(ledger, scopes={Scope.READ}, device="Neovim on thinkpad", place="10.0.0.7")
        flags = [answer] if answer.startswith("--") else []
        command = ("token", "approve", started.user_code.lower(), "--member", "Al", *flags)
        done = await asyncio.to_thread(office.runs, *command, typed=answer)
        try:
            got = await devices.poll_device(ledger, device_code=started.device_code)
        except devices.DeviceError:
            return False, done.said + done.printed
        return isinstance(got, DeviceToken), done.said + done.printed

    try:
        has_token, said = asyncio.run(sign_in())
    finally:
        ledger.close()

    assert has_token is (answer in {"yes", "--yes"})
    assert "Neovim on thinkpad" in said
    if not answer.startswith("--"):
        assert "Neovim on thinkpad at 10.0.0.7 wants to read as Al" in said


def test_a_file_is_replayed_once_however_often(office: Terminal, tmp_path: Path) -> None:
    """S4: a request is known by its file and number, so the second time all are duplicates."""
    file = write_requests(tmp_path / "requests.csv", some_requests(2, requests_each=2))
    for name in ("Ada", "Al", "Bo"):
        office.prints("grant", name, "10,000")
    first = office.prints("replay", str(file), "--at", "2026-10-01")
    charged = office.json("verify")
    second = office.prints("replay", str(file), "--at", "2026-10-01")

    assert first.splitlines()[0].split() == ["MODEL", "REQUESTS", "CHARGED", "DUPLICATES", "REFUSED", "CREDITS"]
    assert charged["clean"]
    assert next(line.split()[:4] for line in second.splitlines() if line.startswith("total")) == [
        "total",
        "4",
        "0",
        "4",
    ]
    assert office.json("verify")["transfers"] == charged["transfers"]
    assert {
        name: office.json("replay", str(file), "--at", "2026-10-01")[name]
        for name in ("requests", "charged", "duplicates", "refused", "credits")
    } == {"requests": 4, "charged": 0, "duplicates": 4, "refused": 0, "credits": "0"}


def test_verify_names_the_row_that_was_changed(office: Terminal) -> None:
    """L3: a position beside its entries is found, and the exit code says so."""
    office.prints("grant", "Al", "5")
    heads = office.folder / "heads.json"
    heads.write_text(office.runs("verify", "--json").printed)
    ledger = open_ledger(some_settings(office.settings["database_url"], secret_key=SECRET))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE position SET remaining = remaining + 1")
    ledger.close()
    done = office.runs("verify")
    as_json = office.runs("verify", "--json", "--heads", str(heads))

    assert done.code == as_json.code == 1
    assert "holds 5000001 micro-credits, its entries sum to 5000000" in done.said
    assert done.printed.startswith("NOT CLEAN (1 difference): ")
    assert not json.loads(as_json.printed)["clean"]


def test_verify_with_heads_from_elsewhere_finds_what_was_cut_off(office: Terminal) -> None:
    """L8: up to the last exported head a missing end is found."""
    office.prints("grant", "Al", "5")
    heads = office.folder / "heads.json"
    heads.write_text('{"heads": {"77": "9:' + "00" * 32 + '"}}')
    done = office.runs("verify", "--heads", str(heads))

    assert done.code == 1
    assert "batch 9 of writer 77" in done.said
