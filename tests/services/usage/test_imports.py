"""Importing a file of usage: all of it is good or nothing is charged, and what was charged once is never again."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.common.csv_file import MAX_LINE_BYTES
from core.services.people import members
from core.services.usage.imports import ImportView, import_usage
from tests.support.sample_org import SampleOrg, either_org, org

__all__ = ["either_org", "org"]

HEADER = "member,time,model,input_tokens,cached_tokens,output_tokens\n"


def line(org: SampleOrg, *, time: str = "2026-11-20T12:00:00Z", output: int = 1_000) -> str:
    return f"{org.bo.id},{time},gpt-6-sol,1000,400,{output}\n"


async def imported(org: SampleOrg, content: str | bytes, **more: Any) -> ImportView:
    stream = BytesIO(content if isinstance(content, bytes) else content.encode())
    return await import_usage(org.ledger, actor=more.pop("actor", org.ada.actor), stream=stream, **more)


async def refusal(org: SampleOrg, content: str | bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        await imported(org, content)
    assert refused.value.code is Code.INVALID_REQUEST
    assert await charged(org) == []
    return refused.value


async def charged(org: SampleOrg) -> list[tuple[Any, ...]]:
    def query(connection: Connection) -> list[tuple[Any, ...]]:
        columns = "member_id, source, model, input_tokens, cached_tokens, output_tokens, card, amount"
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM usage_event"))]

    return await org.ledger.read(query)


async def test_each_line_is_charged_to_the_member_it_names(either_org: SampleOrg) -> None:
    """600 new tokens at 50, 400 cached at 5 and 1,000 written at 250 credits a million: 0.282 credits."""
    org = either_org
    done = await imported(org, HEADER + line(org), source="cursor")
    card = await org.ledger.read(lambda connection: org.ledger.ratecard_cache.of(connection, org.ada.actor.org_id))

    assert (done.lines, done.accepted, done.duplicates, str(done.credits)) == (1, 1, 0, "0.282")
    assert await charged(org) == [
        (org.bo.actor.member_id, "cursor", "gpt-6-sol", 600, 400, 1_000, card.at(org.clock()).version, 282_000)
    ]


async def test_the_same_file_again_charges_nothing_and_one_that_has_grown_only_what_is_new(org: SampleOrg) -> None:
    """S4: two lines that say the same are two requests, the second known by being the second."""
    old = HEADER + line(org) * 2 + line(org, output=7)
    first, again = await imported(org, old), await imported(org, old)
    grown = await imported(org, old + line(org) + line(org, output=8))

    assert (first.accepted, first.duplicates) == (3, 0)
    assert (again.accepted, again.duplicates, again.credits) == (0, 3, Credits(0))
    assert (grown.accepted, grown.duplicates) == (2, 3)


async def test_a_dry_run_says_the_same_and_charges_nothing(org: SampleOrg) -> None:
    await imported(org, HEADER + line(org))
    content = HEADER + line(org) + line(org, output=7)
    told = await imported(org, content, dry_run=True)
    before = len(await charged(org))
    done = await imported(org, content)

    assert (told.dry_run, told.lines, told.accepted, told.duplicates, told.credits) == (
        True, done.lines, done.accepted, done.duplicates, done.credits,
    )  # fmt: skip
    assert before == 1


async def test_ids_of_a_tool_name_lines_and_other_content_under_one_is_named(org: SampleOrg) -> None:
    header = "id,member,time,model,input_tokens,output_tokens\n"
    row = f"{org.bo.id},2026-11-20T12:00:00Z,gpt-6-sol,10,"
    await imported(org, f"{header}a,{row}5\nb,{row}5\n")
    done = await imported(org, f"{header}a,{row}5\nb,{row}6\nc,{row}5\n")
    elsewhere = await imported(org, f"{header}a,{row}5\n", source="another tool")

    assert (done.accepted, done.duplicates) == (1, 1)
    assert [(each.index, each.id, each.code) for each in done.rejected] == [(3, "b", Code.IDEMPOTENCY_CONFLICT)]
    assert elsewhere.accepted == 1


async def test_a_tool_may_say_what_it_cost_instead_of_tokens(org: SampleOrg) -> None:
    header = "member,time,model,credits,id\n"
    row = f"{org.bo.id},2026-11-20,copilot"
    done = await imported(org, f"{header}{row},1.25,a\n{row},0.000001,b\n")
    changed = await imported(org, f"{header}{row},1.26,a\n")

    assert (done.accepted, str(done.credits)) == (2, "1.250001")
    assert [row[2:] for row in await charged(org)] == [
        ("copilot", 0, 0, 0, "stated", 1_250_000),
        ("copilot", 0, 0, 0, "stated", 1),
    ]
    assert [each.code for each in changed.rejected] == [Code.IDEMPOTENCY_CONFLICT]


async def test_a_day_is_enough_for_a_time(org: SampleOrg) -> None:
    """The day on which the books were opened, and today, have begun before they could be charged."""
    org.clock.advance(timedelta(days=2))
    days = [line(org, time=day) for day in ("2026-11-20", "2026-11-21", "2026-11-22")]
    done = await imported(org, HEADER + "".join(days))

    assert done.accepted == 3
    with pytest.raises(Refused, match="Line 2: time lies in the future"):
        await imported(org, HEADER + line(org, time="2026-11-23"))
    with pytest.raises(Refused, match="Line 2: time is before the books were opened"):
        await imported(org, HEADER + line(org, time="2026-11-19"))


async def test_optional_columns_may_be_left_empty(org: SampleOrg) -> None:
    header = "member,time,model,input_tokens,output_tokens,cached_tokens,cache_write_tokens,tier,id\n"
    done = await imported(org, f"{header}{org.bo.id},2026-11-20,gpt-6-sol,10,5,,,,\n")
    fast = await imported(org, f"{header}{org.bo.id},2026-11-20,gpt-6-sol,10,5,,,fast,\n")

    assert fast.credits == done.credits + done.credits


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("nobody@acme.example,2026-11-20,sol,1,0,1", "Member not found"),
        (",2026-11-20,sol,1,0,1", "member must be 1 to 900"),
        ("{bo},20.11.2026,sol,1,0,1", "time is '20.11.2026'; write 2026-11-20T13:02:00Z, or the day"),
        ("{bo},2026-11-20 13:02:00,sol,1,0,1", "time is '2026-11-20 13:02:00'"),
        ("{bo},20261120,sol,1,0,1", "time is '20261120'"),
        ("{bo},9999-12-31,sol,1,0,1", "time is '9999-12-31'"),
        ("{bo},2026-11-20,,1,0,1", "a model's name has 1 to 200"),
        ("{bo},2026-11-20,sol,-1,0,1", "input_tokens is -1, but it is never below zero"),
        ("{bo},2026-11-20,sol,1,2,1", "input_tokens is the whole prompt"),
        ("{bo},2026-11-20,sol,1,0,1000000000000000000", "output_tokens is 1,000,000,000,000,000,000; the most is"),
        ("{bo},2026-11-20,sol,1,0,", "output_tokens is ''; write a whole number"),
        ("{bo},2026-11-20,sol,1,0,٥", "write a whole number in the digits 0 to 9"),
        ("{bo},2026-11-20,sol,1,0", "it has 5 fields, but the first line names 6 columns"),
        ('{bo},2026-11-20,"sol,1,0,1', "it is not CSV"),
        ("{bo},2026-11-20," + "x" * MAX_LINE_BYTES + ",1,0,1", "it is longer than"),
    ],
)
async def test_a_wrong_line_is_named_and_nothing_is_charged(org: SampleOrg, bad: str, said: str) -> None:
    refused = await refusal(org, HEADER + line(org) + bad.replace("{bo}", org.bo.id) + "\n")

    assert refused.detail.startswith("Line 3: ")
    assert said in refused.detail
    assert refused.detail.endswith("Nothing was charged.")


async def test_wrong_lines_are_named_together(org: SampleOrg) -> None:
    refused = await refusal(org, HEADER + line(org, output=-1) + line(org) + line(org, time="today") * 30)
    named: Any = refused.fields["errors"]

    assert [each["field"] for each in named[:2]] == ["line 2", "line 4"]
    assert len(named) == 20
    assert "30 more lines are wrong." in refused.detail


async def test_two_lines_with_one_id_are_named(org: SampleOrg) -> None:
    row = f"{org.bo.id},2026-11-20,gpt-6-sol,10,5,a\n"
    refused = await refusal(org, f"member,time,model,input_tokens,output_tokens,id\n{row}{row}")

    assert refused.detail.startswith("Line 3: It has the id of line 2")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("member,time,model,input_tokens", "there is no column 'output_tokens'"),
        ("", "there is no column 'member'"),
        ("member,time,model,input_tokens,output_tokens,cached", "column 'cached' means nothing here"),
        ("member,time,model,input_tokens,output_tokens,time", "column 'time' stands there twice"),
        ("member,time,model,credits,input_tokens", "column 'input_tokens' means nothing here"),
        ('"member', "it is not CSV"),
    ],
)
async def test_the_first_line_names_the_columns(org: SampleOrg, header: str, said: str) -> None:
    """A misspelt column of cached tokens would cost six times as much."""
    assert said in (await refusal(org, header)).detail


async def test_what_is_no_utf_8_is_named(org: SampleOrg) -> None:
    assert "Line 2: it is not UTF-8" in (await refusal(org, HEADER.encode() + b"\xff\xfe\n")).detail


async def test_people_import_their_own_usage_only(org: SampleOrg) -> None:
    own = await imported(org, HEADER + line(org), actor=org.bo.actor)

    assert own.accepted == 1
    with pytest.raises(Refused, match="Line 2: Usage of others is for a service or an admin"):
        await imported(org, HEADER + line(org), actor=org.al.actor)


async def test_what_somebody_used_before_they_left_can_still_come_in(org: SampleOrg) -> None:
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.bo.id)
    done = await imported(org, HEADER + line(org))

    assert (done.accepted, done.rejected) == (1, [])


async def test_many_lines_are_read_in_parts(org: SampleOrg) -> None:
    content = HEADER + "".join(line(org, output=number) for number in range(5_500))
    done = await imported(org, content)

    assert (done.lines, done.accepted) == (5_500, 5_500)
