"""What clients asked of a server and what they were told, on disk before a request leaves and after its answer came.

It is the clients' own record: it knows nothing of the ledger, and outlives every crash of what it is held against.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["grant", "give", "cancel", "decline"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, whatever the number of times it is sent: the same key and the same content each time."""

    number: int
    kind: Kind
    actor: str  # the member who asks
    key: str  # the idempotency key; of a cancel or decline there is none to send, the gift is its key
    member: str = ""  # whom a grant or gift is for
    micros: int = 0
    gift: str = ""  # which gift a cancel or decline is about


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told, for good: done (with the id of the lot or gift), or refused (with a code)."""

    number: int
    id: str = ""
    replayed: bool = False
    refused: str = ""


class Record:
    """Asks and answers, appended to a file as they happen."""

    def __init__(self, path: Path) -> None:
        self.asks: dict[int, Ask] = {}
        self.answers: dict[int, Answer] = {}
        self._path = path

    @classmethod
    def read(cls, path: Path) -> Record:
        """Return the record that a file holds, which is what counts."""
        record = cls(path)
        for line in path.read_bytes().splitlines():
            told = json.loads(line)
            if "kind" in told:
                record.asks[told["number"]] = Ask(**told)
            else:
                record.answers[told["number"]] = Answer(**told)
        return record

    def ask(self, ask: Ask) -> None:
        self._write(ask)
        self.asks[ask.number] = ask

    def answer(self, answer: Answer) -> None:
        self._write(answer)
        self.answers[answer.number] = answer

    @property
    def unanswered(self) -> list[Ask]:
        return [ask for number, ask in self.asks.items() if number not in self.answers]

    @property
    def done(self) -> Iterator[tuple[Ask, Answer]]:
        """What clients were told took effect."""
        return ((self.asks[number], answer) for number, answer in self.answers.items() if not answer.refused)

    @property
    def refused(self) -> Iterator[Ask]:
        return (self.asks[number] for number, answer in self.answers.items() if answer.refused)

    def _write(self, line: Ask | Answer) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(asdict(line)).encode() + b"\n")
