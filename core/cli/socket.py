"""Opens the server's listening socket, before anything else is started."""

from __future__ import annotations

import errno
import socket
from typing import Final

from core.settings import Settings

BACKLOG: Final = 2_048


class ListenError(Exception):
    """The socket can't be opened; the message is one line for the operator."""


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens on the ``bind`` setting. Raises ListenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"can't listen on {settings.bind}: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # at once: with SO_REUSEADDR two may bind, but only one may listen
    except OSError as error:
        listener.close()
        raise ListenError(f"can't listen on {settings.bind}: {_reason(error)}") from None
    return listener


def with_port_of(settings: Settings, listener: socket.socket) -> Settings:
    """Return the settings with the actual port, in case port 0 chose a free one."""
    host = settings.bind.rpartition(":")[0]
    return settings.model_copy(update={"bind": f"{host}:{listener.getsockname()[1]}"})


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is already in use. Stop the other program or set TEAMCREDITS_BIND."
    return error.strerror or type(error).__name__
