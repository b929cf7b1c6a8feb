"""Fixtures of the use cases' tests."""

from __future__ import annotations

from tests.support.house import either_house, house

__all__ = ["either_house", "house"]
