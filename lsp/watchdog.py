"""Leaves when the editor is gone: a sidecar whose parent died must not stay behind."""

import asyncio
import os
import sys
from pathlib import Path

WATCH_SECONDS = 2.0


async def watch(process_id: int) -> None:
    """Return once that process is no more."""
    while is_alive(process_id):  # noqa: ASYNC110 - no event tells of another process's end
        await asyncio.sleep(WATCH_SECONDS)


def is_alive(process_id: int) -> bool:
    """Whether the process runs; one that has ended but was not yet collected does not."""
    if sys.platform == "win32":
        return _is_alive_on_windows(process_id)
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_zombie(process_id)


def _is_zombie(process_id: int) -> bool:
    try:
        stat = Path(f"/proc/{process_id}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] == [b"Z"]


if sys.platform == "win32":

    def _is_alive_on_windows(process_id: int) -> bool:
        """There, signal 0 is Ctrl-C, so the process is asked for by its handle."""
        import ctypes  # noqa: PLC0415 - only here

        synchronize, timed_out = 0x00100000, 0x102
        handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, process_id)  # noqa: FBT003
        if not handle:
            return False
        alive = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == timed_out
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(alive)
