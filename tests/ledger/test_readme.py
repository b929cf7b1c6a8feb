"""The ledger's README says what the code does: its examples are run, its tables compared."""

from __future__ import annotations

import doctest
from pathlib import Path

import core.ledger
from core.ledger.accounts import AccountKind
from core.ledger.gifts import OUTCOMES
from core.ledger.lots import GIFTABLE_BY_DEFAULT, PAID, Source
from core.ledger.transfers import FLOWS

FOLDER = Path(core.ledger.__file__).parent
README = FOLDER / "README.md"


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its header."""
    _, _, section = README.read_text(encoding="utf-8").partition(f"{heading}\n")
    table, _, _ = section[section.index("\n|") + 1 :].partition("\n\n")
    lines = table.splitlines()
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> set[str]:
    return set(cell.split(", ")) - {"nothing"}


def test_the_examples_run_and_answer_what_is_written() -> None:
    text = README.read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, README.name, str(README), 0)
    report: list[str] = []

    result = doctest.DocTestRunner().run(examples, out=report.append)

    assert not result.failed, "".join(report)
    assert result.attempted > 40


def test_every_file_is_named() -> None:
    named = {name for row in rows_below("# The ledger") for name in row[0].replace("`", "").split(", ")}

    assert named == {file.name for file in FOLDER.glob("*.py")} - {"__init__.py"}


def test_the_table_of_accounts_is_the_codes() -> None:
    written = {(kind, int(number), stored) for kind, number, _, _, stored in rows_below("## Accounts")}

    assert written == {(kind.name.lower(), int(kind), "no" if kind.is_house else "yes") for kind in AccountKind}


def test_the_table_of_flows_is_the_codes() -> None:
    written = {kind: names(flows) for kind, flows, _ in rows_below("## Flows")}

    assert written == {
        kind.value: {f"{of.name.lower()} → {to.name.lower()}" for of, to in flows} for kind, flows in FLOWS.items()
    }


def test_the_table_of_sources_is_the_codes() -> None:
    written = {
        (source, paid == "yes", giftable == "yes")
        for source, paid, giftable, _ in rows_below("## Lots and their orders")
    }

    assert written == {(source.value, source in PAID, source in GIFTABLE_BY_DEFAULT) for source in Source}


def test_the_table_of_a_gifts_life_is_the_codes() -> None:
    written = {act: (names(of), to) for act, of, to, _ in rows_below("## The life of a gift")}

    assert written == {act.value: ({state.value for state in of}, to.value) for act, (of, to) in OUTCOMES.items()}
