"""Block Kit as plain data, within Slack's limits: 50 blocks a message, 3,000 characters a section. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bot.mrkdwn import clipped

MAX_BLOCKS: Final = 50
MAX_SECTION: Final = 3000
MAX_TEXT: Final = 4000
MAX_HEADER: Final = 150
MAX_BUTTON_LABEL: Final = 75
MAX_BUTTON_VALUE: Final = 2000

Block = dict[str, Any]


class Style(StrEnum):
    """How a button asks to be seen; without one it is neutral."""

    PRIMARY = "primary"  # the expected next step
    DANGER = "danger"  # takes something away


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its blocks, and the same in one text for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...] = ()
    is_refusal: bool = False  # nothing came of what was asked

    def payload(self) -> dict[str, Any]:
        """Return what every way of posting a message takes."""
        blocks = list(self.blocks or (section(self.text),))
        return {"text": clipped(self.text, MAX_TEXT), "blocks": blocks[:MAX_BLOCKS]}

    def ephemeral(self) -> dict[str, Any]:
        """Return it as an answer that only the person who asked sees."""
        return {"response_type": "ephemeral", **self.payload()}


def message(*blocks: Block, is_refusal: bool = False) -> Message:
    """Return a message of these blocks; its text is that of the sections."""
    text = " ".join(block["text"]["text"] for block in blocks if block["type"] in {"section", "header"})
    return Message(text, blocks, is_refusal)


def header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": clipped(text, MAX_HEADER)}}


def section(text: str, *, button: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": {"type": "mrkdwn", "text": clipped(text, MAX_SECTION)}}
    return block if button is None else {**block, "accessory": button}


def context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": clipped(text, MAX_SECTION)}]}


def buttons(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(label: str, *, action_id: str, value: str, style: Style | None = None) -> Block:
    """Return a button. Its value is an opaque id and nothing else: who may press it is decided at the click."""
    if len(value) > MAX_BUTTON_VALUE:
        raise ValueError("a button's value is an id, not a text")
    block: Block = {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": clipped(label, MAX_BUTTON_LABEL)},
        "value": value,
    }
    return block if style is None else {**block, "style": style.value}


def bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"• {line}" for line in lines)
