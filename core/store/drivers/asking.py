"""Questions to the database that go together: one way there and back for all of them, not one for each.

A reader is a generator: it yields what it asks and is sent the rows; what it returns is what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any, TypeVar

from core.store.drivers.driver import Driver, Later, Row, Rows

Found = TypeVar("Found")
Question = tuple[str, Rows]  # a query, and the rows it is about; about none there is nothing to ask
Asking = Generator[Question, list[Row], Found]


def ask(driver: Driver, reader: Asking[Found]) -> Found:
    """Carry out one reader and return what it found."""
    found: Found = ask_together(driver, [reader])[0]
    return found


def ask_together(driver: Driver, readers: Iterable[Asking[Any]]) -> list[Any]:
    """Carry out readers side by side: the questions of each round are sent before the first answer is waited for.

    Return what each found, in order.
    """
    return begin(driver, readers)()


def begin(driver: Driver, readers: Iterable[Asking[Any]]) -> Later[list[Any]]:
    """Send the first questions of readers, and return what carries on when their answers are needed."""
    going = list(readers)
    found: dict[int, Any] = {}
    steps: list[tuple[int, Callable[[], Question]]] = [(place, reader.__next__) for place, reader in enumerate(going)]
    asked = _asked(driver, steps, found)
    return partial(_carry_on, driver, going, asked, found)


def _carry_on(
    driver: Driver, going: list[Asking[Any]], asked: list[tuple[int, Later[list[Row]]]], found: dict[int, Any]
) -> list[Any]:
    while asked:
        steps = [(place, partial(going[place].send, rows())) for place, rows in asked]
        asked = _asked(driver, steps, found)
    return [found[place] for place in range(len(going))]


def _asked(
    driver: Driver, steps: Iterable[tuple[int, Callable[[], Question]]], found: dict[int, Any]
) -> list[tuple[int, Later[list[Row]]]]:
    """Take each reader on by a step and send what it asks next, or keep what it found."""
    asked: list[tuple[int, Later[list[Row]]]] = []
    for place, step in steps:
        try:
            query, wanted = step()
        except StopIteration as end:
            found[place] = end.value
        else:
            asked.append((place, driver.ask(query, wanted) if wanted else list))
    return asked
