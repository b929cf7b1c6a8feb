"""Questions to the database that go together: one way there and back for all of them, not one for each.

A reader is a generator: it yields what it asks and is sent the rows; what it returns is what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any, TypeVar

from core.store.drivers.driver import Deferred, Driver, Row, Rows

Found = TypeVar("Found")
Query = tuple[str, Rows]  # a query, and the rows it is about; about none there is nothing to ask
Reader = Generator[Query, list[Row], Found]


def run_reader(driver: Driver, reader: Reader[Found]) -> Found:
    """Carry out one reader and return what it found."""
    found: Found = run_readers(driver, [reader])[0]
    return found


def run_readers(driver: Driver, readers: Iterable[Reader[Any]]) -> list[Any]:
    """Carry out readers side by side: the questions of each round are sent before the first answer is waited for.

    Return what each found, in order.
    """
    return start_readers(driver, readers)()


def start_readers(driver: Driver, readers: Iterable[Reader[Any]]) -> Deferred[list[Any]]:
    """Send the first questions of readers, and return what carries on when their answers are needed."""
    going = list(readers)
    found: dict[int, Any] = {}
    steps: list[tuple[int, Callable[[], Query]]] = [(place, reader.__next__) for place, reader in enumerate(going)]
    asked = _send_next(driver, steps, found)
    return partial(_finish, driver, going, asked, found)


def _finish(
    driver: Driver, going: list[Reader[Any]], asked: list[tuple[int, Deferred[list[Row]]]], found: dict[int, Any]
) -> list[Any]:
    while asked:
        steps = [(place, partial(going[place].send, rows())) for place, rows in asked]
        asked = _send_next(driver, steps, found)
    return [found[place] for place in range(len(going))]


def _send_next(
    driver: Driver, steps: Iterable[tuple[int, Callable[[], Query]]], found: dict[int, Any]
) -> list[tuple[int, Deferred[list[Row]]]]:
    """Take each reader on by a step and send what it asks next, or keep what it found."""
    asked: list[tuple[int, Deferred[list[Row]]]] = []
    for place, step in steps:
        try:
            query, wanted = step()
        except StopIteration as end:
            found[place] = end.value
        else:
            asked.append((place, driver.ask(query, wanted) if wanted else list))
    return asked
