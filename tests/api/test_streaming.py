"""The stream of the status, over the wire: whole at once, then each change, nothing else; and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.api.server import Server
from core.api.streaming import Streams
from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.actors import Scope
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import devices, organizations, tokens
from tests.support.sample_org import SampleOrg

PATH = "/v1/status/stream"
SOON = 10.0  # seconds; a busy machine is not a defect
QUIET = 0.4  # seconds in which nothing may come


@dataclass
class Reader:
    """What one open stream says, block by block."""

    answer: httpx.Response
    blocks: AsyncIterator[list[str]]

    async def block(self) -> list[str]:
        return await asyncio.wait_for(anext(self.blocks), SOON)

    async def status(self) -> dict[str, Any]:
        """Return the next status, whatever comments come before it."""
        while True:
            fields = dict(line.split(": ", 1) for line in await self.block() if not line.startswith(":"))
            if fields:
                assert fields["event"] == "status"
                status: dict[str, Any] = json.loads(fields["data"])
                assert fields["id"] == status["state_id"]
                return status

    async def is_quiet(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(anext(self.blocks), QUIET)
            return False
        return True

    async def ends(self) -> bool:
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await self.block()
        return True


@contextlib.asynccontextmanager
async def listening(
    remote: httpx.AsyncClient, headers: dict[str, str], last_id: str | None = None
) -> AsyncIterator[Reader]:
    given = headers | ({"Last-Event-ID": last_id} if last_id else {})
    async with remote.stream("GET", PATH, headers=given) as answer:
        assert answer.status_code == 200
        yield Reader(answer, _blocks(answer))


async def _blocks(answer: httpx.Response) -> AsyncIterator[list[str]]:
    lines: list[str] = []
    async for line in answer.aiter_lines():
        if line:
            lines.append(line)
        else:
            yield lines
            lines = []


def _keep_alive_every(app: FastAPI, org: SampleOrg, seconds: float) -> None:
    app.state.streams = Streams(org.ledger, app.state.metrics.streams, keep_alive_seconds=seconds)


async def test_the_whole_status_comes_at_once_and_again_soon_after_each_commit(
    remote: httpx.AsyncClient, org: SampleOrg
) -> None:
    """The bar of 100 ms from commit to stream is measured in benchmarks; here, that no timer is waited for."""
    async with listening(remote, org.bo.headers) as reader:
        first = await reader.status()
        took = []
        for number in range(3):
            await org.grant(org.bo, "10", key=f"grant {number}")
            committed_at = time.monotonic()
            status = await reader.status()
            took.append(time.monotonic() - committed_at)

    assert reader.answer.headers["content-type"].startswith("text/event-stream")
    assert reader.answer.headers["cache-control"] == "no-store"
    assert (first["spendable"], status["spendable"]) == ("0", "30")
    assert min(took) < 0.5


async def test_what_concerns_others_is_not_sent(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    async with listening(remote, org.bo.headers) as reader:
        await reader.status()
        await org.grant(org.al)

        assert await reader.is_quiet()


async def test_a_pool_one_draws_on_concerns_one_from_the_day_one_is_in_the_team(
    remote: httpx.AsyncClient, org: SampleOrg
) -> None:
    async with listening(remote, org.stranger.headers) as reader:
        before = await reader.status()
        boss = org.stranger
        await organizations.add_to_team(org.ledger, actor=boss.actor, team_id=org.strange_team, member_id=boss.id)
        await grants.grant(
            org.ledger,
            actor=boss.actor,
            key="pool",
            to=Recipient(pool=org.strange_team),
            amount=Credits.of(7),
            source=Source.PURCHASE,
        )
        after = await reader.status()

    assert (before["pool"], after["pool"]) == ("0", "7")


async def test_many_commits_quickly_after_one_another_are_shown_together(
    remote: httpx.AsyncClient, org: SampleOrg
) -> None:
    async with listening(remote, org.bo.headers) as reader:
        await reader.status()
        await asyncio.gather(*(org.grant(org.bo, "1", key=f"grant {number}") for number in range(50)))
        shown = [await reader.status()]
        while shown[-1]["spendable"] != "50":
            shown.append(await reader.status())

    assert len(shown) < 25


async def test_who_knows_the_present_state_hears_nothing_until_it_changes(
    remote: httpx.AsyncClient, org: SampleOrg
) -> None:
    present = (await remote.get("/v1/status", headers=org.bo.headers)).json()
    async with listening(remote, org.bo.headers, present["state_id"]) as reader:
        assert await reader.is_quiet()
    async with listening(remote, org.bo.headers, "another state") as reader:
        assert await reader.status() == present


async def test_windows_of_one_person_hear_the_same(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(listening(remote, org.bo.headers)) for _ in range(5)]
        firsts = [await reader.status() for reader in readers]
        await org.grant(org.bo)
        seconds = [await reader.status() for reader in readers]
        numbers = (await remote.get("/metrics")).text

    assert len({status["state_id"] for status in firsts}) == 1
    assert len({status["state_id"] for status in seconds}) == 1
    assert "teamcredits_status_streams 5.0" in numbers


async def test_a_comment_keeps_the_connection_alive(app: FastAPI, remote: httpx.AsyncClient, org: SampleOrg) -> None:
    _keep_alive_every(app, org, 0.1)
    async with listening(remote, org.bo.headers) as reader:
        await reader.status()

        assert [await reader.block() for _ in range(3)] == [[": keep-alive"]] * 3


async def test_what_changes_without_a_commit_is_sent_when_it_does(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    """L11: the moment a lot lapses is named, waited for, and shown though no job has run."""
    lapses_at = org.clock() + timedelta(seconds=0.3)
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key="short-lived",
        to=Recipient(member=org.bo.id),
        amount=Credits.of(5),
        source=Source.PROMO,
        expires_at=lapses_at,
    )
    async with listening(remote, org.bo.headers) as reader:
        before = await reader.status()
        org.clock.advance(timedelta(seconds=0.3))
        after = await reader.status()

    assert (before["spendable"], after["spendable"]) == ("5", "0")
    assert before["valid_until"] == lapses_at.isoformat().replace("+00:00", "Z")


async def test_a_revoked_token_ends_its_stream_and_no_other(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    secret, token_id = await tokens.issue_token(
        org.ledger, actor=org.bo.actor, scopes=[Scope.READ], label="lost laptop"
    )
    lost = {"Authorization": f"Bearer {secret}"}
    async with listening(remote, lost) as reader, listening(remote, org.bo.headers) as other:
        await reader.status()
        await other.status()
        await tokens.revoke_token(org.ledger, actor=org.bo.actor, token_id=token_id)

        assert await reader.ends()
        await org.grant(org.bo)
        assert (await other.status())["spendable"] == "1000"
    assert (await remote.get(PATH, headers=lost)).status_code == 401


async def test_a_window_opened_during_a_look_stays_open(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    """A look asks which tokens hold; a stream that comes meanwhile was not asked about and must not be ended."""
    another = await org.token(org.bo, Scope.READ)
    read = org.ledger.read
    pauses: list[float] = []

    async def slow(query: Any) -> Any:
        if pauses:
            await asyncio.sleep(pauses.pop())
        return await read(query)

    org.ledger.read = slow  # type: ignore[method-assign]
    async with listening(remote, org.bo.headers) as first:
        await first.status()
        pauses.append(0.6)
        org.ledger.changes.publish([org.bo.actor.member_id])
        await asyncio.sleep(0.1)  # the look is under way
        async with listening(remote, another) as second:
            assert (await second.status())["spendable"] == "0"


async def test_a_token_revoked_by_another_process_ends_its_stream_at_the_next_keep_alive(
    app: FastAPI, remote: httpx.AsyncClient, org: SampleOrg
) -> None:
    _keep_alive_every(app, org, 0.1)
    async with listening(remote, org.bo.headers) as reader:
        await reader.status()
        with org.ledger.engine.begin() as connection:  # nobody is told
            connection.exec_driver_sql("UPDATE token SET revoked_at = 1")

        assert await reader.ends()


async def test_a_token_ends_its_stream_when_it_expires(app: FastAPI, remote: httpx.AsyncClient, org: SampleOrg) -> None:
    _keep_alive_every(app, org, 0.1)
    headers = await org.token(org.bo, Scope.READ, lasts=timedelta(hours=1))
    async with listening(remote, headers) as reader:
        await reader.status()
        org.clock.advance(timedelta(hours=1))

        assert await reader.ends()


async def test_a_freeze_ends_the_streams_of_who_is_frozen(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    """G8: it revokes tokens."""
    async with listening(remote, org.bo.headers) as reader:
        await reader.status()
        await remote.post("/v1/billing/credits/freeze", json={}, headers=org.bo.headers)

        assert await reader.ends()


async def test_a_stop_ends_streams_at_once_and_opens_no_new_one(
    app: FastAPI, server: Server, remote: httpx.AsyncClient, org: SampleOrg
) -> None:
    async with listening(remote, org.bo.headers) as reader:
        await reader.status()
        server.should_exit = True

        assert await reader.ends()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://credits.test") as late:
        answer = await late.get(PATH, headers=org.bo.headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")


async def test_a_stream_needs_a_token_that_may_read(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    assert (await remote.get(PATH)).status_code == 401
    assert (await remote.get(PATH, headers=await org.token(org.bo, Scope.GIVE))).status_code == 403


async def test_head_of_a_stream_ends(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    answer = await remote.head(PATH, headers=org.bo.headers)

    assert (answer.status_code, answer.content) == (200, b"")
    assert "teamcredits_status_streams 0.0" in (await remote.get("/metrics")).text


async def test_who_goes_leaves_nothing_behind(app: FastAPI, remote: httpx.AsyncClient, org: SampleOrg) -> None:
    for _ in range(3):
        async with listening(remote, org.bo.headers) as reader:
            await reader.status()
    deadline = time.monotonic() + SOON
    while "teamcredits_status_streams 0.0" not in (await remote.get("/metrics")).text:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(("last_id", "status"), [("x" * 64, 200), ("\xff", 200), ("x" * 65, 422)])
async def test_a_state_nobody_showed_is_taken_for_another_and_an_overlong_one_refused(
    remote: httpx.AsyncClient, org: SampleOrg, last_id: str, status: int
) -> None:
    headers = {**org.bo.headers, "Last-Event-ID": last_id.encode("latin-1")}
    async with remote.stream("GET", PATH, headers=headers) as answer:
        assert answer.status_code == status


async def test_signing_in_by_a_device_opens_the_stream(remote: httpx.AsyncClient, org: SampleOrg) -> None:
    started = await devices.start_device(org.ledger, scopes=[Scope.READ], device="nvim", place="here")
    await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    granted = await devices.poll_device(org.ledger, device_code=started.device_code)
    async with listening(remote, {"Authorization": f"Bearer {granted.access_token}"}) as reader:
        assert (await reader.status())["member"]["name"] == "Bo"
