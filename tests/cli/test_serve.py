"""``teamcredits serve`` as a process: how it starts, stops, and is stopped."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore, Thread

import httpx
import pytest

from tests.support.servers import Server, free_port
from tests.support.terminal import Terminal

SOON = 10.0  # a few seconds, on a machine that is busy with other tests
STREAMS = 20
PATIENCE = 60


@contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_port_0_takes_a_free_port_and_prints_it(sqlite_url: str, tmp_path: Path) -> None:
    process = Terminal(tmp_path, sqlite_url, bind="127.0.0.1:0").starts("serve")
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        address = line.removeprefix("listening on ")

        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(f"{address}/readyz", timeout=SOON).status_code == 200
        started = httpx.post(f"{address}/oauth/device_authorization", data={"client_id": "teamcredits-lsp"})
        assert started.json()["verification_uri"] == f"{address}/link"
    finally:
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=SOON)
    assert (process.returncode, printed, said) == (0, "", "")


@pytest.mark.parametrize("name", ["serve", "demo"])
def test_a_port_in_use_is_one_line_before_anything_else_starts(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        line = Terminal(tmp_path, mode="demo", bind=bind).fails(name)

    reason = "the port is already in use. Stop the other program or set TEAMCREDITS_BIND."
    assert line == f"can't listen on {bind}: {reason}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_soon_with_streams_open(terminal: Terminal, how: signal.Signals) -> None:
    token = terminal.json("init")["admin_token"]
    with running(terminal.serves()) as server, ThreadPoolExecutor(STREAMS) as readers:
        begun = Semaphore(0)
        read = [readers.submit(_follow, server.url, token, begun) for _ in range(STREAMS)]
        for _ in read:
            assert begun.acquire(timeout=PATIENCE), server.log()
        began = time.monotonic()
        server.process.send_signal(how)
        code = server.process.wait(SOON)
        took = time.monotonic() - began

        assert code == 0, server.log()
        assert took < SOON
        assert all(b"event: status" in each.result() for each in read)
        assert "Traceback" not in server.log()
        assert "ERROR" not in server.log()


def test_what_was_acknowledged_survives_a_kill(either_terminal: Terminal) -> None:
    """L10: SIGKILL amid grants; every acknowledged one is there, once, and the books are clean."""
    terminal = either_terminal
    token = terminal.json("init")["admin_token"]
    with running(terminal.serves()) as server, httpx.Client(base_url=server.url, headers=bearer(token)) as client:
        member = client.get("/v1/members").json()["items"][0]["id"]
        acknowledged: list[str] = []
        writers = [
            Thread(target=_grant_until_it_dies, args=(server.url, token, member, n, acknowledged)) for n in range(4)
        ]
        for writer in writers:
            writer.start()
        while len(acknowledged) < 40:
            time.sleep(0.01)
        server.kill()
        for writer in writers:
            writer.join()
        server.start()
        again = [_grant(client, member, key) for key in acknowledged]

        assert {answer.headers.get("Idempotency-Replayed") for answer in again} == {"true"}
        assert server.stop() == 0
        assert terminal.json("verify")["clean"]


def test_it_refuses_to_start_without_the_packages_of_what_is_configured(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "slack_bolt.py").write_text("raise ModuleNotFoundError('gone', name='slack_bolt')\n")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    slack = {"slack_bot_token": "xoxb-1", "slack_signing_secret": "s"}
    line = Terminal(tmp_path, sqlite_url, bind="127.0.0.1:0", **slack).fails("serve", code=2)

    assert line == "slack is configured, but the package slack_bolt isn't installed"


def test_a_stop_while_it_starts_is_a_clean_one(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    process = Terminal(tmp_path, sqlite_url, bind=f"127.0.0.1:{port}").starts("serve")
    while process.poll() is None and not _is_taken(port):  # the port is the first thing it takes
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=SOON)

    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("name", ["serve", "demo"])
def test_a_stop_at_the_moment_it_takes_the_port_is_a_clean_one(sqlite_url: str, tmp_path: Path, name: str) -> None:
    """Whoever watches the port may send it then, before anything else has begun."""
    environment = Terminal(tmp_path, sqlite_url, bind="127.0.0.1:0", mode="demo").environment
    program = [sys.executable, "-c", _STOPPED_AT_ONCE.format(name)]
    process = subprocess.Popen(program, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    printed, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, printed, said) == (0, b"", b"")


_STOPPED_AT_ONCE = """
import os, signal
from core.cli import server
def listen_and_be_stopped(settings, listen=server.listen):
    listener = listen(settings)
    os.kill(os.getpid(), signal.SIGTERM)
    return listener
server.listen = listen_and_be_stopped
server.{0}()
"""


def _is_taken(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def _follow(url: str, token: str, begun: Semaphore) -> bytes:
    """Read a stream until the server ends it, and tell when it has said something."""
    received = b""
    with httpx.stream("GET", f"{url}/v1/status/stream", headers=bearer(token), timeout=PATIENCE) as stream:
        for chunk in stream.iter_raw():
            if b"event: status" in (received := received + chunk):
                begun.release()
    return received


def _grant(client: httpx.Client, member: str, key: str) -> httpx.Response:
    lot = {"to": {"member": member}, "amount": "1", "source": "purchase"}
    return client.post("/v1/billing/credits/grants", json=lot, headers={"Idempotency-Key": key})


def _grant_until_it_dies(url: str, token: str, member: str, number: int, acknowledged: list[str]) -> None:
    with httpx.Client(base_url=url, headers=bearer(token)) as client:
        for turn in range(100_000):
            key = f"{number}-{turn}"
            try:
                answer = _grant(client, member, key)
            except httpx.TransportError:
                return
            assert answer.status_code == 201
            acknowledged.append(key)
