"""``teamcredits demo``: what the first start prints works, the second goes on from it, none leaves half a scenario."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.demo import scenario
from core.demo.database import prepare
from core.demo.scenario import PEOPLE, requests_of
from core.settings import Mode
from tests.support.builders import some_settings
from tests.support.clock import START
from tests.support.servers import free_port
from tests.support.terminal import NearTerminal, Terminal

LAST_LINE = "Press Ctrl-C to stop. The next start continues from here."
SOON = 10.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo and what it printed."""

    printed: str

    def command(self, number: int) -> list[str]:
        """Return the words of one of the five commands."""
        return shlex.split(self.printed.split(f"\n{number}. ")[1].splitlines()[1])

    def asks(self, number: int) -> tuple[str, dict[str, str], str | None]:
        """Return address, headers and body of a command of curl's."""
        words = self.command(number)
        options = list(itertools.pairwise(words))
        headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
        return words[2], headers, next((value for name, value in options if name == "-d"), None)


@contextmanager
def running_demo(terminal: Terminal) -> Iterator[Demo]:
    """Start the demo, read what it prints, and stop it as Ctrl-C does."""
    process = terminal.starts("demo", stderr=subprocess.STDOUT)
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.strip() == LAST_LINE:
                break
        yield Demo("".join(lines))
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=SOON)
    assert (process.returncode, rest) == (0, ""), lines


def a_place(folder: Path) -> Terminal:
    """A folder without anything, and a free port."""
    terminal = Terminal(folder, bind=f"127.0.0.1:{free_port()}")
    del terminal.settings["mode"], terminal.settings["secret_key"]
    return terminal


def test_the_five_things_it_prints_work_and_the_second_start_goes_on_from_there(tmp_path: Path) -> None:
    terminal = a_place(tmp_path)
    with running_demo(terminal) as demo:
        address, headers, _ = demo.asks(1)
        before = httpx.get(address, headers=headers).json()
        with httpx.stream("GET", demo.asks(2)[0], headers=demo.asks(2)[1]) as stream:
            events = stream.iter_lines()
            assert next(events) == f"id: {before['state_id']}"
            given = _give(demo)
            assert any(_incoming(line) == _incoming_of(before) + 25 for line in events)
        editor = _runs(demo.command(4), terminal)
        verified = _runs(demo.command(5), terminal)

    assert "Seeding the demo organization" in demo.printed
    assert f"listening on http://{terminal.settings['bind']}" in demo.printed
    assert given["state"] == "pending"
    assert "incoming" in editor.splitlines()[0]
    assert verified.startswith("clean: ")

    with running_demo(terminal) as again:
        after = httpx.get(again.asks(1)[0], headers=again.asks(1)[1]).json()
        _give(again)

    assert "Seeding" not in again.printed
    assert again.asks(1) == demo.asks(1)
    assert _incoming_of(after) == _incoming_of(before) + 25
    assert {name for name, mode in _modes(tmp_path / "var") if mode == 0o600} == {"demo-tokens.json", "secret.key"}
    assert {name for name, _ in _modes(tmp_path / "var")} == {"demo-tokens.json", "secret.key", "teamcredits.db"}


def test_a_start_that_is_killed_while_it_seeds_leaves_nothing_and_the_next_begins_anew(tmp_path: Path) -> None:
    terminal = a_place(tmp_path)
    process = terminal.starts("demo")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Seeding")
    time.sleep(0.3)
    process.kill()
    process.communicate()

    assert not (tmp_path / "var" / "teamcredits.db").exists()
    with running_demo(terminal) as demo:
        assert httpx.get(demo.asks(1)[0], headers=demo.asks(1)[1]).status_code == 200
    assert not list(tmp_path.glob("var/*.seeding*"))


