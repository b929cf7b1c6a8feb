"""Whole valid values of the house for tests; a test names only what matters to it. For lots and gifts see lots.py."""

from __future__ import annotations

from typing import Any

from core.services.common.actors import Actor, Role, Scope
from core.settings import Settings
from tests.support.lots import ADA

ORG = 1


def some_settings(database_url: str = "sqlite:///var/teamcredits.db", **values: Any) -> Settings:
    """Return settings in test mode, with a key; nothing is read from outside."""
    given = {"mode": "test", "secret_key": "a-key-for-tests-that-seals-nothing-real", "bind": "127.0.0.1:0"}
    return Settings.model_validate(given | {"database_url": database_url} | values)


def an_actor(member_id: int = ADA, *, org_id: int = ORG, role: Role = Role.MEMBER, scopes: str = "read give") -> Actor:
    """Return a member of the organization who may read and give."""
    return Actor(org_id, member_id, role, frozenset(Scope(scope) for scope in scopes.split()))


def an_admin(member_id: int = ADA, *, org_id: int = ORG) -> Actor:
    """Return an admin by a token that carries every scope."""
    return Actor(org_id, member_id, Role.ADMIN, frozenset(Scope))
