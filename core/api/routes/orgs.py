"""Organizations over HTTP: everybody sees their own."""

from __future__ import annotations

from fastapi import APIRouter

from core.api.dependencies import LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import PageShown
from core.api.schemas.people import OrganizationShown, organization_shown
from core.services.people import organizations

router = APIRouter(prefix="/v1/orgs", route_class=GuardedRoute, tags=["people"])


@router.get("", summary="Your organization", responses=problems())
async def list_orgs(ledger: LedgerDep, actor: ReadActor) -> PageShown[OrganizationShown]:
    """Return the one organization that the token is of."""
    own = await organizations.own_organization(ledger, actor=actor)
    return PageShown(items=[organization_shown(own)], next_cursor=None)


@router.get("/{org_id}", summary="An organization", responses=problems(404))
async def get(org_id: str, ledger: LedgerDep, actor: ReadActor) -> OrganizationShown:
    """Return one's own organization; every other is not found."""
    return organization_shown(await organizations.organization(ledger, actor=actor, org_id=org_id))
