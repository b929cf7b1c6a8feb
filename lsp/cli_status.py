"""`teamcredits-lsp status`: for prompts and status lines, from the state file while a sidecar keeps it."""

import json
from dataclasses import replace
from datetime import timedelta

from lsp import clock
from lsp.credentials import CredentialStore
from lsp.output import print_line
from lsp.payload import Connection, Payload, StatusSnapshot, Threshold, payload
from lsp.settings import SidecarSettings
from lsp.state_file import StateFile, StoredStatus
from lsp.tooltip import lines


def status(settings: SidecarSettings, form: str) -> int:
    """Print the status; from the state file while a sidecar keeps it, else by asking the server once.

    The exit code is 1 when there is nothing to say but "sign in"; a status line is never a failure.
    """
    shown = _kept(settings) or _asked(settings)
    match form:
        case "json":
            print_line(json.dumps(shown, ensure_ascii=False, indent=2))
        case "statusline":
            print_line(shown["text"])
        case _:
            print_line(f"{shown['text']}\n\n{lines(shown['tooltip'])}")
    return 1 if shown["kind"] == "signedOut" and form != "statusline" else 0


def _kept(settings: SidecarSettings) -> Payload | None:
    hint = CredentialStore(settings).remembered_hint()
    if hint is None:
        return None
    memory = StateFile(settings, hint)
    kept = memory.load() if memory.is_resident() else None
    return _payload(kept, kept.seen) if kept else None


def _asked(settings: SidecarSettings) -> Payload:
    credential = CredentialStore(settings).load()
    if credential is None:
        return _payload(None, StatusSnapshot(Connection.SIGNED_OUT))
    memory = StateFile(settings, credential.hint)
    from lsp import cli_commands  # noqa: PLC0415 - brings httpx, which the state file does without

    seen, raw, offset = cli_commands.fetch_once(settings, credential.token)
    if seen.link is Connection.LIVE:
        memory.save(raw, seen, offset_seconds=offset.total_seconds(), resident=False)
        return _payload(StoredStatus(raw, seen, offset.total_seconds()), seen)
    if seen.link is not Connection.SIGNED_OUT and (kept := memory.load()):
        stale = replace(seen, status=kept.seen.status, confirmed_at=kept.seen.confirmed_at)
        return _payload(kept, stale)
    return _payload(None, seen)


def _payload(kept: StoredStatus | None, seen: StatusSnapshot) -> Payload:
    now = clock.now() + timedelta(seconds=kept.offset_seconds if kept else 0.0)
    return payload(seen, now=now, zone=None, threshold=Threshold())
