"""RFC 4475 and RFC 5118 through the scanner: every message gets its outcome of STANDARDS 1.16 and 1.17.

What the scanner passes may still be answered later (Max-Forwards 0, Proxy-Require, a broadcast Via).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from native import sipscan

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", ROOT.parent / "shared/data"))

pytestmark = pytest.mark.skipif(
    not (DATA / "rfc4475").is_dir(), reason="no third-party data: set CALLWARDEN_TEST_DATA"
)

# every other message must pass
REFUSED = {
    "badinv01": "bad-via",
    "clerr": "bad-content-length",
    "ncl": "bad-content-length",
    "scalar02": "bad-cseq",
    "scalarlg": "drop-bad-response",
    "quotbal": "bad-to",
    "ltgtruri": "bad-uri",
    "lwsruri": "bad-start-line",
    "lwsstart": "bad-start-line",
    "trws": "bad-start-line",
    "escruri": "bad-uri",
    "badaspec": "bad-to",
    "baddn": "bad-header",  # the archive's file lacks the empty line
    "baddn_ersip_fixed": "bad-from",
    "badvers": "bad-version",
    "mismatch01": "method-mismatch",
    "mismatch02": "unknown-method-mismatch",
    "bigcode": "drop-bad-response",
    "insuf": "missing-header",
    "unkscm": "bad-scheme",
    "novelsc": "bad-scheme",
    "multi01": "repeated-header",
    "mcl01": "repeated-header",
    "ipv6-bad": "bad-uri",
}


def messages() -> list[Path]:
    found = [*(DATA / "rfc4475").glob("*.dat"), *(DATA / "rfc5118").rglob("*")]
    return sorted(path for path in found if path.is_file() and path.suffix != ".tsv")


def load(name: str) -> tuple[bytes, sipscan.Scanned]:
    data = (DATA / "rfc4475" / f"{name}.dat").read_bytes()
    return data, sipscan.scan(data)


def cut(data: bytes, span: tuple[int, int] | None) -> bytes | None:
    return None if span is None else data[slice(*span)]


@pytest.mark.parametrize("path", messages(), ids=lambda path: path.stem)
def test_torture_message_gets_its_outcome(path: Path) -> None:
    scanned = sipscan.scan(path.read_bytes())
    assert scanned.reason == REFUSED.get(path.stem)


@pytest.mark.parametrize("path", messages(), ids=lambda path: path.stem)
def test_a_refused_request_can_be_answered(path: Path) -> None:
    scanned = sipscan.scan(path.read_bytes())
    if scanned.reason and not scanned.is_response:
        assert scanned.via is not None
        assert dict(sipscan.reasons())[scanned.reason] in (400, 416, 501, 505)


def test_all_messages_are_there() -> None:
    assert len(messages()) >= 49 + 12
    assert REFUSED.keys() <= {path.stem for path in messages()}


def test_rfc4475_3_1_1_1_wsinv_folds_and_white_space() -> None:
    data, message = load("wsinv")
    assert message.via
    assert message.via2
    assert message.from_
    assert message.to
    assert message.cseq_method
    assert cut(data, message.via.sent_by) == b"192.0.2.2"
    assert cut(data, message.via.branch) == b"390skdjuw"
    assert message.via.alone
    assert message.via.transport == "udp"
    assert cut(data, message.via2.branch) == b"z9hG4bK9ikj8"
    assert not message.via2.alone
    assert message.via2.transport == "tcp"
    assert cut(data, message.to.tag) == b"1918181833n"
    assert cut(data, message.from_.tag) == b"98asjd8"
    assert cut(data, message.from_.display) == rb'"J Rosenberg \\\""'
    assert (message.cseq, message.max_forwards) == (9, 68)
    assert cut(data, message.cseq_method) == b"INVITE"
    unusual = next(h for h in message.headers if cut(data, h.name) == b"UnknownHeaderWithUnusualValue")
    assert cut(data, unusual.value) == b";;,,;;,;"


def test_rfc4475_3_1_1_2_intmeth_odd_characters() -> None:
    data, message = load("intmeth")
    assert message.uri
    assert message.method == ""
    assert cut(data, message.method_span) == b"!interesting-Method0123456789_*+`.%indeed'~"
    assert cut(data, message.uri.user) == b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert cut(data, message.uri.host) == b"example.com"
    assert cut(data, message.call_id) == rb"""intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"""


def test_rfc4475_3_1_1_5_escapes_make_no_known_names() -> None:
    data, message = load("esc02")
    assert message.method == ""
    named = [cut(data, header.name) for header in message.headers if not header.id]
    assert b"C%6Fntact" in named


def test_rfc4475_3_1_1_8_dblreq_cuts_trailing_octets() -> None:
    data, message = load("dblreq")
    assert message.has_content_length
    assert message.length < len(data)
    assert data[message.length :].lstrip().startswith(b"INVITE")
    assert cut(data, message.body) == b""


def test_rfc4475_3_1_1_9_semicolons_in_the_user_part() -> None:
    data, message = load("semiuri")
    assert message.uri
    assert cut(data, message.uri.user) == b"user;par=u%40example.net"


def test_rfc5118_4_5_received_with_and_without_brackets() -> None:
    for name in ("via-received-param-with-delim", "via-received-param-no-delim"):
        data = (DATA / "rfc5118" / name).read_bytes()
        via = sipscan.scan(data).via
        assert via
        assert cut(data, via.received) == b"2001:db8::9:255"
