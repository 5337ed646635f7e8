"""native.numbers: real numbering data, the parties of whole messages, and arguments that mean harm."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from native import numbers

DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
PREFIXES = DATA / "cn_mobile_prefix/phone_202004.dat"


def invite(
    ruri: str = "sip:+8613900000002@example.com;user=phone",
    caller: str = "<sip:+8613700000001@example.com;user=phone>",
    to: str = "<sip:+8613900000002@example.com>",
    *more: str,
) -> bytes:
    lines = [
        f"INVITE {ruri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
        "Max-Forwards: 70",
        f"From: {caller};tag=1",
        f"To: {to}",
        "Call-ID: a@b",
        "CSeq: 1 INVITE",
        *more,
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def named(text: str, **plan: object) -> str:
    return numbers.num_text(numbers.canonical(text, **plan)[0])  # type: ignore[arg-type]


# ---- numbering data of others


def mobile_prefixes(data: bytes) -> list[int]:
    """The 7-digit prefixes; the format stands in the data's README."""
    (index,) = struct.unpack_from("<I", data, 4)
    return [prefix for prefix, _record, _operator in struct.iter_unpack("<IIB", data[index:])]


def test_standards_8_1_every_chinese_mobile_prefix_is_mobile() -> None:
    if not PREFIXES.exists():
        pytest.skip(f"third-party data absent: {PREFIXES.name}; set CALLWARDEN_TEST_DATA")
    prefixes = mobile_prefixes(PREFIXES.read_bytes())
    assert len(prefixes) > 400_000
    canonical = numbers.canonical
    wanted = frozenset({"domestic", "mobile"})
    for i, prefix in enumerate(prefixes):
        number = prefix * 10_000 + i % 10_000
        assert canonical(b"+86%d" % number) == (86_00000000000 + number, wanted), number
    for number in (prefix * 10_000 + 8 for prefix in prefixes[::97]):
        for written in (f"{number}", f"0{number}", f"86{number}", f"0086{number}"):
            key, classes = canonical(written)
            assert key == 86_00000000000 + number
            assert wanted <= classes


KINDS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_e164_numbers_of_the_world_are_taken_as_they_are(region: str) -> None:
    for kind in KINDS:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        key, classes = numbers.canonical(e164)
        assert key == int(e164)
        assert ("domestic" in classes) == (example.country_code == 86)
        assert ("foreign" in classes) == (example.country_code != 86)
        assert numbers.num_text(key) == e164
        assert named("00" + e164[1:]) == e164
        shown = phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL)
        assert named(shown) == e164
        uri = phonenumbers.format_number(example, PhoneNumberFormat.RFC3966)
        assert numbers.identify(invite(ruri=uri), trusted=False)["callee"]["key"] == key
        if example.country_code == 86:
            assert classes == {"domestic", "mobile" if kind == PhoneNumberType.MOBILE else "fixed"}


@pytest.mark.parametrize("region", ["GB", "DE", "FR", "CH", "SE", "JP", "ZA", "AU", "NL", "CN"])
def test_national_numbers_with_trunk_prefix_0(region: str) -> None:
    for kind in KINDS:
        example = phonenumbers.example_number_for_type(region, kind)
        national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
        e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        assert named(national, country_code=example.country_code) == e164


# ---- the plan of a trunk


def test_the_area_of_the_trunk_completes_local_numbers() -> None:
    assert numbers.canonical("12345678", area="10") == (
        861012345678,
        frozenset({"domestic", "fixed", "bare_national"}),
    )
    assert numbers.canonical("12345678") == (0, frozenset({"irregular"}))


def test_carrier_prefixes_fall_by_table() -> None:
    assert named("1795113800000001", strip=("17951",)) == "+8613800000001"
    assert named("1795113800000001") == ""
    assert named("12593", strip=("12593",)) == "12593"


def test_bare_foreign_digits_are_numbers_only_where_the_trunk_says_so() -> None:
    assert numbers.canonical("12125551234", bare_is_foreign=True) == (
        12125551234,
        frozenset({"foreign", "irregular"}),
    )
    assert numbers.canonical("12125551234")[0] == 0


def test_short_codes_differ_from_numbers_and_from_each_other() -> None:
    assert named("000") == "000"
    assert numbers.canonical("000")[0] != numbers.canonical("08")[0]
    assert numbers.is_emergency(numbers.canonical("110")[0])
    assert not numbers.is_emergency(110)
    assert numbers.num_text(0) == ""


# ---- parties


