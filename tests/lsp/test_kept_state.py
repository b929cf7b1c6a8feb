"""What the sidecar keeps on disk: the state, and where the token is. Private, whole, and no more than needed."""

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lsp.credentials import KEYRING_SECONDS, CredentialStore, token_hint
from lsp.files import first_here, read_json, write_private
from lsp.payload import Connection, StatusSnapshot
from lsp.settings import SidecarSettings, SidecarSettingsError, from_environment
from lsp.state_file import RESIDENT_SECONDS, StateFile
from lsp.wire import parse_status
from tests.support.fake_api import full_state

STATE = full_state()
AS_OF = parse_status(STATE).as_of
LIVE = StatusSnapshot(Connection.LIVE, status=parse_status(STATE))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SidecarSettings:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return SidecarSettings(url="http://127.0.0.1:8080", state_dir=tmp_path / "state")


def keep(settings: SidecarSettings, seen: StatusSnapshot = LIVE, *, resident: bool = True) -> StateFile:
    memory = StateFile(settings, "0123456789ab")
    memory.save(STATE, seen, offset_seconds=0.0, resident=resident)
    return memory


def test_a_state_comes_back_as_it_was_kept(settings: SidecarSettings) -> None:
    kept = keep(settings).load()

    assert kept is not None
    assert kept.seen.status == LIVE.status
    assert kept.seen.link is Connection.LIVE


def test_a_live_state_counts_as_confirmed_when_its_file_was_last_marked(settings: SidecarSettings) -> None:
    an_hour_later = AS_OF + timedelta(hours=1)

    assert _confirmed_at(settings, marked_at=an_hour_later) == an_hour_later


def test_a_live_state_counts_as_confirmed_no_sooner_than_the_server_told_it(settings: SidecarSettings) -> None:
    """The clock of a file system is a few milliseconds slow."""
    assert _confirmed_at(settings, marked_at=AS_OF - timedelta(milliseconds=4)) == AS_OF


def _confirmed_at(settings: SidecarSettings, *, marked_at: datetime) -> datetime | None:
    memory = keep(settings)
    os.utime(memory.path, (marked_at.timestamp(), marked_at.timestamp()))
    kept = memory.load()

    assert kept is not None
    return kept.seen.confirmed_at


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"version":1}', "\x00" * 100, '{"version":1,"link":"no"}', "[" * 60_000, '{"a":"' + "x" * 99_999,
     json.dumps({"version": 1, "link": "live", "problem": "", "confirmed_at": None, "offset_seconds": 1e300,
                 "status": STATE})],
    ids=range(9),
)  # fmt: skip
def test_a_damaged_state_file_is_no_news(settings: SidecarSettings, damage: str) -> None:
    memory = keep(settings)
    memory.path.write_text(damage)

    assert memory.load() is None


def test_only_a_running_sidecar_vouches_for_the_file(settings: SidecarSettings) -> None:
    memory = keep(settings)
    assert memory.is_resident()

    long_ago = time.time() - RESIDENT_SECONDS - 1
    os.utime(memory.path, (long_ago, long_ago))
    assert not memory.is_resident()

    memory.mark()
    assert memory.is_resident()
    assert not keep(settings, resident=False).is_resident()


def test_a_folder_that_cannot_be_made_is_one_warning_and_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    memory = StateFile(SidecarSettings(url="http://127.0.0.1:8080", state_dir=tmp_path / "state"), "0123456789ab")
    memory.save(STATE, LIVE, offset_seconds=0.0, resident=True)
    memory.save(STATE, LIVE, offset_seconds=0.0, resident=True)

    assert len(caplog.records) == 1
    assert memory.load() is None


def test_a_private_file_is_private_and_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_private(path, "one")
    write_private(path, "two")

    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_only_one_of_many_is_first(tmp_path: Path) -> None:
    assert [first_here(tmp_path / "folder" / "mark") for _ in range(3)] == [True, False, False]


def test_a_token_is_kept_in_a_private_file_when_there_is_no_keyring(settings: SidecarSettings) -> None:
    credentials = CredentialStore(settings)
    before = credentials.revision()
    saved = credentials.save("tct_secret")
    loaded = CredentialStore(settings).load()

    assert saved == loaded
    assert saved.store == "file"
    assert (settings.folder / "token").stat().st_mode & 0o777 == 0o600
    assert credentials.revision() != before
    assert credentials.remembered_hint() == token_hint("tct_secret")
    assert "tct_secret" not in (settings.folder / "session.json").read_text()
    assert "tct_secret" not in repr(saved)


