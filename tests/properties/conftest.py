"""Comparisons that stand beside the tests explain themselves when they fail, like those in them."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support.compared_ledger")
