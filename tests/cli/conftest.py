"""A terminal on a fresh database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.terminal import NearTerminal, Terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> Terminal:
    """A terminal on a migrated SQLite file without an organization."""
    return NearTerminal(monkeypatch, tmp_path, sqlite_url)


@pytest.fixture
def either_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Terminal:
    """The same on each kind of database."""
    return NearTerminal(monkeypatch, tmp_path, database_url)


@pytest.fixture
def office(terminal: Terminal) -> Terminal:
    """A terminal on a ledger with an organization: Ada is the admin, Al and Bo are verified members."""
    terminal.json("init", "--name", "Acme", "--admin", "Ada")
    for name in ("Al", "Bo"):
        terminal.prints("member", "add", name, "--verified")
    return terminal
