"""Where the sidecar's tests get their server from: who needs an address and a token takes just those."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_window(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EditorWindow]:
    """One signed-in window for all the tests of a file that only ask."""
    fake = FakeApi()
    await fake.start()
    async with EditorWindow(fake.url, tmp_path_factory.mktemp("state"), token=fake.token("mem_al")) as window:
        yield window
    await fake.stop()
