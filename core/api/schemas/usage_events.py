"""Reported usage in requests and answers. What a request holds is described here and read by the use case."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from core.api.schemas.base import AmountShown, Shown
from core.services.usage.cloud_events import EVENT_TYPE
from core.services.usage.imports import ImportView
from core.services.usage.reports import MAX_EVENTS, UsageReport

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"

_EXAMPLE: Final = {
    "specversion": "1.0",
    "type": EVENT_TYPE,
    "source": "https://gateway.example/eu",
    "id": "req-8f2c",
    "subject": "bo@acme.example",
    "time": "2026-11-20T13:02:00Z",
    "data": {"model": "gpt-6-sol", "input_tokens": 72762, "cached_tokens": 71168, "output_tokens": 296},
}
_MEANINGS: Final = {
    "input_tokens": "The whole prompt, with what was read from a cache and written to one.",
    "cached_tokens": "Of the prompt: read from a cache.",
    "cache_write_tokens": "Of the prompt: written to a cache of 5 minutes.",
    "cache_write_1h_tokens": "Of the prompt: written to a cache of 1 hour.",
    "output_tokens": "What the model wrote.",
    "tier": "A service tier of the rate card, such as `fast`.",
}
_MEANING: Final = (
    f"CloudEvents 1.0 in JSON: one event, or an array of up to {MAX_EVENTS:,}. `type` is `{EVENT_TYPE}`; `source` and "
    "`id` name the event; `subject` is the id or e-mail of who used it, by default who reports; `time` is when, by "
    "default now. An event that is wrong is named in `rejected`, its neighbours are charged. `data` has `model` and:"
)
EVENTS_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "\n".join([_MEANING, "", *(f"- `{name}`: {meaning}" for name, meaning in _MEANINGS.items())]),
        "content": {
            STRUCTURED: {"schema": {"type": "object"}, "example": _EXAMPLE},
            BATCH: {"schema": {"type": "array", "maxItems": MAX_EVENTS}, "example": [_EXAMPLE]},
        },
    }
}


class RejectedShown(Shown):
    """An event that was not charged, and why."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    id: str | None
    code: str
    detail: str


class UsageReportShown(Shown):
    """What became of the reported events."""

    accepted: Annotated[int, Field(description="Charged now.")]
    duplicates: Annotated[int, Field(description="Charged before: the same source, id and content.")]
    rejected: list[RejectedShown]


def report_shown(report: UsageReport) -> UsageReportShown:
    return UsageReportShown(
        accepted=report.accepted,
        duplicates=report.duplicates,
        rejected=[
            RejectedShown(index=each.index, id=each.id, code=each.code.value, detail=each.detail)
            for each in report.rejected
        ],
    )


IMPORT_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": (
            "Columns by name: `member` (id or e-mail), `time` (an instant or a day), `model`, `input_tokens` and "
            "`output_tokens`; if you like `cached_tokens`, `cache_write_tokens`, `cache_write_1h_tokens`, `tier`; "
            "or `credits` instead. `id` may name a line; otherwise its content does."
        ),
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": (
                    "member,time,model,input_tokens,cached_tokens,output_tokens\n"
                    "bo@acme.example,2026-11-20T13:02:00Z,gpt-6-sol,72762,71168,296\n"
                ),
            }
        },
    }
}


class ImportLineShown(Shown):
    """A line that could no longer be charged although the file had been checked."""

    line: int
    id: str | None
    code: str
    detail: str


class ImportShown(Shown):
    """What an import did, or would do; ``credits`` is what the accepted lines cost."""

    lines: int
    accepted: Annotated[int, Field(description="Charged now.")]
    duplicates: Annotated[int, Field(description="Imported before.")]
    credits: AmountShown
    rejected: list[ImportLineShown]
    dry_run: bool


def import_shown(done: ImportView) -> ImportShown:
    return ImportShown(
        lines=done.lines,
        accepted=done.accepted,
        duplicates=done.duplicates,
        credits=str(done.credits),
        rejected=[
            ImportLineShown(line=each.index, id=each.id, code=each.code.value, detail=each.detail)
            for each in done.rejected
        ],
        dry_run=done.dry_run,
    )
