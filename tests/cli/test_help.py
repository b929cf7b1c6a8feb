"""What every command has in common: help, and JSON for whatever it prints about the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from core.cli.app import app

WITHOUT_JSON = {  # they run, or do one thing and say so
    *("serve", "demo", "migrate", "export", "backup", "restore"),
    *("token revoke", "token approve", "plan remove"),
}


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command with its name, the groups' own left out."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_each_of_its_options_has_help(name: str) -> None:
    command = COMMANDS[name]

    assert command.help
    assert not [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]


def test_every_command_that_shows_something_can_print_json() -> None:
    without = {name for name, command in COMMANDS.items() if not any("--json" in each.opts for each in command.params)}

    assert without == WITHOUT_JSON
