"""The C scanner agrees with plain Python on every span and on every fault, whatever the bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from native import sipscan
from sip.headers import canonical
from sip.message import parse
from tests.property.oracle_sip import frame

ROOT = Path(__file__).resolve().parents[2]
CORPUS = sorted((ROOT / "tests/native/corpus/scan").iterdir())

line_ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
white = st.sampled_from([b"", b" ", b" ", b"\t", b"  "])
names = st.sampled_from(
    b"Via v VIA From f To t TO Call-ID i CSeq cseq Max-Forwards Contact m Route Record-Route Content-Length l"
    b" P-Asserted-Identity Call-Info Subject s X-Odd!%*_+`'~ X-A-Name-That-Is-Longer-Than-Most"
    b" Privacy Priority".split()
)
text = st.text('abc019<>"\\,;:=@?[]%+-. \t\u00e9\u4e2d', max_size=40).map(str.encode)


@st.composite
def header_lines(draw: st.DrawFn) -> bytes:
    folds = draw(st.lists(st.tuples(line_ends, st.sampled_from([b" ", b"\t", b"  "]), text), max_size=2))
    value = draw(text) + b"".join(end + blank + more for end, blank, more in folds)
    return draw(names) + draw(white) + b":" + draw(white) + value + draw(line_ends)


@st.composite
def datagrams(draw: st.DrawFn) -> bytes:
    """Well framed in the main; the values are anything."""
    start = draw(
        st.sampled_from(
            [
                b"INVITE sip:a@b SIP/2.0",
                b"SIP/2.0 200 OK",
                b"SIP/2.0 100 ",
                b"X~%.! tel:+1;x sip/2.0",
                b"BYE x:y SIP/2.0",
            ]
        )
    )
    lines = draw(st.lists(header_lines(), max_size=12))
    return start + draw(line_ends) + b"".join(lines) + draw(line_ends) + draw(st.binary(max_size=40))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A corpus message or a generated one with a few octets replaced, removed or put in."""
    base = draw(st.one_of(datagrams(), st.sampled_from(CORPUS).map(Path.read_bytes)))
    data = bytearray(base)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        octet = draw(
            st.sampled_from(
                [b"\r", b"\n", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b"S", b"SIP/2.0", b"0", b""]
            )
        )
        data[at : at + draw(st.integers(0, 2))] = octet
    return bytes(data)


def agree(data: bytes) -> None:
    ours, theirs = sipscan.scan(data), frame(data)
    assert ours.scan_reason == theirs.reason
    assert [(h.line, h.name, h.value, h.folded) for h in ours.headers] == [tuple(row) for row in theirs.rows]
    if theirs.reason is None:
        assert theirs.body is not None
        assert ours.headers_span[1] in (theirs.body[0] - 1, theirs.body[0] - 2)
        assert ours.body is not None
        assert ours.body[0] == theirs.body[0]


@given(datagrams())
@settings(max_examples=400, deadline=None)
def test_rfc3261_7_3_1_spans_of_framed_datagrams(data: bytes) -> None:
    agree(data)
    assert sipscan.scan(data).scan_reason is None


@given(damaged())
@settings(max_examples=1000, deadline=None)
@example(b"INVITE sip:a@\tSIP/2.0\r\n\r\n")
@example(b"INVITE sip:a@b SIP/2.0\r\nA: b\rC: d\r\n\r\n")
@example(b"INVITE sip:a@b SIP/2.0\r\n" + b"A" * 39 + b"\r\nB:\r\n\r\n")
def test_spans_and_faults_of_damaged_datagrams(data: bytes) -> None:
    agree(data)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_spans_and_faults_of_any_bytes(data: bytes) -> None:
    agree(data)


@given(datagrams())
@settings(max_examples=300, deadline=None)
def test_the_message_model_sees_the_same_rows(data: bytes) -> None:
    ours = sipscan.scan(data)
    lengths = [data[slice(*h.value)] for h in ours.headers if h.id == "Content-Length"]
    if lengths:
        return  # the model checks Content-Length while it parses; test_content_length does for the scanner
    rows = parse(data, allow_dangerous_bare_lf=True).headers
    assert [data[slice(*h.line)] for h in ours.headers] == [row.raw for row in rows]
    assert [canonical(data[slice(*h.name)]) for h in ours.headers] == [canonical(row.name) for row in rows]


@given(st.integers(0, 30), st.integers(-2, 40))
@settings(deadline=None)
def test_rfc3261_18_3_content_length(body_len: int, stated: int) -> None:
    head = (
        b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\n"
        b"Call-ID: 1\r\nCSeq: 1 BYE\r\nContent-Length: %d\r\n\r\n"
    ) % stated
    scanned = sipscan.scan(head + b"x" * body_len)
    if 0 <= stated <= body_len:
        assert scanned.reason is None
        assert scanned.body == (len(head), len(head) + stated)
        assert scanned.length == len(head) + stated
    else:
        assert scanned.reason == "bad-content-length"


@pytest.mark.parametrize("function", [sipscan.scan, sipscan.uri, sipscan.via, sipscan.address])
def test_sizes_and_types_from_python_are_checked(function: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError, match="65536"):
        function(b"x" * 65536)
    for junk in (None, "text", 1, bytearray(b"x")):
        with pytest.raises(TypeError):
            function(junk)  # type: ignore[arg-type]


def test_an_object_made_without_a_scan_is_harmless() -> None:
    assert sipscan.Scanned.__new__(sipscan.Scanned).reason is None
