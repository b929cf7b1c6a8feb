"""``teamcredits export``, ``backup`` and ``restore`` as a person at a terminal meets them."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import KINDS, Databases
from tests.support.terminal import NearTerminal, Terminal


@pytest.fixture
def shop(either_terminal: Terminal) -> Terminal:
    """A terminal on a ledger with an organization in which credits were granted."""
    either_terminal.json("init", "--name", "Acme", "--admin", "Ada")
    either_terminal.prints("grant", "Ada", "12.5", "--reason", "a secret reason")
    return either_terminal


@pytest.mark.parametrize("form", ["json", "csv", "beancount"])
def test_an_export_goes_to_the_screen_or_to_a_file_alike(office: Terminal, form: str) -> None:
    office.prints("grant", "Al", "12.5", "--reason", "a secret reason")
    shown = office.runs("export", "--format", form)
    office.prints("export", "--format", form, "-o", "books")
    open_hearted = office.prints("export", "--format", form, "--with-notes")
    file = office.folder / "books"

    assert (shown.code, shown.said) == (0, "")
    assert file.read_bytes().decode() == shown.printed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "12.5" in shown.printed
    assert "secret" not in shown.printed
    assert "a secret reason" in open_hearted


def test_json_is_the_form_without_a_word(office: Terminal) -> None:
    assert json.loads(office.prints("export"))["organisation"]["name"] == "Acme"


def test_an_export_replaces_no_file_unless_asked(office: Terminal) -> None:
    file = office.folder / "books"
    file.write_text("precious")

    assert office.fails("export", "-o", str(file)) == f"{file}: already exists; use --force to replace it"
    assert file.read_text() == "precious"
    office.prints("export", "-o", str(file), "--force")
    assert json.loads(file.read_text())["version"] == 1


def test_with_several_organizations_an_export_needs_to_know_which(office: Terminal) -> None:
    other = office.json("init", "--name", "Other")["org_id"]

    assert "There are 2 organizations. Choose one with --org: " in office.fails("export")
    assert json.loads(office.prints("export", "--org", other))["organisation"]["id"] == other
    assert "'yaml'" in office.fails("export", "--format", "yaml", code=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_is_restored_and_verified(
    shop: Terminal, kind: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = shop.prints("export")
    backed_up = shop.runs("backup", "ledger.bak")
    target = databases.fresh(kind, migrated=False)
    new = NearTerminal(monkeypatch, shop.folder, target)
    restored = new.prints("restore", "ledger.bak").splitlines()

    assert backed_up.printed.startswith("Backed up to ledger.bak (")
    assert "doesn't contain the sealing key" in backed_up.said
    assert restored[0].startswith("Restored ")
    assert restored[1].startswith("clean: 1 transfers, ")
    assert new.prints("export") == books
    assert new.fails("restore", "ledger.bak") == ("the database is not empty; a backup is restored into an empty one")
    databases.drop(target)


def test_a_restore_with_another_key_says_so(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    office.prints("grant", "Al", "1")
    office.prints("backup", "ledger.bak")
    url = f"sqlite:///{office.folder}/new.db"
    done = NearTerminal(monkeypatch, office.folder, url, secret_key="quite-another-key-that-sealed-nothing").runs(
        "restore", "ledger.bak"
    )

    assert done.code == 1
    assert "NOT CLEAN" in done.printed
    assert "TEAMCREDITS_SECRET_KEY isn't the key" in done.said


def test_a_backup_replaces_no_file_unless_asked(office: Terminal) -> None:
    office.prints("backup", "ledger.bak")

    assert office.fails("backup", "ledger.bak") == "ledger.bak: already exists; use --force to replace it"
    office.prints("backup", "ledger.bak", "--force")
    assert office.fails("backup", "nowhere/ledger.bak") == "nowhere: No such file or directory"
    assert office.fails("backup", str(office.folder), "--force") == f"{office.folder}: Is a directory"
    assert office.fails("restore", "nowhere/ledger.bak") == "there is no file nowhere/ledger.bak"


@pytest.mark.parametrize("log", ["", "-wal"])
def test_the_database_itself_is_never_replaced(office: Terminal, sqlite_url: str, log: str) -> None:
    file = sqlite_url.removeprefix("sqlite:///") + log

    assert office.fails("backup", file, "--force") == f"{file} is the database itself"
    assert office.fails("export", "-o", file, "--force") == f"{file} is the database itself"
    assert office.prints("verify").startswith("clean")


def test_a_backup_that_is_killed_leaves_no_file_by_its_name(tmp_path: Path) -> None:
    """Killed when all is written and nothing named yet, the worst moment."""
    target = tmp_path / "ledger.bak"
    done = subprocess.run([sys.executable, "-c", _KILLED, target], check=False, cwd=Path(__file__).parents[2])

    assert done.returncode == -9
    assert not target.exists()


_KILLED = """
import os, pathlib, signal, sys
from core.atomic_file import atomic_file
with atomic_file(pathlib.Path(sys.argv[1])) as aside:
    aside.write_text("all of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""
