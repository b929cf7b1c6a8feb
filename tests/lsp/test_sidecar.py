"""The real sidecar as an editor sees it, against a server on loopback."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.support.editor_window import EditorWindow, all_text_below, files_below, until
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


async def test_the_same_state_again_is_not_pushed(api: FakeApi, open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        before = len(window.payloads)
        api.change(as_of="2026-11-20T13:02:59Z")
        await asyncio.sleep(0.5)

        assert len(window.payloads) == before


async def test_it_survives_the_servers_restart(api: FakeApi, open_window: Open, token: str) -> None:
    """Back within 2 s of the port answering after a short stop."""
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        await api.stop()
        stale = await window.shows("4,210 cr · as of 13:02")
        api.change(spendable="4000")
        await api.start()
        answering_again = asyncio.get_running_loop().time()
        await window.shows("4,000 cr")

        assert asyncio.get_running_loop().time() - answering_again < 2.0
        assert stale["kind"] == "offline"


async def test_a_start_without_the_server_shows_the_last_known_state(
    api: FakeApi, open_window: Open, token: str
) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
    await api.stop()

    async with open_window(token=token) as window:
        shown = await window.shows("4,210 cr · as of 13:02")

        assert shown["kind"] == "offline"
        assert [payload["text"] for payload in window.payloads].count("4,210 cr") == 0


async def test_the_state_of_one_token_is_never_shown_for_another(api: FakeApi, open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
    other = api.token("mem_bo")
    await api.stop()

    async with open_window(token=other) as window:
        await window.shows("Credits: offline")

        assert not any("4,210" in str(payload) for payload in window.payloads)


async def test_a_stream_that_makes_no_sense_is_an_error_with_the_old_number_marked(
    api: FakeApi, open_window: Open, token: str
) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        api.stream_body = b"event: status\ndata: {nonsense\n\n"
        api.change(spendable="1")
        shown = await window.shows("4,210 cr · as of 13:02")
        api.stream_body = None
        await window.shows("1 cr")

        assert shown["kind"] == "error"


async def test_a_revoked_token_signs_out_and_says_so_once_for_all_windows(
    api: FakeApi, open_window: Open, token: str, tmp_path: Path
) -> None:
    async with open_window(token=token) as one, open_window(token=token) as other:
        await one.shows("4,210 cr")
        await other.shows("4,210 cr")
        api.revoke(token)
        shown = await one.shows("Credits: sign in")
        await other.shows("Credits: sign in")
        await asyncio.sleep(0.3)

        assert shown["command"]["command"] == "credits.signIn"
        assert len([message for message in one.messages + other.messages if "signed out" in message]) == 1
        assert "4210" not in all_text_below(tmp_path)


async def test_two_windows_and_one_notice(api: FakeApi, open_window: Open, token: str) -> None:
    """Each event is shown once per person: only by the window whose claim is granted."""
    async with open_window(token=token) as one, open_window(token=token) as other:
        await one.shows("4,210 cr")
        await other.shows("4,210 cr")
        text = "Bo gave you 500 cr: thanks"
        notice = {"id": "ntc_1", "kind": "gift_received", "text": text, "created_at": "2026-11-20T13:00:00Z"}
        api.change(notices=[notice])
        await until(lambda: text in one.messages + other.messages, otherwise=lambda: "the notice was not shown")
        api.change(notices=[notice], incoming="1")
        await one.shows("4,210 cr · +1 incoming")
        await asyncio.sleep(0.3)

        assert (one.messages + other.messages).count(text) == 1
        assert api.claimed == {"ntc_1"}


async def test_a_burst_of_changes_arrives_as_few_pushes_and_the_last_wins(
    api: FakeApi, open_window: Open, token: str
) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        before = len(window.payloads)
        for spendable in range(4000, 4050):
            api.change(spendable=str(spendable))
            await asyncio.sleep(0.01)
        await window.shows("4,049 cr")

        assert len(window.payloads) - before <= 6


async def test_a_client_with_server_status_gets_that_instead(open_window: Open, token: str) -> None:
    async with open_window(token=token, experimental={"serverStatusNotification": True}) as window:
        await until(
            lambda: any(status["message"] == "4,210 cr" for status in window.server_statuses),
            otherwise=lambda: str(window.server_statuses),
        )

        assert window.payloads == []


async def test_a_client_that_did_not_opt_in_can_still_ask(open_window: Open, token: str) -> None:
    async with open_window(token=token, experimental={}) as window:
        shown = await window.run("credits.refresh")

        assert shown["text"] == "4,210 cr"
        assert window.payloads == []
        assert window.server_statuses == []


async def test_opting_in_by_initialization_options_works_too(open_window: Open, token: str) -> None:
    options = {"creditsStatus": {"version": 1}, "lowThreshold": "5000"}
    async with open_window(token=token, experimental={}, options=options) as window:
        shown = await window.shows("4,210 cr")

        assert shown["kind"] == "low"


async def test_the_state_file_is_small_private_and_holds_no_free_text(
    api: FakeApi, open_window: Open, token: str, tmp_path: Path
) -> None:
    notice = {"id": "n", "kind": "k", "text": "a private word", "created_at": "2026-11-20T13:00:00Z"}
    api.change(notices=[notice])
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
    files = files_below(tmp_path / "state")
    text = all_text_below(tmp_path)

    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.values())
    assert all(path.stat().st_size < 4096 for path in files.values())
    assert '"spendable":"4210"' in text
    assert token not in text
    assert "a private word" not in text
