"""Commands in a line each, for whoever reads what happened."""

from __future__ import annotations

import re

from core.ledger.commands import Command
from core.ledger.ids import SEQUENCE_BITS


def describe(command: Command) -> str:
    """Say a command in a line: what is not usual, and ids as writer and number."""
    words = re.sub(r"datetime\.datetime\(([^)]*), tzinfo=[^)]*\)", r"(\1)", repr(command))
    words = re.sub(r"\b(count=1|reason=None|message=None|recipient_org=None|(source|prefer)=<(?=\w))(, )?", "", words)
    return re.sub(r"\b\d{11,}\b", lambda found: _short(int(found.group())), words)


def _short(number: int) -> str:
    return f"{number >> SEQUENCE_BITS}.{number & (1 << SEQUENCE_BITS) - 1}"
