"""The real sidecar as an editor sees it, against a server on loopback."""

from collections.abc import Callable

from tests.support.editor_window import EditorWindow
from tests.support.fake_api import FakeApi

Open = Callable[..., EditorWindow]


async def test_a_signed_in_window_shows_what_can_be_spent(open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        shown = await window.shows("4,210 cr")

        assert shown["kind"] == "ok"
        assert shown["spendable"] == "4210"
        assert not shown["busy"]


async def test_a_change_reaches_the_window_as_a_full_state(api: FakeApi, open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        api.change(incoming="500")
        shown = await window.shows("4,210 cr · +500 incoming")

        assert set(shown) == set(window.payloads[0])
        assert shown["incoming"] == "500"