def test_it_leaves_a_real_ledger_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> None:
    terminal = NearTerminal(monkeypatch, tmp_path, sqlite_url, bind="127.0.0.1:0")
    terminal.json("init", "--name", "Acme")
    line = terminal.fails("demo")

    assert "already holds another organization" in line
    assert [each["name"] for each in terminal.json("member", "list")] == ["Admin"]


def test_it_wants_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terminal = NearTerminal(monkeypatch, tmp_path, "postgresql://nobody@127.0.0.1/none", bind="127.0.0.1:0")

    assert terminal.fails("demo").startswith("The demo needs a SQLite file. Unset TEAMCREDITS_DATABASE_URL")


def test_the_past_it_seeds_lies_in_the_past_and_is_believable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Eight people in two teams with leads, lots of every source, pools, two pending gifts, two weeks of usage."""
    (tmp_path / "clock").write_text(START.isoformat())
    place = {"mode": "demo", "clock_file": str(tmp_path / "clock")}
    terminal = NearTerminal(monkeypatch, tmp_path, f"sqlite:///{tmp_path}/demo.db", **place)
    prepare(some_settings(terminal.settings["database_url"], mode=Mode.DEMO, clock_file=tmp_path / "clock"), say=str)
    people = terminal.json("member", "list")
    teams = terminal.json("team", "list")
    balances = [terminal.json("member", "show", each["id"]) for each in people]
    charged = sum(1 for person in PEOPLE for _ in requests_of(person, START))

    assert len(people) == 8
    assert sorted((len(team["members"]), len(team["leads"])) for team in teams) == [(4, 1), (4, 1)]
    assert {lot["source"] for each in balances for lot in each["lots"]} == {
        "purchase",
        "allotment",
        "promo",
        "referral",
    }
    assert all(float(each["pool"]) > 0 for each in balances)
    assert sorted(each["incoming"] for each in balances if each["incoming"] != "0") == ["200", "350"]
    assert charged > 500
    report = terminal.json("verify")
    assert report["clean"]
    assert report["gifts"] == len(scenario.GIFTS)
    boosted = [each["name"] for each in balances if each["boost"]]
    assert sorted(boosted) == sorted(scenario.CAMPAIGN.applicants[: scenario.CAMPAIGN.capacity])


def test_the_story_is_the_same_each_time_and_never_reaches_into_the_future() -> None:
    now = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
    told = [list(requests_of(person, now)) for person in PEOPLE]
    moments = [at for requests in told for at, _, _ in requests]
    events = [event for requests in told for _, event, _ in requests]

    assert told == [list(requests_of(person, now)) for person in PEOPLE]
    assert max(moments) < now
    assert min(moments) > now - timedelta(days=scenario.USAGE_DAYS + 1)
    assert len(set(events)) == len(events)


def _give(demo: Demo) -> dict[str, Any]:
    address, headers, body = demo.asks(3)
    assert headers["Idempotency-Key"] == "try-$(date +%s)"  # the shell makes each try another
    answer = httpx.post(address, headers=headers | {"Idempotency-Key": f"try-{free_port()}"}, content=body)
    assert answer.status_code == 202, answer.text
    gift: dict[str, Any] = answer.json()
    return gift


def _modes(folder: Path) -> list[tuple[str, int]]:
    return [(name, stat.S_IMODE((folder / name).stat().st_mode)) for name in os.listdir(folder)]


def _incoming(line: str) -> float | None:
    return _incoming_of(json.loads(line.removeprefix("data: "))) if line.startswith("data: ") else None


def _incoming_of(status: dict[str, Any]) -> float:
    return float(status["incoming"])


def _runs(words: list[str], terminal: Terminal) -> str:
    """Run a printed command, with the variables before it."""
    given = [word for word in words if re.match(r"TEAMCREDITS_[A-Z]+=", word)]
    environment = terminal.environment | dict(word.split("=", 1) for word in given)
    environment |= {"TEAMCREDITS_STATE_DIR": str(terminal.folder / "state")}
    done = subprocess.run(
        words[len(given) :], env=environment, cwd=terminal.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done
    return done.stdout
