"""Background jobs: what they do and what they log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import OperationalError

from core.jobs import Job, JobRunner
from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.actors import Scope
from core.services.common.recipients import Recipient
from core.services.common.sweeps import SweepResult
from core.services.gifts import gifts
from core.services.grants import grants
from core.services.people import devices
from core.services.people.devices import CODE_LIFE, DeviceError
from core.services.wallet import balances
from tests.support.sample_org import SampleOrg, either_org, org
from tests.support.waiting import eventually

__all__ = ["either_org", "org"]

DAY = timedelta(hours=24)


class Scripted:
    """Work that does what the test says, one turn after the other."""

    def __init__(self, *turns: SweepResult | Exception) -> None:
        self._turns = iter(turns)

    async def __call__(self) -> SweepResult:
        turn = next(self._turns)
        if isinstance(turn, Exception):
            raise turn
        return turn


def lost(words: str) -> OperationalError:
    return OperationalError("SELECT secret FROM diary", {}, ConnectionError(words))


async def said_by(caplog: pytest.LogCaptureFixture, turns: Sequence[SweepResult | Exception]) -> list[str]:
    """Return what a job logs when it runs so."""
    caplog.set_level(logging.INFO, logger="core.jobs")
    job = Job("settlement_sweep", Scripted(*turns))
    for _ in turns:
        await job.run()
    return [record.getMessage() for record in caplog.records]


async def test_a_job_that_keeps_failing_is_logged_once_and_once_when_it_recovers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = [SweepResult(1), lost("port 5432"), lost("port 5433"), lost("port 5434"), SweepResult(), SweepResult(2)]

    assert await said_by(caplog, turns) == [
        "settlement_sweep failed and will be retried: OperationalError (ConnectionError)",
        "settlement_sweep recovered",
    ]
    assert not caplog.records[0].exc_info


async def test_a_job_that_fails_in_another_way_is_logged_again_with_the_stack_of_a_defect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = await said_by(caplog, [lost("x"), KeyError("y"), KeyError("z"), lost("x")])

    assert len(said) == 3
    assert [bool(record.exc_info) for record in caplog.records] == [False, True, False]
    assert "diary" not in caplog.text


async def test_what_a_sweep_leaves_over_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    said = await said_by(caplog, [SweepResult(3, left=1), SweepResult(0, left=1), SweepResult(1)])

    assert said == [
        "settlement_sweep failed and will be retried: some of it could not be processed",
        "settlement_sweep recovered",
    ]


async def test_the_jobs_settle_expire_and_count(either_org: SampleOrg) -> None:
    """G2, L5: at its instant a gift is posted and a lapsed lot is booked, with nobody asking."""
    await either_org.grant(either_org.al, "100")
    await grants.grant(
        either_org.ledger,
        actor=either_org.ada.actor,
        key="short",
        to=Recipient(member=either_org.bo.id),
        amount=Credits.of(7),
        source=Source.PROMO,
        expires_at=either_org.clock() + DAY,
    )
    given = await gifts.give(
        either_org.ledger,
        actor=either_org.al.actor,
        key="g",
        to=[Recipient(member=either_org.bo.id)],
        amount=Credits.of(40),
    )
    registry = CollectorRegistry()
    runner = JobRunner(either_org.ledger, registry=registry)
    runner.start()
    try:
        either_org.clock.advance(DAY)
        swept = {"settlement_sweep": 1.0, "expiry_sweep": 1.0}
        await eventually(
            lambda: (
                {name: registry.get_sample_value("teamcredits_swept_total", {"sweep": name}) for name in swept} == swept
            )
        )
    finally:
        await runner.stop()
    gift = await gifts.gift(either_org.ledger, actor=either_org.al.actor, gift_id=str(given.item[0].id))
    lines = await balances.statement(either_org.ledger, actor=either_org.bo.actor)

    assert gift.state == "settled"
    assert sorted(str(line.amount) for line in lines.items) == ["-7", "40", "7"]


async def test_sign_ins_that_lapsed_are_forgotten(org: SampleOrg) -> None:
    started = await devices.start_device(org.ledger, scopes={Scope.READ}, device="An editor", place="here")
    org.clock.advance(CODE_LIFE * 2 + timedelta(seconds=1))

    assert await devices.delete_expired(org.ledger) == 1
    assert await devices.delete_expired(org.ledger) == 0
    with pytest.raises(DeviceError, match="invalid_grant"):
        await devices.poll_device(org.ledger, device_code=started.device_code)


async def test_a_runner_that_is_stopped_in_the_middle_of_a_sweep_stops_at_once(org: SampleOrg) -> None:
    runner = JobRunner(org.ledger)
    runner.start()
    await runner.stop()

    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
