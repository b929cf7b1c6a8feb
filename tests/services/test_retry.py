"""Trying a call again: how often, after which errors, and what is raised in the end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.ledger.errors import Code, Refused
from core.services.common.retry import retry, retry_while_overloaded


class Scripted:
    """A call that raises these errors in turn, then returns its number of calls."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        self._errors = list(errors)
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return self.calls


async def test_a_call_is_tried_until_it_succeeds() -> None:
    assert await retry(Scripted([OSError(), OSError()]), attempts=3, pause=lambda _: 0.0) == 3


async def test_the_last_error_is_raised_after_the_last_attempt() -> None:
    call = Scripted([OSError("one"), OSError("two"), OSError("three")])

    with pytest.raises(OSError, match="two"):
        await retry(call, attempts=2, pause=lambda _: 0.0)
    assert call.calls == 2


async def test_an_error_without_a_pause_is_raised_at_once() -> None:
    call = Scripted([OSError()])

    with pytest.raises(OSError):  # noqa: PT011  (the very error)
        await retry(call, attempts=9, pause=lambda _: None)
    assert call.calls == 1


async def test_only_overload_is_waited_out() -> None:
    busy = Refused(Code.OVERLOADED, "busy")
    refused = Scripted([busy, Refused(Code.NOT_FOUND, "gone")])

    assert await retry_while_overloaded(Scripted([busy, busy]), attempts=5) == 3
    with pytest.raises(Refused, match="gone"):
        await retry_while_overloaded(refused, attempts=5)
    with pytest.raises(Refused, match="busy"):
        await retry_while_overloaded(Scripted([busy, busy]), attempts=2)
