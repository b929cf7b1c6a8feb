"""The names that buttons carry, in one place: views put them there, actions listen to them."""

from __future__ import annotations

from enum import StrEnum


class ActionId(StrEnum):
    """What pressing a button means. Its value is the opaque id of what it is about."""

    GIFT_CANCEL = "gift_cancel"  # the sender takes a gift back, under the message that told of it
    GIFT_DECLINE = "gift_decline"  # the recipient does not want it
    LIST_CANCEL = "list_cancel"  # the same from the list of pending gifts
    LIST_DECLINE = "list_decline"  # the same from the list of pending gifts
    REQUEST_PLEDGE = "request_pledge"  # promise what one can to a request for credits
    REQUEST_DECLINE = "request_decline"  # say no to it
    LINK_APPROVE = "link_approve"  # let a device in
    LINK_DENY = "link_deny"  # do not


GIFT_COMMAND = "/gift-credits"
CREDITS_COMMAND = "/credits"
