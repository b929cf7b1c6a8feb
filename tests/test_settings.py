"""Settings: where they come from, and the one line that a wrong one gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.secret_key import secret_key
from core.settings import Mode, Settings, SettingsError, settings_from_environment
from tests.support.builders import some_settings
from tests.support.settings_page import PAGE, settings_page

KEY = "k" * 32


@pytest.fixture(autouse=True)
def _nothing_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in tuple(os.environ):
        if name.startswith("TEAMCREDITS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEAMCREDITS_SECRET_KEY", KEY)


def test_without_any_setting_the_ledger_is_one_file_and_listens_on_loopback() -> None:
    settings = settings_from_environment()

    assert settings.database_url == "sqlite:///var/teamcredits.db"
    assert (settings.host, settings.port, settings.address) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert settings.mode is Mode.PRODUCTION
    assert settings.settlement_hours == 24
    assert not settings.slack_configured


def test_the_environment_outweighs_the_env_file_and_that_the_toml_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("teamcredits.toml").write_text('bind = "10.0.0.1:1"\nlog_level = "error"\nsettlement_hours = 3\n')
    Path(".env").write_text("TEAMCREDITS_BIND=10.0.0.1:2\nTEAMCREDITS_LOG_LEVEL=debug\nOTHER=of no interest\n")
    monkeypatch.setenv("TEAMCREDITS_BIND", "10.0.0.1:3")

    settings = settings_from_environment()

    assert (settings.port, settings.log_level, settings.settlement_hours) == (3, "debug", 3)


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAMCREDITS_SETTLEMENT_HOURS", "")

    assert settings_from_environment().settlement_hours == 24


def test_a_command_that_implies_a_mode_outweighs_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAMCREDITS_MODE", "production")

    assert settings_from_environment(mode=Mode.DEMO).mode is Mode.DEMO


def test_hosts_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAMCREDITS_SLACK_RESPONSE_HOSTS", "hooks.slack.com, 127.0.0.1")

    assert settings_from_environment().slack_response_hosts == ("hooks.slack.com", "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("BIND", "8080", "TEAMCREDITS_BIND: must be an address and a port, like 127.0.0.1:8080"),
        ("BIND", "127.0.0.1:٨٠", "TEAMCREDITS_BIND: must be an address and a port, like 127.0.0.1:8080"),
        ("BIND", "127.0.0.1:65536", "TEAMCREDITS_BIND: must be an address and a port, like 127.0.0.1:8080"),
        ("MODE", "prod", "TEAMCREDITS_MODE: input should be 'demo', 'test' or 'production'"),
        ("LOG_LEVEL", "loud", "TEAMCREDITS_LOG_LEVEL: input should be 'debug', 'info', 'warning' or 'error'"),
        ("DATABASE_URL", "mysql://h/d", "TEAMCREDITS_DATABASE_URL: must start with sqlite:/// or postgresql://"),
        ("PUBLIC_URL", "ftp://x", "TEAMCREDITS_PUBLIC_URL: must be a URL, like https://credits.example.com"),
        ("PUBLIC_URL", "http://[x", "TEAMCREDITS_PUBLIC_URL: must be a URL, like https://credits.example.com"),
        ("SECRET_KEY", "short", "TEAMCREDITS_SECRET_KEY: must have at least 32 characters"),
        ("CLOCK_FILE", "clock", "TEAMCREDITS_CLOCK_FILE: not allowed in production mode"),
        ("SETTLEMENT_HOURS", "-1", "TEAMCREDITS_SETTLEMENT_HOURS: input should be greater than or equal to 0"),
        ("QUEUE_SIZE", "0", "TEAMCREDITS_QUEUE_SIZE: input should be greater than or equal to 1"),
        ("SEAL_KEY_ID", "a b", "TEAMCREDITS_SEAL_KEY_ID: string should match pattern '^[A-Za-z0-9._-]{1,32}$'"),
        ("BNID", "x", "TEAMCREDITS_BNID isn't a setting. Did you mean TEAMCREDITS_BIND?"),
        ("SLACK_TOKEN", "x", "TEAMCREDITS_SLACK_TOKEN isn't a setting. Did you mean TEAMCREDITS_SLACK_BOT_TOKEN?"),
        ("ZZZZ", "x", "TEAMCREDITS_ZZZZ isn't a setting"),
        (
            "SLACK_BOT_TOKEN",
            "xoxb-1",
            "TEAMCREDITS_SLACK_SIGNING_SECRET: required together with TEAMCREDITS_SLACK_BOT_TOKEN",
        ),
        (
            "SLACK_SIGNING_SECRET",
            "s",
            "TEAMCREDITS_SLACK_BOT_TOKEN: required together with the other Slack settings",
        ),
    ],
)
def test_a_wrong_setting_is_one_clear_line(name: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TEAMCREDITS_{name}", value)

    with pytest.raises(SettingsError) as caught:
        settings_from_environment()
    assert str(caught.value) == line


def test_production_without_a_key_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAMCREDITS_SECRET_KEY")

    with pytest.raises(SettingsError, match=r"^TEAMCREDITS_SECRET_KEY: required in .* openssl rand -hex 32$"):
        settings_from_environment()


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("teamcredits.toml", b"bind = ", "teamcredits.toml isn't valid TOML: "),
        ("teamcredits.toml", b"bnid = 'x'", "bnid in teamcredits.toml isn't a setting. Did you mean bind?"),
        ("teamcredits.toml", b"slack_response_hosts = 1", "TEAMCREDITS_SLACK_RESPONSE_HOSTS: "),
        ("teamcredits.toml", b"\xff\xfe", "can't read teamcredits.toml or .env: "),
        (".env", b"TEAMCREDITS_BNID=x", "TEAMCREDITS_BNID isn't a setting. Did you mean TEAMCREDITS_BIND?"),
        (".env", b"TEAMCREDITS_BIND=\xff", "can't read teamcredits.toml or .env: "),
    ],
)
def test_a_wrong_file_is_one_clear_line(file: str, content: bytes, line: str) -> None:
    Path(file).write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        settings_from_environment()
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_no_line_and_no_representation_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hush-hush-hush"
    for name in ("SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SECRET_KEY"):
        monkeypatch.setenv(f"TEAMCREDITS_{name}", f"{name}-{secret}-{secret}")
    monkeypatch.setenv("TEAMCREDITS_DATABASE_URL", f"postgresql://u:{secret}@h/d")
    settings = settings_from_environment()
    monkeypatch.setenv("TEAMCREDITS_SECRET_KEY", secret)
    monkeypatch.setenv("TEAMCREDITS_DATABASE_URL", f"oracle://u:{secret}@h/d")
    with pytest.raises(SettingsError) as caught:
        settings_from_environment()

    assert secret not in repr(settings) + str(settings) + str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_from_values_read_nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAMCREDITS_BIND", "10.0.0.1:1")

    assert Settings(mode=Mode.TEST).bind == "127.0.0.1:8080"
    with pytest.raises(ValidationError):
        Settings.model_validate({"mode": "test", "bnid": "x"})


def test_an_ipv6_address_binds_without_its_brackets() -> None:
    settings = some_settings(bind="[::1]:80")

    assert (settings.host, settings.port, settings.address) == ("::1", 80, "http://[::1]:80")


def test_outside_production_a_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    """L8: the same seals verify after a restart."""
    settings = some_settings(f"sqlite:///{tmp_path}/new/folder.db", secret_key=None)

    key = secret_key(settings)

    file = tmp_path / "new" / "secret.key"
    assert secret_key(settings) == key
    assert len(key) == 64
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_a_given_key_is_used_and_kept_in_no_file(tmp_path: Path) -> None:
    settings = some_settings(f"sqlite:///{tmp_path}/folder.db", secret_key=KEY)

    assert secret_key(settings) == KEY.encode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_a_broken_key_file_stops_the_start_and_is_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)

    with pytest.raises(SettingsError, match=r"secret\.key"):
        secret_key(some_settings(f"sqlite:///{tmp_path}/folder.db", secret_key=None))
    assert (tmp_path / "secret.key").read_bytes() == content


def test_the_page_of_settings_is_that_of_the_code() -> None:
    assert PAGE.read_text() == settings_page(), "run: make docs"
