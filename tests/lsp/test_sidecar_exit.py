"""How the sidecar ends: with its editor, always, and with the exit code the protocol asks for."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.editor_window import EditorWindow, environment

Open = Callable[..., EditorWindow]


async def test_shutdown_and_exit_end_with_code_0(open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        await window.client.shutdown_session()

        assert await asyncio.wait_for(window.process.wait(), 5) == 0


async def test_exit_without_shutdown_ends_with_code_1(open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        window.client.exit(None)

        assert await asyncio.wait_for(window.process.wait(), 5) == 1


async def test_it_leaves_when_stdin_ends(open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        assert window.process.stdin
        window.process.stdin.close()

        assert await asyncio.wait_for(window.process.wait(), 5) == 1


async def test_it_leaves_when_its_parent_dies_though_stdin_stays_open(open_window: Open, token: str) -> None:
    # asyncio would collect it at once; here it stays in the process table, dead, as under a careless init.
    parent = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220
    async with open_window(token=token, process_id=parent.pid) as window:
        await window.shows("4,210 cr")
        parent.kill()

        assert await asyncio.wait_for(window.process.wait(), 6) == 1
    parent.wait()


def test_stdin_that_is_empty_from_the_start_is_no_hang(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-m", "lsp", "--stdio", "--clientProcessId=1"],
        input=b"",
        capture_output=True,
        check=False,
        timeout=20,
        env=environment("http://127.0.0.1:9", tmp_path),
    )

    assert ended.returncode == 1
    assert ended.stdout == b""


def test_garbage_on_stdin_leaves_no_trace_in_the_log(tmp_path: Path) -> None:
    """The log never holds what a message held."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"secret":"hunter2"'
    ended = subprocess.run(
        [sys.executable, "-I", "-m", "lsp", "--stdio"],
        input=b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
        capture_output=True,
        check=False,
        timeout=20,
        env=environment("http://127.0.0.1:9", tmp_path),
    )

    assert ended.returncode == 1
    assert b"hunter2" not in ended.stderr


def test_it_starts_where_the_workspace_has_its_own_core_and_lsp(tmp_path: Path) -> None:
    """A workspace with folders of our names must not have its code run."""
    for name in ("core", "lsp", "pygls", "httpx"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the code of the workspace ran')")
    ended = subprocess.run(
        [sys.executable, "-I", "-m", "lsp", "--version"], cwd=tmp_path, capture_output=True, check=False, timeout=20
    )

    assert ended.returncode == 0
    assert ended.stdout.strip()
