"""Forms: free questions that whoever makes a campaign asks, and the answers to them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from core.ledger.errors import Code, Refused
from core.services.common.text import UNSTORABLE, checked_name, is_storable

MAX_QUESTIONS: Final = 20
MAX_OPTIONS: Final = 50
LABEL_LENGTH: Final = 200
ANSWER_LENGTH: Final = 1_000
MAX_NUMBER: Final = 10**12
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


class QuestionKind(StrEnum):
    """What an answer is."""

    TEXT = "text"  # up to 1,000 characters
    NUMBER = "number"  # a whole number
    CHOICE = "choice"  # one of the options
    YES_NO = "yes_no"  # true or false


@dataclass(frozen=True, slots=True)
class FormQuestion:
    """One question of a form; ``name`` is what its answer is called."""

    name: str
    label: str
    kind: QuestionKind
    required: bool = False
    options: tuple[str, ...] = ()


def checked_form(questions: Sequence[FormQuestion]) -> tuple[dict[str, Any], ...]:
    """Return a form as it is stored. Raises Refused(invalid_request) naming the field that is wrong."""
    if len(questions) > MAX_QUESTIONS:
        raise _wrong("form", f"may have at most {MAX_QUESTIONS} questions")
    for number, question in enumerate(questions):
        place = f"form.{number}"
        if _NAME.fullmatch(question.name) is None:
            raise _wrong(f"{place}.name", "has 1 to 40 small letters, digits or _, and begins with a letter")
        if question.name in {other.name for other in questions[:number]}:
            raise _wrong(f"{place}.name", f"{question.name!r} is asked twice")
        checked_name(question.label, field=f"{place}.label", most=LABEL_LENGTH)
        _check_options(question, f"{place}.options")
    return tuple(asdict(question) for question in questions)


def questions_of(form: Iterable[Mapping[str, Any]]) -> tuple[FormQuestion, ...]:
    """Read a stored form back."""
    return tuple(
        FormQuestion(
            each["name"], each["label"], QuestionKind(each["kind"]), bool(each["required"]), tuple(each["options"])
        )
        for each in form
    )


def checked_answers(form: Iterable[Mapping[str, Any]], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers in the order of the form. Raises Refused(invalid_request) naming each that is wrong."""
    questions = questions_of(form)
    wrong = [(name, "is not asked for") for name in answers if name not in {question.name for question in questions}]
    for question in questions:
        problem = _problem(question, answers.get(question.name))
        if problem is not None:
            wrong.append((question.name, problem))
    if wrong:
        errors = [{"field": f"answers.{name[:60]}", "message": message} for name, message in wrong[:MAX_QUESTIONS]]
        name, message = wrong[0]
        raise Refused(Code.INVALID_REQUEST, f"The answer {name[:60]!r} {message}.", errors=errors)
    return {each.name: answers[each.name] for each in questions if answers.get(each.name) is not None}


def _problem(question: FormQuestion, answer: object) -> str | None:
    """Return what is wrong with an answer, or None."""
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        return "is needed" if question.required else None
    match question.kind:
        case QuestionKind.TEXT:
            if not isinstance(answer, str) or len(answer) > ANSWER_LENGTH:
                return f"must be text of at most {ANSWER_LENGTH:,} characters"
            return None if is_storable(answer) else UNSTORABLE
        case QuestionKind.NUMBER:
            fits = isinstance(answer, int) and not isinstance(answer, bool) and abs(answer) <= MAX_NUMBER
            return None if fits else f"must be a whole number of at most {MAX_NUMBER:,}"
        case QuestionKind.CHOICE:
            return None if answer in question.options else f"must be one of: {', '.join(question.options)}"
        case QuestionKind.YES_NO:
            return None if isinstance(answer, bool) else "must be true or false"


def _check_options(question: FormQuestion, field: str) -> None:
    if question.kind is not QuestionKind.CHOICE:
        if question.options:
            raise _wrong(field, "belong to a choice only")
        return
    if not 1 < len(question.options) <= MAX_OPTIONS or len(set(question.options)) != len(question.options):
        raise _wrong(field, f"must be 2 to {MAX_OPTIONS} different texts")
    for option in question.options:
        checked_name(option, field=field)


def _wrong(field: str, message: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, f"{field}: {message}.", errors=[{"field": field, "message": message}])
