"""Files that appear whole or not at all, readable by their owner only."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a new file beside the target to write to; at the end it becomes the target, durably.

    When anything fails, nothing is left of it and the target is as before. Raises OSError when it cannot be made, and
    FileExistsError, at the beginning or at the end, when the target is there and may not be replaced.
    """
    if not target.parent.is_dir():
        raise _cannot(errno.ENOENT, target.parent)
    if target.is_dir():
        raise _cannot(errno.EISDIR, target)
    if not replace and os.path.lexists(target):
        raise _exists(target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        _flush(aside)
        _name(aside, target, replace=replace)
    finally:
        aside.unlink(missing_ok=True)
    _flush(target.parent)


def _name(aside: Path, target: Path, *, replace: bool) -> None:
    if replace:
        aside.replace(target)
        return
    try:
        os.link(aside, target)  # unlike a rename, this fails when somebody was quicker
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without links, as on many a stick
        if os.path.lexists(target):
            raise _exists(target) from None
        aside.rename(target)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "exists already; --force replaces it", str(target))