def test_standards_2_3_a_stranger_is_named_by_from_alone() -> None:
    asserted = "P-Asserted-Identity: <tel:+12125551234>"
    call = invite("sip:010110@example.com", "<sip:013700000001@h>", "<sip:x@h>", asserted)
    seen = numbers.identify(call, trusted=False)
    assert seen["caller"] == {
        "key": 8613700000001,
        "classes": frozenset({"domestic", "mobile", "bare_national"}),
        "raw": "013700000001",
    }
    assert seen["presented"] == {"key": 0, "classes": frozenset(), "raw": ""}
    assert seen["callee"]["raw"] == "010110"
    assert seen["callee"]["classes"] >= {"emergency", "short", "area_short"}
    assert seen["flags"] == {"unverified"}


def test_standards_2_3_a_trusted_identity_names_the_caller_and_from_is_presented() -> None:
    call = invite(
        "tel:+86-139-0000-0002",
        "<sip:4001234567@h>",
        "<sip:x@h>",
        "P-Asserted-Identity: <sip:+8613700000001@h>, <tel:+8613700000001>",
        "Privacy: user",
    )
    seen = numbers.identify(call, trusted=True)
    assert seen["caller"]["key"] == 8613700000001
    assert seen["presented"]["key"] == 864001234567
    assert seen["presented"]["classes"] >= {"service400"}
    assert seen["callee"]["key"] == 8613900000002
    assert seen["flags"] == {"mismatch", "privacy"}


def test_octets_of_no_encoding_survive_in_raw() -> None:
    call = invite(caller="<sip:CALLER@h>").replace(b"CALLER", b"caf\xe9")
    seen = numbers.identify(call, trusted=False)["caller"]
    assert seen["classes"] == {"nonnumeric"}
    assert seen["raw"].encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_standards_8_4_bypass() -> None:
    assert not numbers.emergency(invite())
    assert numbers.emergency(invite("urn:service:sos"))
    assert numbers.emergency(invite("sip:02196110@h"))
    assert numbers.emergency(invite("sip:999@h"), country_code=44)
    assert not numbers.emergency(invite("sip:120@h"), country_code=44)


def test_standards_8_4_tables_of_other_countries_and_psaps() -> None:
    samu, _ = numbers.canonical("15", country_code=33)
    police, _ = numbers.canonical("17", country_code=33)
    assert numbers.emergency(invite("sip:17@h"), country_code=33, extra_callees=[police, samu])
    assert not numbers.emergency(invite("sip:17@h"), country_code=33, extra_callees=[samu])
    assert numbers.emergency(invite(), psap_callers=[9, 8613700000001, 3])
    assert not numbers.emergency(invite(caller="<sip:anonymous@h>"), psap_callers=[0])


# ---- hostile arguments


@pytest.mark.parametrize(
    "plan",
    [
        {"country_code": -1},
        {"country_code": 1000},
        {"area": "123456789"},
        {"area": "1a"},
        {"area": "١٢"},
        {"strip": ("x",)},
        {"strip": ("123456789",)},
        {"strip": ("1",) * 9},
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        numbers.canonical("110", **plan)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        numbers.identify(invite(), trusted=True, **plan)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        numbers.emergency(invite(), **plan)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [None, 110, ["1"], object()])
def test_what_is_no_text_is_refused(text: object) -> None:
    with pytest.raises(TypeError):
        numbers.canonical(text)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        numbers.identify(text, trusted=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "drop-short"),
        (b"x" * 65536, "too-large"),
        (b"hello, this is no SIP at all\r\n\r\n", "drop-not-sip"),
        (invite().replace(b"CSeq: 1 INVITE\r\n", b""), "missing-header"),
        (invite().replace(b"INVITE sip", b"INVITE http", 1), "bad-scheme"),
    ],
)
def test_a_message_that_fails_its_checks_is_named_by_reason(datagram: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        numbers.identify(datagram, trusted=False)
    with pytest.raises(ValueError, match=f"^{reason}$"):
        numbers.emergency(datagram)


def test_keys_beyond_64_bits_are_refused() -> None:
    for bad in (-1, 1 << 64):
        with pytest.raises(OverflowError):
            numbers.num_text(bad)
        with pytest.raises(OverflowError):
            numbers.emergency(invite(), extra_callees=[bad])
    with pytest.raises(TypeError):
        numbers.emergency(invite(), extra_callees=["110"])  # type: ignore[list-item]
    assert len(numbers.num_text((1 << 64) - 1)) < 24


def test_buffers_of_any_kind_are_read() -> None:
    call = invite()
    assert numbers.identify(bytearray(call), trusted=True) == numbers.identify(memoryview(call), trusted=True)
    assert numbers.canonical(bytearray(b"110")) == numbers.canonical("110")
