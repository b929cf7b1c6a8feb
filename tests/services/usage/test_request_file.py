"""Reading a file of requests: all of it is good, or the first wrong line is named and nothing is handed out."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from core.ledger.errors import Code, Refused
from core.metering.usage import Usage
from core.services.common.csv_file import MAX_LINE_BYTES
from core.services.usage.request_file import Request, open_request_file

HEADER = "session,agent,seq,t,model,input_tokens,cached_tokens,output_tokens,stop\n"
GOOD = "trace_1,0,0,0.0,opus,1000,400,50,tool_use\n"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path) -> list[Request]:
    with open_request_file(path) as requests:
        return list(requests)


def refusal(path: Path, text: str | bytes) -> Refused:
    with pytest.raises(Refused) as refused, open_request_file(written(path / "bad.csv", text)):
        pass
    assert refused.value.code is Code.INVALID_REQUEST
    return refused.value


def test_input_tokens_is_the_whole_prompt_and_cached_tokens_its_cached_part(tmp_path: Path) -> None:
    requests = read(written(tmp_path / "a.csv", HEADER + GOOD))

    assert requests == [Request("trace_1", "trace_1/0/0", Usage("opus", 600, 400, 50))]


def test_columns_are_found_by_name_and_others_are_ignored(tmp_path: Path) -> None:
    text = "output_tokens,x,model,seq,agent,session,cached_tokens,input_tokens\n50,?,opus,0,0,trace_1,400,1000\n"

    assert read(written(tmp_path / "a.csv", text)) == read(written(tmp_path / "b.csv", HEADER + GOOD))


def test_the_source_names_the_content_and_not_the_path(tmp_path: Path) -> None:
    content = (HEADER + GOOD).encode()
    expected = f"sha256:{hashlib.sha256(content).hexdigest()}"

    for name in ("a.csv", "b.csv"):
        with open_request_file(written(tmp_path / name, content)) as requests:
            assert (requests.source, requests.count) == (expected, 1)


def test_what_is_handed_out_is_what_was_checked_although_the_file_changes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", HEADER + GOOD)
    with open_request_file(path) as requests:
        path.write_text("something else")

        assert [request.event_id for request in requests] == ["trace_1/0/0"]
        assert [request.event_id for request in requests] == ["trace_1/0/0"]


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(HEADER + GOOD,))
    writer.start()
    requests = read(pipe)
    writer.join()

    assert len(requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        HEADER + GOOD + "\n\n",
        HEADER + GOOD.rstrip("\n"),
        (HEADER + GOOD).replace("\n", "\r\n"),
        "\ufeff" + HEADER + GOOD,
        HEADER + GOOD.replace("trace_1", '"trace_1"'),
    ],
    ids=["empty lines", "no last newline", "windows", "byte order mark", "quotes"],
)
def test_the_same_requests_in_other_dress_are_read_alike(tmp_path: Path, text: str) -> None:
    assert read(written(tmp_path / "a.csv", text)) == read(written(tmp_path / "b.csv", HEADER + GOOD))


def test_a_file_with_a_header_only_has_no_requests(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a.csv", HEADER)) == []


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        (",1000,", ",1000.5,", "input_tokens is '1000.5'; write a whole number"),
        (",1000,", ",many,", "input_tokens is 'many'; write a whole number"),
        (",1000,", ",,", "input_tokens is ''"),
        (",1000,", ",1e3,", "input_tokens is '1e3'"),
        (",1000,", ",1_000,", "input_tokens is '1_000'"),
        (",1000,", ",+1000,", "input_tokens is '+1000'"),
        (",1000,", ",١٠٠٠,", "input_tokens is '١٠٠٠'"),
        (",1000,", ",1²,", "input_tokens is '1²'"),
        (",1000,", ',"1,000",', "input_tokens is '1,000'"),
        (",1000,", ",NaN,", "input_tokens is 'NaN'"),
        (",1000,", ",-5,", "input_tokens is -5, but it is never below zero"),
        (",50,", ",-0.5,", "output_tokens is -0.5, but it is never below zero"),
        (",1000,", ",1000000001,", "input_tokens is 1,000,000,001; the most is 1,000,000,000"),
        (",1000,", f",{'9' * 5000},", "input_tokens is '9"),
        (",400,", ",1001,", "cached_tokens (1001) is more than input_tokens (1000)"),
        (",0,0,", ",0,-1,", "seq is -1"),
        (",0,0,", ",,0,", "agent must have"),
        ("trace_1", "", "session must have"),
        ("trace_1", "a/b", "session must have 1 to 200 printable characters and no slash"),
        ("trace_1", "a\x00b", "session must have"),
        ("trace_1", "x" * 201, "session must have"),
        ("opus", "", "a model's name has"),
        ("opus", "x" * 201, "a model's name has"),
        (",tool_use", "", "it has 8 fields, but the first line names 9 columns"),
        (",tool_use", ",tool_use,1", "it has 10 fields"),
        ("tool_use", '"tool_use', "it is not CSV"),
        ("tool_use", "x" * MAX_LINE_BYTES, "it is longer than"),
        ("opus", "op\rus", "it is not CSV"),
    ],
)
def test_a_wrong_field_is_refused_with_its_line_and_what_to_do(tmp_path: Path, good: str, bad: str, words: str) -> None:
    refused = refusal(tmp_path, HEADER + "trace_0" + GOOD[7:] + GOOD.replace(good, bad, 1))

    assert refused.detail.startswith("Line 3: ")
    assert words in refused.detail
    assert refused.detail.endswith("Nothing was charged.")
    assert refused.fields["line"] == 3


@pytest.mark.parametrize(
    "column", ["session", "agent", "seq", "model", "input_tokens", "cached_tokens", "output_tokens"]
)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    refused = refusal(tmp_path, HEADER.replace(column, "other", 1) + GOOD)

    assert f"Line 1: there is no column '{column}'" in refused.detail


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    assert "column 'model' stands there twice" in refusal(tmp_path, HEADER.replace(",t,", ",model,") + GOOD).detail


@pytest.mark.parametrize("text", ["", "\n", HEADER.replace(",", ";"), "no CSV at all"])
def test_what_is_no_file_of_requests_is_told_what_its_first_line_must_name(tmp_path: Path, text: str) -> None:
    assert "must name session, agent, seq, model" in refusal(tmp_path, text).detail


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    refused = refusal(tmp_path, (HEADER + GOOD.replace("trace_1", "Zoë")).encode(encoding))

    assert "it is not UTF-8" in refused.detail


def test_a_request_that_stands_there_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    refused = refusal(tmp_path, HEADER + GOOD + "trace_2" + GOOD[7:] + GOOD.replace(",0,0,", ",0,000,"))

    assert "Line 4: it has the session, agent and seq of line 2" in refused.detail


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(Refused, match=r"cannot be read: (No such file|Is a directory)"),
        open_request_file(tmp_path / name),
    ):
        pass
