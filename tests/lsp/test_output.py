"""The terminal's commands, run as a person runs them: a process for each."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from lsp import __version__
from tests.support.editor_window import EditorWindow, environment, until
from tests.support.fake_api import FakeApi

Open = Callable[..., EditorWindow]


async def run(*arguments: str, env: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one `teamcredits-lsp` command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "lsp", *arguments, env=env, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_status_without_a_sidecar_asks_the_server_once(api: FakeApi, token: str, tmp_path: Path) -> None:
    env = environment(api.url, tmp_path, token)
    line = await run("status", "--format", "statusline", env=env)
    code, out, err = await run("status", "--format", "json", env=env)

    assert line == (0, "4,210 cr\n", "")
    assert (code, err) == (0, "")
    assert json.loads(out)["kind"] == "ok"
    assert api.streams_opened == 0


async def test_status_with_a_sidecar_is_read_from_its_file(
    api: FakeApi, open_window: Open, token: str, tmp_path: Path
) -> None:
    """No request for each prompt: the resident sidecar's file is enough."""
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        api.states["mem_al"]["spendable"] = "1"  # what a request would find; nobody tells the sidecar
        code, out, _ = await run("status", env=environment(api.url, tmp_path / "state", token))

        assert code == 0
        assert out.splitlines()[0] == "4,210 cr"
        assert "- own 4,000 · pool 210" in out


async def test_status_while_the_server_is_away_says_as_of_when(api: FakeApi, token: str, tmp_path: Path) -> None:
    env = environment(api.url, tmp_path, token)
    await run("status", env=env)
    await api.stop()
    code, out, err = await run("status", "--format", "statusline", env=env)

    assert (code, out, err) == (0, "4,210 cr · as of 13:02\n", "")


async def test_status_when_signed_out_says_so(api: FakeApi, tmp_path: Path) -> None:
    env = environment(api.url, tmp_path)

    assert (await run("status", env=env))[0] == 1
    assert await run("status", "--format", "statusline", env=env) == (0, "Credits: sign in\n", "")


def test_the_sidecar_tells_the_version_it_was_installed_as() -> None:
    """It names it itself: reading the distribution's would slow every start."""
    assert __version__ == metadata.version("teamcredits")


def test_a_status_line_pays_for_no_language_server_and_no_http_client() -> None:
    """A prompt runs this every few seconds."""
    program = (
        "import sys, lsp.cli, lsp.settings, lsp.logs, lsp.output;"
        "print([m for m in ('pygls', 'httpx', 'asyncio', 'keyring') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert ended.stdout.strip() == "[]"


async def test_a_person_logs_in_gives_and_logs_out(api: FakeApi, tmp_path: Path) -> None:
    env = environment(api.url, tmp_path)
    login = asyncio.create_task(run("login", env=env))
    await until(lambda: bool(api.devices), otherwise=lambda: "no code was asked for")
    code = next(iter(api.devices.values()))["user_code"]
    api.approve(code)
    login_code, shown, _ = await login
    gift = await run("gift", "@bo", "500", "thanks", "for", "it", env=env)
    logout = await run("logout", env=env)

    assert login_code == 0
    assert code in shown
    assert "tct_" not in shown
    assert gift[0] == 0
    assert gift[1].startswith("500 cr for Bo: arrives ")
    assert api.gift_requests[0][1]["message"] == "thanks for it"
    assert logout[:2] == (0, "Signed out.\n")
    assert (await run("status", env=env))[0] == 1


async def test_a_refusal_is_one_line_and_exit_code_1(api: FakeApi, token: str, tmp_path: Path) -> None:
    env = environment(api.url, tmp_path, token)

    assert await run("gift", "@bo", "1e9", env=env) == (1, "", "Write the amount as 500, 1,000 or 0.50.\n")
    assert await run("gift", "@nobody", "5", env=env) == (1, "", "Nobody here is called nobody.\n")
    assert await run("request", "5", env=env) == (1, "", "This server does not offer that yet.\n")


async def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    env = {**environment("credits.example.com", tmp_path), "TEAMCREDITS_TOKEN": "hunter2"}
    code, out, err = await run("status", env=env)

    assert (code, out) == (2, "")
    assert err.startswith("teamcredits-lsp: TEAMCREDITS_URL")
    assert "hunter2" not in err
    assert len(err.splitlines()) == 1
