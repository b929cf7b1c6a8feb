"""What people are told when credits are taken back or given back, and of resets; one sentence a notice. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from core.ledger.credits import Credits

_SENTENCES: Final = {
    "grant_voided": "{amount} cr of a grant to you were revoked: {reason}",
    "charge_refunded": "{amount} cr of your usage were refunded: {reason}",
    "allowance_reset": "Your allowance was reset. You can use all of it again.",
    "reset_banked": "You have a banked reset of your allowance. Use it any time before {until}.",
    "reset_expires": "Your banked reset expires on {until}.",
}
SUPPLY_NOTICES: Final = frozenset(_SENTENCES)


def supply_sentence(kind: str, body: Mapping[str, Any]) -> str:
    """Return the sentence of a notice; amounts in the body are exact, reasons are somebody's own words."""
    amount = Credits.parse(body["amount"]).shown() if "amount" in body else ""
    until = _in_utc(datetime.fromisoformat(body["expires_at"])) if "expires_at" in body else ""
    return _SENTENCES[kind].format(amount=amount, reason=body.get("reason", ""), until=until)


def _in_utc(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b, %H:%M} UTC"
