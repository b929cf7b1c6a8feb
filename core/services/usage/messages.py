"""What people are told of usage in their statement. Pure."""

from __future__ import annotations

from core.services.common.views import UsageView


def usage_words(usage: UsageView) -> str:
    """Return the model, what it cost, and what of that a plan included and nothing covered (S2)."""
    parts = [f"{usage.model} {usage.cost.shown()} cr"]
    parts += [f"{usage.allowance.shown()} cr included"] if usage.allowance else []
    parts += [f"{usage.overage.shown()} cr owed"] if usage.overage else []
    parts += ["default rate"] if usage.is_fallback else []
    parts += ["late"] if usage.is_late else []
    return ", ".join(parts)
