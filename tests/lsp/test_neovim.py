"""A real Neovim in a real terminal (tmux), with the plugin and the sidecar: what a person would see.

Needs `nvim` and `tmux`; where either is not installed the tests say so and are skipped.
"""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.editor_window import environment
from tests.support.fake_api import FakeApi

MISSING = [tool for tool in ("nvim", "tmux") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"NOT TESTED in a real Neovim: {' and '.join(MISSING)} not installed (apt-get install)"
)

PLUGIN = Path(__file__).parents[2] / "editors" / "nvim"
PATIENCE = 30.0
INIT = """
vim.opt.runtimepath:prepend({plugin!r})
vim.o.laststatus = 2
vim.o.statusline = "<%{{%v:lua.require'teamcredits'.statusline()%}}>"
require("teamcredits").setup({{ cmd = {{ {python!r}, "-I", "-m", "lsp", "--stdio" }}, url = {url!r} }})
"""


class Neovim:
    """One Neovim in its own tmux server."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def tmux(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        process = await asyncio.create_subprocess_exec(
            "tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments, env=env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return out.decode(errors="replace")

    async def types(self, keys: str) -> None:
        await self.tmux("send-keys", "-l", keys)
        await self.tmux("send-keys", "Enter")

    async def shows(self, text: str) -> str:
        """Wait until the pane holds the text, and return the pane."""
        deadline, pane = asyncio.get_running_loop().time() + PATIENCE, ""
        while text not in pane:
            assert asyncio.get_running_loop().time() < deadline, f"never {text!r} in:\n{pane}"
            await asyncio.sleep(0.1)
            pane = await self.tmux("capture-pane", "-p")
        return pane


@pytest.fixture
async def neovim(server_url: str, token: str, tmp_path: Path) -> AsyncIterator[Neovim]:
    init = tmp_path / "init.lua"
    init.write_text(INIT.format(plugin=str(PLUGIN), python=sys.executable, url=server_url))
    editor = Neovim(tmp_path / "tmux")
    env = {**environment(server_url, tmp_path / "state", token), "TERM": "screen", "LC_ALL": "C.UTF-8"}
    started = await editor.tmux(
        "-u", "new-session", "-d", "-x", "120", "-y", "20", "nvim", "--clean", "-n", "-u", str(init), env=env
    )
    assert started == ""
    yield editor
    await editor.tmux("kill-server")
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "tmux").unlink()


async def test_the_statusline_shows_and_follows_the_credits(api: FakeApi, neovim: Neovim) -> None:
    await neovim.shows("<4,210 cr>")
    api.change(incoming="500")
    await neovim.shows("<4,210 cr · +500 incoming>")
    await api.stop()
    await neovim.shows("<4,210 cr · as of 13:02>")
    await api.start()
    await neovim.shows("<4,210 cr · +500 incoming>")


async def test_a_person_gives_from_the_command_line_of_the_editor(api: FakeApi, neovim: Neovim) -> None:
    await neovim.shows("<4,210 cr>")
    await neovim.types(":CreditsGift @bo 500 thanks for the review")
    await neovim.shows("500 cr for Bo: arrives")
    await neovim.types(":CreditsGift @nobody 500")
    await neovim.shows("Nobody here is called nobody.")
    await neovim.types(":CreditsStatus")
    await neovim.shows("4,210 credits to spend")

    assert [body["message"] for _, body in api.gift_requests] == ["thanks for the review"]


async def test_when_the_sidecar_ends_no_old_number_stays(neovim: Neovim) -> None:
    await neovim.shows("<4,210 cr>")
    await neovim.types(":lua vim.lsp.stop_client(vim.lsp.get_active_clients(), true)")
    await neovim.shows("<>")
    await neovim.types(":CreditsRefresh")
    await neovim.shows("<4,210 cr>")


MODERN = """
local started
vim.fn.has = function(what) return what == "nvim-0.11" and 1 or 0 end
vim.lsp.start_client = function() error("deprecated since 0.11") end
vim.lsp.start = function(config, options) started = {{ config = config, options = options }} return 7 end
local sent = {{}}
local client = {{}}
function client:request(method, params, handler)
  table.insert(sent, method .. " " .. params.command)
  handler(nil, {{ message = "done" }})
end
vim.lsp.get_client_by_id = function(id) return id == 7 and client or nil end
vim.opt.runtimepath:prepend({plugin!r})
local credits = require("teamcredits")
credits.setup({{ cmd = {{ "true" }} }})
started.config.handlers["credits/didChangeStatus"](nil, {{ text = "50% cr" }})
credits.gift("@bo", "5", "")
print(vim.inspect(started.options.attach), credits.statusline(), sent[1])
vim.cmd("qa!")
"""


async def test_from_0_11_on_it_starts_through_the_present_api(tmp_path: Path) -> None:
    """Debian's Neovim is 0.7: what 0.11 offers instead is stood in for, the plugin is the real one."""
    script = tmp_path / "modern.lua"
    script.write_text(MODERN.format(plugin=str(PLUGIN)))
    process = await asyncio.create_subprocess_exec(
        "nvim", "--clean", "-n", "--headless", "-u", str(script),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 30)

    assert "false 50%% cr workspace/executeCommand credits.gift" in out.decode()
