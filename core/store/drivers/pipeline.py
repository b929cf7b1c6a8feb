"""Prepared statements sent ahead of their answers to PostgreSQL, by libpq's pipeline mode as psycopg wraps it.

A psycopg cursor does more for each statement than the journal needs, and takes six times the processor time for it; a
lone gift is twenty statements. https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from __future__ import annotations

import itertools
import select
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from core.store.drivers.arrays import Array, OneText
from core.store.drivers.driver import Deferred, Row

_FAILED: Final = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})


@dataclass(slots=True, eq=False)
class _PendingResult:
    """What comes back for one thing that was sent."""

    prepares: bytes | None = None  # the statement that is known once this is well
    result: PGresult | None = None


class Pipeline:
    """A connection in pipeline mode. What fails is raised at the next wait; what was sent behind it is passed over."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Raises psycopg.Error. The connection is in nobody else's hands, outside any transaction."""
        self._libpq = connection.pgconn
        self._transformer = Transformer(connection)
        self._names: dict[bytes, bytes] = {}
        self._numbers = itertools.count()
        self._sent: deque[_PendingResult] = deque()
        self._failure: psycopg.Error | None = None
        self._poll = select.poll()
        self._libpq.enter_pipeline_mode()

    def send(self, statement: bytes, values: Sequence[Array | OneText] = ()) -> Deferred[list[Row]]:
        """Send a statement with its parameters ``$1``… and return what fetches its rows."""
        name = self._names.get(statement) or self._prepare(statement, values)
        formats = [Format.BINARY] * len(values)
        self._libpq.send_query_prepared(name, [value.data for value in values], formats)
        answer = self._await()
        self._libpq.flush()
        return partial(self._rows_of, answer)

    def sync(self) -> None:
        """Wait for everything that was sent. Raises the first error among it."""
        self._synchronize()
        self._raise_failure()

    def roll_back(self) -> None:
        """Forget the transaction, and errors with it. Raises psycopg.Error when the connection is lost."""
        self._synchronize()
        if self._libpq.transaction_status != TransactionStatus.IDLE:
            self._failure = None
            self.send(b"ROLLBACK")
            self.sync()
        self._failure = None

    def _prepare(self, statement: bytes, values: Sequence[Array | OneText]) -> bytes:
        name = statement if not values else f"teamcredits_{next(self._numbers)}".encode()
        self._names[statement] = name
        self._libpq.send_prepare(name, statement, [value.oid for value in values])
        self._await(prepares=statement)
        return name

    def _await(self, prepares: bytes | None = None) -> _PendingResult:
        answer = _PendingResult(prepares)
        self._sent.append(answer)
        return answer

    def _rows_of(self, answer: _PendingResult) -> list[Row]:
        if answer.result is None:
            self._libpq.send_flush_request()
            self._receive(answer)
        self._raise_failure()
        result = answer.result
        if result is None or result.status != ExecStatus.TUPLES_OK:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _synchronize(self) -> None:
        self._libpq.pipeline_sync()
        self._receive(self._await())

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _receive(self, last: _PendingResult) -> None:
        """Take in what comes back, in the order in which it was sent, up to one answer."""
        nothing = False
        while last.result is None:
            self._wait()
            result = self._libpq.get_result()
            if result is not None:
                nothing = False
                self._note(self._sent.popleft(), result)
            elif nothing or self._libpq.status == ConnStatus.BAD:  # one ends each answer; two are the end
                raise psycopg.OperationalError("the connection is lost")
            else:
                nothing = True

    def _note(self, answer: _PendingResult, result: PGresult) -> None:
        answer.result = result
        is_well = result.status not in _FAILED and result.status != ExecStatus.PIPELINE_ABORTED
        if answer.prepares is not None and not is_well:
            del self._names[answer.prepares]
        if result.status in _FAILED and self._failure is None:
            self._failure = error_from_result(result)

    def _wait(self) -> None:
        """Wait until an answer is there, and send on meanwhile: a server that is not listened to does not listen."""
        unsent = self._libpq.flush()
        while self._libpq.is_busy():
            self._poll.register(self._libpq.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
            self._poll.poll()
            self._libpq.consume_input()
            unsent = self._libpq.flush()
