"""Whatever a person may do wrong is one clear line on standard error, the right exit code, and no effect."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from core.store.engine import open_engine
from tests.support.terminal import NearTerminal, Terminal

READ_ONLY = Path("/sys")  # for root too


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nonsense",), "No such command 'nonsense'. See: teamcredits --help"),
        (("bost",), "No such command 'bost'. Did you mean 'boost'? See: teamcredits --help"),
        (("member",), "Missing command. See: teamcredits member --help"),
        (("member", "add"), "Missing argument 'NAME'. See: teamcredits member add --help"),
        (("member", "add", "Cy", "--lead"), "Invalid value: --lead requires --team"),
        (("member", "add", "Cy", "--slack", "U1"), "like T012AB:U345CD"),
        (("member", "change", "Al"), "nothing to change"),
        (("grant", "Al", "1", "--source", "gold"), "'purchase'"),
        (("grant", "Al", "1", "--expires", "tomorrow"), "'tomorrow' isn't a valid date"),
        (("grant", "Al", "1", "--expires", "2026-02-30"), "isn't a valid date"),
        (("serve", "--bogus"), "No such option: --bogus"),
        (("verify", "--heads", "/nowhere"), "can't read /nowhere: No such file or directory"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_write(office: Terminal, arguments: tuple[str, ...], line: str) -> None:
    assert line in office.fails(*arguments, code=2)


@pytest.mark.parametrize("amount", ["500.0000001", "1e9", "-5", "٥٠٠", "²", "1_000", "", " ", "five", "1,00", "NaN"])
def test_what_is_no_amount_is_wrong_use_and_changes_nothing(office: Terminal, amount: str) -> None:
    office.fails("grant", "Al", amount, code=2)

    assert office.json("verify")["transfers"] == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("grant", "Al", "0"), "more than 0"),
        (("grant", "Al", "1000000001"), "At most 1,000,000,000 cr"),
        (("grant", "Al", "1", "--expires", "2020-01-01"), "in the past"),
        (("grant", "Al", "1", "--priority", "9999"), "0 to 1000"),
        (("grant", "Al", "1", "--key", "ключ"), "printable ASCII"),
        (("grant", "Al", "1", "--key", " a"), "no space at either end"),
        (("grant", "Al", "1", "--key", "a "), "no space at either end"),
        (("grant", "Al", "1", "--key", ""), "1 to 255 printable"),
        (("grant", "Nobody", "1"), "No member or team named 'Nobody'"),
        (("grant", "team_zzz", "1"), "not found"),
        (("member", "list", "--org", "org_zzz"), "organization"),
        (("member", "add", "two\nlines"), "one line"),
        (("member", "unfreeze", "Ada", "--reason", "me"), "Only another admin"),
        (("member", "change", "Ada", "--no-admin"), "needs an admin"),
        (("token", "revoke", "tok_zzz"), "tok_zzz"),
        (("token", "issue", "Al", "--scope", "admin"), "is no admin"),
        (("token", "issue", "Al", "--expires", "2020-01-01"), "in the future"),
        (("token", "approve", "AAAA-AAAA", "--yes"), "isn't valid or has expired"),
        (("replay", "/nowhere.csv"), "/nowhere.csv"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(office: Terminal, arguments: tuple[str, ...], line: str) -> None:
    assert line in office.fails(*arguments)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("member", "add", "Twin", "--email", "twin@acme.example"),
            ") has this e-mail address already. Use that member",
        ),
        (("plan", "create", "Pro", "--weekly", "100"), "There is a plan 'Pro' already (plan_"),
        (("team", "create", "Compilers"), "There is a team 'Compilers' already (team_"),
    ],
)
def test_what_is_made_a_second_time_is_refused_with_the_one_that_is_there(
    office: Terminal, arguments: tuple[str, ...], line: str
) -> None:
    office.prints(*arguments)

    assert line in office.fails(*arguments)


def test_with_several_organizations_one_must_be_named(office: Terminal) -> None:
    second = office.json("init", "--name", "Other")["org_id"]

    assert "Choose one with --org: " in office.fails("member", "list")
    assert [each["name"] for each in office.json("member", "list", "--org", second)] == ["Admin"]
    assert "No member or team named" in office.fails("grant", "Al", "1", "--org", second)


def test_without_an_organization_the_line_says_how_to_begin(terminal: Terminal) -> None:
    assert terminal.fails("member", "list") == "There is no organization yet. Run: teamcredits init"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"bind": "8080"}, "TEAMCREDITS_BIND: must be an address and a port, like 127.0.0.1:8080"),
        ({"databse_url": "x"}, "TEAMCREDITS_DATABSE_URL isn't a setting. Did you mean TEAMCREDITS_DATABASE_URL?"),
        ({"mode": "production", "secret_key": ""}, "TEAMCREDITS_SECRET_KEY: required in production mode"),
        ({"clock_file": "clock"}, "TEAMCREDITS_CLOCK_FILE: "),
        ({"slack_bot_token": "xoxb-1"}, "TEAMCREDITS_SLACK_SIGNING_SECRET: required together with"),
    ],
)
@pytest.mark.parametrize("name", ["serve", "init", "demo", "verify"])
def test_a_wrong_setting_stops_every_command_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], line: str, name: str
) -> None:
    (tmp_path / "clock").write_text("yesterday")
    if name == "demo" and settings.get("mode"):
        settings = {"mode": "bogus"} | {"bind": "x"}
        line = "TEAMCREDITS_BIND"
    said = NearTerminal(monkeypatch, tmp_path, **settings).fails(name, code=2)

    assert line in said
    assert "xoxb-1" not in said
    assert sorted(os.listdir(tmp_path)) == ["clock"]


@pytest.mark.parametrize("name", ["serve", "verify", "member list"])
def test_a_database_that_was_not_migrated_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str, name: str
) -> None:
    terminal = NearTerminal(monkeypatch, tmp_path, empty_database_url, bind="127.0.0.1:0")

    assert terminal.fails(*name.split()) == "the database has no schema yet; run: teamcredits migrate"


@pytest.mark.parametrize("name", ["serve", "verify", "init", "migrate"])
def test_a_database_of_a_newer_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str, name: str
) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    terminal = NearTerminal(monkeypatch, tmp_path, sqlite_url, bind="127.0.0.1:0")

    assert "newer version of teamcredits (schema 9999)" in terminal.fails(name)


@pytest.mark.parametrize("name", ["serve", "migrate", "init", "verify"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"postgresql://user:hush@127.0.0.1:{silent.getsockname()[1]}/credits"
        said = NearTerminal(monkeypatch, tmp_path, url, bind="127.0.0.1:0").fails(name)

    assert "cannot be reached" in said
    assert "hush" not in said


def test_a_file_that_is_no_database_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear database, " * 100)
    terminal = NearTerminal(monkeypatch, tmp_path, "sqlite:///letter.txt", bind="127.0.0.1:0")

    assert "something else than a SQLite database" in terminal.fails("serve")


@pytest.mark.parametrize("name", ["demo", "init", "migrate"])
def test_a_read_only_folder_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    terminal = NearTerminal(monkeypatch, READ_ONLY, bind="127.0.0.1:0")

    assert terminal.fails(name).startswith("the folder var cannot be made: ")
