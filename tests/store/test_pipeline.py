"""Statements sent ahead to a real PostgreSQL: answers in order, errors told once and passed over, lost connections."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from core.store.drivers.arrays import ARRAYS, Array
from core.store.drivers.pipeline import Pipeline

SQUARES = b"SELECT n * n FROM unnest($1) AS w (n) ORDER BY n"
INVERSE = b"SELECT 1 / n FROM unnest($1) AS w (n)"


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(postgresql_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def pipeline(connection: psycopg.Connection) -> Pipeline:
    return Pipeline(connection)


def test_each_answer_is_that_of_its_own_statement_whatever_the_order_of_asking(pipeline: Pipeline) -> None:
    first = pipeline.send(SQUARES, [_numbers(1, 2)])
    second = pipeline.send(b"SELECT 'a', NULL, true")
    third = pipeline.send(SQUARES, [_numbers(3)])

    assert third() == [(9,)]
    assert first() == [(1,), (4,)]
    assert second() == [("a", None, True)]


def test_more_than_any_buffer_holds_goes_both_ways(pipeline: Pipeline) -> None:
    """Neither side may wait for the other to listen."""
    many = _numbers(*range(100_000))
    answers = [pipeline.send(SQUARES, [many]) for _ in range(20)]

    assert [len(rows()) for rows in answers] == [100_000] * 20


def test_what_follows_an_error_is_passed_over_until_the_transaction_is_rolled_back(pipeline: Pipeline) -> None:
    pipeline.send(b"CREATE TEMP TABLE kept (n int)")
    pipeline.sync()
    pipeline.send(b"BEGIN")
    pipeline.send(b"INSERT INTO kept VALUES (1)")
    pipeline.send(INVERSE, [_numbers(0)])
    later = pipeline.send(SQUARES, [_numbers(2)])
    pipeline.send(b"COMMIT")

    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.sync()
    with pytest.raises(psycopg.errors.DivisionByZero):
        later()
    pipeline.roll_back()
    assert pipeline.send(b"SELECT count(*) FROM kept")() == [(0,)]
    assert pipeline.send(SQUARES, [_numbers(2)])() == [(4,)]  # it was never prepared, and is now


def test_a_statement_that_cannot_be_prepared_spoils_no_later_one(pipeline: Pipeline) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable):
            pipeline.send(b"SELECT * FROM nowhere")()
        pipeline.roll_back()

    assert pipeline.send(SQUARES, [_numbers(2)])() == [(4,)]


def test_an_open_transaction_is_rolled_back_and_none_is_no_error(pipeline: Pipeline) -> None:
    pipeline.send(b"BEGIN")
    pipeline.send(b"CREATE TABLE never (n int)")
    pipeline.roll_back()
    pipeline.roll_back()

    assert pipeline.send(b"SELECT to_regclass('never')")() == [(None,)]


def test_a_server_that_hangs_up_is_an_error_not_a_wait_without_end(
    pipeline: Pipeline, connection: psycopg.Connection, postgresql_url: str
) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        pipeline.send(SQUARES, [_numbers(1)])()
    with pytest.raises(psycopg.Error):
        pipeline.roll_back()


def _numbers(*values: int) -> Array:
    return ARRAYS["bigint[]"](values)


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("bigint[]", (2**63 - 1, -(2**63))),
        ("int[]", (7, -7)),
        ("boolean[]", (True, False)),
        ("text[]", ("", "ä")),
        ("bytea[]", (b"", b"\x00\xff")),
    ],
)
def test_columns_arrive_as_they_were_sent_alone_and_together_and_with_nulls(
    pipeline: Pipeline, kind: str, some: tuple[Any, Any]
) -> None:
    for values in ((some[0],), (some[1],), (None,), some, (*some, None)):
        assert pipeline.send(b"SELECT unnest($1)", [ARRAYS[kind](values)])() == [(value,) for value in values]


def test_a_number_that_does_not_fit_is_never_sent() -> None:
    for values in ((2**63,), (1, 2**63)):
        with pytest.raises(struct.error):
            ARRAYS["bigint[]"](values)
