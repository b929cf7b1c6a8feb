"""How columns are written in every table."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

CLUSTERED: Final = {"sqlite_with_rowid": False}  # the key is the table: one B-tree to write instead of two


def one_of(column: str, values: Any) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def key_part(**options: Any) -> Any:
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}, **options)


def big(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)
