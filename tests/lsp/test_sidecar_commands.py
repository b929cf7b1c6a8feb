"""What an editor can do by `workspace/executeCommand`; a refusal is a result, never a JSON-RPC error."""

from collections.abc import Callable
from typing import Any

import pytest

from lsp.commands.registry import COMMANDS
from lsp.server import COMMANDS as OFFERED
from tests.support.editor_window import EditorWindow
from tests.support.fake_api import FakeApi

Open = Callable[..., EditorWindow]


def test_every_offered_command_has_its_function() -> None:
    assert set(OFFERED) == set(COMMANDS)


async def test_a_gift_is_made_and_described(api: FakeApi, open_window: Open, token: str) -> None:
    async with open_window(token=token) as window:
        answer = await window.run("credits.gift", {"to": "@bo", "amount": "1,500.50", "message": "thanks"})
        again = await window.run("credits.gift", {"to": "mem_bo", "amount": 5})

        assert answer["gift"]["state"] == "pending"
        assert answer["message"].startswith("1,500.5 cr for Bo: arrives")
        assert api.gift_requests[0][1] == {
            "to": {"member": "mem_bo"}, "amount": "1500.5", "message": "thanks",
        }  # fmt: skip
        assert again["gift"]["amount"] == "5"
        assert len({key for key, _ in api.gift_requests}) == 2


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(api: FakeApi, open_window: Open, token: str) -> None:
    api.answers_lost = 2
    async with open_window(token=token) as window:
        answer = await window.run("credits.gift", {"to": "@bo", "amount": "500"})

        assert answer["gift"]["amount"] == "500"
        assert len(api.gift_requests) == 3
        assert len(api.gifts) == 1


async def test_a_gift_while_the_server_is_away_is_a_refusal_that_says_nothing_was_sent(
    api: FakeApi, open_window: Open, token: str
) -> None:
    async with open_window(token=token) as window:
        await window.shows("4,210 cr")
        await api.stop()
        answer = await window.run("credits.gift", {"to": "mem_bo", "amount": "500"})

        assert answer["code"] == "unreachable"
        assert "Nothing was sent" in answer["message"]
        assert api.gift_requests == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], "invalid_amount"),
        (["@bo", "500"], "invalid_arguments"),
        ([{"to": "@bo", "amount": "500", "extra": 1}], "invalid_arguments"),
        ([{"to": "@bo"}], "invalid_amount"),
        ([{"to": "@bo", "amount": "500.0000001"}], "invalid_amount"),
        ([{"to": "@bo", "amount": "1e9"}], "invalid_amount"),
        ([{"to": "@bo", "amount": "-5"}], "invalid_amount"),
        ([{"to": "@bo", "amount": "٥٠٠"}], "invalid_amount"),
        ([{"to": "@bo", "amount": 0.5}], "invalid_amount"),
        ([{"to": "@bo", "amount": True}], "invalid_amount"),
        ([{"to": "", "amount": "5"}], "invalid_recipient"),
        ([{"to": 7, "amount": "5"}], "invalid_recipient"),
        ([{"to": "@nobody", "amount": "5"}], "unknown_member"),
        ([{"to": "@cy", "amount": "5"}], "ambiguous_member"),
        ([{"to": "@al", "amount": "5"}], "self_gift"),
        ([{"to": "@bo", "amount": "5", "message": {"a": 1}}], "invalid_message"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_gift_that_cannot_be_is_refused_with_a_reason(
    shared_window: EditorWindow, arguments: list[Any], code: str
) -> None:
    answer = await shared_window.run("credits.gift", *arguments)

    assert set(answer) == {"code", "message"}
    assert answer["code"] == code


@pytest.mark.asyncio(loop_scope="module")
async def test_routes_that_an_older_server_lacks_are_refusals(shared_window: EditorWindow) -> None:
    why = await shared_window.run("credits.why")
    request = await shared_window.run("credits.request", {"amount": "500", "message": "a deadline"})

    assert why == {"code": "not_available", "message": "This server does not offer that yet."}
    assert request["code"] == "not_available"


async def test_everything_but_signing_in_is_refused_when_signed_out(open_window: Open) -> None:
    async with open_window() as window:
        await window.shows("Credits: sign in")
        answers = [
            await window.run("credits.why"),
            await window.run("credits.gift", {"to": "@bo", "amount": "5"}),
        ]

        assert {answer["code"] for answer in answers} == {"signed_out"}
        assert (await window.run("credits.status"))["kind"] == "signedOut"


@pytest.mark.asyncio(loop_scope="module")
async def test_show_puts_the_details_into_a_message_for_every_editor(shared_window: EditorWindow) -> None:
    await shared_window.shows("4,210 cr")
    shown = await shared_window.run("credits.show")
    message = await shared_window.says("4,210 credits to spend")

    assert shown["text"] == "4,210 cr"
    assert "own 4,000 · pool 210" in message
    assert "**" not in message


async def test_an_editor_without_a_plugin_gets_outcomes_as_messages(open_window: Open, token: str) -> None:
    async with open_window(token=token, experimental={}) as window:
        await window.run("credits.gift", {"to": "@bo", "amount": "5"})
        await window.says("5 cr for Bo")
        await window.run("credits.gift", {"to": "@nobody", "amount": "5"})
        await window.says("Nobody here is called nobody")
