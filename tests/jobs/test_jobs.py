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
from core.services import balances, devices, gifts, grants
from core.services.devices import CODE_LIFE, DeviceError
from core.services.gifts import Recipient
from core.services.settlement import Swept
from core.services.views import Scope
from tests.support.house import House, either_house, house
from tests.support.waiting import eventually

__all__ = ["either_house", "house"]

DAY = timedelta(hours=24)


class Scripted:
    """Work that does what the test says, one turn after the other."""

    def __init__(self, *turns: Swept | Exception) -> None:
        self._turns = iter(turns)

    async def __call__(self) -> Swept:
        turn = next(self._turns)
        if isinstance(turn, Exception):
            raise turn
        return turn


def lost(words: str) -> OperationalError:
    return OperationalError("SELECT secret FROM diary", {}, ConnectionError(words))


async def said_by(caplog: pytest.LogCaptureFixture, turns: Sequence[Swept | Exception]) -> list[str]:
    """Return what a job logs when it runs so."""
    caplog.set_level(logging.INFO, logger="core.jobs")
    job = Job("settlement_sweep", Scripted(*turns))
    for _ in turns:
        await job.run()
    return [record.getMessage() for record in caplog.records]


async def test_a_job_that_keeps_failing_is_logged_once_and_once_when_it_recovers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = [Swept(1), lost("port 5432"), lost("port 5433"), lost("port 5434"), Swept(), Swept(2)]

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
    said = await said_by(caplog, [Swept(3, left=1), Swept(0, left=1), Swept(1)])

    assert said == [
        "settlement_sweep failed and will be retried: some of it could not be processed",
        "settlement_sweep recovered",
    ]


async def test_the_jobs_settle_expire_and_count(either_house: House) -> None:
    """G2, L5: at its instant a gift is posted and a lapsed lot is booked, with nobody asking."""
    await either_house.grant(either_house.al, "100")
    await grants.grant(
        either_house.ledger,
        actor=either_house.ada.actor,
        key="short",
        to=Recipient(member=either_house.bo.id),
        amount=Credits.of(7),
        source=Source.PROMO,
        expires_at=either_house.clock() + DAY,
    )
    given = await gifts.give(
        either_house.ledger,
        actor=either_house.al.actor,
        key="g",
        to=[Recipient(member=either_house.bo.id)],
        amount=Credits.of(40),
    )
    registry = CollectorRegistry()
    runner = JobRunner(either_house.ledger, registry=registry)
    runner.start()
    try:
        either_house.clock.advance(DAY)
        swept = {"settlement_sweep": 1.0, "expiry_sweep": 1.0}
        await eventually(
            lambda: (
                {name: registry.get_sample_value("teamcredits_swept_total", {"sweep": name}) for name in swept} == swept
            )
        )
    finally:
        await runner.stop()
    gift = await gifts.gift(either_house.ledger, actor=either_house.al.actor, gift_id=str(given.item[0].id))
    lines = await balances.statement(either_house.ledger, actor=either_house.bo.actor)

    assert gift.state == "settled"
    assert sorted(str(line.amount) for line in lines.items) == ["-7", "40", "7"]


async def test_sign_ins_that_lapsed_are_forgotten(house: House) -> None:
    started = await devices.start_device(house.ledger, scopes={Scope.READ}, device="An editor", place="here")
    house.clock.advance(CODE_LIFE * 2 + timedelta(seconds=1))

    assert await devices.forget_lapsed(house.ledger) == 1
    assert await devices.forget_lapsed(house.ledger) == 0
    with pytest.raises(DeviceError, match="invalid_grant"):
        await devices.poll_device(house.ledger, device_code=started.device_code)


async def test_a_runner_that_is_stopped_in_the_middle_of_a_sweep_stops_at_once(house: House) -> None:
    runner = JobRunner(house.ledger)
    runner.start()
    await runner.stop()

    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
