"""Which workspace we are in: asked by auth.test, then bound to an organization, and kept up from then on."""

from __future__ import annotations

import asyncio
from typing import Final

from bot.context import AppContext
from bot.log import log_defect, logger
from bot.slack_api import PermanentError, RetryableError
from core.ledger.errors import Refused
from core.services.people import organizations

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0


async def connect(app_context: AppContext, *, org: str | None) -> bool:
    """Try once; say in the log what is missing. A server without Slack still serves."""
    try:
        identity = await app_context.slack.who_am_i()
        bound = await organizations.bind_slack_team(app_context.ledger, org=org, team_id=identity.team_id)
    except (RetryableError, PermanentError) as failure:
        logger.warning("Slack is not connected: auth.test says %s; trying again", failure.why)
    except Refused as refused:
        logger.warning("Slack is not connected: %s (TEAMCREDITS_SLACK_ORG names the organization)", refused.detail)
    except Exception as error:
        log_defect("Connecting to Slack", error)
    else:
        logger.info("Slack is connected: workspace %s belongs to %s", identity.team_id, bound)
        app_context.connected(identity)
    return app_context.identity is not None


async def stay_connected(app_context: AppContext, *, org: str | None) -> None:
    """Connect whenever we are not, with growing pauses, until cancelled."""
    wait = FIRST_WAIT
    while True:
        if app_context.identity is not None:
            wait = FIRST_WAIT
            await app_context.lost.wait()
        elif not await connect(app_context, org=org):
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