def test_after_signing_out_there_is_no_token_anywhere(settings: SidecarSettings) -> None:
    credentials = CredentialStore(settings)
    credentials.save("tct_secret")
    credentials.forget()

    assert credentials.load() is None
    assert credentials.remembered_hint() is None
    assert not (settings.folder / "token").exists()


def test_the_environment_comes_before_any_store(settings: SidecarSettings) -> None:
    CredentialStore(settings).save("tct_stored")
    with_env = SidecarSettings(url=settings.url, state_dir=settings.state_dir, env_token="tct_env")
    found = CredentialStore(with_env).load()

    assert found is not None
    assert (found.token, found.store) == ("tct_env", "environment")


def test_a_keyring_that_answers_keeps_the_token(
    settings: SidecarSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_keyring(tmp_path, monkeypatch, KEYRING_IN_A_FILE)
    credentials = CredentialStore(settings)
    saved = credentials.save("tct_secret")

    assert saved.store == "keyring"
    assert credentials.load() == saved
    assert not (settings.folder / "token").exists()
    credentials.forget()
    assert "tct_secret" not in (tmp_path / "ring").read_text()


def test_a_keyring_gets_three_seconds() -> None:
    assert KEYRING_SECONDS == 3.0


def test_a_keyring_that_hangs_is_given_up_on(
    settings: SidecarSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its time is over: the private file."""
    _install_keyring(tmp_path, monkeypatch, "import time\ntime.sleep(60)\n")
    began = time.monotonic()
    saved = CredentialStore(settings, keyring_seconds=1.0).save("tct_secret")

    assert saved.store == "file"
    assert time.monotonic() - began < 10


def test_the_state_of_two_servers_is_kept_apart(tmp_path: Path) -> None:
    here, there = (from_environment({"TEAMCREDITS_URL": url, "TEAMCREDITS_STATE_DIR": str(tmp_path)}) for url in
                   ("http://one.example", "https://two.example"))  # fmt: skip

    assert here.folder != there.folder


@pytest.mark.parametrize(
    "env",
    [
        {"TEAMCREDITS_URL": "credits.example.com"},
        {"TEAMCREDITS_URL": "ftp://x"},
        {"TEAMCREDITS_URL": "http://"},
        {"TEAMCREDITS_URL": "http://x:99999"},
        {"TEAMCREDITS_URL": "http://user:pw@x"},
        {"TEAMCREDITS_TOKEN": "two words"},
        {"TEAMCREDITS_TOKEN": "tökén"},
    ],
)
def test_a_setting_that_cannot_work_is_one_clear_line(env: dict[str, str]) -> None:
    with pytest.raises(SidecarSettingsError) as refused:
        from_environment(env)

    assert "\n" not in str(refused.value)
    assert "pw" not in str(refused.value)


def test_the_defaults_follow_the_platform(tmp_path: Path) -> None:
    settings = from_environment({"XDG_STATE_HOME": str(tmp_path)})

    assert settings.url == "http://127.0.0.1:8080"
    assert settings.state_dir == tmp_path / "teamcredits"
    assert settings.env_token is None


def test_reading_json_never_fails(tmp_path: Path) -> None:
    assert read_json(tmp_path / "missing") == {}
    assert read_json(tmp_path) == {}


KEYRING_IN_A_FILE = """
import json, pathlib
from keyring.backend import KeyringBackend
PATH = pathlib.Path(__file__).with_name("ring")
class Ring(KeyringBackend):
    priority = 1
    def _all(self):
        return json.loads(PATH.read_text()) if PATH.exists() else {}
    def get_password(self, service, username):
        return self._all().get(service + username)
    def set_password(self, service, username, password):
        PATH.write_text(json.dumps({**self._all(), service + username: password}))
    def delete_password(self, service, username):
        PATH.write_text(json.dumps({k: v for k, v in self._all().items() if k != service + username}))
"""


def _install_keyring(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """A real keyring backend that the real `keyring` finds by its own settings file."""
    (folder / "test_ring.py").write_text(source)
    home = folder / "config" / "python_keyring"
    home.mkdir(parents=True)
    (home / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring=test_ring.Ring\nkeyring-path={folder}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
