"""Where the sidecar's tests get their server from. `far_side` is the only thing that knows it is a fake."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.editor_window import EditorWindow
from tests.support.fake_api import FakeApi


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def server_url(api: FakeApi) -> str:
    """The address of a running server."""
    return api.url


@pytest.fixture
def token(api: FakeApi) -> str:
    """A token with `read` and `give` of a member who can spend 4,210 credits."""
    return api.token("mem_al")


@pytest.fixture
def open_window(server_url: str, tmp_path: Path) -> Callable[..., EditorWindow]:
    """Opens editor windows that share one machine's state folder."""

    def opened(**how: Any) -> EditorWindow:
        return EditorWindow(server_url, tmp_path / "state", **how)

    return opened
