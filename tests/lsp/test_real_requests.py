"""The real sidecar at the real app: a request from the editor reaches the lead's editor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.api.app import create_app
from core.api.server import Server
from core.services.sharing import requests
from tests.support.builders import some_settings
from tests.support.editor_window import EditorWindow
from tests.support.sample_org import SampleOrg, org
from tests.support.waiting import eventually

__all__ = ["org"]


@pytest.fixture
async def url(org: SampleOrg) -> AsyncIterator[str]:
    """The address of the app, served in this process."""
    served = Server(create_app(org.ledger, some_settings()), host="127.0.0.1", port=0)
    task = asyncio.create_task(served.serve())
    while not served.started:
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{served.port}"
    served.should_exit = True
    await task


async def test_a_request_from_the_editor_is_told_in_the_leads_editor(org: SampleOrg, url: str, tmp_path: Path) -> None:
    async with (
        EditorWindow(url, tmp_path / "bo", token=org.bo.token) as bos,
        EditorWindow(url, tmp_path / "al", token=org.al.token, experimental={}) as als,
    ):
        await bos.shows("0 cr")
        asked = await bos.run("credits.request", {"amount": "500", "message": "a deadline"})
        named = await bos.run("credits.request", {"amount": "1,000", "to": ["@ada"]})
        nobody = await bos.run("credits.request", {"amount": "5", "to": "@nobody"})
        nothing = await bos.run("credits.request", {"amount": "0"})
        await eventually(lambda: "Bo asks for 500 cr: a deadline." in als.messages)
        made = await requests.list_requests(org.ledger, actor=org.bo.actor)

        assert asked["message"] == "Asked Al for 500 cr."
        assert named["message"] == "Asked Ada for 1,000 cr."
        assert (nobody["code"], nothing["code"]) == ("unknown_member", "invalid_request")
        assert [str(each.amount) for each in made.items] == ["1000", "500"]
        assert made.items[1].reason == "a deadline"
