"""Whether a request is Slack's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from bot.signature import MAX_AGE_SECONDS, is_from_slack, sign

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_531_420_618.0


def accepted(body: bytes = b"a=b", *, timestamp: str | None = "1531420618", signature: str | None = "right") -> bool:
    if signature == "right" and timestamp is not None:
        signature = sign(body, timestamp=timestamp, secret=SECRET) if timestamp.isascii() else None
    return is_from_slack(body, timestamp=timestamp, signature=signature, secret=SECRET, now=NOW)


def test_slacks_own_example_is_accepted() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    checked = is_from_slack(
        body, timestamp="1531420618", signature=signature, secret="8f742231b10e8888abcd99yyyzzz85a5", now=NOW
    )

    assert checked


@given(st.text(max_size=50))
def test_text_is_signed_as_the_sdk_signs_it(text: str) -> None:
    body = text.encode("utf-8", "ignore")
    theirs = SignatureVerifier(SECRET).generate_signature(timestamp="1531420618", body=body)

    assert sign(body, timestamp="1531420618", secret=SECRET) == theirs


@pytest.mark.parametrize("seconds", [-MAX_AGE_SECONDS, 0, MAX_AGE_SECONDS])
def test_up_to_five_minutes_either_way_are_accepted(seconds: int) -> None:
    assert accepted(timestamp=str(int(NOW) + seconds))


@pytest.mark.parametrize(
    "timestamp", [None, "", "0", "now", "1531420618.5", "-1", "١٥٣١٤٢٠٦١٨", "9" * 5000, "1531420918x"]
)
def test_a_timestamp_that_is_missing_no_number_or_too_old_is_not_slacks(timestamp: str | None) -> None:
    assert not accepted(timestamp=timestamp)


@pytest.mark.parametrize("seconds", [-MAX_AGE_SECONDS - 1, MAX_AGE_SECONDS + 1])
def test_a_replay_after_five_minutes_is_not_slacks(seconds: int) -> None:
    assert not accepted(timestamp=str(int(NOW) + seconds))


@pytest.mark.parametrize("signature", [None, "", "v0=", "v0=" + "0" * 64, "v0=" + "é" * 64, "v1=" + "0" * 64, "0" * 64])
def test_a_signature_that_is_missing_wrong_or_no_text_is_not_slacks(signature: str | None) -> None:
    assert not accepted(signature=signature)


def test_bytes_that_are_no_text_can_be_verified() -> None:
    assert accepted(b"\xff\xfe")
    assert not accepted(b"\xff\xfe", signature=sign(b"\xff", timestamp="1531420618", secret=SECRET))


@given(st.binary(max_size=50), st.text(max_size=20), st.text(max_size=80))
def test_nothing_makes_the_check_raise(body: bytes, timestamp: str, signature: str) -> None:
    assert not is_from_slack(body, timestamp=timestamp, signature=signature, secret=SECRET, now=NOW)
