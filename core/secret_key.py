"""The key that seals the books: given by the operator, or outside production made once and kept in a file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from core.settings import Settings, SettingsError

_FILE_NAME: Final = "secret.key"
_DEFAULT_FOLDER: Final = Path("var")  # for a database that is no file


def secret_key(settings: Settings) -> bytes:
    """Return the key that seals batches and signs cursors (L8).

    Outside production a missing one is made on the first start and kept beside the database, readable by
    its owner only; of two starts at once both use the same. Raises SettingsError when that file is of no use.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = _folder_of(settings.database_url) / _FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_once(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the key file {path} is of no use: {getattr(error, 'strerror', None) or error}") from None
    if len(key) < 32:
        raise SettingsError(f"the key file {path} holds no key; set TEAMCREDITS_SECRET_KEY or restore the file")
    return key.encode()


def _folder_of(database_url: str) -> Path:
    url = make_url(database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(url.database).parent if is_file and url.database else _DEFAULT_FOLDER


def _make_once(path: Path) -> None:
    """Create the file whole or not at all: written aside, then linked to its name, which only one start can."""
    if path.exists():
        return
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return  # the other start was first; its key counts
    finally:
        aside.unlink()
