"""Settings, read from the environment, ``.env`` and ``teamcredits.toml``, in this order of precedence.

``Settings(...)`` only uses the values it is given, as in tests and tools. ``settings_from_environment`` reads the
sources once at startup; its errors are one line and never contain a value.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

PREFIX: Final = "TEAMCREDITS_"
ENV_FILE: Final = Path(".env")
TOML_FILE: Final = Path("teamcredits.toml")
MIN_SECRET_LENGTH: Final = 32

# Variables with our prefix that are read elsewhere: by the editor sidecar and the tests.
_READ_ELSEWHERE: Final = frozenset({"url", "token", "state_dir", "test_postgres", "test_profile"})


class Mode(StrEnum):
    """Where the server runs."""

    DEMO = "demo"  # sample data, a generated key, a settable clock
    TEST = "test"  # like demo, without sample data
    PRODUCTION = "production"  # a real clock and a real key


class LogLevel(StrEnum):
    """The lowest level that is logged. Tokens, secrets and messages are never logged."""

    DEBUG = "debug"  # each of our own SQL statements
    INFO = "info"  # starts, stops and deliveries
    WARNING = "warning"  # what an operator should check
    ERROR = "error"  # defects only


class SettingsError(Exception):
    """A setting is wrong; the message is one line for the operator and never contains a secret."""


def _bind(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host.strip("[]") or re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) is None or int(port) > 65535:
        raise ValueError("must be an address and a port, like 127.0.0.1:8080")
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be a URL, like https://credits.example.com")
    return text.rstrip("/")


def _api_address(text: str) -> str:
    return _web_address(text) + "/"


def _database_url(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://", "postgres://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    return text


def _hosts(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseModel):
    """Everything an operator can set; immutable. Each field is read from ``TEAMCREDITS_<NAME>``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Annotated[Mode, BeforeValidator(_lower)] = Field(
        default=Mode.PRODUCTION,
        description="`demo`, `test` or `production`. Production requires a secret key and the real clock.",
    )
    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="sqlite:///var/teamcredits.db",
        repr=False,
        description="Database URL: `sqlite:///file` or `postgresql://user:password@host/database`.",
    )
    bind: Annotated[str, AfterValidator(_bind)] = Field(
        default="127.0.0.1:8080", description="Address and port to listen on. Port 0 picks a free port."
    )
    public_url: WebAddress | None = Field(
        default=None, description="URL at which people and editors reach the server (default: the address in `BIND`)."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description=f"Key that seals the ledger, with at least {MIN_SECRET_LENGTH} characters. Required in production; "
        "otherwise generated once in `secret.key` next to the database.",
    )
    seal_key_id: str = Field(
        default="k1",
        pattern=r"^[A-Za-z0-9._-]{1,32}$",
        description="Name of the key, stored with each seal. Change it together with the key.",
    )
    clock_file: Path | None = Field(
        default=None,
        description="File with an ISO 8601 time that is used as the current time. Not allowed in production.",
    )
    settlement_hours: int = Field(
        default=24,
        ge=0,
        le=24 * 31,
        description="Hours until a gift settles. Default for new organizations; each can change its policy.",
    )
    queue_size: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of waiting commands. Further ones are refused with `overloaded`.",
    )
    batch_size: int = Field(
        default=1_000, ge=1, le=10_000, description="Maximum number of commands in one database transaction."
    )
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        default=LogLevel.INFO, description="Log level: `debug`, `info`, `warning` or `error`."
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="Slack: signing secret of the app, which verifies requests to `/slack/events`."
    )
    slack_bot_token: SecretStr | None = Field(default=None, description="Slack: bot token, `xoxb-…`.")
    slack_app_token: SecretStr | None = Field(
        default=None, description="Slack: app-level token, `xapp-…`, for Socket Mode instead of a public URL."
    )
    slack_api_url: Annotated[str, AfterValidator(_api_address)] = Field(
        default="https://slack.com/api/", description="Slack: base URL of the Web API."
    )
    slack_response_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = Field(
        default=("hooks.slack.com",), description="Slack: hosts that responses may be posted to, separated by commas."
    )
    slack_org: str | None = Field(
        default=None,
        description="Slack: id of the workspace's organization (default: the only one without a workspace).",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.secret_key is not None and len(self.secret_key.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(f"{PREFIX}SECRET_KEY: must have at least {MIN_SECRET_LENGTH} characters")
        if self.mode is Mode.PRODUCTION:
            if self.clock_file is not None:
                raise ValueError(f"{PREFIX}CLOCK_FILE: not allowed in production mode")
            if self.secret_key is None:
                raise ValueError(
                    f"{PREFIX}SECRET_KEY: required in production mode; generate one with: openssl rand -hex 32"
                )
        if self.slack_bot_token and not (self.slack_signing_secret or self.slack_app_token):
            raise ValueError(f"{PREFIX}SLACK_SIGNING_SECRET: required together with {PREFIX}SLACK_BOT_TOKEN")
        if (self.slack_signing_secret or self.slack_app_token) and not self.slack_bot_token:
            raise ValueError(f"{PREFIX}SLACK_BOT_TOKEN: required together with the other Slack settings")
        return self

    @property
    def host(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.bind.rpartition(":")[2])

    @property
    def address(self) -> str:
        """Return the URL at which people and editors reach the server, without a trailing slash."""
        return self.public_url or f"http://{self.bind}"

    @property
    def slack_configured(self) -> bool:
        return self.slack_bot_token is not None


class _FromOutside(Settings, BaseSettings):
    """The same settings, read from the environment, then ``.env``, then ``teamcredits.toml``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        extra="ignore",  # unknown names are refused below, with a hint
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (required by the library)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls, TOML_FILE))


def settings_from_environment(*, mode: Mode | None = None) -> Settings:
    """Read the settings. Raises SettingsError with the line to show.

    ``mode`` overrides all sources, for a command that implies a mode (``teamcredits demo``).
    """
    try:
        _refuse_unknown_names()
        return _FromOutside() if mode is None else _FromOutside(mode=mode)
    except ValidationError as error:
        raise SettingsError("; ".join(_line(dict(part)) for part in error.errors(include_input=False))) from None
    except SourceError as error:
        raise SettingsError(str(error).splitlines()[0]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{TOML_FILE} isn't valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"can't read {TOML_FILE} or {ENV_FILE}: {_cause(error)}") from None


def _cause(error: OSError | UnicodeDecodeError) -> str:
    return "not valid UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or type(error).__name__


def _refuse_unknown_names() -> None:
    """Refuse unknown names with our prefix or in our file: they are most often typos."""
    variables = [*os.environ, *(dotenv_values(ENV_FILE, encoding="utf-8") if ENV_FILE.is_file() else ())]
    for variable in variables:
        name = variable[len(PREFIX) :].lower()
        if variable.upper().startswith(PREFIX) and name not in _READ_ELSEWHERE:
            _refuse_unknown(name, variable, hint=lambda nearest: f"{PREFIX}{nearest.upper()}")
    if TOML_FILE.is_file():
        for name in tomllib.loads(TOML_FILE.read_text(encoding="utf-8")):
            _refuse_unknown(name, f"{name} in {TOML_FILE}", hint=str)


def _refuse_unknown(name: str, shown: str, *, hint: Callable[[str], str]) -> None:
    if name not in Settings.model_fields:
        nearest = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.5)
        question = f". Did you mean {hint(nearest[0])}?" if nearest else ""
        raise SettingsError(f"{shown} isn't a setting{question}")


def _line(error: dict[str, Any]) -> str:
    """Return an error as one line that names the variable but not its value."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message[:1].lower()}{message[1:]}"
