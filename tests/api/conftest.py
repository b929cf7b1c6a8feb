"""The real app around a real ledger, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from core.api.app import create_app
from tests.support.builders import some_settings
from tests.support.house import House, furnish, open_house_ledger


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    """Two organisations with their people, on SQLite."""
    with open_house_ledger(sqlite_url) as (ledger, clock):
        yield await furnish(ledger, clock)


@pytest.fixture
def app(house: House) -> FastAPI:
    return create_app(house.ledger, some_settings(public_url="http://credits.test"))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token; a defect of the app fails the test."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://credits.test") as opened:
        yield opened
