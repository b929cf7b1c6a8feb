"""Files that are written completely or not at all, readable by their owner only (mode 0600)."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_file(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary file next to the target; on success it becomes the target, durably.

    On failure the temporary file is removed and the target is unchanged. Raises OSError when the file can't be
    created, and FileExistsError, on entry or on exit, when the target exists and ``replace`` is false.
    """
    if not target.parent.is_dir():
        raise _os_error(errno.ENOENT, target.parent)
    if target.is_dir():
        raise _os_error(errno.EISDIR, target)
    if not replace and os.path.lexists(target):
        raise _already_exists(target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if replace:
            replace_durably(temporary, target)
        else:
            _fsync(temporary)
            _link(temporary, target)
            _fsync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_private_file(target: Path, text: str, *, replace: bool = False) -> None:
    """Write an ASCII text file atomically. Raises OSError, and FileExistsError as ``atomic_file`` does."""
    with atomic_file(target, replace=replace) as temporary:
        temporary.write_text(text, encoding="ascii")


def replace_durably(source: Path, target: Path) -> None:
    """Rename a file over the target, so that a power loss leaves either the old content or all of the new."""
    _fsync(source)
    source.replace(target)
    _fsync(target.parent)


def _link(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)  # unlike a rename, this fails when another process was first
    except FileExistsError:
        raise _already_exists(target) from None
    except OSError:  # a file system without hard links, such as FAT
        if os.path.lexists(target):
            raise _already_exists(target) from None
        temporary.rename(target)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _os_error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def _already_exists(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "already exists; use --force to replace it", str(target))
