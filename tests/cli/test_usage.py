"""``teamcredits usage``."""

from __future__ import annotations

from pathlib import Path

from tests.support.terminal import Terminal

HEADER = "member,time,model,credits\n"


def test_a_file_is_tried_and_then_imported_once(office: Terminal, tmp_path: Path) -> None:
    bo = office.json("member", "show", "Bo")["member_id"]
    today = office.json("grant", "Bo", "100")["granted_at"]
    file = tmp_path / "usage.csv"
    file.write_text(f"{HEADER}{bo},{today},copilot,40\n")
    tried = office.prints("usage", "import", str(file), "--dry-run")
    done = office.prints("usage", "import", str(file))
    again = office.json("usage", "import", str(file))

    assert tried == "Would charge 1 of 1 lines: 40 cr. 0 had already been charged."
    assert done == "Charged 1 of 1 lines: 40 cr. 0 had already been charged."
    assert (again["accepted"], again["duplicates"], again["credits"]) == (0, 1, "0")
    assert office.json("member", "show", "Bo")["spendable"] == "60"


def test_a_wrong_file_is_named_in_one_line(office: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"{HEADER}nobody@acme.example,2099-01-01,copilot,40\n")

    assert office.fails("usage", "import", str(file)).startswith("Line 2: time lies in the future")
    assert "cannot be read" in office.fails("usage", "import", str(tmp_path / "nothing.csv"))


def test_each_wrong_line_is_named(office: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"{HEADER}nobody@acme.example,2099-01-01,copilot,40\nBo,2026-11-20,copilot,-4\n")
    done = office.runs("usage", "import", str(file))
    other, first = done.said.splitlines()

    assert other.startswith("line 3: credits is '-4'")
    assert first.startswith("teamcredits: Line 2: time lies in the future")
    assert first.endswith("1 more line is wrong. Nothing was charged.")
