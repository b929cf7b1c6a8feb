"""``teamcredits serve``: the API, the background jobs and the front ends in one process."""

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
from core.jobs import JobRunner
from core.services.common.ledger_service import LedgerService
from core.settings import Settings, SettingsError

FRONTENDS: Final = "teamcredits.frontends"
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def serve(ledger: LedgerService, settings: Settings, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then end the streams, finish open requests and return.

    ``on_ready`` is called once requests are answered. The caller closes the ledger. Raises SettingsError when a
    front end is configured but not installed.
    """
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(_serve(ledger, settings, listener, on_ready))


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of the uvloop event loop, or None where it isn't available (Windows)."""
    with contextlib.suppress(ModuleNotFoundError):
        import uvloop  # noqa: PLC0415

        return uvloop.new_event_loop
    return None


async def _serve(
    ledger: LedgerService, settings: Settings, listener: socket.socket, on_ready: Callable[[], None]
) -> None:
    app = create_app(ledger, settings, frontends=_frontends(ledger, settings))
    server = _Server(app, host=settings.host, port=settings.port)
    server.on_ready = on_ready
    calm_collector()
    jobs = JobRunner(ledger, registry=app.state.metrics.registry)
    ledger.watch()
    jobs.start()
    try:
        await server.serve([listener])
    finally:
        await jobs.stop()


def calm_collector() -> None:
    """Run the garbage collector rarely: batches create tens of thousands of short-lived values.

    Objects that exist at the start are frozen, so they are never scanned; the journal's values hold no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


class _Server(Server):
    """The API's server as its own process: it reports when it is ready, and exits with 0 when it is stopped."""

    on_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal. Uvicorn would raise it again at the end, and the exit code would be a failure."""
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)


def _frontends(ledger: LedgerService, settings: Settings) -> list[Frontend]:
    """Build the configured front ends; the others aren't imported, which could take a second."""
    configured = (entry for entry in entry_points(group=FRONTENDS) if _is_configured(entry, settings))
    built = (_frontend(entry, ledger, settings) for entry in configured)
    return [frontend for frontend in built if frontend is not None]


def _is_configured(entry: EntryPoint, settings: Settings) -> bool:
    """Return whether a front end is configured; one without a setting decides for itself."""
    return bool(getattr(settings, f"{entry.name}_configured", True))


def _frontend(entry: EntryPoint, ledger: LedgerService, settings: Settings) -> Frontend | None:
    try:
        build: Callable[[LedgerService, Settings], Frontend | None] = entry.load()
    except ModuleNotFoundError as missing:
        raise SettingsError(f"{entry.name} is configured, but the package {missing.name} isn't installed") from None
    return build(ledger, settings)
