"""The real ``teamcredits`` in a terminal: commands as subprocesses, in a folder and with settings of the test's own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.servers import Server, clean_environment, command

PATIENCE = 60
SECRET = "a-key-for-tests-that-seals-nothing-real"


class Terminal:
    """A shell in ``folder``; ``settings`` are those of the house, by their short names."""

    def __init__(self, folder: Path, database_url: str | None = None, **settings: str) -> None:
        self.folder = folder
        self._settings = given = {"mode": "test", "secret_key": SECRET} | settings
        if database_url is not None:
            given["database_url"] = database_url
        self.environment = clean_environment() | {
            f"TEAMCREDITS_{name.upper()}": value for name, value in given.items() if value
        }

    def serves(self, **settings: str) -> Server:
        """Start the server in this folder, with these settings and further ones; return once it is ready."""
        return Server(self.folder, **self._settings | settings)

    def runs(self, *arguments: str, says: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is; ``says`` is typed into it."""
        return subprocess.run(
            command(*arguments),
            cwd=self.folder,
            env=self.environment,
            input=says,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **options,
        )

    def prints(self, *arguments: str) -> str:
        """Run a command that must succeed, without a word on standard error, and return what it printed."""
        done = self.runs(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.strip()

    def json(self, *arguments: str) -> Any:
        """Return what a command prints with ``--json``."""
        return json.loads(self.prints(*arguments, "--json"))

    def fails(self, *arguments: str, code: int = 1) -> str:
        """Run a command that must fail with this code, in one line on standard error; return the line."""
        done = self.runs(*arguments)
        lines = done.stderr.splitlines()
        assert (done.returncode, len(lines), done.stdout) == (code, 1, ""), done
        assert lines[0].startswith("teamcredits: ")
        return lines[0].removeprefix("teamcredits: ")
