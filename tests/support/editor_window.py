"""One editor window for a test: the real sidecar as a subprocess, and what it told the editor."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from lsprotocol import types
from lsprotocol.converters import get_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import register_lsp_features

PATIENCE = 15.0
OPTED_IN = {"creditsStatus": {"version": 1}}


class EditorWindow:
    """Starts `python -I -m lsp --stdio` and speaks LSP with it. Use as `async with`."""

    def __init__(
        self,
        url: str,
        state_dir: Path,
        *,
        token: str | None = None,
        experimental: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        process_id: int | None = None,
    ) -> None:
        self.payloads: list[dict[str, Any]] = []
        self.server_statuses: list[dict[str, Any]] = []
        self._experimental = OPTED_IN if experimental is None else experimental
        self._options = options
        self._process_id = process_id
        self._environment = environment(url, state_dir, token)
        self.client = LanguageClient(converter_factory=get_converter)
        register_lsp_features(self.client)
        for method, seen in (
            ("credits/didChangeStatus", self.payloads),
            ("experimental/serverStatus", self.server_statuses),
        ):
            self.client.feature(method)(_collector(seen))

    async def __aenter__(self) -> Self:
        await self.client.start_io(sys.executable, "-I", "-m", "lsp", "--stdio", env=self._environment)
        await self.client.initialize_session(
            types.InitializeParams(
                capabilities=types.ClientCapabilities(experimental=dict(self._experimental)),
                process_id=self._process_id,
                client_info=types.ClientInfo(name="Testor"),
                initialization_options=self._options,
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            await self.client.shutdown_session()
        await self.client.stop()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self.client._server is not None
        return self.client._server

    @property
    def messages(self) -> list[str]:
        return [message.message for message in self.client.messages]

    async def run(self, command: str, *arguments: Any) -> Any:
        """The result of `workspace/executeCommand`."""
        return await self.client.workspace_execute_command_async(
            types.ExecuteCommandParams(command=command, arguments=list(arguments))
        )

    async def shows(self, text: str) -> dict[str, Any]:
        """Wait until the last payload has this text, and return it."""
        await until(
            lambda: bool(self.payloads) and self.payloads[-1]["text"] == text,
            otherwise=lambda: f"never {text!r}, but {[payload['text'] for payload in self.payloads]}",
        )
        return self.payloads[-1]

    async def says(self, part: str) -> str:
        """Wait until a message holds these words, and return it."""
        await until(
            lambda: any(part in message for message in self.messages),
            otherwise=lambda: f"never {part!r}, but {self.messages}",
        )
        return next(message for message in self.messages if part in message)


def _collector(seen: list[dict[str, Any]]) -> Callable[[dict[str, Any]], None]:
    def collect(params: dict[str, Any]) -> None:
        seen.append(params)

    return collect


def environment(url: str, state_dir: Path, token: str | None = None) -> dict[str, str]:
    """A sidecar's environment: its own state, no keyring, times in UTC."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEAMCREDITS_")}
    return {
        **kept,
        "TEAMCREDITS_URL": url,
        "TEAMCREDITS_STATE_DIR": str(state_dir),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "TZ": "UTC",
        **({"TEAMCREDITS_TOKEN": token} if token else {}),
    }


async def until(holds: Callable[[], bool], *, otherwise: Callable[[], str], patience: float = PATIENCE) -> None:
    """Wait until it holds; fail with the words of `otherwise` when it does not in time."""
    deadline = asyncio.get_running_loop().time() + patience
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, otherwise()
        await asyncio.sleep(0.02)


def files_below(folder: Path) -> dict[str, Path]:
    """Every file below the folder by its name; a helper so that async tests read no folder themselves."""
    return {path.name: path for path in folder.rglob("*") if path.is_file()}


def all_text_below(folder: Path) -> str:
    """What all those files hold."""
    return "".join(path.read_text() for path in files_below(folder).values())
