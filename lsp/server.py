"""The language server: pygls on one side, the session on the other. Translates, decides nothing.

Everything runs on pygls's loop; nothing is ever sent from another thread, which would tear the stream.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from lsp import clientinfo, parent
from lsp.clientinfo import ClientInfo, Push
from lsp.settings import Settings
from lsp.status import Payload, server_status
from lsp.threads import off_loop

if TYPE_CHECKING:
    from lsp.features.desk import Desk

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
log = logging.getLogger(__name__)


class CreditsServer(LanguageServer):
    """One editor window's server. It asks for no document, so no text of the user's ever arrives."""

    def __init__(self, settings: Settings, version: str) -> None:
        super().__init__(NAME, version, text_document_sync_kind=types.TextDocumentSyncKind.None_)
        for method in list(self.protocol.fm.builtin_features):
            if method.startswith(("textDocument/", "notebookDocument/")):
                del self.protocol.fm.builtin_features[method]
        self.settings = settings
        self.editor = ClientInfo("", Push.NOTHING, clientinfo.threshold(None))
        self.is_shut_down = False
        self._greeted = asyncio.Event()
        self._desk: asyncio.Future[Desk] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, params: types.InitializeParams) -> None:
        """Take note of the editor and start the work, which begins when the answer is out."""
        name = params.client_info.name if params.client_info else None
        self.editor = clientinfo.read(name, params.capabilities.experimental, params.initialization_options)
        self._desk = asyncio.get_running_loop().create_future()
        self._start(self._work(self._desk))
        if params.process_id:
            self._start(self._leave_with(params.process_id))

    def greet(self) -> None:
        """The editor is ready to be told things."""
        self._greeted.set()

    async def answer(self, name: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """Run one command to its end, also when the editor stops waiting: a gift is not made by halves."""
        if self._desk is None:
            return {"code": "not_initialized", "message": "The editor has not said hello yet."}
        desk = await asyncio.shield(self._desk)
        from lsp.features.table import run  # noqa: PLC0415 - brings httpx, so not before `initialize` is answered

        return await asyncio.shield(self._start(run(desk, name, arguments)))

    def leave(self, *, shut_down: bool) -> None:
        """Nothing more is said from here on."""
        self.is_shut_down = self.is_shut_down or shut_down
        self._greeted.clear()

    def report_server_error(self, error: Exception, source: object) -> None:  # noqa: ARG002 - pygls calls it so
        """Told to the log by kind; the words could quote what a message held, and a popup helps nobody."""
        log.warning("%s", type(error).__name__)

    async def _work(self, ready: "asyncio.Future[Desk]") -> None:
        assembly = await off_loop(lambda: importlib.import_module("lsp.assembly"))
        async with assembly.assembled(self.settings, self.editor, send=self._push, say=self._say) as desk:
            ready.set_result(desk)
            await self._greeted.wait()
            await desk.session.run()

    async def _leave_with(self, process_id: int) -> None:
        await parent.watch(process_id)
        os._exit(1)  # the thread that reads stdin cannot be woken, and an ordinary exit waits for it

    def _push(self, payload: Payload) -> None:
        match self.editor.push:
            case Push.STATUS:
                self._notify(payload)
            case Push.SERVER_STATUS:
                self._notify(server_status(payload))
            case Push.NOTHING:
                pass

    def _notify(self, params: dict[str, Any]) -> None:
        if self._greeted.is_set():
            with contextlib.suppress(OSError):
                self.protocol.notify(self.editor.push.value, params)

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


def build(settings: Settings, version: str) -> CreditsServer:
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


def serve(settings: Settings, version: str) -> int:
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
