"""The console script in a workspace that has modules with the names of ours: none of them ever runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).parent / "teamcredits-lsp"
DECOYS = (
    "lsp/__init__.py",
    "lsp/cli.py",
    "core/__init__.py",
    "bot/__init__.py",
    "httpx/__init__.py",
    "pygls/__init__.py",
)
MODULES = ("json.py", "asyncio.py", "argparse.py", "keyring.py", "logging.py", "lsprotocol.py")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder whose every module leaves a mark when it is imported."""
    folder = tmp_path / "workspace"
    for name in (*DECOYS, *MODULES):
        decoy = folder / name
        decoy.parent.mkdir(parents=True, exist_ok=True)
        decoy.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r} + '\\n')\n")
    return folder


def run(
    workspace: Path, *arguments: str, typed: bytes = b"", python_path: str = "."
) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": python_path, "TEAMCREDITS_STATE_DIR": str(workspace.parent / "state")}
    env.pop("TEAMCREDITS_TOKEN", None)
    env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    return subprocess.run(
        [SCRIPT, *arguments], cwd=workspace, env=env, input=typed, capture_output=True, timeout=60, check=False
    )


def frame(**message: object) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("python_path", [".", "", f".{os.pathsep}{os.pathsep}sub"])
def test_an_editor_that_opens_such_a_workspace_gets_the_sidecar(workspace: Path, python_path: str) -> None:
    """Whatever PYTHONPATH says, and with the workspace as the current folder."""
    asked = frame(id=1, method="initialize", params={"processId": None, "rootUri": None, "capabilities": {}})
    ends = frame(id=2, method="shutdown") + frame(method="exit")
    done = run(workspace, "--stdio", typed=asked + ends, python_path=python_path)

    assert b'"serverInfo"' in done.stdout, done.stderr
    assert not (workspace.parent / "ran").exists(), (workspace.parent / "ran").read_text()


@pytest.mark.parametrize("arguments", [("--version",), ("status", "--format", "statusline")])
def test_a_terminal_in_such_a_workspace_runs_nothing_of_it(workspace: Path, arguments: tuple[str, ...]) -> None:
    done = run(workspace, *arguments)

    assert done.returncode == 0, done.stderr
    assert not (workspace.parent / "ran").exists(), (workspace.parent / "ran").read_text()
