"""The real app around a real ledger: called in process, or served on a free port where answers must flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from core.api.app import create_app
from core.api.server import Server
from tests.support.builders import some_settings
from tests.support.sample_org import SampleOrg, org

__all__ = ["org"]


@pytest.fixture
def app(org: SampleOrg) -> FastAPI:
    return create_app(org.ledger, some_settings(public_url="http://credits.test"))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token; a defect of the app is answered as it would be in production."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://credits.test") as opened:
        yield opened


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[Server]:
    """The app served by uvicorn in this process."""
    served = Server(app, host="127.0.0.1", port=0)
    task = asyncio.create_task(served.serve())
    while not served.started:
        await asyncio.sleep(0.005)
    yield served
    served.should_exit = True
    await task


@pytest.fixture
async def remote(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the served app."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as opened:
        yield opened
