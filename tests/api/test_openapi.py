"""The OpenAPI document is true: it describes every route, and schemathesis finds nothing that contradicts it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

from core.api.app import ROUTERS, create_app
from tests.support.builders import some_settings
from tests.support.databases import Databases
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger

SEED, EXAMPLES = 20_261_120, 6
ENDLESS, SUICIDAL = "/v1/status/stream", "/v1/tokens/current"  # no answer ever ends; the token that asks is gone
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
OPERATIONS = [
    (method, route.path)
    for route in ROUTES
    for method in sorted(route.methods)
    if route.include_in_schema and route.path not in {ENDLESS, SUICIDAL}
]
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.ignored_auth,
    checks.unsupported_method,
    checks.allow_header_conformance,
]


@pytest.fixture(scope="module")
def furnished(databases: Databases) -> Iterator[SampleOrg]:
    url = databases.fresh("sqlite")
    with open_sample_ledger(url) as (ledger, clock):
        yield asyncio.run(furnish(ledger, clock))
    databases.drop(url)


@pytest.fixture(scope="module")
def api(furnished: SampleOrg) -> BaseSchema:
    app = create_app(furnished.ledger, some_settings())
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    # A body of more than 10,000 events is refused as too large, which is documented too.
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]
    return schema


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: f"{mode.value} data")
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part)
def test_nothing_contradicts_the_document(
    api: BaseSchema, furnished: SampleOrg, method: str, path: str, mode: GenerationMode
) -> None:
    """Asked by an admin who holds every scope, with data that fits the document and data that does not."""

    @seeded(SEED)
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.call_and_validate(headers=furnished.ada.headers, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "the document describes a request that nobody can make"


def test_every_route_is_described_with_its_security_and_its_errors(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    for route in (each for each in ROUTES if each.include_in_schema):
        for method in route.methods:
            operation = paths[route.path][method.lower()]

            assert operation["summary"]
            if route.path.startswith("/v1/"):
                assert operation["security"] == [{"bearer": []}]
                assert {"401", "403", "422"} <= operation["responses"].keys()
                assert list(operation["responses"]["401"]["content"]) == ["application/problem+json"]


def test_bodies_have_examples_that_fit(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    transfer = schemas["TransferRequest"]["properties"]

    assert transfer["amount"]["examples"] == ["500", "0.25"]
    assert transfer["amount"]["pattern"] == r"^[0-9]{1,10}(\.[0-9]{1,6})?$"
    assert transfer["to"]["examples"] == [{"member": "mem_2k7"}]
    assert schemas["TransferRequest"]["additionalProperties"] is False


def test_there_is_one_security_scheme(app: FastAPI) -> None:
    assert app.openapi()["components"]["securitySchemes"].keys() == {"bearer"}
