"""Whom reported usage is charged to: the member an event names by id or e-mail, or who reports."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.services.common.actors import Actor
from core.store.queries.usage_subjects import UsageSubject, subjects_by_email, subjects_by_id


class Payers:
    """The people whom a report names, found at once."""

    def __init__(self, connection: Connection, actor: Actor, named: set[str]) -> None:
        self._actor = actor
        self._by_id: dict[int, UsageSubject] = {}
        self._by_email: defaultdict[str, list[UsageSubject]] = defaultdict(list)
        self._numbers = {text: number for text in named if (number := _member_number(text)) is not None}
        ids = set(self._numbers.values())
        for each in subjects_by_id(connection, org_id=actor.org_id, ids=ids | {actor.member_id}):
            self._by_id[each.member_id] = each
        for each in subjects_by_email(connection, org_id=actor.org_id, emails={text for text in named if "@" in text}):
            self._by_email[(each.email or "").lower()].append(each)

    def charged_for(self, subject: str | None) -> int:
        """Return who pays. Raises Refused(unknown_member, not_allowed)."""
        found = self._by_id[self._actor.member_id] if subject is None else self._named(subject)
        if not self._actor.spends_for_all and found.member_id != self._actor.member_id:
            sentence = "Usage of others is for a service or an admin to report and authorize. Name nobody, or yourself."
            raise Refused(Code.NOT_ALLOWED, sentence)
        if found.kind == "bot":
            raise Refused(Code.UNKNOWN_MEMBER, "A bot has nothing to pay with. Name the person it worked for.")
        return found.member_id

    def _named(self, subject: str) -> UsageSubject:
        number = self._numbers.get(subject)
        if number is not None and number in self._by_id:
            return self._by_id[number]
        found = self._by_email.get(subject.lower(), []) if "@" in subject else []
        here = [each for each in found if not each.has_left] or found
        here = [each for each in here if each.email == subject] or here  # as it is written, before any other case
        if len(here) == 1:
            return here[0]
        if here:
            raise Refused(Code.UNKNOWN_MEMBER, f"{len(here)} members have this e-mail address. Name one by id.")
        raise Refused(Code.UNKNOWN_MEMBER, "Member not found. Name them by id or by e-mail address.")


def _member_number(subject: str) -> int | None:
    try:
        return parse_id(Prefix.MEMBER, subject)
    except Refused:
        return None
