"""Refusals: what a caller may cause, each with a stable code and the entity that blocks.

They know nothing of HTTP, Slack or LSP; every front end has one table from code to its own words.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """The stable codes of refusals."""

    MALFORMED = "malformed"  # the request cannot be read at all
    IDEMPOTENCY_KEY_REQUIRED = "idempotency_key_required"  # a command came without its key
    UNAUTHENTICATED = "unauthenticated"  # no token, an unknown, expired or revoked one
    INSUFFICIENT_SCOPE = "insufficient_scope"  # the token does not carry the scope
    POLICY_REFUSED = "policy_refused"  # a rule of the organization's policy refused
    ACCOUNT_FROZEN = "account_frozen"  # the wallet is frozen
    NOT_VERIFIED = "not_verified"  # giving needs a verified identity
    NOT_ALLOWED = "not_allowed"  # visible, but not this person's to do
    INSUFFICIENT_CREDITS = "insufficient_credits"  # usage exceeds what is spendable
    NOT_FOUND = "not_found"  # no such thing here, or another organization's
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"  # the key was used with other content
    GIFT_NOT_PENDING = "gift_not_pending"  # the gift has left the state this needs
    INSUFFICIENT_GIFTABLE = "insufficient_giftable"  # more than the lots let one give
    LOT_EXPIRES_TOO_SOON = "lot_expires_too_soon"  # enough credits, but they lapse before they would help
    TOO_MANY_LOTS = "too_many_lots"  # the draw would need more slices than a transfer has
    INSUFFICIENT_REMAINING = "insufficient_remaining"  # less of a grant or charge is left than is taken or given back
    NOTHING_TO_RESET = "nothing_to_reset"  # no window of the allowance has been used
    RESET_NOT_BANKED = "reset_not_banked"  # the banked reset was used or has expired
    PLAN_IN_USE = "plan_in_use"  # somebody has the plan
    REQUEST_NOT_OPEN = "request_not_open"  # the request for credits has left the state this needs
    NOTHING_PLEDGED = "nothing_pledged"  # nobody, or not this person, has pledged anything
    HOLD_CLOSED = "hold_closed"  # the hold was captured, released or has expired
    ALREADY_EXISTS = "already_exists"  # what may be there only once is there: an address, a plan's or a team's name
    ALREADY_APPLIED = "already_applied"  # one application each; this is the second
    APPLICATION_DECIDED = "application_decided"  # the application has left the state this needs
    CAMPAIGN_CLOSED = "campaign_closed"  # not open yet, closed, drawn or over: not the time for this
    CAMPAIGN_FULL = "campaign_full"  # every place is taken
    TOO_LARGE = "too_large"  # the body is larger than the door takes
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"  # not a media type this door reads
    INVALID_REQUEST = "invalid_request"  # well-formed, but a field is wrong
    UNKNOWN_MEMBER = "unknown_member"  # the recipient is not here, or has left
    SELF_GIFT = "self_gift"  # giver and recipient are one person
    RECIPIENT_IS_BOT = "recipient_is_bot"  # bots have no wallet to give to
    RATE_LIMITED = "rate_limited"  # too many requests from one token
    OVERLOADED = "overloaded"  # the journal's queue is full; nothing was taken
    INTERNAL_ERROR = "internal_error"  # a defect of ours; nothing was booked


class Refused(Exception):  # noqa: N818  (a refusal is an answer, not a failure)
    """A command or query that was refused; nothing changed.

    ``code`` is stable, ``detail`` one sentence for a person (what was wrong, what to do), ``fields`` facts for
    programs (limits, states, ids), all plain JSON values.
    """

    def __init__(self, code: Code, detail: str, **fields: object) -> None:
        super().__init__(f"{code.value}: {detail}")
        self.code = code
        self.detail = detail
        self.fields = fields
