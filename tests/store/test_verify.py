"""verify finds what somebody without the key did to the database, and names the row (L3, L8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.services.common.recipients import Recipient
from core.services.gifts import gifts, settlement
from core.services.wallet.verify import VerifyReport, verify
from core.store.engine import is_sqlite
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    """A house in which gifts were given, settled and cancelled, in several batches."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        for key in ("a", "b"):
            await _give(org, key)
        clock.advance(timedelta(hours=25))
        await settlement.settle_due(ledger)
        kept = await _give(org, "c")
        await gifts.cancel(ledger, actor=org.al.actor, gift_id=str(kept.item[0].id))
        await _give(org, "d")
        yield org


async def _give(org: SampleOrg, key: str) -> Any:
    to = [Recipient(member=org.bo.id)]
    return await gifts.give(
        org.ledger, actor=org.al.actor, key=key, to=to, amount=Credits.of(10), message=f"words {key}"
    )


async def _tamper(org: SampleOrg, *statements: str) -> VerifyReport:
    def change(connection: Any) -> None:
        if is_sqlite(connection):
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, statement

    await org.ledger.write(change)
    return await verify(org.ledger)


def _says(report: VerifyReport, words: str) -> bool:
    return any(words in f"{finding.row} {finding.problem}" for finding in report.findings)


async def test_an_untouched_database_is_clean(org: SampleOrg) -> None:
    report = await verify(org.ledger)

    assert report.clean
    assert report.findings == []
    assert (report.transfers, report.gifts) == (8, 4)
    assert report.batches > 0
    assert len(report.heads) == 1


async def test_a_changed_amount_is_named(org: SampleOrg) -> None:
    number = await _one(org, "SELECT max(transfer_id) FROM entry")
    report = await _tamper(org, f"UPDATE entry SET amount = amount * 2 WHERE transfer_id = {number}")

    assert _says(report, "was changed: it, its lines or what it made is not what was sealed")
    assert _says(report, "its entries sum to")
    assert _says(report, "micro-credits, but 20000000 were reserved")


async def test_a_changed_position_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "UPDATE position SET remaining = remaining + 1000000")

    assert report.found == len(report.findings) == 3
    assert all("micro-credits, its entries sum to" in finding.problem for finding in report.findings)


async def test_a_removed_position_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "DELETE FROM position")

    assert all(" holds 0 micro-credits" in f"{each.row} {each.problem}" for each in report.findings)
    assert not report.clean


async def test_a_deleted_transfer_is_named(org: SampleOrg) -> None:
    number = await _one(org, "SELECT max(transfer_id) FROM transfer WHERE kind = 'gift_cancel'")
    report = await _tamper(org, f"DELETE FROM transfer WHERE transfer_id = {number}")

    assert _says(report, "1 of its transfers were taken out")
    assert _says(report, "is stored as cancelled, its transfers make it pending")
    assert _says(report, "belongs to a transfer that is not there")


async def test_a_deleted_line_is_named(org: SampleOrg) -> None:
    number = await _one(org, "SELECT max(transfer_id) FROM entry")
    report = await _tamper(org, f"DELETE FROM entry WHERE transfer_id = {number} AND line = 0")

    assert _says(report, "sum to 10000000 micro-credits, not to zero")


async def test_two_swapped_rows_are_named(org: SampleOrg) -> None:
    """Two gifts whose messages' hashes change places: every sum still fits, the seals do not."""
    first, second = await _all(org, "SELECT transfer_id FROM transfer WHERE kind = 'gift_reserve' LIMIT 2")
    other = f"(SELECT note_hash FROM transfer WHERE transfer_id = {second})"
    report = await _tamper(org, f"UPDATE transfer SET note_hash = {other} WHERE transfer_id = {first}")

    assert report.found == 2  # the transfer, and the text that no longer fits it
    assert _says(report, "was changed")


