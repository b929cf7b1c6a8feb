"""The shapes in which use cases answer: the result of a command, and a page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class CommandResult(Generic[Item]):
    """The answer to a command; ``replayed`` when its key had already taken effect (L6)."""

    item: Item
    replayed: bool


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a list, and the cursor of the next or None."""

    items: tuple[Item, ...]
    next_cursor: str | None
