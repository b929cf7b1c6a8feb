"""What the editor says about itself at `initialize`: its name, and how it wants to be told. Pure."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from lsp import formatting
from lsp.payload import PAYLOAD_VERSION, Threshold
from lsp.wire import AMOUNT

log = logging.getLogger(__name__)


class Push(Enum):
    """How the editor is told of changes."""

    STATUS = "credits/didChangeStatus"  # it opted in to our payload
    SERVER_STATUS = "experimental/serverStatus"  # it shows any server's one line (Zed)
    NOTHING = ""  # it asks, or reads messages


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One editor."""

    name: str
    push: Push
    threshold: Threshold


def read(name: object, experimental: object, options: object) -> ClientInfo:
    """From `clientInfo.name`, `capabilities.experimental` and `initializationOptions`, all of them foreign."""
    capabilities = experimental if isinstance(experimental, Mapping) else {}
    wishes = options if isinstance(options, Mapping) else {}
    return ClientInfo(
        name=formatting.plain(name, limit=60) if isinstance(name, str) else "",
        push=_push(capabilities, wishes),
        threshold=threshold(wishes.get("lowThreshold")),
    )


def threshold(value: object) -> Threshold:
    """`lowThreshold`: a string is an amount of credits, as everywhere; a number is percent of the capacity."""
    if isinstance(value, str) and AMOUNT.fullmatch(value):
        return Threshold(amount=Decimal(value))
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return Threshold(share=Decimal(str(value)) / 100)
    if value is not None:
        log.warning('lowThreshold is neither a percentage such as 20 nor an amount such as "500"')
    return Threshold()


def _push(capabilities: Mapping[str, object], wishes: Mapping[str, object]) -> Push:
    if capabilities.get("serverStatusNotification") is True:
        return Push.SERVER_STATUS
    for asked in (capabilities.get("creditsStatus"), wishes.get("creditsStatus")):
        if isinstance(asked, Mapping) and asked.get("version") == PAYLOAD_VERSION:
            return Push.STATUS
    return Push.NOTHING
