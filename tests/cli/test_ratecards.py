"""``teamcredits ratecards``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.terminal import Terminal

ROW = {"model": "sol", "effective_from": "2026-01-01", "input": "62.5", "cached_input": "5", "output": "250"}


def test_the_published_rates_are_shown(office: Terminal) -> None:
    printed = office.prints("ratecards", "show")

    assert "gpt-5.4-mini" in printed
    assert "built-in default" in printed


def test_a_file_is_tried_and_then_loaded(office: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    file.write_text(json.dumps({"unit": "credits per 1,000,000 tokens", "rows": [ROW]}))
    tried = office.prints("ratecards", "load", str(file), "--dry-run")
    loaded = office.json("ratecards", "load", str(file))
    shown = office.json("ratecards", "show", "--at", "2026-02-01")

    assert tried == "Dry run: 1 added, 0 corrected, 0 unchanged."
    assert (loaded["load"], loaded["added"]) == (1, 1)
    assert next(row["input"] for row in shown["rows"] if row["model"] == "sol") == "62.5"


def test_a_wrong_file_is_named_in_one_line(office: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    file.write_text("{")
    broken = office.runs("ratecards", "load", str(file))
    file.write_text(json.dumps({"rows": [ROW | {"output": "0"}]}))
    free = office.runs("ratecards", "load", str(file))
    missing = office.runs("ratecards", "load", str(tmp_path / "nothing.json"))

    assert (broken.code, free.code, missing.code) == (2, 1, 1)
    assert "isn't valid JSON" in broken.said
    assert "row 1 ('sol'): input and output are never free" in free.said
    assert "No such file" in missing.said
