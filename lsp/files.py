"""Small private files: written whole or not at all, readable by their owner only."""

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

MAX_BYTES = 64 * 1024


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, mode 0600 from its first byte, in a folder of mode 0700. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file, or an empty one: missing, torn, foreign and oversized files are all no news."""
    try:
        with path.open(encoding="utf-8") as file:
            found = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def first_here(path: Path) -> bool:
    """True for exactly one of all processes that ask about this path; also when the folder is read-only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True
