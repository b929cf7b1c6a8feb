"""Campaigns and boosts over HTTP: their shapes, their errors, and what the editor then shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from core.ledger.credits import Credits
from core.services.allowances import plans
from tests.support.sample_org import SampleOrg

BASE = "/v1/boosts/campaigns"
DAY = timedelta(days=1)


def terms(org: SampleOrg, **other: Any) -> dict[str, Any]:
    now = org.clock()
    usual = {
        "name": "Autumn",
        "factor": 10,
        "capacity": 1,
        "closes_at": (now + DAY).isoformat(),
        "starts_at": (now + DAY).isoformat(),
        "ends_at": (now + 32 * DAY).isoformat(),
    }
    return usual | other


async def make(client: httpx.AsyncClient, org: SampleOrg, key: str = "make", **other: Any) -> httpx.Response:
    headers = org.ada.headers | {"Idempotency-Key": key}
    return await client.post(BASE, json=terms(org, **other), headers=headers)


async def test_a_campaign_is_made_once_and_shown_to_everybody(client: httpx.AsyncClient, org: SampleOrg) -> None:
    made, again = await make(client, org), await make(client, org)
    other = await make(client, org, capacity=2)
    seen = await client.get(made.headers["Location"], headers=org.bo.headers)
    listed = await client.get(BASE, headers=org.bo.headers)

    assert (made.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == made.json() == seen.json() == listed.json()["items"][0]
    assert made.json()["counts"] == {"applied": 0, "admitted": 0, "waitlisted": 0, "refused": 0, "withdrawn": 0}
    assert (made.json()["factor"], made.json()["state"], made.json()["mine"]) == (10, "open", None)


async def test_an_application_is_answered_with_its_place_and_a_second_with_409(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    path = (await make(client, org)).headers["Location"]
    first = await client.post(f"{path}/apply", json={}, headers=org.al.headers | {"Idempotency-Key": "1"})
    waits = await client.post(f"{path}/apply", json={}, headers=org.bo.headers | {"Idempotency-Key": "1"})
    twice = await client.post(f"{path}/apply", json={}, headers=org.bo.headers | {"Idempotency-Key": "2"})
    no_key = await client.post(f"{path}/apply", json={}, headers=org.bo.headers)
    gone = await client.post(f"{path}/withdraw", headers=org.al.headers)
    mine = (await client.get(path, headers=org.bo.headers)).json()["mine"]

    assert (first.json()["state"], waits.json()["state"], waits.json()["place"]) == ("admitted", "waitlisted", 1)
    assert (twice.status_code, twice.json()["code"], twice.json()["state"]) == (409, "already_applied", "waitlisted")
    assert twice.json()["application"] == waits.json()["id"]
    assert (no_key.status_code, no_key.json()["code"]) == (400, "idempotency_key_required")
    assert gone.json()["state"] == "withdrawn"
    assert mine["state"] == "admitted"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ends_at": "2000-01-01T00:00:00Z"}, "ends_at"),
        ({"factor": 1}, "factor"),
        ({"factor": "10"}, "factor"),
        ({"factor": 1.0001}, "factor"),
        ({"factor": True}, "factor"),
        ({"factor": 1e300}, "factor"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 10**30}, "capacity"),
        ({"capacity": "1"}, "capacity"),
        ({"name": ""}, "name"),
        ({"teams": ["team_1"]}, "teams"),
        ({"method": "bribery"}, "method"),
        ({"form": [{"name": "Why", "label": "?", "kind": "text"}]}, "form.0.name"),
        ({"form": [{"name": "tool", "label": "?", "kind": "choice"}]}, "form.0.options"),
        ({"form": [{"name": "why", "label": "?", "kind": "text"}] * 2}, "form.1.name"),
        ({"starts": "now"}, "starts"),
    ],
)
async def test_a_campaign_that_cannot_be_is_422_with_its_field(
    client: httpx.AsyncClient, org: SampleOrg, wrong: dict[str, Any], field: str
) -> None:
    answer = await make(client, org, **wrong)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert (await client.get(BASE, headers=org.ada.headers)).json()["items"] == []


async def test_answers_that_do_not_fit_the_form_are_named(client: httpx.AsyncClient, org: SampleOrg) -> None:
    form = [{"name": "why", "label": "What for?", "kind": "text", "required": True}]
    path = (await make(client, org, form=form)).headers["Location"]
    for answers, field in (({}, "answers.why"), ({"why": 5}, "answers.why"), ({"why": "x", "who": "y"}, "answers.who")):
        answer = await client.post(
            f"{path}/apply", json={"answers": answers}, headers=org.al.headers | {"Idempotency-Key": "1"}
        )
        assert answer.status_code == 422
        assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_an_answer_is_kept_as_it_was_written(client: httpx.AsyncClient, org: SampleOrg) -> None:
    """What looks like a flag or a number in a text stays text."""
    kinds = {"why": "text", "many": "number", "sure": "yes_no"}
    form = [{"name": name, "label": name, "kind": kind} for name, kind in kinds.items()]
    path = (await make(client, org, form=form)).headers["Location"]
    answers = {"why": "yes", "many": 1, "sure": False}
    unfit: list[dict[str, Any]] = [{"sure": "yes"}, {"sure": 1}, {"many": True}, {"many": "1"}, {"many": 1.0}]
    for wrong in [*unfit, {"why": 1}, {"why": []}]:
        answer = await client.post(
            f"{path}/apply", json={"answers": wrong}, headers=org.al.headers | {"Idempotency-Key": "1"}
        )
        assert answer.status_code == 422, wrong
        assert [each["field"] for each in answer.json()["errors"]] == [f"answers.{next(iter(wrong))}"]
    kept = await client.post(
        f"{path}/apply", json={"answers": answers}, headers=org.al.headers | {"Idempotency-Key": "1"}
    )

    assert kept.json()["answers"] == answers


async def test_only_an_admin_sees_who_applied_decides_draws_and_ends(client: httpx.AsyncClient, org: SampleOrg) -> None:
    path = (await make(client, org, method="hand")).headers["Location"]
    applied = await client.post(f"{path}/apply", json={}, headers=org.al.headers | {"Idempotency-Key": "1"})
    one = f"{path}/applications/{applied.json()['id']}"
    for method, where in (
        ("GET", f"{path}/applications"),
        ("POST", f"{one}/admit"),
        ("POST", f"{one}/refuse"),
        ("POST", f"{path}/draw"),
        ("POST", f"{path}/end"),
    ):
        assert (await client.request(method, where, headers=org.al.headers)).status_code == 403
    admitted = await client.post(f"{one}/admit", json={}, headers=org.ada.headers)
    refused = await client.post(f"{one}/refuse", json={}, headers=org.ada.headers)
    listed = await client.get(f"{path}/applications?state=admitted", headers=org.ada.headers)
    drawn = await client.post(f"{path}/draw", headers=org.ada.headers)

    assert admitted.json()["state"] == "admitted"
    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (
        409,
        "application_decided",
        "admitted",
    )
    assert [each["name"] for each in listed.json()["items"]] == ["Al"]
    assert (drawn.status_code, drawn.json()["code"]) == (422, "invalid_request")


async def test_applications_are_paged_in_the_order_in_which_they_move_up(
    client: httpx.AsyncClient, org: SampleOrg
) -> None:
    path = (await make(client, org)).headers["Location"]
    for person in (org.al, org.bo, org.ada):
        await client.post(f"{path}/apply", json={}, headers=person.headers | {"Idempotency-Key": "1"})
    seen, cursor = [], ""
    for _ in range(3):
        page = (await client.get(f"{path}/applications?limit=1{cursor}", headers=org.ada.headers)).json()
        seen += [(each["name"], each["state"]) for each in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == [("Al", "admitted"), ("Bo", "waitlisted"), ("Ada", "waitlisted")]
    assert page["next_cursor"] is None


async def test_a_boost_shows_in_status_and_balance_with_its_end(client: httpx.AsyncClient, org: SampleOrg) -> None:
    plan = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Team", weekly=Credits.of(50))
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.id, plan_id=plan.id)
    body = {"to": {"team": org.team}, "factor": 1.5, "days": 2}
    dropped = await client.post("/v1/boosts", json=body, headers=org.ada.headers | {"Idempotency-Key": "1"})
    status = (await client.get("/v1/status", headers=org.bo.headers)).json()
    others = (await client.get("/v1/status", headers=org.ada.headers)).json()
    ended = await client.post(f"/v1/boosts/{dropped.json()['id']}/end", json={}, headers=org.ada.headers)
    after = (await client.get("/v1/status", headers=org.bo.headers)).json()

    ends_at = (org.clock() + 2 * DAY).isoformat().replace("+00:00", "Z")
    assert dropped.status_code == 201
    assert status["boost"] == {"factor": 1.5, "ends_at": ends_at}
    assert (status["spendable"], others["spendable"], after["spendable"]) == ("75", "50", "50")
    assert (ended.json()["running"], after["boost"], others["boost"]) == (False, None, None)


async def test_a_leads_budget_is_kept_over_http(client: httpx.AsyncClient, org: SampleOrg) -> None:
    path = f"/v1/boosts/budgets/{org.team}"
    body = {"to": {"team": org.team}, "factor": 2, "days": 3}
    none = await client.post("/v1/boosts", json=body, headers=org.al.headers | {"Idempotency-Key": "1"})
    put = await client.put(path, json={"days_per_month": 3, "max_factor": 2}, headers=org.ada.headers)
    dropped = await client.post("/v1/boosts", json=body, headers=org.al.headers | {"Idempotency-Key": "1"})
    left = await client.get(path, headers=org.bo.headers)

    assert (none.status_code, none.json()["code"]) == (403, "policy_refused")
    assert put.json() == {"team": org.team, "days_per_month": 3, "days_left": 3, "max_factor": 2}
    assert dropped.status_code == 201
    assert left.json()["days_left"] == 0


async def test_a_report_over_http_has_every_cohort_and_span(client: httpx.AsyncClient, org: SampleOrg) -> None:
    path = (await make(client, org)).headers["Location"]
    early = await client.get(f"{path}/report", headers=org.ada.headers)
    org.clock.advance(3 * DAY)
    report = (await client.get(f"{path}/report?team={org.team}", headers=org.al.headers)).json()
    whole = await client.get(f"{path}/report", headers=org.al.headers)

    assert (early.status_code, early.json()["code"]) == (409, "campaign_closed")
    assert [span["phase"] for span in report["spans"]] == ["before", "during"]
    assert [each["cohort"] for each in report["cohorts"]] == [
        "admitted",
        "waitlisted",
        "refused",
        "withdrawn",
        "nobody",
    ]
    assert whole.status_code == 403
