"""The language server: pygls on one side, the session on the other. Translates, decides nothing.

Everything runs on pygls's loop; nothing is ever sent from another thread, which would tear the stream.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from lsp import watchdog
from lsp.settings import SidecarSettings
from lsp.threads import off_loop

NAME = "teamcredits-lsp"
COMMANDS = (
    "credits.status",
    "credits.refresh",
    "credits.show",
    "credits.why",
    "credits.gift",
    "credits.request",
    "credits.signIn",
    "credits.finishSignIn",
    "credits.signOut",
)
T = TypeVar("T")
Run = Callable[[str, tuple[Any, ...]], Coroutine[Any, Any, dict[str, Any]]]
log = logging.getLogger(__name__)


class CreditsServer(LanguageServer):
    """One editor window's server. It asks for no document, so no text of the user's ever arrives."""

    def __init__(self, settings: SidecarSettings, version: str) -> None:
        super().__init__(NAME, version, text_document_sync_kind=types.TextDocumentSyncKind.None_)
        for method in list(self.protocol.fm.builtin_features):
            if method.startswith(("textDocument/", "notebookDocument/")):
                del self.protocol.fm.builtin_features[method]
        self.settings = settings
        self.is_shut_down = False
        self._greeted = asyncio.Event()
        self._run: asyncio.Future[Run] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, params: types.InitializeParams) -> None:
        """Start the work, which begins when the answer is out."""
        self._run = asyncio.get_running_loop().create_future()
        self._start(self._work(params, self._run))
        if params.process_id:
            self._start(self._leave_with(params.process_id))

    def greet(self) -> None:
        """The editor is ready to be told things."""
        self._greeted.set()

    async def answer(self, name: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """Run one command to its end, also when the editor stops waiting: a gift is not made by halves."""
        if self._run is None:
            return {"code": "not_initialized", "message": "The editor has not said hello yet."}
        run = await asyncio.shield(self._run)
        return await asyncio.shield(self._start(run(name, arguments)))

    def leave(self, *, shut_down: bool) -> None:
        """Nothing more is said from here on."""
        self.is_shut_down = self.is_shut_down or shut_down
        self._greeted.clear()

    def report_server_error(self, error: Exception, source: object) -> None:  # noqa: ARG002 - pygls calls it so
        """Told to the log by kind; the words could quote what a message held, and a popup helps nobody."""
        log.warning("%s", type(error).__name__)

    async def _work(self, params: types.InitializeParams, ready: asyncio.Future[Run]) -> None:
        factory = await off_loop(_import_factory)
        editor = factory.client_info.read(
            params.client_info.name if params.client_info else None,
            params.capabilities.experimental,
            params.initialization_options,
        )
        async with factory.build_context(self.settings, editor, notify=self._notify, say=self._say) as context:
            ready.set_result(partial(factory.run, context))
            await self._greeted.wait()
            await context.session.run()

    async def _leave_with(self, process_id: int) -> None:
        await watchdog.watch(process_id)
        os._exit(1)  # the thread that reads stdin cannot be woken, and an ordinary exit waits for it

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        if self._greeted.is_set():
            with contextlib.suppress(OSError):
                self.protocol.notify(method, params)

    def _say(self, sentence: str) -> None:
        if self._greeted.is_set():
            with contextlib.suppress(OSError):
                self.window_show_message(types.ShowMessageParams(types.MessageType.Info, sentence))

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("stopped working: %s", type(error).__name__)


def build(settings: SidecarSettings, version: str) -> CreditsServer:
    """A server with its commands, not yet started."""
    server = CreditsServer(settings, version)

    @server.feature(types.INITIALIZE)
    def initialize(ls: CreditsServer, params: types.InitializeParams) -> None:
        ls.begin(params)

    @server.feature(types.INITIALIZED)
    def initialized(ls: CreditsServer, _params: types.InitializedParams) -> None:
        ls.greet()

    @server.feature(types.SHUTDOWN)
    def shutdown(ls: CreditsServer, *_params: None) -> None:
        ls.leave(shut_down=True)

    @server.feature(types.EXIT)
    def leave(ls: CreditsServer, *_params: None) -> None:
        ls.leave(shut_down=False)

    for name in COMMANDS:
        server.command(name)(_command(server, name))
    return server


def serve(settings: SidecarSettings, version: str) -> int:
    """Serve one editor over stdin and stdout until it leaves. The exit code: 1 unless it said `shutdown` first."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the thread that reads stdin would hold up an orderly Ctrl-C
    server = build(settings, version)
    server.start_io()
    return 0 if server.is_shut_down else 1


def _command(server: CreditsServer, name: str) -> Callable[..., Awaitable[dict[str, Any]]]:
    # Any number of arguments of any kind: what is wrong with them is a refusal, not a protocol error.
    async def command(*arguments: Any) -> dict[str, Any]:
        return await server.answer(name, arguments)

    return command


def _import_factory() -> ModuleType:
    """All that `initialize` could be answered without: imported afterwards, beside the loop."""
    # httpx imports its own command line where rich and click are installed: 8 MB that nothing here uses.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    return importlib.import_module("lsp.factory")
