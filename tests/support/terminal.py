"""The real ``teamcredits`` in a terminal, in a folder and with settings of the test's own."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from tests.support.servers import Server, clean_environment, command

PATIENCE = 120
SECRET = "a-key-for-tests-that-seals-nothing-real"


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    printed: str
    said: str  # on standard error


class Terminal:
    """A shell in ``folder``: each command is a process. ``settings`` are those of the house, by their short names."""

    def __init__(self, folder: Path, database_url: str | None = None, **settings: str) -> None:
        self.folder = folder
        self.settings = {"mode": "test", "secret_key": SECRET} | settings
        if database_url is not None:
            self.settings["database_url"] = database_url

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment() | {f"TEAMCREDITS_{name.upper()}": value for name, value in self.settings.items()}

    def serves(self, **settings: str) -> Server:
        """Start the server in this folder, with these settings and further ones; return once it is ready."""
        return Server(self.folder, **self.settings | settings)

    def starts(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command whose output the test reads while it runs."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen(command(*arguments), cwd=self.folder, env=self.environment, **pipes)

    def runs(self, *arguments: str, typed: str = "") -> Done:
        """Run a command to its end, whatever that is; ``typed`` is what a person types into it."""
        process = self.starts(*arguments, stdin=subprocess.PIPE)
        printed, said = process.communicate(typed, timeout=PATIENCE)
        return Done(process.returncode, printed, said)

    def prints(self, *arguments: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self.runs(*arguments)
        assert done.code == 0, done
        return done.printed.strip()

    def json(self, *arguments: str) -> Any:
        """Return what a command prints with ``--json``; it says nothing else."""
        done = self.runs(*arguments, "--json")
        assert (done.code, done.said) == (0, ""), done
        return json.loads(done.printed)

    def fails(self, *arguments: str, code: int = 1) -> str:
        """Run a command that must fail with this code, in one line on standard error; return the line."""
        done = self.runs(*arguments)
        lines = done.said.splitlines()
        assert (done.code, len(lines), done.printed) == (code, 1, ""), done
        assert lines[0].startswith("teamcredits: "), done
        return lines[0].removeprefix("teamcredits: ")


class NearTerminal(Terminal):
    """The same commands within the test's own process: for what does not depend on having one each."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, database_url: str | None = None, **given: str) -> None:
        super().__init__(folder, database_url, **given)
        self._patch = patch

    def runs(self, *arguments: str, typed: str = "") -> Done:
        printed, said = io.StringIO(), io.StringIO()
        with (
            self._patch.context() as patch,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(said),
            _logs_left_alone(),
        ):
            patch.chdir(self.folder)
            patch.setattr("sys.stdin", io.StringIO(typed))
            for name, value in self.environment.items():
                patch.setenv(name, value)
            code = main(arguments)
        return Done(code, printed.getvalue(), said.getvalue())


@contextlib.contextmanager
def _logs_left_alone() -> Iterator[None]:
    """Take back how a command sets up its process's logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {logger: logger.level for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger)}
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        for logger, its in levels.items():
            logger.setLevel(its)
