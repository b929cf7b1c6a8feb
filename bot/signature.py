"""Whether a request is Slack's: the HMAC over the raw bytes, as Slack defines it.

https://docs.slack.dev/authentication/verifying-requests-from-slack/ — the SDK's verifier raises on timestamps,
signatures and bodies that are no text; here everything that is not right is simply not Slack's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

MAX_AGE_SECONDS: Final = 300
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


def is_from_slack(body: bytes, *, timestamp: str | None, signature: str | None, secret: str, now: float) -> bool:
    """Return whether the signature is right and at most five minutes old (in either direction).

    ``now`` is the real present in seconds since the epoch, also where the ledger's clock is set: Slack's is not.
    """
    if timestamp is None or _TIMESTAMP.fullmatch(timestamp) is None or abs(now - int(timestamp)) > MAX_AGE_SECONDS:
        return False
    if signature is None or _SIGNATURE.fullmatch(signature) is None:
        return False
    return hmac.compare_digest(sign(body, timestamp=timestamp, secret=secret), signature)


def sign(body: bytes, *, timestamp: str, secret: str) -> str:
    """Return the signature that Slack would send."""
    message = b"v0:" + timestamp.encode("ascii") + b":" + body
    return "v0=" + hmac.new(secret.encode("utf-8"), message, hashlib.sha256).hexdigest()
