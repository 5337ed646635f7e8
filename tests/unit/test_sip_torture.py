"""RFC 4475 and RFC 5118: every message parses to its own bytes or is refused for the reason the RFC gives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sip.checks import check_request, check_response
from sip.errors import Fault, SipError
from sip.message import Message, parse

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", ROOT.parent / "shared" / "data"))

pytestmark = pytest.mark.skipif(
    not (DATA / "rfc4475").is_dir(), reason="no third-party data: set CALLWARDEN_TEST_DATA"
)

# name -> (fault, status); everything else in the folder must pass parse and check
REFUSED = {
    "badinv01": (Fault.HEADER_SYNTAX, 400),
    "clerr": (Fault.TRUNCATED, 400),
    "ncl": (Fault.CONTENT_LENGTH, 400),
    "scalar02": (Fault.CSEQ, 400),
    "scalarlg": (Fault.CSEQ, None),
    "quotbal": (Fault.QUOTED_STRING, 400),
    "ltgtruri": (Fault.URI, 400),
    "lwsruri": (Fault.START_LINE, 400),
    "lwsstart": (Fault.START_LINE, 400),
    "trws": (Fault.START_LINE, 400),
    "escruri": (Fault.URI_HEADERS, 400),
    "badaspec": (Fault.URI, 400),
    "baddn": (Fault.TRUNCATED, 400),
    "baddn_ersip_fixed": (Fault.NAME_ADDR, 400),
    "badvers": (Fault.VERSION, 505),
    "mismatch01": (Fault.CSEQ_METHOD, 400),
    "mismatch02": (Fault.CSEQ_METHOD, 501),
    "bigcode": (Fault.START_LINE, None),
    "insuf": (Fault.MISSING_HEADER, 400),
    "unkscm": (Fault.URI_SCHEME, 416),
    "novelsc": (Fault.URI_SCHEME, 416),
    "multi01": (Fault.REPEATED_HEADER, 400),
    "mcl01": (Fault.CONTENT_LENGTH, 400),
    "ipv6-bad": (Fault.URI, 400),
}


def _files() -> list[Path]:
    return sorted((DATA / "rfc4475").glob("*.dat")) + sorted(
        p for p in (DATA / "rfc5118").rglob("*") if p.is_file() and p.suffix != ".tsv"
    )


def _checked(data: bytes) -> Message:
    message = parse(data)
    (check_request if message.is_request else check_response)(message)
    return message


@pytest.mark.parametrize("path", _files(), ids=lambda p: p.stem)
def test_rfc4475_and_rfc5118(path):
    data = path.read_bytes()
    if path.stem in REFUSED:
        with pytest.raises(SipError) as e:
            _checked(data)
        assert (e.value.fault, e.value.status) == REFUSED[path.stem]
    else:
        message = _checked(data)
        assert bytes(message) + message.trailing == data


def _read(name: str) -> Message:
    return parse((DATA / "rfc4475" / f"{name}.dat").read_bytes())


def test_rfc4475_3_1_1_1_wsinv_reads_through_its_white_space():
    message = _read("wsinv")
    assert message.from_.display_text == 'J Rosenberg \\"'
    assert message.from_.tag == b"98asjd8"
    assert message.to.tag == b"1918181833n"
    assert [v.transport for v in message.vias] == [b"UDP", b"TCP", b"UDP"]
    assert [v.branch for v in message.vias] == [b"390skdjuw", b"z9hG4bK9ikj8", b"z9hG4bK30239"]
    assert message.max_forwards == 68
    assert message.get("Subject") == b""
    assert message.get("NewFangledHeader") == b"newfangled value continued newfangled value"
    assert message.addresses("Contact")[0].param(b"q") == b"0.33"


def test_rfc4475_3_1_1_2_intmeth_odd_characters_are_legal():
    message = _read("intmeth")
    assert message.to.display_text == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.cseq.method == message.method
    assert message.uri.password == b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"


def test_rfc4475_3_1_1_5_esc02_escapes_mean_nothing_outside_uris():
    message = _read("esc02")
    assert message.method == b"RE%47IST%45R"
    assert len(message.rows("Contact")) == 2
    assert len(message.rows("C%6Fntact")) == 1


def test_rfc4475_3_1_1_7_longreq_has_its_vias_in_order():
    message = _read("longreq")
    assert len(message.vias) == 34
    assert message.vias[0].host == b"sip33.example.com"


def test_rfc4475_3_1_1_8_dblreq_ends_at_its_content_length():
    message = _read("dblreq")
    assert message.method == b"REGISTER"
    assert message.trailing.startswith(b"\r\nINVITE")


def test_rfc4475_3_1_1_9_semiuri_the_user_part_keeps_its_semicolon():
    assert _read("semiuri").uri.user == b"user;par=u%40example.net"


def test_rfc4475_3_1_1_11_mpart01_a_binary_body_is_whole():
    message = _read("mpart01")
    assert len(message.body) == int(message.get("Content-Length"))
    assert b"\x00" in message.body


def test_rfc4475_3_3_11_zeromf_is_no_syntax_fault():
    assert _read("zeromf").max_forwards == 0


def test_rfc4475_3_4_1_inv2543_has_no_branch_and_no_tag():
    message = _read("inv2543")
    assert message.top_via.branch is None
    assert message.from_.tag is None
    assert message.max_forwards is None
