"""Reading what a person typed for a gift or a request: who and how much. Pure, and strict where money is."""

import re
from decimal import Decimal
from typing import Any

from lsp import formatting
from lsp.errors import RefusalError

PLAIN = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?", re.ASCII)
GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3}){1,3}(\.[0-9]{1,2})?", re.ASCII)
MEMBER_ID = re.compile(r"mem_[A-Za-z0-9_-]{1,64}", re.ASCII)
MOST_SUGGESTIONS = 5
LONGEST_MESSAGE = 1000


def amount(value: object) -> str:
    """The amount as the wire wants it. Accepts `500`, `1,000`, `0.5`; a whole JSON number too, never a float."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not (PLAIN.fullmatch(text.strip()) or GROUPED.fullmatch(text.strip())):
        raise RefusalError("invalid_amount", "Write the amount as 500, 1,000 or 0.50.")
    return formatting.exact(Decimal(text.strip().replace(",", "")))


def message(value: object) -> str | None:
    """The message, or None when there is none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > LONGEST_MESSAGE:
        raise RefusalError("invalid_message", f"A message is text of at most {LONGEST_MESSAGE} characters.")
    return value


def recipient_query(value: object) -> str:
    """The name to look for, without its `@`."""
    if not isinstance(value, str) or not (name := formatting.plain(value).removeprefix("@").strip()):
        raise RefusalError("invalid_recipient", "Say who gets the credits, for example @bo.")
    return name


def choose(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one person meant by `name`: the whole name first, else one word of it. Never a guess between two."""
    wanted = name.casefold()
    people = [person for person in found if isinstance(person.get("id"), str)]
    by_name = [person for person in people if _name(person).casefold() == wanted]
    by_word = [person for person in people if wanted in _name(person).casefold().split()]
    matches = by_name or by_word
    if len(matches) == 1:
        return matches[0]
    if not people:
        raise RefusalError("unknown_member", f"Nobody here is called {name}.")
    close = ", ".join(formatting.plain(_name(person), limit=60) for person in (matches or people)[:MOST_SUGGESTIONS])
    raise RefusalError("ambiguous_member", f"Who is meant by {name}? Close: {close}.")


def _name(person: dict[str, Any]) -> str:
    name = person.get("name")
    return name if isinstance(name, str) else ""
