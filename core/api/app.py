"""The HTTP app: routes, errors, metrics and front ends around an open ledger. Built, never imported ready-made."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Protocol

from fastapi import APIRouter, FastAPI

from core import __version__
from core.api.dependencies import Problem
from core.api.errors import add_error_handlers
from core.api.guard import LargeBodies
from core.api.metrics import Metrics
from core.api.middleware import RequestMiddleware
from core.api.routes import (
    allotments,
    authorizations,
    boosts,
    campaigns,
    caps,
    corrections,
    health,
    link,
    members,
    oauth,
    orgs,
    plans,
    ratecards,
    referrals,
    requests,
    rescue,
    resets,
    status,
    teams,
    tokens,
    transfers,
    usage_events,
    why,
)
from core.api.routes import credits as credits_routes
from core.api.streaming import Streams
from core.services.common.ledger_service import LedgerService
from core.settings import Settings

ROUTERS: Final = (
    authorizations.router,  # first, for a route is looked for from the top, and a gateway asks with every request
    transfers.router,
    credits_routes.router,
    corrections.router,
    allotments.router,
    resets.router,
    status.router,
    members.router,
    teams.router,
    orgs.router,
    tokens.router,
    ratecards.router,
    usage_events.router,
    campaigns.router,
    boosts.router,
    why.router,
    plans.router,
    caps.router,
    requests.router,
    referrals.router,
    rescue.router,
    oauth.router,
    link.router,
    health.router,
)

_DESCRIPTION: Final = """
One shared ledger of AI-coding credits. Amounts are strings of credits with at most 6 decimals, moments RFC 3339
UTC, ids opaque. Every command carries an `Idempotency-Key`. Errors are `application/problem+json` (RFC 9457) with a
stable `code`; another organization's things are not found.
"""


class Frontend(Protocol):
    """A further door in the same process, such as Slack."""

    @property
    def router(self) -> APIRouter: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def create_app(ledger: LedgerService, settings: Settings, *, frontends: Sequence[Frontend] = ()) -> FastAPI:
    """Build the app. Its lifespan starts and stops the front ends; the ledger is the caller's to close."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for frontend in frontends:
                await frontend.start()
                stack.push_async_callback(frontend.stop)
            yield
            app.state.streams.end()

    app = FastAPI(
        title="teamcredits",
        version=__version__,
        description=_DESCRIPTION.strip(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked with every request, and never wanted
    )
    metrics = Metrics(ledger)
    app.state.ledger = ledger
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.large_bodies = LargeBodies()
    app.state.streams = Streams(ledger, metrics.streams)
    add_error_handlers(app)
    app.add_middleware(RequestMiddleware, metrics=metrics)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # flat: one match a request, and every route can be listed
    for frontend in frontends:
        app.include_router(frontend.router)
    _document_problems(app)
    return app


def _document_problems(app: FastAPI) -> None:
    """Add the shape of errors to the OpenAPI document, once it is built."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        document = build()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
