"""What the environment says: where the server is, which token to use, where to keep state."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8080"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class SidecarSettingsError(Exception):
    """A setting that cannot work, in one line."""


@dataclass(frozen=True, slots=True)
class SidecarSettings:
    """One sidecar's settings. The token from the environment comes before any stored one."""

    url: str
    state_dir: Path
    env_token: str | None = field(default=None, repr=False)

    @property
    def is_loopback(self) -> bool:
        return urlsplit(self.url).hostname in LOOPBACK

    @property
    def folder(self) -> Path:
        """State is kept apart for each server: a number from one is never shown for another."""
        return self.state_dir / sha256(self.url.encode()).hexdigest()[:12]


def from_environment(env: Mapping[str, str] = os.environ) -> SidecarSettings:
    """The settings of this process. Raises SettingsError with one clear line."""
    url = (env.get("TEAMCREDITS_URL") or DEFAULT_URL).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise SidecarSettingsError("TEAMCREDITS_URL is not a server address such as https://credits.example.com")
    return SidecarSettings(url=url, state_dir=_state_dir(env), env_token=_token(env.get("TEAMCREDITS_TOKEN")))


def _token(value: str | None) -> str | None:
    token = (value or "").strip()
    if not token:
        return None
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise SidecarSettingsError("TEAMCREDITS_TOKEN holds characters that no token has")
    return token


def _state_dir(env: Mapping[str, str]) -> Path:
    if chosen := env.get("TEAMCREDITS_STATE_DIR"):
        return Path(chosen).expanduser()
    if os.name == "nt" and (local := env.get("LOCALAPPDATA")):
        return Path(local) / "teamcredits"
    base = env.get("XDG_STATE_HOME")
    return (Path(base) if base else Path("~/.local/state").expanduser()) / "teamcredits"
