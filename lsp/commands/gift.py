"""Commands that move credits: a gift to someone, a request for more."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from lsp import clock, formatting
from lsp import gift_input as typed
from lsp.client import Client
from lsp.commands.context import CommandContext, options
from lsp.errors import RefusalError, UnreachableError

PAUSES = (0.3, 1.0, 2.0, 4.0)
INSIST_SECONDS = 25.0
MOST_ASKED = 20


async def gift(context: CommandContext, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """`{to, amount, message?}` → `{gift, message}`."""
    asked = options(arguments, "to", "amount", "message")
    with context.session.store.busy():
        made = await give(
            context.session.client, to=asked.get("to"), amount=asked.get("amount"), message=asked.get("message")
        )
    sentence = describe(made, now=clock.now(), zone=None)
    context.tell(sentence)
    return {"gift": made, "message": sentence}


async def request(context: CommandContext, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """`{amount, message?, to?}` → `{request, message}`; `to` is one name or several, else the leads are asked."""
    asked = options(arguments, "amount", "message", "to")
    with context.session.store.busy():
        made, sentence = await ask(
            context.session.client, amount=asked.get("amount"), message=asked.get("message"), to=asked.get("to")
        )
    context.tell(sentence)
    return {"request": made, "message": sentence}


async def give(client: Client, *, to: object, amount: object, message: object) -> dict[str, Any]:
    """Make one gift; the key is new for each call and the same for each try, so a lost answer costs nothing."""
    body = _body(amount=amount, message=message)
    member = await _member(client, to)
    key = secrets.token_hex(16)
    return await _insist(lambda: client.transfer({"to": {"member": member}, **body}, key=key))


async def ask(client: Client, *, amount: object, message: object, to: object = None) -> tuple[dict[str, Any], str]:
    """Ask colleagues for credits, without names one's leads: what came of it, and one sentence about it."""
    body: dict[str, Any] = {"amount": typed.amount(amount)}
    if (reason := typed.message(message)) is not None:
        body["reason"] = reason
    names = to if isinstance(to, list) else [] if to in (None, "") else [to]
    if names:
        body["to"] = [await _member(client, name) for name in names[:MOST_ASKED]]
    key = secrets.token_hex(16)
    made = await _insist(lambda: client.request(body, key=key))
    return made, f"Asked {_asked(made)}for {formatting.credits(Decimal(body['amount']))} cr."


async def _member(client: Client, to: object) -> str:
    """The id of the one person meant."""
    name = typed.recipient_query(to)
    return name if typed.MEMBER_ID.fullmatch(name) else str(typed.choose(await client.members(name), name)["id"])


def _asked(made: dict[str, Any]) -> str:
    """Whom the server says it asked, as words before the amount; nothing when it does not say."""
    parts = made.get("pledges")
    people = [part.get("by") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    names = [formatting.plain(str(each.get("name", "")), limit=80) for each in people if isinstance(each, dict)]
    return f"{', '.join(names)} " if names else ""


def describe(made: dict[str, Any], *, now: datetime, zone: tzinfo | None) -> str:
    """What became of a gift, in one sentence."""
    recipient = made.get("to") if isinstance(made.get("to"), dict) else {}
    name = formatting.plain(str((recipient or {}).get("name") or "them"), limit=80)
    amount = str(made.get("amount", ""))
    shown = formatting.credits(Decimal(amount)) if typed.PLAIN.fullmatch(amount) else amount
    head = f"{shown} cr for {name}"
    match made.get("state"):
        case "pending":
            return f"{head}: {_settles(made.get('settles_at'), now=now, zone=zone)}, you can cancel until then."
        case "in_review":
            return f"{head}: waits for a review first."
        case state:
            return f"{head}: {formatting.plain(str(state or 'accepted'))}."


def _settles(at: object, *, now: datetime, zone: tzinfo | None) -> str:
    try:
        return f"arrives {formatting.moment(datetime.fromisoformat(str(at)), now=now, zone=zone)}"
    except (ValueError, TypeError):
        return "pending"


def _body(*, amount: object, message: object) -> dict[str, Any]:
    body: dict[str, Any] = {"amount": typed.amount(amount)}
    if (text := typed.message(message)) is not None:
        body["message"] = text
    return body


async def _insist(send: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Send until answered, at most five times and for 25 s; `send` repeats one idempotency key."""
    give_up, maybe_sent = time.monotonic() + INSIST_SECONDS, False
    for pause in (*PAUSES, None):
        try:
            return await send()
        except UnreachableError as exc:
            maybe_sent = maybe_sent or exc.maybe_sent
        except RefusalError as exc:
            if exc.code != "overloaded" or pause is None:
                raise
            pause = max(pause, min(exc.retry_after or 0.0, PAUSES[-1]))  # noqa: PLW2901
        if pause is None or time.monotonic() + pause > give_up:
            break
        await asyncio.sleep(pause)
    if maybe_sent:
        raise RefusalError(
            "outcome_unknown", "The server did not answer. Look at your pending gifts before you try again."
        )
    raise RefusalError("unreachable", "The server cannot be reached. Nothing was sent.")
