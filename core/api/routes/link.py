"""The page a device sends people to: it says where to type the code. No scripts, nothing is asked for here."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

router = APIRouter()

_CODE = re.compile(r"[A-Za-z]{4}-?[A-Za-z]{4}", re.ASCII)
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@router.get("/link", include_in_schema=False)
async def link(code: Annotated[str, Query()] = "") -> Response:
    """Say how to approve a device: where one is known, which is in Slack. Anything but a code is not repeated."""
    shown = code.upper() if _CODE.fullmatch(code) else "CODE"
    return Response(_PAGE.replace("{code}", shown), headers=_HEADERS, media_type="text/html")


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Sign in your editor · teamcredits</title>
<style>
:root { color-scheme: light dark }
body { font: 1.125rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1.25rem }
kbd { display: inline-block; font: 1.25rem/1 ui-monospace, monospace; padding: .6em .8em; border: 1px solid;
  border-radius: .4rem }
</style>
</head>
<body>
<main>
<h1>Sign in your editor</h1>
<p>In Slack, type this into any message box and send it:</p>
<p><kbd>/credits link {code}</kbd></p>
<p>Slack then shows which device asks, from where, and what it may do. Press <strong>Approve</strong> only if you
started this yourself just now; nothing is signed in before that.</p>
</main>
</body>
</html>
"""
