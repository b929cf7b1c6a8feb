"""Signing in by the device flow (RFC 8628), from the editor, with the real sidecar."""

from collections.abc import Callable
from pathlib import Path

from tests.support.editor_window import EditorWindow, all_text_below, files_below
from tests.support.fake_api import FakeApi

Open = Callable[..., EditorWindow]


async def test_a_person_signs_in_with_a_code_and_sees_their_credits(
    api: FakeApi, open_window: Open, tmp_path: Path
) -> None:
    async with open_window() as window:
        await window.shows("Credits: sign in")
        code = await window.run("credits.signIn")
        message = await window.says(code["userCode"])
        api.approve(code["userCode"])
        finished = await window.run("credits.finishSignIn")
        await window.shows("4,210 cr")

        assert "/credits link" in message
        assert code["verificationUri"] == f"{api.url}/link"
        assert finished["kind"] == "ok"
        assert [device["device"].startswith("Testor on ") for device in api.devices.values()] == [True]
        assert files_below(tmp_path)["token"].stat().st_mode & 0o777 == 0o600


async def test_a_sign_in_lasts_to_the_next_start(api: FakeApi, open_window: Open) -> None:
    async with open_window() as window:
        code = await window.run("credits.signIn")
        api.approve(code["userCode"])
        await window.shows("4,210 cr")

    async with open_window() as window:
        await window.shows("4,210 cr")


async def test_one_sign_in_serves_every_open_window(api: FakeApi, open_window: Open) -> None:
    async with open_window() as one, open_window() as other:
        await other.shows("Credits: sign in")
        code = await one.run("credits.signIn")
        api.approve(code["userCode"])
        await one.shows("4,210 cr")
        await other.shows("4,210 cr")
        await one.run("credits.signOut")
        await other.shows("Credits: sign in")

        assert one.payloads[-1]["kind"] == "signedOut"


async def test_asking_twice_is_the_same_code(api: FakeApi, open_window: Open) -> None:
    async with open_window() as window:
        first = await window.run("credits.signIn")
        second = await window.run("credits.signIn")

        assert first["userCode"] == second["userCode"]
        assert len(api.devices) == 1


async def test_a_denied_sign_in_is_a_refusal_in_words(api: FakeApi, open_window: Open) -> None:
    async with open_window() as window:
        code = await window.run("credits.signIn")
        api.deny(code["userCode"])
        answer = await window.run("credits.finishSignIn")

        assert answer == {"code": "sign_in_failed", "message": "The sign-in was denied."}
        assert (await window.shows("Credits: sign in"))["kind"] == "signedOut"


async def test_finishing_without_beginning_is_a_refusal(open_window: Open) -> None:
    async with open_window() as window:
        answer = await window.run("credits.finishSignIn")

        assert answer["code"] == "no_sign_in"


async def test_signing_in_over_a_token_from_the_environment_is_refused(open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        answer = await window.run("credits.signIn")

        assert answer["code"] == "token_from_environment"


async def test_signing_in_while_the_server_is_away_is_a_refusal(api: FakeApi, open_window: Open) -> None:
    await api.stop()
    async with open_window() as window:
        answer = await window.run("credits.signIn")

        assert answer["code"] == "unreachable"


async def test_signing_out_leaves_neither_token_nor_number_on_disk(
    api: FakeApi, open_window: Open, tmp_path: Path
) -> None:
    async with open_window() as window:
        code = await window.run("credits.signIn")
        api.approve(code["userCode"])
        await window.shows("4,210 cr")
        shown = await window.run("credits.signOut")
        left = all_text_below(tmp_path)

        assert shown["kind"] == "signedOut"
        assert "tct_" not in left
        assert "4210" not in left
