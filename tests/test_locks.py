"""The lock files: what a fresh machine installs is exactly this, from wherever it gets its packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNTIME, DEVELOPMENT = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^ ;]+)(?: ; .+)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_every_line_is_a_pinned_name_with_hashes_and_names_no_host(lock: Path) -> None:
    requirements = _requirements(lock)

    assert len(requirements) > 20
    for pin, *hashes in requirements:
        assert _PIN.fullmatch(pin), pin
        assert hashes, pin
        assert all(_HASH.fullmatch(part) for part in hashes), pin


@pytest.mark.parametrize(
    ("lock", "extras"),
    [(RUNTIME, ("server", "bot", "lsp", "build")), (DEVELOPMENT, ("server", "bot", "lsp", "build", "dev"))],
    ids=["runtime", "development"],
)
def test_everything_that_is_asked_for_is_locked(lock: Path, extras: tuple[str, ...]) -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {_plain(requirement) for extra in extras for requirement in asked[extra]} - {"teamcredits"}

    assert names <= set(_pins(lock)), "run: make lock"


def test_the_tests_run_with_the_very_packages_that_are_shipped() -> None:
    development = _pins(DEVELOPMENT)

    assert {name: development.get(name) for name in _pins(RUNTIME)} == _pins(RUNTIME)


def test_what_builds_the_package_is_locked_too() -> None:
    """So that an installation without build isolation asks for nothing that has no hash."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]

    assert {_plain(requirement) for requirement in needed} | {"editables"} <= set(_pins(RUNTIME))


def _requirements(lock: Path) -> list[list[str]]:
    """Return each requirement as its pin and its hashes."""
    lines = lock.read_text(encoding="ascii").replace("\\\n", "\x00").splitlines()
    return [[part.strip() for part in line.split("\x00")] for line in lines]


def _pins(lock: Path) -> dict[str, str]:
    matches = [_PIN.fullmatch(pin) for pin, *_ in _requirements(lock)]
    return {match["name"]: match["version"] for match in matches if match}


def _plain(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[._-]+", "-", name[0]).lower()
