"""Organisations over HTTP: everybody sees their own."""

from __future__ import annotations

from fastapi import APIRouter

from core.api.contract import House, Reader, problems
from core.api.door import DoorRoute
from core.api.schemas.base import PageShown
from core.api.schemas.people import OrganisationShown, organisation_shown
from core.services import organisations

router = APIRouter(prefix="/v1/orgs", route_class=DoorRoute, tags=["people"])


@router.get("", summary="Your organisation", responses=problems())
async def list_orgs(ledger: House, actor: Reader) -> PageShown[OrganisationShown]:
    """Return the one organisation that the token is of."""
    own = await organisations.own_organisation(ledger, actor=actor)
    return PageShown(items=[organisation_shown(own)], next_cursor=None)


@router.get("/{org_id}", summary="An organisation", responses=problems(404))
async def get(org_id: str, ledger: House, actor: Reader) -> OrganisationShown:
    """Return one's own organisation; every other is not found."""
    return organisation_shown(await organisations.organisation(ledger, actor=actor, org_id=org_id))
