"""What the terminal asks the server, once and to the end. Imports httpx."""

import argparse
import asyncio
import sys
from datetime import timedelta
from typing import Any

from lsp import clock, device
from lsp.client import Client
from lsp.errors import RefusalError, SignedOutError, UnreachableError
from lsp.features import giving
from lsp.settings import Settings
from lsp.status import Link, Seen
from lsp.terminal import say
from lsp.vault import Vault
from lsp.wire import NotUnderstoodError, parse_status

STATUS_SECONDS = 3.0

Asked = tuple[Seen, dict[str, Any], timedelta]


def run(settings: Settings, chosen: argparse.Namespace) -> int:
    """Run one errand; a refusal is one line on stderr and exit code 1."""
    try:
        sentence = asyncio.run(_ERRANDS[chosen.command](settings, chosen))
    except (RefusalError, NotUnderstoodError) as exc:
        say(exc.message, sys.stderr)
        return 1
    except OSError as exc:
        say(f"The state cannot be kept: {exc.strerror}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    say(sentence)
    return 0


def ask_once(settings: Settings, token: str) -> Asked:
    """The status by one GET, within three seconds; failures are a picture too."""
    try:
        raw = asyncio.run(asyncio.wait_for(_status(settings, token), STATUS_SECONDS))
        found = parse_status(raw)
    except SignedOutError as exc:
        return Seen(Link.SIGNED_OUT, problem=exc.message), {}, timedelta(0)
    except (UnreachableError, TimeoutError):
        return Seen(Link.OFFLINE, problem="The server cannot be reached."), {}, timedelta(0)
    except (RefusalError, NotUnderstoodError) as exc:
        return Seen(Link.ERROR, problem=exc.message), {}, timedelta(0)
    return Seen(Link.LIVE, status=found), raw, found.as_of - clock.now()


async def _status(settings: Settings, token: str) -> dict[str, Any]:
    async with _signed(settings, token) as client:
        return await client.status()


async def _login(settings: Settings, _chosen: argparse.Namespace) -> str:
    if settings.env_token:
        raise RefusalError("token_from_environment", "TEAMCREDITS_TOKEN is set: unset it to sign in here.")
    async with Client(settings) as client:
        code = await device.begin(client, editor="Terminal")
        say(code.message)
        token = await device.wait_for_token(client, code)
    Vault(settings).save(token)
    return "Signed in."


async def _logout(settings: Settings, _chosen: argparse.Namespace) -> str:
    Vault(settings).forget()
    return "Signed out. TEAMCREDITS_TOKEN is still set." if settings.env_token else "Signed out."


async def _gift(settings: Settings, chosen: argparse.Namespace) -> str:
    async with _signed(settings, _token(settings)) as client:
        made = await giving.give(client, to=chosen.to, amount=chosen.amount, message=" ".join(chosen.message) or None)
    return giving.describe(made, now=clock.now(), zone=None)


async def _request(settings: Settings, chosen: argparse.Namespace) -> str:
    async with _signed(settings, _token(settings)) as client:
        _, sentence = await giving.ask(client, amount=chosen.amount, message=" ".join(chosen.message) or None)
    return sentence


def _signed(settings: Settings, token: str) -> Client:
    client = Client(settings)
    client.token = token
    return client


def _token(settings: Settings) -> str:
    credential = Vault(settings).load()
    if credential is None:
        raise SignedOutError("You are signed out. Run: teamcredits-lsp login")
    return credential.token


_ERRANDS = {"login": _login, "logout": _logout, "gift": _gift, "request": _request}
