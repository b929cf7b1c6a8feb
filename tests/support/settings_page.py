"""Writes ``docs/settings.md`` from the settings in the code: ``python -m tests.support.settings_page``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

from core.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

_HEAD = """# Settings

Settings are read from environment variables, then `.env`, then `teamcredits.toml` in the folder the server is started
in; the first source that has a setting wins. In the TOML file, names are in lowercase and without the prefix
(`bind = "0.0.0.0:8080"`). If a value is wrong or a name is unknown, the server prints one line and doesn't start.

| Setting | Default | Description |
|---|---|---|
"""

_TAIL = """
The editor sidecar has settings of its own: `TEAMCREDITS_URL`, `TEAMCREDITS_TOKEN` and `TEAMCREDITS_STATE_DIR`.
The tests read `TEAMCREDITS_TEST_POSTGRES` (a server to use instead of starting one) and `TEAMCREDITS_TEST_PROFILE`
(`explore` searches for new Hypothesis examples).
"""


def settings_page() -> str:
    """Return the page: one line for each setting, in the order of the code."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_shown(field.get_default())} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return _HEAD + "".join(rows) + _TAIL


def _shown(default: Any) -> str:
    match default:
        case None:
            return ""
        case Enum():
            return f"`{default.value}`"
        case tuple():
            return f"`{','.join(default)}`"
        case _:
            return f"`{default}`"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(settings_page())
