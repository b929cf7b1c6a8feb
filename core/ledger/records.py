"""Records: what decisions know and change beside the books, each kept as a whole row.

A window of an allowance, an application, a request: a record is a frozen dataclass whose fields are the columns of
its table. A decision reads those it named in its needs, and writes a record by putting a changed copy in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple


@dataclass(frozen=True, slots=True)
class Record:
    """What every record has: its table, its key (after ``org_id``, which leads every key), its organization.

    Fields are datetimes (aware), Credits, ids, strings, flags, enumerations, None, or JSON values.
    """

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]

    org_id: int

    @property
    def concerns(self) -> tuple[int, ...]:
        """Return whose status shows it."""
        return ()

    @property
    def key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.KEY)


class RecordQuery(NamedTuple):
    """The records of a kind whose ``column`` has a value, in the command's organization.

    Whoever may change them locks the same account, so the command names that account in its needs too.
    """

    kind: type[Record]
    column: str
    value: int | str
