"""Plans, caps and why over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.support.sample_org import SampleOrg

PLANS, CAPS, WHY = "/v1/plans", "/v1/caps", "/v1/usage/why"
MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read


async def test_a_plan_is_made_given_shown_in_the_status_and_taken_away(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    ada, bo = org.ada.headers, org.bo.headers
    made = await client.post(PLANS, json={"name": "Pro", "five_hours": "20", "weekly": "100"}, headers=ada)
    path = f"{PLANS}/seats/{org.bo.id}"
    given = await client.put(path, json={"plan": made.json()["id"], "anchor_at": "2026-11-16T00:00:00Z"}, headers=ada)
    status = (await client.get("/v1/status", headers=bo)).json()
    mine = await client.get(path, headers=bo)
    listed = await client.get(f"{PLANS}/seats", headers=ada)
    kept = await client.delete(f"{PLANS}/{made.json()['id']}", headers=ada)
    taken = await client.delete(path, headers=ada)
    removed = await client.delete(f"{PLANS}/{made.json()['id']}", headers=ada)

    assert made.status_code == 201
    assert (made.json()["five_hours"], made.json()["monthly"]) == ("20", None)
    assert given.json() == mine.json() == listed.json()["items"][0]
    assert (given.json()["plan"], given.json()["own"]) == (made.json(), True)
    assert [(each["window"], each["limit"], each["resets_at"]) for each in status["allowance"]] == [
        ("5h", "20", None),
        ("weekly", "100", "2026-11-23T00:00:00Z"),
    ]
    assert status["spendable"] == "20"
    assert (kept.status_code, kept.json()["code"]) == (409, "plan_in_use")
    assert (taken.status_code, taken.json()["plan"]) == (200, None)
    assert removed.status_code == 204


@pytest.mark.parametrize(
    "given",
    [
        {"name": "Pro"},
        {"name": "", "weekly": "5"},
        {"name": "Pro", "weekly": 5},
        {"name": "Pro", "weekly": "-5"},
        {"name": "Pro", "weekly": "0.0000001"},
        {"name": "Pro", "daily": "5"},
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused_with_its_field(
    client: httpx.AsyncClient, org: SampleOrg, given: dict[str, object]
) -> None:
    answer = await client.post(PLANS, json=given, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] in {"name", "weekly", "daily", "five_hours"}


async def test_caps_are_set_told_with_their_reasons_and_taken_away(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.bo, "100")
    ada = org.ada.headers
    everybodys = {"subject": org.id, "period": "day", "amount": "40"}
    await client.put(CAPS, json=everybodys, headers=ada)
    own = await client.put(CAPS, json={"subject": org.bo.id, "period": "day", "amount": None}, headers=ada)
    told = (await client.get(CAPS, headers=org.bo.headers)).json()["items"]
    listed = (await client.get(CAPS, headers=ada)).json()["items"]
    gone = await client.delete(CAPS, params={"subject": org.id, "period": "day"}, headers=ada)
    again = await client.delete(CAPS, params={"subject": org.id, "period": "day"}, headers=ada)

    assert (own.status_code, own.json()["amount"], own.json()["state"]) == (200, None, "in_force")
    assert [(cap["name"], cap["state"]) for cap in told] == [("Bo", "in_force"), ("Acme", "passed_over")]
    assert told[0]["used"] == "0"
    assert [cap["name"] for cap in listed] == ["Acme", "Bo"]
    assert (gone.status_code, gone.json()["inherits"]) == (200, True)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


async def test_a_lead_caps_the_draw_on_their_pool_only(client: httpx.AsyncClient, org: SampleOrg) -> None:
    cap = {"subject": org.bo.id, "period": "month", "amount": "5"}
    on_the_pool = await client.put(CAPS, json=cap | {"pool": org.team}, headers=org.al.headers)
    on_the_person = await client.put(CAPS, json=cap, headers=org.al.headers)
    by_the_person = await client.put(CAPS, json=cap | {"pool": org.team}, headers=org.bo.headers)

    assert (on_the_pool.status_code, on_the_pool.json()["pool"]) == (200, org.team)
    assert (on_the_person.status_code, by_the_person.status_code) == (403, 403)


@pytest.mark.parametrize(
    "given",
    [
        {"period": "day", "amount": "5"},
        {"subject": "{bo}", "period": "day"},
        {"subject": "{bo}", "period": "year", "amount": "5"},
        {"subject": "{bo}", "period": "day", "amount": "-1"},
        {"subject": "{bo}", "period": "day", "amount": 5},
        {"subject": "{ada}", "period": "day", "amount": "5", "pool": "{team}"},
    ],
)
async def test_a_cap_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, org: SampleOrg, given: dict[str, object]
) -> None:
    ids = {"{bo}": org.bo.id, "{ada}": org.ada.id, "{team}": org.team}
    sent = {name: ids.get(str(value), value) for name, value in given.items()}
    answer = await client.put(CAPS, json=sent, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_why_without_an_amount_answers_with_the_parts_of_what_can_be_spent(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    """S1: no number of it is of an amount that nobody asked about."""
    shown = ("spendable", "allowance", "lots", "short", "amount", "ask_for")
    nothing = (await client.get(WHY, headers=org.bo.headers)).json()
    await org.grant(org.bo, "3")
    answer = (await client.get(WHY, headers=org.bo.headers)).json()

    assert [nothing[name] for name in shown] == ["0", "0", "0", "0", None, None]
    assert [answer[name] for name in shown] == ["3", "0", "3", "0", None, None]


async def test_why_answers_with_the_sentence_the_trace_and_the_price(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.bo, "1")
    params = {"model": MODEL, "tokens": "16000"}
    answer = (await client.get(WHY, params=params, headers=org.bo.headers)).json()
    by_lead = (await client.get(WHY, params=params | {"member": org.bo.id}, headers=org.al.headers)).json()

    assert (answer["can"], answer["amount"], answer["short"], answer["ask_for"]) == (False, "2", "1", "1")
    assert answer["sentence"] == "This needs 2 cr and you can spend 1 cr. Ask for 1 cr more."
    assert answer["trace"][0] == {
        "limit": "wallet",
        "label": "wallet",
        "headroom": "1",
        "blocks": True,
        "until": None,
    }
    assert (answer["priced"]["model"], answer["priced"]["fallback"]) == (MODEL, False)
    assert by_lead == answer


async def test_why_without_a_question_tells_what_there_is(client: httpx.AsyncClient, org: SampleOrg) -> None:
    await org.grant(org.bo, "7")
    answer = (await client.get(WHY, headers=org.bo.headers)).json()

    assert (answer["can"], answer["amount"], answer["short"], answer["spendable"]) == (True, None, "0", "7")
    assert answer["sentence"] == "You can spend 7 cr now."


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"tokens": "5"}, "model"),
        ({"model": MODEL, "tokens": "-5"}, "tokens"),
        ({"model": MODEL, "tokens": "1000000000000000000"}, "tokens"),
        ({"amount": "5e3"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "5", "model": MODEL}, "amount"),
        ({"tokens": "5", "nonsense": "1"}, "nonsense"),
    ],
)
async def test_a_question_that_means_nothing_names_its_field(
    client: httpx.AsyncClient, org: SampleOrg, params: dict[str, str], field: str
) -> None:
    answer = await client.get(WHY, params=params, headers=org.bo.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == field
