"""Printing to a terminal that may know only some of the characters."""

import sys
from typing import TextIO


def print_line(text: str, stream: TextIO | None = None) -> None:
    """Print, whatever the terminal's encoding: a missing `·` is better than a traceback in a prompt."""
    out = stream or sys.stdout
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    out.flush()
