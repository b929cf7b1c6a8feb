"""Members, teams, organizations and tokens over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.support.sample_org import SampleOrg, bearer


async def test_members_are_found_by_a_part_of_their_name(client: httpx.AsyncClient, org: SampleOrg) -> None:
    everybody = (await client.get("/v1/members", headers=org.bo.headers)).json()
    found = (await client.get("/v1/members?query=A", headers=org.bo.headers)).json()
    wild = (await client.get("/v1/members", params={"query": "%"}, headers=org.bo.headers)).json()

    assert [each["name"] for each in everybody["items"]] == ["Ada", "Al", "Bo"]
    assert [each["name"] for each in found["items"]] == ["Ada", "Al"]
    assert wild["items"] == []
    assert everybody["items"][2] == {
        "id": org.bo.id,
        "name": "Bo",
        "kind": "person",
        "role": "member",
        "teams": [org.team],
        "leads": [],
        "verified_at": "2026-11-20T12:00:00Z",
        "joined_at": "2026-11-20T12:00:00Z",
        "frozen_at": None,
        "deactivated_at": None,
    }


async def test_a_list_of_members_goes_on_page_by_page(client: httpx.AsyncClient, org: SampleOrg) -> None:
    names, cursor = [], ""
    while cursor is not None:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/members", params=params, headers=org.bo.headers)).json()
        names.append([each["name"] for each in page["items"]])
        cursor = page["next_cursor"]

    assert names == [["Ada", "Al"], ["Bo"]]


async def test_an_admin_adds_changes_and_lets_go(client: httpx.AsyncClient, org: SampleOrg) -> None:
    added = await client.post("/v1/members", json={"name": " Di ", "email": "di@x.io"}, headers=org.ada.headers)
    path = added.headers["location"]
    changed = await client.patch(path, json={"role": "admin", "verified": True}, headers=org.ada.headers)
    gone = await client.post(f"{path}/deactivate", headers=org.ada.headers)
    again = await client.post(f"{path}/deactivate", headers=org.ada.headers)
    listed = (await client.get("/v1/members", headers=org.ada.headers)).json()

    assert (added.status_code, added.json()["name"], added.json()["verified_at"]) == (201, "Di", None)
    assert (changed.json()["role"], changed.json()["verified_at"]) == ("admin", "2026-11-20T12:00:00Z")
    assert (gone.status_code, gone.json()["deactivated_at"]) == (200, "2026-11-20T12:00:00Z")
    assert (again.status_code, again.json()) == (200, gone.json())
    assert "Di" not in {each["name"] for each in listed["items"]}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 81},
        {"name": "a\nb"},
        {"name": "a\0b"},
        {"name": "Di", "kind": "bot"},
        {"name": "Di", "role": "owner"},
        {"name": "Di", "email": "nobody"},
        {"name": "Di", "joined_at": "2027-01-01T00:00:00Z"},
        {"name": "Di", "verified": "yes"},
        {"name": "Di", "admin": True},
    ],
)
async def test_a_wrong_member_is_refused(client: httpx.AsyncClient, org: SampleOrg, given: dict[str, object]) -> None:
    answer = await client.post("/v1/members", json=given, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_the_last_admin_stays_one(client: httpx.AsyncClient, org: SampleOrg) -> None:
    own = f"/v1/members/{org.ada.id}"
    demoted = await client.patch(own, json={"role": "member"}, headers=org.ada.headers)
    left = await client.post(f"{own}/deactivate", headers=org.ada.headers)

    assert (demoted.status_code, demoted.json()["code"]) == (403, "not_allowed")
    assert (left.status_code, left.json()["code"]) == (403, "not_allowed")


async def test_teams_are_made_filled_and_emptied(client: httpx.AsyncClient, org: SampleOrg) -> None:
    made = await client.post("/v1/teams", json={"name": "Runtime"}, headers=org.ada.headers)
    seat = f"{made.headers['location']}/members/{org.bo.id}"
    put = await client.put(seat, json={"lead": True}, headers=org.ada.headers)
    demoted = await client.put(seat, json={}, headers=org.ada.headers)
    taken = await client.delete(seat, headers=org.ada.headers)
    again = await client.delete(seat, headers=org.ada.headers)
    listed = (await client.get("/v1/teams", headers=org.bo.headers)).json()

    assert (made.status_code, made.json()["members"]) == (201, [])
    assert (put.json()["members"], put.json()["leads"]) == ([org.bo.id], [org.bo.id])
    assert (demoted.json()["members"], demoted.json()["leads"]) == ([org.bo.id], [])
    assert (taken.status_code, taken.json()["members"], again.status_code) == (200, [], 404)
    assert [each["name"] for each in listed["items"]] == ["Compilers", "Runtime"]


async def test_everybody_sees_their_own_organization_only(client: httpx.AsyncClient, org: SampleOrg) -> None:
    listed = (await client.get("/v1/orgs", headers=org.bo.headers)).json()
    own = await client.get(f"/v1/orgs/{org.id}", headers=org.bo.headers)
    other = await client.get(f"/v1/orgs/{org.strange_org}", headers=org.bo.headers)

    assert listed == {"items": [own.json()], "next_cursor": None}
    assert (own.json()["id"], own.json()["name"]) == (org.id, "Acme")
    assert other.status_code == 404


async def test_a_token_is_shown_once_works_and_is_revoked(client: httpx.AsyncClient, org: SampleOrg) -> None:
    given = {"label": "status bar", "scopes": ["read"], "member": org.bo.id}
    issued = await client.post("/v1/tokens", json=given, headers=org.ada.headers)
    headers = bearer(issued.json()["token"])
    listed = await client.get("/v1/tokens", headers=headers)
    foreign = await client.delete(f"/v1/tokens/{issued.json()['id']}", headers=org.al.headers)
    revoked = await client.delete(f"/v1/tokens/{issued.json()['id']}", headers=org.bo.headers)
    after = await client.get("/v1/tokens", headers=headers)

    assert issued.status_code == 201
    assert [each["label"] for each in listed.json()["items"]] == ["status bar", "Bo's laptop"]
    assert issued.json()["token"] not in listed.text
    assert foreign.status_code == 404
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert after.status_code == 401


async def test_signing_out_revokes_the_token_that_asks(client: httpx.AsyncClient, org: SampleOrg) -> None:
    out = await client.delete("/v1/tokens/current", headers=org.bo.headers)
    after = await client.get("/v1/orgs", headers=org.bo.headers)

    assert (out.status_code, after.status_code) == (204, 401)


async def test_the_admin_scope_goes_to_admins_only(client: httpx.AsyncClient, org: SampleOrg) -> None:
    given = {"label": "too much", "scopes": ["admin"], "member": org.bo.id}
    answer = await client.post("/v1/tokens", json=given, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "given",
    [
        {"label": "x", "scopes": []},
        {"label": "x", "scopes": ["everything"]},
        {"label": "", "scopes": ["read"]},
        {"label": "x", "scopes": ["read"], "expires_at": "2026-11-20T12:00:00Z"},
    ],
)
async def test_a_wrong_token_is_refused(client: httpx.AsyncClient, org: SampleOrg, given: dict[str, object]) -> None:
    answer = await client.post("/v1/tokens", json=given, headers=org.ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
