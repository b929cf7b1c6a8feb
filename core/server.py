"""``teamcredits serve``: the API, the worker and the front ends in one process, until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from core.api.app import Frontend, create_app
from core.api.server import BACKLOG, Server
from core.services.ledger import Ledger
from core.settings import Settings
from core.worker import Worker

FRONTENDS: Final = "teamcredits.frontends"
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class ServerError(Exception):
    """The server cannot start; the message is one line for the operator."""


def listen(settings: Settings) -> socket.socket:
    """Take the port, before anything else is started. Raises ServerError when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ServerError(f"cannot listen on {settings.bind}: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServerError(f"cannot listen on {settings.bind}: {_hint(error)}") from None
    return listener


def settled_on(settings: Settings, listener: socket.socket) -> Settings:
    """Return the settings with the port that was really taken, which people are told."""
    return settings.model_copy(update={"bind": f"{settings.bind.rpartition(':')[0]}:{listener.getsockname()[1]}"})


def serve(ledger: Ledger, settings: Settings, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then end the streams, finish what is under way and return.

    ``on_ready`` is called once requests are answered. The ledger is the caller's to close.
    """
    asyncio.run(_serve(ledger, settings, listener, on_ready))


async def _serve(ledger: Ledger, settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    ledger.watch()
    app = create_app(ledger, settings, frontends=_frontends(ledger, settings))
    server = _Server(app, host=settings.host, port=settings.port)
    server.on_ready = on_ready
    worker = Worker(ledger, registry=app.state.metrics.registry)
    worker.start()
    try:
        await server.serve([listener])
    finally:
        await worker.stop()


class _Server(Server):
    """The API's server for a process of its own: it says when it is ready, and a stop asked for is no failure."""

    on_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own raises the signal again at the end, and the exit code would be that of a kill."""
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)


def _frontends(ledger: Ledger, settings: Settings) -> list[Frontend]:
    """Build the front ends that are installed and configured."""
    built = (_frontend(entry, ledger, settings) for entry in entry_points(group=FRONTENDS))
    return [frontend for frontend in built if frontend is not None]


def _frontend(entry: EntryPoint, ledger: Ledger, settings: Settings) -> Frontend | None:
    try:
        build: Callable[[Ledger, Settings], Frontend | None] = entry.load()
    except ModuleNotFoundError as missing:
        if settings.slack_configured:
            raise ServerError(
                f"the front end {entry.name} needs the package {missing.name}, which is missing"
            ) from None
        return None
    return build(ledger, settings)


def _hint(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses this port; stop it, or set TEAMCREDITS_BIND"
    return error.strerror or type(error).__name__
