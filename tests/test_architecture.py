"""The rules of the house that a machine can check: who may import whom, and where time and chance come in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE_FILES = sorted([*ROOT.glob("core/**/*.py"), *ROOT.glob("bot/**/*.py")])
PURE_FILES = sorted(file for name in ("ledger", "policy", "metering") for file in ROOT.glob(f"core/{name}/**/*.py"))

# The only files that may read a clock or roll dice; everyone else is given what they need. How long something
# takes is no such thing: it decides nothing in the books, so waiting and measuring are free.
SEAMS = {"core/clock.py", "core/wiring.py"}
BANNED = {"random", "uuid", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
ELAPSED = {"time.monotonic", "time.perf_counter", "time.sleep"}

# What a pure package may use of the standard library: nothing that reads, writes, waits or chooses.
PURE_MODULES = {
    "__future__", "abc", "bisect", "calendar", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "types", "typing", "unicodedata",
}  # fmt: skip


def test_the_arrows_between_the_packages_are_kept() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", CORE_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_time_and_chance_come_in_at_one_seam(file: Path) -> None:
    if str(file.relative_to(ROOT)) in SEAMS:
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))

    assert not {name for name in _used(tree) if name in BANNED or (name.startswith("time.") and name not in ELAPSED)}


@pytest.mark.parametrize("file", PURE_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_pure_packages_do_nothing_but_decide(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))

    assert set(_imported(tree)) <= PURE_MODULES | {"core"}


def _imported(tree: ast.Module) -> Iterator[str]:
    """Yield the top-level names of every module that is imported anywhere in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def _used(tree: ast.Module) -> Iterator[str]:
    """Yield every module that is imported, and every name that is taken from one or looked up in one."""
    yield from _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            yield f"{owner}.{node.attr}"
