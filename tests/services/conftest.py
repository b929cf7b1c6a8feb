"""Fixtures of the use cases' tests."""

from __future__ import annotations

from tests.support.sample_org import either_org, org

__all__ = ["either_org", "org"]
