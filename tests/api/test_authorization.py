"""Every route × role: made from the app's own routes, so that a new one cannot be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from core.api.app import ROUTERS
from core.api.guard import Requires
from core.services.common.actors import Scope
from tests.support.sample_org import SampleOrg

OPEN = {"/oauth/device_authorization", "/oauth/token", "/link", "/healthz", "/readyz", "/metrics"}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
PRIVATE = [route for route in ROUTES if route.path not in OPEN]
WITH_ID = [route for route in PRIVATE if "{" in route.path]


def test_every_route_but_the_open_ones_needs_a_scope() -> None:
    unguarded = [route.path for route in ROUTES if not list(_scopes(route))]

    assert set(unguarded) == OPEN


def test_every_route_needs_one_scope_only() -> None:
    assert all(len(list(_scopes(route))) == 1 for route in PRIVATE)


@pytest.mark.parametrize("route", PRIVATE, ids=lambda route: f"{'/'.join(route.methods)} {route.path}")
async def test_a_route_opens_only_to_tokens_that_may(
    client: httpx.AsyncClient, org: SampleOrg, route: APIRoute
) -> None:
    """No token, and then each scope alone, of a member and of an admin."""
    needed = next(_scopes(route))
    method, path = next(iter(route.methods)), _filled(route, org)
    unknown = await client.request(method, path)

    assert unknown.status_code == 401
    for person, scope in [(org.bo, each) for each in (Scope.READ, Scope.GIVE, Scope.SPEND)] + [
        (org.ada, Scope.READ),
        (org.ada, Scope.ADMIN),
    ]:
        if scope is needed:
            continue
        answer = await client.request(method, path, headers=await org.token(person, scope))

        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert answer.json()["scope"] == needed


@pytest.mark.parametrize("route", WITH_ID, ids=lambda route: f"{'/'.join(route.methods)} {route.path}")
async def test_another_organizations_things_are_not_found(
    client: httpx.AsyncClient, org: SampleOrg, route: APIRoute
) -> None:
    """Their admin holds every scope and sends a body that would do; the answer is as for an id nobody has."""
    method, path = next(iter(route.methods)), _filled(route, org)
    sent = {"reason": "because", "lead": True, "plan": "plan_1", "rating": 5, "days_per_month": 1, "max_factor": 2}
    sent |= {"amount": "5", "pool": "team_1"}
    body = sent if method in {"POST", "PUT", "PATCH"} else None
    if body and route.body_field is not None:
        known = getattr(route.body_field.field_info.annotation, "model_fields", {})
        body = {name: value for name, value in body.items() if name in known}
    headers = org.stranger.headers | {"Idempotency-Key": "k"}
    foreign = await client.request(method, path, json=body, headers=headers)
    made_up = await client.request(method, re.sub(r"_[0-9a-z]+", "_1", path), json=body, headers=headers)

    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    assert made_up.status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/billing/credits/grants", {"to": {"member": "{bo}"}, "amount": "5", "source": "purchase"}),
        ("/v1/billing/credits/unfreeze", {"member": "{bo}", "reason": "because"}),
        ("/v1/allotments", {"to": {"member": "{bo}"}, "amount": "5", "day": 1}),
        ("/v1/ratecards", {"rows": []}),
        ("/v1/members", {"name": "Di"}),
        ("/v1/teams", {"name": "Red"}),
        ("/v1/plans", {"name": "Pro", "weekly": "100"}),
        ("/v1/tokens", {"label": "mine", "scopes": ["admin"]}),
    ],
)
async def test_a_former_admins_token_no_longer_administers(
    client: httpx.AsyncClient, org: SampleOrg, path: str, body: dict[str, object]
) -> None:
    """The scope is on the token, but the role is looked up each time."""
    await client.patch(f"/v1/members/{org.al.id}", json={"role": "admin"}, headers=org.ada.headers)
    token = await org.token(org.al, *Scope)
    await client.patch(f"/v1/members/{org.al.id}", json={"role": "member"}, headers=org.ada.headers)
    text = httpx.Request("POST", "http://x", json=body).content.replace(b"{bo}", org.bo.id.encode())
    answer = await client.post(
        path, content=text, headers=token | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) in {(403, "not_allowed"), (403, "insufficient_scope")}


def _scopes(route: APIRoute) -> Iterator[Scope]:
    return (each.call.scope for each in route.dependant.dependencies if isinstance(each.call, Requires))


def _filled(route: APIRoute, org: SampleOrg) -> str:
    """Return the path with ids of the first organization's things."""
    ids = {
        "member_id": org.bo.id,
        "team_id": org.team,
        "org_id": org.id,
        "token_id": "tok_" + org.bo.id.partition("_")[2],
        "gift_id": "gift_" + org.bo.id.partition("_")[2],
        "notice_id": "ntc_" + org.bo.id.partition("_")[2],
        "lot_id": "lot_" + org.bo.id.partition("_")[2],
        "transfer_id": "tr_" + org.bo.id.partition("_")[2],
        "allotment_id": "alt_" + org.bo.id.partition("_")[2],
        "hold_id": "hold_" + org.bo.id.partition("_")[2],
        "plan_id": "plan_" + org.bo.id.partition("_")[2],
        "subject_id": org.bo.id,
        "reset_id": "rst_" + org.bo.id.partition("_")[2],
        "request_id": "req_" + org.bo.id.partition("_")[2],
        "code": "ref_" + org.bo.id.partition("_")[2],
        "boost_id": "bst_" + org.bo.id.partition("_")[2],
        "campaign_id": "cmp_" + org.bo.id.partition("_")[2],
        "application_id": "app_" + org.bo.id.partition("_")[2],
    }
    return route.path.format(**ids)
