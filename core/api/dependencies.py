"""What routes share: who asks, the open ledger, the key of a command, and which problems are documented."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request

from core.api.errors import ERROR_MAPPINGS, PROBLEM
from core.api.guard import Requires
from core.api.schemas.base import Shown
from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor, Scope
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.common.validation import KEY_LENGTH, checked_key


class FieldError(Shown):
    """A field that is wrong."""

    field: str
    message: str


class Problem(Shown):
    """An error (RFC 9457). ``code`` is stable; further members say what blocks."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] | None = None


async def ledger_of(request: Request) -> LedgerService:
    ledger: LedgerService = request.app.state.ledger
    return ledger


LedgerDep = Annotated[LedgerService, Depends(ledger_of)]
ReadActor = Annotated[Actor, Depends(Requires(Scope.READ))]
GiveActor = Annotated[Actor, Depends(Requires(Scope.GIVE))]
SpendActor = Annotated[Actor, Depends(Requires(Scope.SPEND))]
AdminActor = Annotated[Actor, Depends(Requires(Scope.ADMIN))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=f"A new name for each new command, 1 to {KEY_LENGTH} printable ASCII characters; "
        "send it again to try again.",
        json_schema_extra={"example": "5f0c7a4e-1"},
    ),
]

REPLAYED: Final = {
    "Idempotency-Replayed": {
        "description": "`true` when this key had taken effect before.",
        "schema": {"type": "string", "enum": ["true"]},
        "required": False,
    }
}


def required_key(key: str | None) -> str:
    """L6: a command carries its key. Raises Refused(idempotency_key_required, invalid_request)."""
    if key is None:
        raise Refused(Code.IDEMPOTENCY_KEY_REQUIRED, "Send an Idempotency-Key header: a new one for each new command.")
    return checked_key(key)


def replay_headers(answer: CommandResult[Any]) -> dict[str, str]:
    """L6: say that the key had taken effect before."""
    return {"Idempotency-Replayed": "true"} if answer.replayed else {}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of errors: those every route of ``/v1`` can answer, and the given ones."""
    shown: dict[int | str, dict[str, Any]] = {}
    for status in sorted({400, 401, 403, 422, 500, 503, *statuses}):
        codes = sorted(code.value for code, answer in ERROR_MAPPINGS.items() if answer.status == status)
        shown[status] = {
            "description": ", ".join(f"`{code}`" for code in codes) or "problem",
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return shown
