"""``teamcredits serve``: the API, the worker and the front ends in one process, until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from core.api.app import Frontend, create_app
from core.api.server import Server
from core.services.ledger import Ledger
from core.settings import Settings, SettingsError
from core.worker import Worker

FRONTENDS: Final = "teamcredits.frontends"
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def serve(ledger: Ledger, settings: Settings, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then end the streams, finish what is under way and return.

    ``on_ready`` is called once requests are answered. The ledger is the caller's to close. Raises SettingsError
    when a front end is configured that is not installed.
    """
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(_serve(ledger, settings, listener, on_ready))


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fast event loop where there is one; it does not exist for Windows."""
    with contextlib.suppress(ModuleNotFoundError):
        import uvloop  # noqa: PLC0415

        return uvloop.new_event_loop
    return None


async def _serve(ledger: Ledger, settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    app = create_app(ledger, settings, frontends=_frontends(ledger, settings))
    server = _Server(app, host=settings.host, port=settings.port)
    server.on_ready = on_ready
    calm_collector()
    worker = Worker(ledger, registry=app.state.metrics.registry)
    ledger.watch()
    worker.start()
    try:
        await server.serve([listener])
    finally:
        await worker.stop()


def calm_collector() -> None:
    """Let Python's collector rest while batches make tens of thousands of short-lived values.

    What is there at the start stays for good and is no longer looked at; the journal's values hold no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


class _Server(Server):
    """The API's server as a process of its own: it says when it is ready, and a stop asked for is no failure."""

    on_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal. Uvicorn would raise it again at the end, and the exit code would be that of a kill."""
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)


def _frontends(ledger: Ledger, settings: Settings) -> list[Frontend]:
    """Build the front ends that are configured; the others are not even imported, which may cost a second."""
    configured = (entry for entry in entry_points(group=FRONTENDS) if _is_configured(entry, settings))
    built = (_frontend(entry, ledger, settings) for entry in configured)
    return [frontend for frontend in built if frontend is not None]


def _is_configured(entry: EntryPoint, settings: Settings) -> bool:
    """Return whether the settings want a front end; one they know nothing of decides for itself."""
    return bool(getattr(settings, f"{entry.name}_configured", True))


def _frontend(entry: EntryPoint, ledger: Ledger, settings: Settings) -> Frontend | None:
    try:
        build: Callable[[Ledger, Settings], Frontend | None] = entry.load()
    except ModuleNotFoundError as missing:
        raise SettingsError(f"{entry.name} is configured, but its package {missing.name} is not installed") from None
    return build(ledger, settings)
