"""The server that runs the app: uvicorn, which on a stop first ends the streams that would keep it waiting."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

STOP_SECONDS: Final = 10  # what a request that is under way gets
BACKLOG: Final = 2_048
_KEEP_ALIVE_SECONDS: Final = 75


class Server(uvicorn.Server):
    """A uvicorn server for an app of ``create_app``; it prints nothing of requests."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        self._streams = app.state.streams
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                backlog=BACKLOG,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams at once, then let what is under way finish."""
        self._streams.end()
        await super().shutdown(sockets)

    @property
    def port(self) -> int:
        """The port it listens on, once it has started; of use when it was asked to take a free one."""
        return int(self.servers[0].sockets[0].getsockname()[1])
