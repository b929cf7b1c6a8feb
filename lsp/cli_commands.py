"""The terminal's commands that ask the server: `login`, `logout`, `gift`, `request`. Imports httpx."""

import argparse
import asyncio
import sys
from datetime import timedelta
from typing import Any

from lsp import clock, device_flow
from lsp.client import Client
from lsp.commands import gift
from lsp.credentials import CredentialStore
from lsp.errors import RefusalError, SignedOutError, UnreachableError
from lsp.output import print_line
from lsp.payload import Connection, StatusSnapshot
from lsp.settings import SidecarSettings
from lsp.wire import NotUnderstoodError, parse_status

STATUS_SECONDS = 3.0

FetchedStatus = tuple[StatusSnapshot, dict[str, Any], timedelta]


def run(settings: SidecarSettings, chosen: argparse.Namespace) -> int:
    """Run one command; a refusal is one line on stderr and exit code 1."""
    try:
        sentence = asyncio.run(_COMMANDS[chosen.command](settings, chosen))
    except (RefusalError, NotUnderstoodError) as exc:
        print_line(exc.message, sys.stderr)
        return 1
    except OSError as exc:
        print_line(f"Couldn't write the state file: {exc.strerror}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print_line(sentence)
    return 0


def fetch_once(settings: SidecarSettings, token: str) -> FetchedStatus:
    """The status by one GET, within three seconds; a failure is a status too."""
    try:
        raw = asyncio.run(asyncio.wait_for(_status(settings, token), STATUS_SECONDS))
        found = parse_status(raw)
    except SignedOutError as exc:
        return StatusSnapshot(Connection.SIGNED_OUT, problem=exc.message), {}, timedelta(0)
    except (UnreachableError, TimeoutError):
        return StatusSnapshot(Connection.OFFLINE, problem="The server cannot be reached."), {}, timedelta(0)
    except (RefusalError, NotUnderstoodError) as exc:
        return StatusSnapshot(Connection.ERROR, problem=exc.message), {}, timedelta(0)
    return StatusSnapshot(Connection.LIVE, status=found), raw, found.as_of - clock.now()


async def _status(settings: SidecarSettings, token: str) -> dict[str, Any]:
    async with _signed(settings, token) as client:
        return await client.status()


async def _login(settings: SidecarSettings, _chosen: argparse.Namespace) -> str:
    if settings.env_token:
        raise RefusalError("token_from_environment", "TEAMCREDITS_TOKEN is set: unset it to sign in here.")
    async with Client(settings) as client:
        code = await device_flow.begin(client, editor="Terminal")
        print_line(code.message)
        token = await device_flow.wait_for_token(client, code)
    CredentialStore(settings).save(token)
    return "Signed in."


async def _logout(settings: SidecarSettings, _chosen: argparse.Namespace) -> str:
    CredentialStore(settings).forget()
    return "Signed out. TEAMCREDITS_TOKEN is still set." if settings.env_token else "Signed out."


async def _gift(settings: SidecarSettings, chosen: argparse.Namespace) -> str:
    async with _signed(settings, _token(settings)) as client:
        made = await gift.give(client, to=chosen.to, amount=chosen.amount, message=" ".join(chosen.message) or None)
    return gift.describe(made, now=clock.now(), zone=None)


async def _request(settings: SidecarSettings, chosen: argparse.Namespace) -> str:
    async with _signed(settings, _token(settings)) as client:
        _, sentence = await gift.ask(client, amount=chosen.amount, message=" ".join(chosen.message) or None)
    return sentence


def _signed(settings: SidecarSettings, token: str) -> Client:
    client = Client(settings)
    client.token = token
    return client


def _token(settings: SidecarSettings) -> str:
    credential = CredentialStore(settings).load()
    if credential is None:
        raise SignedOutError("You are signed out. Run: teamcredits-lsp login")
    return credential.token


_COMMANDS = {"login": _login, "logout": _logout, "gift": _gift, "request": _request}