async def test_an_inserted_transfer_is_named(org: SampleOrg) -> None:
    """Copied rows with a new number: nothing sealed them."""
    number = await _one(org, "SELECT max(transfer_id) FROM transfer")
    copy = f"""INSERT INTO transfer SELECT org_id, transfer_id + 500, kind, at, actor_id, NULL, NULL, note_hash, seal
               FROM transfer WHERE transfer_id = {number}"""
    report = await _tamper(org, copy)

    assert _says(report, "was put in: no seal covers it")


async def test_a_lot_that_was_made_to_last_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "UPDATE lot SET expires_at = 9999999999999999")

    assert _says(report, "was changed")
    assert _says(report, "does not repeat its lot's expiry")


async def test_a_gift_s_recipient_cannot_be_exchanged(org: SampleOrg) -> None:
    strange = "UPDATE gift SET recipient_account = recipient_account + 8 WHERE state = 'pending'"
    report = await _tamper(org, strange)

    assert _says(report, "was changed")


async def test_a_gift_that_was_hurried_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "UPDATE gift SET settles_at = created_at WHERE state = 'pending'")

    assert report.found == 1
    assert _says(report, "another settlement instant")


async def test_a_changed_message_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "UPDATE note SET body = 'other words' WHERE body = 'words a'")

    assert report.found == 1
    assert _says(report, "is not the text that was sealed")


async def test_a_seal_that_was_taken_out_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "DELETE FROM seal WHERE batch = 2")

    assert _says(report, "does not follow the batch before")
    assert _says(report, "no seal covers it")


async def test_a_database_cut_off_at_its_end_misses_an_exported_head(org: SampleOrg) -> None:
    """L8: with the heads kept elsewhere a missing end is found; without them it cannot be."""
    heads = (await verify(org.ledger)).heads
    last = await _one(org, "SELECT max(first_id) FROM seal")
    cut = (
        f"DELETE FROM command WHERE first_id >= {last}",
        f"DELETE FROM note WHERE transfer_id >= {last}",
        f"DELETE FROM entry WHERE transfer_id >= {last}",
        f"DELETE FROM transfer WHERE transfer_id >= {last}",
        f"DELETE FROM seal WHERE first_id >= {last}",
        f"DELETE FROM gift WHERE gift_id >= {last}",
        "UPDATE position SET remaining = remaining + 10000000 WHERE account_id % 8 = 0 AND remaining = 970000000",
        "DELETE FROM position WHERE account_id % 8 = 2",
    )
    blind = await _tamper(org, *cut)
    sighted = await verify(org.ledger, heads)

    assert blind.clean
    assert sighted.found == 1
    assert _says(sighted, "the end was cut off")


async def test_a_later_writer_has_seen_the_heads_of_those_before(org: SampleOrg, database_url: str) -> None:
    """L8: a writer's first seal includes the heads it found."""
    with open_sample_ledger(database_url) as (second, clock):
        clock.advance(timedelta(hours=50))
        await settlement.settle_due(second)
        report = await verify(second)
        writer = await _one(org, "SELECT min(writer_id) FROM seal")
        batch = report.heads[str(writer)].partition(":")[0]
        other = "(SELECT seal FROM seal WHERE batch = 1 LIMIT 1)"
        await _tamper(org, f"UPDATE seal SET seal = {other} WHERE writer_id = {writer} AND batch = {batch}")
        tampered = await verify(second)

    assert report.clean
    assert len(report.heads) == 2
    assert _says(tampered, "is not there as it was seen")


async def _one(org: SampleOrg, query: str) -> Any:
    return (await _all(org, query))[0]


async def _all(org: SampleOrg, query: str) -> list[Any]:
    return await org.ledger.read(lambda connection: [row[0] for row in connection.execute(text(query))])


async def test_values_of_a_strange_type_are_findings_not_failures(org: SampleOrg) -> None:
    """SQLite lets an intruder store text where bytes belong."""
    if org.ledger.engine.dialect.name != "sqlite":
        return
    report = await _tamper(org, "UPDATE transfer SET seal = 'text'", "UPDATE seal SET seal = 5")

    assert _says(report, "was changed")
