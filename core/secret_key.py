"""The key that seals the books: set by the operator, or outside production generated once and kept in a file."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from core.atomic_file import write_private_file
from core.settings import MIN_SECRET_LENGTH, Settings, SettingsError

_FILE_NAME: Final = "secret.key"
_DEFAULT_FOLDER: Final = Path("var")  # for a database that isn't a file


def secret_key(settings: Settings) -> bytes:
    """Return the key that seals batches and signs cursors (L8).

    Outside production a missing key is generated on the first start and kept next to the database, readable by its
    owner only; two processes that start at once use the same one. Raises SettingsError when the file can't be used.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = _folder_of(settings.database_url) / _FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with contextlib.suppress(FileExistsError):  # another process was first; its key is used
                write_private_file(path, secrets.token_hex(32) + "\n")
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"can't read the key file {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(key) < MIN_SECRET_LENGTH:
        raise SettingsError(f"the key file {path} doesn't contain a key; restore it or set TEAMCREDITS_SECRET_KEY")
    return key.encode()


def _folder_of(database_url: str) -> Path:
    url = make_url(database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(url.database).parent if is_file and url.database else _DEFAULT_FOLDER
