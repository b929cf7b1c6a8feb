"""Files that appear whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.atomic_file import atomic_file, write_private_file


def test_a_file_appears_whole_at_the_end_and_is_its_owner_s_only(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with atomic_file(target) as aside:
        aside.write_text("all of it")
        before = target.exists()

    assert not before
    assert target.read_text() == "all of it"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("replace", [False, True])
def test_what_fails_midway_leaves_all_as_it_was(tmp_path: Path, replace: bool) -> None:
    target = tmp_path / "file"
    if replace:
        target.write_text("before")

    def fail_midway() -> None:
        with atomic_file(target, replace=replace) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_midway()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"] * replace


def test_a_file_that_somebody_else_made_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "file"

    def be_overtaken() -> None:
        with atomic_file(target) as aside:
            aside.write_text("ours")
            target.write_text("theirs")

    with pytest.raises(FileExistsError, match="already exists"):
        be_overtaken()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["theirs"]


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError), atomic_file(target):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_private_file_is_written_for_its_owner_and_replaced_only_on_request(tmp_path: Path) -> None:
    target = tmp_path / "token"
    write_private_file(target, "first")
    with pytest.raises(FileExistsError):
        write_private_file(target, "second")
    before = target.read_text()
    write_private_file(target, "third", replace=True)

    assert (before, target.read_text()) == ("first", "third")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]
