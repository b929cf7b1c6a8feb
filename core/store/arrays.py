"""Columns of rows as PostgreSQL arrays, in its binary format, made whole by ``struct``.

A batch sends some hundred thousand values; making them one by one in Python would cost more than inserting them.
Format: https://www.postgresql.org/docs/current/arrays.html and ``array_recv`` in the server's source.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Any, Final

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_Encode = Callable[[Sequence[Any]], bytes]
_NULL: Final = struct.pack("!i", -1)
_LENGTH: Final = struct.Struct("!i")


def _fixed(code: str, size: int) -> _Encode:
    """Return an encoder for values of one size, by their ``struct`` code."""
    one = struct.Struct(f"!i{code}")

    def encode(values: Sequence[Any]) -> bytes:
        try:
            return struct.pack("!" + f"i{code}" * len(values), *chain.from_iterable(zip(repeat(size), values)))
        except struct.error:  # nulls among them
            return b"".join([_NULL if value is None else one.pack(size, value) for value in values])

    return encode


def _texts(values: Sequence[Any]) -> bytes:
    return _blobs([None if value is None else value.encode() for value in values])


def _blobs(values: Sequence[Any]) -> bytes:
    return b"".join([_NULL if value is None else _LENGTH.pack(len(value)) + value for value in values])


class Array:
    """A column ready to be sent."""

    __slots__ = ("data",)
    oid: int
    element_oid: int
    encode: _Encode

    def __init__(self, values: Sequence[Any]) -> None:
        """Raises OverflowError or TypeError for values that the type does not hold."""
        header = struct.pack("!iiiii", 1, int(None in values), self.element_oid, len(values), 1)
        self.data = header + type(self).encode(values)


class OneText:
    """One text ready to be sent."""

    __slots__ = ("data",)
    oid: Final = 25

    def __init__(self, value: str) -> None:
        self.data = value.encode()


def _array(name: str, oid: int, element_oid: int, encode: _Encode) -> type[Array]:
    return type(name, (Array,), {"oid": oid, "element_oid": element_oid, "encode": staticmethod(encode)})


# By the SQL type of the array; the numbers are PostgreSQL's own, fixed for ever.
ARRAYS: Final[dict[str, type[Array]]] = {
    "bigint[]": _array("BigintArray", 1016, 20, _fixed("q", 8)),
    "int[]": _array("IntArray", 1007, 23, _fixed("i", 4)),
    "boolean[]": _array("BooleanArray", 1000, 16, _fixed("?", 1)),
    "text[]": _array("TextArray", 1009, 25, _texts),
    "bytea[]": _array("ByteaArray", 1001, 17, _blobs),
}


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.data


def register(adapters: AdaptersMap) -> None:
    """Let a connection send these arrays."""
    for array in ARRAYS.values():
        adapters.register_dumper(array, type(f"{array.__name__}Dumper", (_ArrayDumper,), {"oid": array.oid}))
