"""What the callers know: every command that was ever sent, what they were answered, what they never heard.

It is compared with what is bound in the books: acknowledged is there, refused left nothing, a key takes effect once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Code
from core.services.grants.refund_commands import RefundCharge
from tests.simulation.tally import Tally

Key = tuple[int, int, str]  # organization, actor, key


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """A key as the books have it."""

    digest: bytes
    first_id: int
    count: int


@dataclass(slots=True)
class Record:
    """One key of one actor: what was sent under it, and what came of it."""

    sent: dict[bytes, Command] = field(default_factory=dict)
    waiting: int = 0  # attempts without an answer yet
    adrift: int = 0  # attempts whose caller has hung up; they may still take effect
    doubts: dict[bytes, Command] = field(default_factory=dict)  # whose callers do not know what came of them
    new: int = 0  # acknowledgements that say "this was the first time"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A command on its way; ``after`` is what its key was bound to when it set out."""

    command: Command
    record: Record
    after: Bound | None


def key_of(command: Command) -> Key:
    return (command.org_id, command.actor_id, command.key)


class Records:
    """Every attempt of every caller. ``bound`` is filled by the audit, from what was really committed."""

    def __init__(self, tally: Tally) -> None:
        self.all: dict[Key, Record] = {}
        self.bound: dict[Key, Bound] = {}
        self._tally = tally

    def send(self, command: Command) -> Attempt:
        key = key_of(command)
        record = self.all.setdefault(key, Record())
        record.sent.setdefault(command.digest, command)
        record.waiting += 1
        return Attempt(command, record, self.bound.get(key))

    def acknowledged(self, attempt: Attempt, receipt: Receipt) -> None:
        """L6, L7: what is acknowledged is committed, with this content and these ids, and was new only once."""
        command, record = self._answered(attempt), attempt.record
        bound = self.bound.get(key_of(command))
        assert bound is not None, f"{command} was acknowledged but is not in the books"
        assert bound.digest == command.digest, f"{command} was acknowledged, but its key is bound to other content"
        assert (bound.first_id, bound.count) == (receipt.first_id, receipt.count), f"{command} has other ids: {bound}"
        assert receipt.replayed or attempt.after is None, f"{command} was done before, but is called new"
        record.new += not receipt.replayed
        assert record.new <= 1, f"two callers were told that {command} was new"
        record.doubts.pop(command.digest, None)
        self._note(command, "replayed" if receipt.replayed else "done")
        if getattr(command, "round", 1) > 1:
            self._note(command, "once more")

    def refused(self, attempt: Attempt, code: Code) -> None:
        """L6: what is bound is not refused; a conflict names a key that is bound to something else.

        After ``overloaded`` nobody knows: a connection lost at commit may have taken the batch with it. A refund is
        told so too when its bill is out of date; whoever asks again makes a new one.
        """
        command, bound = self._answered(attempt), self.bound.get(key_of(attempt.command))
        self._note(command, code.value)
        self._tally["refused", code.value] += 1
        if code is Code.OVERLOADED:
            if isinstance(command, RefundCharge):
                attempt.record.doubts.pop(command.digest, None)
            else:
                attempt.record.doubts[command.digest] = command
            return
        attempt.record.doubts.pop(command.digest, None)
        if code is Code.IDEMPOTENCY_CONFLICT:
            assert bound is not None, f"{command}: a conflict with nothing"
            assert bound.digest != command.digest, f"{command}: a conflict with itself"
        else:
            assert attempt.after is None, f"{command}: its key is bound, but it was decided again: {code}"
        if code is Code.INTERNAL_ERROR:
            assert type(command).__name__ == "Defect", f"{command} met a defect"

    def unheard(self, attempt: Attempt, *, adrift: bool) -> None:
        """The server was gone before there was an answer, or the caller was (``adrift``)."""
        command = self._answered(attempt)
        attempt.record.adrift += adrift
        attempt.record.doubts[command.digest] = command
        self._note(command, "unheard")

    def bind(self, key: Key, bound: Bound) -> Command:
        """Take note of a key that was committed, and return what was sent under it."""
        assert key not in self.bound, f"{key} took effect twice"
        record = self.all.get(key)
        assert record is not None, f"{key} is in the books, but nobody sent it"
        command = record.sent.get(bound.digest)
        assert command is not None, f"{key} is bound to a content that nobody sent"
        assert record.waiting or record.adrift, f"{command} took effect after every attempt was answered"
        self.bound[key] = bound
        return command

    def in_doubt(self) -> list[Command]:
        """Return the commands whose callers do not know what came of them."""
        return [command for record in self.all.values() for command in record.doubts.values()]

    def _answered(self, attempt: Attempt) -> Command:
        attempt.record.waiting -= 1
        return attempt.command

    def _note(self, command: Command, end: str) -> None:
        self._tally["command", type(command).__name__, end] += 1
