"""From a seed to a month on an empty database, and from a broken rule to the words that help to find out why."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, event, make_url

from core.store.engine import open_engine
from tests.simulation.actions import ACTIONS, Actions
from tests.simulation.grants import begin
from tests.simulation.month import Month
from tests.simulation.reader import Reader
from tests.simulation.tally import Tally

STEPS = 240


class MonthError(AssertionError):
    """A rule was broken. It says how to see it again, and what happened last."""


def run_month(url: str, seed: int, *, steps: int = STEPS, actions: Actions = ACTIONS, show: bool = False) -> Tally:
    """Live through one month on an empty database. Raises MonthError, with the seed, when a rule is broken."""
    tally = Tally()
    month: Month | None = None
    try:
        with _quiet(), _fast_engine(url) as engine, contextlib.closing(Reader(url)) as reader:
            month = Month(url, engine, reader, seed, tally, show=show)
            asyncio.run(month.run(steps, begin, actions))
    except Exception as error:
        last = "\n".join(month.log) if month is not None else ""
        kind = make_url(url).get_backend_name()
        command = f".venv/bin/python -m tests.simulation --seed {seed} --steps {steps} --database {kind}"
        message = f"{error}\n\nThe last steps of seed {seed}:\n{last}\n\nTo see it again: {command}"
        raise MonthError(message) from error
    return tally


@contextlib.contextmanager
def _fast_engine(url: str) -> Iterator[Engine]:
    """An engine that waits for nobody and for no disk: whoever holds a lock is stopped, and power failures are ours."""
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    engine = open_engine(f"{url}?timeout=0" if is_sqlite else url)

    def hurry(connection: Any, _record: object) -> None:
        if is_sqlite:
            connection.execute("PRAGMA synchronous = OFF").close()

    event.listen(engine, "connect", hurry)
    engine.dispose()
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Everything that the store and its driver complain about here was made up."""
    loggers = [logging.getLogger(name) for name in ("core.store", "psycopg")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
