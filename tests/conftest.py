"""Fixtures that every test may ask for, and how Hypothesis runs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.databases import database_url, databases, empty_database_url, engine, postgresql_url, sqlite_url

__all__ = ["database_url", "databases", "empty_database_url", "engine", "postgresql_url", "sqlite_url"]

# Each run tries the same examples, so that a red build is red again on the next machine; `explore` looks for new
# ones and prints the seed to repeat a failure with. Deadlines only tell how busy the machine is.
settings.register_profile(
    "fixed", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True, max_examples=1000)
settings.load_profile(os.environ.get("TEAMCREDITS_TEST_PROFILE", "fixed"))
