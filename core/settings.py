"""The settings: from the environment, ``.env`` or ``teamcredits.toml``, in this order of precedence.

``Settings(...)`` reads nothing from outside: tests and tools build it from values. ``settings_from_environment``
reads the outside once, at the start, and stops it with one clear line that never shows a value.
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

# Variables with our prefix that other parts read for themselves: the editor sidecar, the tests.
_READ_ELSEWHERE: Final = frozenset({"url", "token", "state_dir", "test_postgres", "test_profile"})


class Mode(StrEnum):
    """How much of the house is for real."""

    DEMO = "demo"  # seeded, a key made on the first start, a settable clock
    TEST = "test"  # as demo, without the seed
    PRODUCTION = "production"  # a real clock and a real key


class LogLevel(StrEnum):
    """How much is logged; never a token, a secret or a message."""

    DEBUG = "debug"  # each statement of our own
    INFO = "info"  # starts, stops and deliveries
    WARNING = "warning"  # what an operator should look at
    ERROR = "error"  # defects only


class SettingsError(Exception):
    """A setting is wrong; the message is one line for the operator and holds no value of a secret."""


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
        raise ValueError("must be a web address, like https://credits.example.com")
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
    """Everything an operator can set; immutable. Each field is ``TEAMCREDITS_<NAME>``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Annotated[Mode, BeforeValidator(_lower)] = Field(
        default=Mode.PRODUCTION, description="`demo`, `test` or `production`; only the last refuses a settable clock."
    )
    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="sqlite:///var/teamcredits.db",
        repr=False,
        description="Where the ledger is: `sqlite:///file` or `postgresql://user:password@host/database`.",
    )
    bind: Annotated[str, AfterValidator(_bind)] = Field(
        default="127.0.0.1:8080", description="Address and port to listen on; port 0 takes a free one."
    )
    public_url: WebAddress | None = Field(
        default=None, description="The address people and editors reach the server by; without it, that of `BIND`."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description=f"Seals the books; at least {MIN_SECRET_LENGTH} characters. Required in production; "
        "otherwise made once, in `secret.key` beside the database.",
    )
    seal_key_id: str = Field(
        default="k1",
        pattern=r"^[A-Za-z0-9._-]{1,32}$",
        description="The name of the key, kept with each seal; change it together with the key.",
    )
    clock_file: Path | None = Field(
        default=None, description="A file with one ISO instant that is the present; refused in production."
    )
    settlement_hours: int = Field(
        default=24,
        ge=0,
        le=24 * 31,
        description="Hours until a gift settles, for new organisations; their policy can differ.",
    )
    queue_size: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Commands that may wait for the journal; beyond, `overloaded`."
    )
    batch_size: int = Field(
        default=1_000, ge=1, le=10_000, description="Commands that one database transaction takes at most."
    )
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        default=LogLevel.INFO, description="`debug`, `info`, `warning` or `error`."
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="Slack: the app's signing secret; verifies what arrives at `/slack/events`."
    )
    slack_bot_token: SecretStr | None = Field(default=None, description="Slack: the bot token, `xoxb-…`.")
    slack_app_token: SecretStr | None = Field(
        default=None, description="Slack: the app-level token, `xapp-…`, for Socket Mode instead of a public address."
    )
    slack_api_url: Annotated[str, AfterValidator(_api_address)] = Field(
        default="https://slack.com/api/", description="Slack: the Web API's address."
    )
    slack_response_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = Field(
        default=("hooks.slack.com",), description="Slack: hosts that answers may be posted to, separated by commas."
    )
    slack_org: str | None = Field(
        default=None, description="Slack: the organisation the workspace belongs to; without it, the only unbound one."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.secret_key is not None and len(self.secret_key.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(f"{PREFIX}SECRET_KEY: must have at least {MIN_SECRET_LENGTH} characters")
        if self.mode is Mode.PRODUCTION:
            if self.clock_file is not None:
                raise ValueError(f"{PREFIX}CLOCK_FILE: the clock cannot be set in production mode")
            if self.secret_key is None:
                raise ValueError(
                    f"{PREFIX}SECRET_KEY: is missing; production needs one, like the output of: openssl rand -hex 32"
                )
        if self.slack_bot_token and not (self.slack_signing_secret or self.slack_app_token):
            raise ValueError(f"{PREFIX}SLACK_SIGNING_SECRET: is missing; Slack is configured by its bot token and it")
        if (self.slack_signing_secret or self.slack_app_token) and not self.slack_bot_token:
            raise ValueError(f"{PREFIX}SLACK_BOT_TOKEN: is missing, although other Slack settings are there")
        return self

    @property
    def host(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.bind.rpartition(":")[2])

    @property
    def address(self) -> str:
        """Return where people and editors reach the server, without a slash at the end."""
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
        extra="ignore",  # names that mean nothing are refused below, with a hint
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (one of the library's, unused here)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls, TOML_FILE))


def settings_from_environment(*, mode: Mode | None = None) -> Settings:
    """Read the settings once, at the start. Raises SettingsError with the one line to show.

    ``mode`` is for a command that implies one (``teamcredits demo``) and then outweighs what the outside says.
    """
    try:
        _refuse_unknown_names()
        return _FromOutside() if mode is None else _FromOutside(mode=mode)
    except ValidationError as error:
        raise SettingsError("; ".join(_line(dict(part)) for part in error.errors(include_input=False))) from None
    except SourceError as error:
        raise SettingsError(str(error).splitlines()[0]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{TOML_FILE} is not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings in {TOML_FILE} or {ENV_FILE} cannot be read: {_cause(error)}") from None


def _cause(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or type(error).__name__


def _refuse_unknown_names() -> None:
    """Refuse a name with our prefix, or in our file, that means nothing: most often a slip of the finger."""
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
        question = f"; did you mean {hint(nearest[0])}?" if nearest else ""
        raise SettingsError(f"{shown} is not a setting{question}")


def _line(error: dict[str, Any]) -> str:
    """Return one error as a line that names the variable and never the value."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message[:1].lower()}{message[1:]}"
