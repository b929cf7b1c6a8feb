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
_EncodeOne = Callable[[int, Any], bytes]
_NULL: Final = struct.pack("!i", -1)
_LENGTH: Final = struct.Struct("!i")
_HEADER: Final = struct.Struct("!iiiii")  # dimensions, whether there are nulls, element's type, elements, first index
_ONE: Final = struct.Struct("!iiiiii")  # the header of one element, and its length


def _fixed(code: str, size: int) -> tuple[_Encode, _EncodeOne]:
    """Return the encoders for values of one size, by their ``struct`` code: of many, and of a whole array of one."""
    element = struct.Struct(f"!i{code}")
    alone = struct.Struct(f"!iiiiii{code}")

    def encode(values: Sequence[Any]) -> bytes:
        if None in values:
            return b"".join([_NULL if value is None else element.pack(size, value) for value in values])
        return struct.pack("!" + f"i{code}" * len(values), *chain.from_iterable(zip(repeat(size), values)))

    def encode_one(oid: int, value: Any) -> bytes:
        return alone.pack(1, 0, oid, 1, 1, size, value)

    return encode, encode_one


def _blobs(values: Sequence[Any]) -> bytes:
    return b"".join([_NULL if value is None else _LENGTH.pack(len(value)) + value for value in values])


def _one_blob(oid: int, value: bytes) -> bytes:
    return _ONE.pack(1, 0, oid, 1, 1, len(value)) + value


def _texts(values: Sequence[Any]) -> bytes:
    return _blobs([None if value is None else value.encode() for value in values])


def _one_text(oid: int, value: str) -> bytes:
    return _one_blob(oid, value.encode())


class Array:
    """A column ready to be sent."""

    __slots__ = ("data",)
    oid: int
    element_oid: int
    encode: _Encode
    encode_one: _EncodeOne

    def __init__(self, values: Sequence[Any]) -> None:
        """Raises OverflowError, TypeError or struct.error for values that the type does not hold."""
        if len(values) != 1:
            header = _HEADER.pack(1, int(None in values), self.element_oid, len(values), 1)
            self.data = header + type(self).encode(values)
        elif values[0] is None:
            self.data = _ONE.pack(1, 1, self.element_oid, 1, 1, -1)
        else:
            self.data = type(self).encode_one(self.element_oid, values[0])


class OneText:
    """One text ready to be sent."""

    __slots__ = ("data",)
    oid: Final = 25

    def __init__(self, value: str) -> None:
        self.data = value.encode()


def _array(name: str, oid: int, element_oid: int, encode: _Encode, encode_one: _EncodeOne) -> type[Array]:
    kind = {"encode": staticmethod(encode), "encode_one": staticmethod(encode_one)}
    return type(name, (Array,), {"__slots__": (), "oid": oid, "element_oid": element_oid, **kind})


# By the SQL type of the array; the numbers are PostgreSQL's own, fixed for ever.
ARRAYS: Final[dict[str, type[Array]]] = {
    "bigint[]": _array("BigintArray", 1016, 20, *_fixed("q", 8)),
    "int[]": _array("IntArray", 1007, 23, *_fixed("i", 4)),
    "boolean[]": _array("BooleanArray", 1000, 16, *_fixed("?", 1)),
    "text[]": _array("TextArray", 1009, 25, _texts, _one_text),
    "bytea[]": _array("ByteaArray", 1001, 17, _blobs, _one_blob),
}


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.data


def register(adapters: AdaptersMap) -> None:
    """Let a connection send these arrays."""
    for array in ARRAYS.values():
        adapters.register_dumper(array, type(f"{array.__name__}Dumper", (_ArrayDumper,), {"oid": array.oid}))
