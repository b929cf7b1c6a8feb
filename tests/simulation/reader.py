"""A connection of its own that only looks, so that it sees only what is really committed."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
from sqlalchemy import make_url


class Reader:
    """A connection that only looks, on either database."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self._connection: Any
        if self._is_sqlite:
            self._connection = sqlite3.connect(str(parsed.database), isolation_level=None, check_same_thread=False)
        else:
            plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(plain, autocommit=True)

    def rows(self, query: str, *values: Any) -> list[Any]:
        text = query if self._is_sqlite else query.replace("?", "%s")
        found: list[Any] = self._connection.execute(text, values).fetchall()
        return found

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)

    def close(self) -> None:
        self._connection.close()
