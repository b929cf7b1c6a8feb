"""Reading reported usage: CloudEvents 1.0 in JSON, as tools and gateways send them. It charges nothing.

An event of the type ``com.teamcredits.usage`` says who used how many tokens of which model. ``input_tokens`` is the
whole prompt; what of it came from a cache or went into one is counted in fields of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.usage import MAX_TOKENS, Usage
from core.services.common.text import is_storable

EVENT_TYPE: Final = "com.teamcredits.usage"
MAX_TEXT: Final = 900  # characters of a source, an id or a subject
COUNTS: Final = ("input_tokens", "cached_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")

_DATA_FIELDS: Final = frozenset({"model", "tier", *COUNTS})
_EXTENSION = re.compile(r"[a-z0-9]{1,64}", re.ASCII)  # what CloudEvents allows as a name
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json\s*(;.*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reported:
    """Usage as it was reported: ``subject`` names whose it is, None is who reports; ``at`` None is now."""

    source: str
    event_id: str
    subject: str | None
    at: datetime | None
    usage: Usage
    stated: Credits | None = None  # what it cost, where a tool says that instead of tokens

    def said_of(self, reporter: str) -> str:
        """Return whom the event itself names, and at what price if it says so: both are its content (S4)."""
        who = self.subject or reporter
        return who if self.stated is None else f"{who} {self.stated}"


def read_event(document: object) -> Reported:
    """Read one parsed event. Raises Refused(invalid_request) naming what is wrong and what to do."""
    if not isinstance(document, Mapping):
        raise wrong('An event is an object, like {"specversion": "1.0", …}.', "event")
    if document.get("specversion") != "1.0":
        raise wrong('specversion must be "1.0".', "specversion")
    if document.get("type") != EVENT_TYPE:
        raise wrong(f'type must be "{EVENT_TYPE}"; other events are not usage.', "type")
    _check_names(document)
    subject = document.get("subject")
    return Reported(
        text_of(document.get("source"), "source"),
        text_of(document.get("id"), "id"),
        None if subject is None else text_of(subject, "subject"),
        _time(document.get("time")),
        _usage(document.get("data")),
    )


def text_of(value: object, field: str) -> str:
    """Return a text that can be kept. Raises Refused(invalid_request)."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not is_storable(value):
        raise wrong(f"{field} must be 1 to {MAX_TEXT} characters of plain text.", field)
    return value


def moment_of(text: str) -> datetime | None:
    """Return the instant that an RFC 3339 time names; None when it names none."""
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def usage_of(model: object, tier: object, counts: Mapping[str, int]) -> Usage:
    """Return the usage of a request. Raises Refused(invalid_request)."""
    if not isinstance(model, str) or not isinstance(tier, str | None):
        raise wrong("model must be a string, and so must tier when there is one.", "data")
    try:
        return Usage.of_prompt(model, tier, **counts)
    except ValueError as problem:
        raise wrong(f"{problem}.", "data") from None


def wrong(sentence: str, field: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, sentence, field=field)


def _check_names(document: Mapping[str, object]) -> None:
    """CloudEvents allows attributes of anybody's, but a misspelt name is most often a slip that costs money."""
    if "data_base64" in document or not _is_json(document.get("datacontenttype")):
        raise wrong("Send data as a JSON object, with the datacontenttype application/json or none.", "data")
    if misspelt := next((name for name in document if _EXTENSION.fullmatch(name) is None), None):
        raise wrong(f"{misspelt[:40]!r} is no attribute's name: it has 1 to 64 letters a-z and digits.", "event")


def _is_json(media_type: object) -> bool:
    return media_type is None or (isinstance(media_type, str) and _JSON_TYPE.fullmatch(media_type) is not None)


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    moment = moment_of(value) if isinstance(value, str) else None
    if moment is None:
        raise wrong("time is written like 2026-11-20T13:02:00Z.", "time")
    return moment


def _usage(data: object) -> Usage:
    if not isinstance(data, Mapping):
        raise wrong('data must be an object, like {"model": "gpt-6-sol", "input_tokens": 1200, …}.', "data")
    if unknown := sorted(data.keys() - _DATA_FIELDS):
        known = ", ".join(("model", *COUNTS, "tier"))
        raise wrong(f"data has no field {unknown[0][:40]!r}; it has: {known}.", "data")
    counts = {name: _count(data[name], name) for name in COUNTS if name in data}
    if "input_tokens" not in counts and "output_tokens" not in counts:
        raise wrong("data must say input_tokens, output_tokens or both.", "data")
    return usage_of(data.get("model"), data.get("tier"), counts)


def _count(value: object, name: str) -> int:
    """Return a number of tokens; what is too large for 64 bits was read as a fraction, though it is none."""
    if isinstance(value, float) and value.is_integer() and abs(value) > MAX_TOKENS:
        raise wrong(f"{name} must be between 0 and {MAX_TOKENS:,}, not {value:g}.", "data")
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(f"{name} must be a whole number, written without quotes.", "data")
    return value
