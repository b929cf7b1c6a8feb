"""Knowing which workspace we are in: auth.test, then the workspace is bound to an organisation. Kept up for ever."""

from __future__ import annotations

import asyncio
from typing import Final

from bot.desk import Desk
from bot.log import log_defect, logger
from bot.web_api import Later, Never
from core.ledger.errors import Refused
from core.services import organisations

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0


async def connect(desk: Desk, *, org: str | None) -> bool:
    """Try once; say in the log what is missing. A server without Slack still serves."""
    try:
        identity = await desk.slack.who_am_i()
        bound = await organisations.bind_slack_team(desk.ledger, org=org, team_id=identity.team_id)
    except (Later, Never) as failure:
        logger.warning("Slack is not connected: auth.test says %s; trying again", failure.why)
    except Refused as refused:
        logger.warning("Slack is not connected: %s (TEAMCREDITS_SLACK_ORG names the organisation)", refused.detail)
    except Exception as error:
        log_defect("Connecting to Slack", error)
    else:
        logger.info("Slack is connected: workspace %s belongs to %s", identity.team_id, bound)
        desk.connected(identity)
    return desk.identity is not None


async def stay_connected(desk: Desk, *, org: str | None) -> None:
    """Connect whenever we are not, with growing pauses, until cancelled."""
    wait = FIRST_WAIT
    while True:
        if desk.identity is not None:
            wait = FIRST_WAIT
            await desk.lost.wait()
        elif not await connect(desk, org=org):
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
