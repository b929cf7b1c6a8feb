"""The console script ``teamcredits-lsp``: starts the sidecar, and only the sidecar.

Editors start it inside a workspace, which may have its own ``lsp/`` or ``json.py``. With ``PYTHONPATH=.`` Python would
import those first, so the current folder and ``PYTHONPATH`` leave ``sys.path`` before anything is imported. What runs
before this module is out of its reach (``sitecustomize`` on ``PYTHONPATH``, or a module with this one's name);
``python -I -m lsp`` is closed to that too.
"""

import os  # Python has imported it before any script runs, from its own frozen copy
import sys


def main() -> int:
    """Run ``teamcredits-lsp`` on the modules it was installed with. Returns the exit code."""
    sys.path[:] = own_path(sys.path, os.environ.pop("PYTHONPATH", ""))
    from lsp.cli import main as run  # noqa: PLC0415 - not before the path is clean

    return run()


def own_path(path: list[str], python_path: str) -> list[str]:
    """Return ``path`` without the current folder and ``PYTHONPATH``, unless the sidecar itself is installed there."""
    home = os.path.realpath(os.path.dirname(__file__))
    foreign = {os.path.realpath(entry) for entry in ("", *python_path.split(os.pathsep))}
    places = [(entry, os.path.realpath(entry)) for entry in path]
    return [entry for entry, place in places if place == home or (os.path.isabs(entry) and place not in foreign)]
