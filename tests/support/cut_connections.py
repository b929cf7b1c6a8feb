"""A line to PostgreSQL that is slow, or cut at the worst moment: when the server was told to commit."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from tests.support.postgres import reachable_folder

_PORT = 5432
_ONLY_THE_JOURNAL_SAYS = b"lock_timeout"
_COMMIT = b"COMMIT\0"
_CHUNK = 65_536


class Line:
    """Passes everything on in both directions, until ``cut`` is called."""

    def __init__(self, url: str, folder: Path) -> None:
        named = conninfo_to_dict(url)
        self._server = (str(named["host"]), int(named.get("port") or _PORT))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{_PORT}"))
        self._listener.listen()
        self._late: float | None = None
        self._ends: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.cuts = 0
        self.connecting_takes = 0.0  # seconds
        self.hang_up_on: bytes | None = None  # words at which a client is hung up on, once
        self.url = make_url(url).set(query={"host": str(folder)}, host=None, port=None).render_as_string(False)
        self._start(self._accept)

    def cut(self, *, late: float) -> None:
        """At the journal's next COMMIT: hang up on it, let the server have the COMMIT so many seconds later."""
        self._late = late

    def close(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                time.sleep(self.connecting_takes)
                server = self._connect()
                self._ends += [client, server]
                self._start(self._pass_commands, client, server)
                self._start(self._pass_answers, server, client)

    def _pass_commands(self, client: socket.socket, server: socket.socket) -> None:
        is_journal = False
        with contextlib.suppress(OSError):
            while chunk := client.recv(_CHUNK):
                if self.hang_up_on is not None and self.hang_up_on in chunk:
                    self.hang_up_on = None
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    break
                is_journal = is_journal or _ONLY_THE_JOURNAL_SAYS in chunk
                if is_journal and self._late is not None and _COMMIT in chunk:
                    late, self._late = self._late, None
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    time.sleep(late)
                server.sendall(chunk)
            server.shutdown(socket.SHUT_WR)

    def _pass_answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := server.recv(_CHUNK):
                client.sendall(chunk)
            client.shutdown(socket.SHUT_WR)

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _start(self, work: object, *ends: socket.socket) -> None:
        thread = threading.Thread(target=work, args=ends, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


@contextlib.contextmanager
def severable(url: str) -> Iterator[Line]:
    """A line to the database that a URL names."""
    folder = Path(tempfile.mkdtemp(prefix="teamcredits-line-", dir=reachable_folder()))
    line = Line(url, folder)
    try:
        yield line
    finally:
        line.close()
        shutil.rmtree(folder)
