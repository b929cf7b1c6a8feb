"""Where the token lives: TEAMCREDITS_TOKEN first, else the keyring, else a file of mode 0600.

A keyring can hang for minutes over D-Bus and brings up to 20 MB of libraries, so it is asked in a process of its
own, which is killed when its time is over. A small note beside the state says which store holds the token: a
start then asks only that one, and a sign-in or sign-out in one window or terminal is seen by every other.
"""

import contextlib
import json
import logging
import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from lsp.files import read_json, write_private
from lsp.settings import SidecarSettings

KEYRING_SECONDS = 3.0
SERVICE = "teamcredits"

KEYRING_PROGRAM = """
import sys, keyring
verb, service, url = sys.argv[1:]
if verb == "delete":
    keyring.delete_password(service, url)
else:
    if verb == "set":
        keyring.set_password(service, url, sys.stdin.read())
    sys.stdout.write(keyring.get_password(service, url) or "")
"""

Store = Literal["environment", "keyring", "file"]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """A token and where it came from; `hint` names it in files without giving it away."""

    token: str = field(repr=False)
    store: Store

    @property
    def hint(self) -> str:
        return token_hint(self.token)


def token_hint(token: str) -> str:
    """Twelve hex digits of the token's hash: tells tokens apart, leads back to none."""
    return sha256(token.encode()).hexdigest()[:12]


class CredentialStore:
    """The credential of one server. All methods block, for the keyring's limit at most."""

    def __init__(self, settings: SidecarSettings, *, keyring_seconds: float = KEYRING_SECONDS) -> None:
        self._settings = settings
        self._keyring_seconds = keyring_seconds
        self._note = settings.folder / "session.json"
        self._file = settings.folder / "token"

    def load(self) -> Credential | None:
        """The token to use now, or None when signed out."""
        if self._settings.env_token:
            return Credential(self._settings.env_token, "environment")
        store = read_json(self._note).get("store")
        if store == "none":
            return None
        if store != "file" and (token := self._from_keyring()):
            return Credential(token, "keyring")
        token = self._from_file()
        return Credential(token, "file") if token else None

    def remembered_hint(self) -> str | None:
        """Whose state to show before the keyring has answered; None when that is not known."""
        if self._settings.env_token:
            return token_hint(self._settings.env_token)
        hint = read_json(self._note).get("hint")
        return hint if isinstance(hint, str) and hint.isalnum() else None

    def save(self, token: str) -> Credential:
        """Store the token; the keyring if it answers in time, else the file. Raises OSError when neither can."""
        if self._to_keyring(token):
            self._file.unlink(missing_ok=True)
            credential = Credential(token, "keyring")
        else:
            write_private(self._file, token)
            credential = Credential(token, "file")
        self._write_note(credential.store, credential.hint)
        return credential

    def forget(self) -> None:
        """Remove the token from every store; a keyring that hangs keeps it, but nobody asks it again."""
        store = read_json(self._note).get("store")
        self._write_note("none", None)
        self._file.unlink(missing_ok=True)
        if store != "file":
            self._forget_keyring()

    def revision(self) -> int:
        """A number that differs after every sign-in and sign-out by any process on this machine."""
        try:
            return self._note.stat().st_mtime_ns
        except OSError:
            return 0

    def _write_note(self, store: str, hint: str | None) -> None:
        write_private(self._note, json.dumps({"store": store, "hint": hint}))

    def _from_file(self) -> str | None:
        with contextlib.suppress(OSError, ValueError):
            return self._file.read_text(encoding="ascii").strip() or None
        return None

    def _from_keyring(self) -> str | None:
        return self._ask_keyring("get")

    def _to_keyring(self, token: str) -> bool:
        """True only when it gives back what was put in: some backends take everything and keep nothing."""
        return self._ask_keyring("set", token) == token

    def _forget_keyring(self) -> None:
        self._ask_keyring("delete")

    def _ask_keyring(self, verb: str, token: str = "") -> str | None:
        """What the keyring answers within its time, or None. The token travels by pipe, never as an argument."""
        try:
            asked = subprocess.run(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-I", "-c", KEYRING_PROGRAM, verb, SERVICE, self._settings.url],
                input=token.encode(),
                capture_output=True,
                timeout=self._keyring_seconds,
                check=True,
            )
            return asked.stdout.decode("ascii") or None
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            log.info("the keyring was no help: %s", type(exc).__name__)
            return None
