"""``teamcredits hold``."""

from __future__ import annotations

from tests.support.terminal import Terminal


def test_a_request_is_authorized_and_captured_by_hand(office: Terminal) -> None:
    """S2: 100,000 tokens read and at most 4,096 written of a model at 50 and 250 credits a million."""
    office.prints("grant", "Bo", "10")
    opened = office.json("hold", "open", "Bo", "gpt-6-sol", "--input", "100000")
    listed = office.prints("hold", "list", "Bo", "--state", "open")
    captured = office.prints("hold", "capture", opened["id"], "--input", "100000", "--cached", "90000")

    assert (opened["state"], opened["amount"]) == ("open", "6.024")
    assert f"\n{opened['id']}  open   gpt-6-sol  6.02 cr" in listed
    assert "captured" in captured
    assert "0.95 cr" in captured
    assert office.json("member", "show", "Bo")["spendable"] == "9.05"


def test_a_model_that_the_card_does_not_know_is_flagged(office: Terminal) -> None:
    """S3: the default rate applies, and the table says so."""
    office.prints("grant", "Bo", "100")
    shown = office.prints("hold", "open", "Bo", "nobody-knows", "--input", "1000")

    assert shown.endswith("default rate")
    assert "default rate" not in office.prints("hold", "open", "Bo", "gpt-6-sol", "--input", "1000")


def test_without_funds_it_says_what_would_help(office: Terminal) -> None:
    said = office.fails("hold", "open", "Bo", "gpt-6-sol", "--input", "100000")

    assert said == "This needs 6.02 cr and you can spend 0 cr. Ask for 6.03 cr more."


def test_a_hold_is_released_once(office: Terminal) -> None:
    office.prints("grant", "Bo", "10")
    hold = office.json("hold", "open", "Bo", "gpt-6-sol", "--input", "1000", "--max-tokens", "0")["id"]

    assert "released" in office.prints("hold", "release", hold)
    assert office.fails("hold", "capture", hold, "--input", "1") == "That cannot be done: this hold is released."
    assert office.prints("hold", "list", "Bo", "--state", "open") == "There are no holds."


def test_a_capture_by_hand_says_all_that_was_used(office: Terminal) -> None:
    """A prompt of 1,000 tokens, of which 400 were written to a cache for an hour, by the rates of another model."""
    office.prints("grant", "Bo", "10")
    hold = office.json("hold", "open", "Bo", "gpt-6-sol", "--input", "100000")["id"]
    empty = office.fails("hold", "capture", hold, "--cached", "0")
    used = ("--input", "1000", "--cache-write", "100", "--cache-write-1h", "300", "--model", "claude-opus-5")
    captured = office.json("hold", "capture", hold, *used)

    assert empty == "A capture says what was used: input_tokens, output_tokens or both, 0 where there were none."
    assert (captured["state"], captured["charged"]) == ("captured", "0.165625")
