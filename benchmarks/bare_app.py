"""``python -m benchmarks.bare_app PORT``: what the framework alone does with an authorization."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

from core.server import calm_collector

ANSWER = {
    "id": "hold_2000000b",
    "state": "open",
    "member": "mem_2000000b",
    "model": "gpt-6-luna",
    "amount": "0.0325",
    "allowance": "0",
    "created_at": "2026-11-20T12:00:00Z",
    "deadline_at": "2026-11-20T12:15:00Z",
    "card": "2026-09-29-5b1c9a04",
    "charged": "0",
    "overage": "0",
    "late": False,
    "closed_at": None,
}

app = FastAPI()


@app.post("/v1/usage/authorizations", status_code=201)
async def authorize(given: dict[str, Any]) -> dict[str, Any]:
    return ANSWER | {"member": given["member"]}


if __name__ == "__main__":
    calm_collector()
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
