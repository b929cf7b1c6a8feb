"""The real server as a subprocess, on a free port, with its log in a file."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 60  # a busy machine; a quiet one needs two
STOP_SECONDS = 15
_SECRET = "a-key-for-tests-that-seals-nothing-real"


class Server:
    """One process of ``teamcredits <arguments>`` that listens. Its folder holds its log and nothing of ours."""

    def __init__(self, folder: Path, database_url: str, *arguments: str, **settings: str) -> None:
        self.folder = folder
        self.arguments = arguments or ("serve",)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = clean_environment() | {
            "TEAMCREDITS_MODE": "test",
            "TEAMCREDITS_DATABASE_URL": database_url,
            "TEAMCREDITS_SECRET_KEY": _SECRET,
            "TEAMCREDITS_BIND": f"127.0.0.1:{self.port}",
            **{f"TEAMCREDITS_{name.upper()}": value for name, value in settings.items()},
        }
        self.start()

    def start(self) -> None:
        """Start (again, after a stop or kill) on the same port and return once it is ready."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            code = self.process.poll()
            if code is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server is not ready (exit code {code}):\n{self.log()}")
            time.sleep(0.05)

    def launch(self) -> None:
        """Start the process and return at once."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command(*self.arguments), env=self.environment, cwd=self.folder, stdout=log, stderr=log
            )

    def stop(self) -> int:
        """Ask it to stop (SIGTERM) and return its exit code; fails when it does not listen."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {STOP_SECONDS} s:\n{self.log()}") from None

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def _ready(self) -> bool:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)  # costs nothing, for it is often asked
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(asking):
            asking.request("GET", "/readyz")
            return asking.getresponse().status == 200
        return False


@contextlib.contextmanager
def running_server(folder: Path, database_url: str, *arguments: str, **settings: str) -> Iterator[Server]:
    """A server that is gone at the end: ``running_server(tmp_path, url, settlement_hours="1")``."""
    server = Server(folder, database_url, *arguments, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def command(*arguments: str) -> list[str]:
    """Return the command line of ``teamcredits`` from the environment the tests run in."""
    return [str(Path(sys.executable).with_name("teamcredits")), *arguments]


def clean_environment() -> dict[str, str]:
    """Return our environment without settings of the house, so that a test says all that matters."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEAMCREDITS_")}


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
