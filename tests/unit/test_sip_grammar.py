"""RFC 3261 25.1 words, 7.3.1 folding and lists, header names."""

from __future__ import annotations

import pytest

from sip import grammar, headers
from sip.errors import Fault, SipError


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (b" a ", b"a"),
        (b"a\r\n b", b"a b"),
        (b"\r\n a", b"a"),
        (b"a \t\r\n\t  b\r\n  c", b"a b c"),
        (b"", b""),
    ],
)
def test_rfc3261_7_3_1_a_fold_is_one_space(raw, plain):
    assert grammar.unfold(raw) == plain


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"a", [b"a"]),
        (b"a , b", [b"a", b"b"]),
        (b'"x, y" <sip:a@b>, <sip:c,d@e>', [b'"x, y" <sip:a@b>', b"<sip:c,d@e>"]),
        (b'"\\", " <sip:a@b>;p="q,r", c', [b'"\\", " <sip:a@b>;p="q,r"', b"c"]),
    ],
)
def test_rfc3261_7_3_1_quotes_and_brackets_hide_commas(value, parts):
    assert grammar.split_list(value) == parts


@pytest.mark.parametrize("value", [b"", b"a,", b",a", b"a,,b", b"a, ,b"])
def test_rfc3261_25_a_list_has_no_empty_element(value):
    with pytest.raises(SipError) as e:
        grammar.split_list(value)
    assert e.value.fault is Fault.HEADER_SYNTAX


@pytest.mark.parametrize("text", [b'"a', b'"a\\"', b'"a\\', b'"a\\\xe4"', b'"a\\\n"', b'"a\x01"', b'"\x7f"'])
def test_rfc3261_25_broken_quoted_strings_are_refused(text):
    with pytest.raises(SipError) as e:
        grammar.unquote(text)
    assert e.value.fault is Fault.QUOTED_STRING


def test_rfc3261_25_a_quoted_pair_may_hold_nul_and_bel():
    assert grammar.unquote(b'"a\\\x00\\\x07\\\\\\"\\b"') == b'a\x00\x07\\"b'


@pytest.mark.parametrize(
    "text", [b"", b"plain", b'say "hi"', b"back\\slash", b"\x00\x7f\x1f\t", "疑似诈骗".encode()]
)
def test_quote_and_unquote_are_inverse(text):
    assert grammar.unquote(grammar.quote(text)) == text


def test_rfc3261_25_quoting_refuses_line_breaks():
    for bad in (b"a\r\nEvil: 1", b"\n", b"\r"):
        with pytest.raises(ValueError, match="CR or LF"):
            grammar.quote(bad)


def test_rfc3261_25_parameters_keep_order_and_raw_values():
    params = grammar.parse_params(b' ; a ; B = "x;y" ;c=1')
    assert params == ((b"a", None), (b"b", b'"x;y"'), (b"c", b"1"))
    assert grammar.param(params, b"A") == b""
    assert grammar.param(params, b"d") is None


def test_rfc3261_7_3_1_the_first_of_a_repeated_parameter_counts():
    assert grammar.param(grammar.parse_params(b";tag=1;tag=2"), b"tag") == b"1"


@pytest.mark.parametrize("text", [b"x;a", b";;a", b";a b", b";a=", b';a="b"c', b";a=b c", b";a=<b>", b";=b"])
def test_rfc3261_25_broken_parameters_are_refused(text):
    with pytest.raises(SipError) as e:
        grammar.parse_params(text)
    assert e.value.fault is Fault.PARAMETER


@pytest.mark.parametrize(
    ("text", "limit", "value"),
    [
        (b"0", 9, 0),
        (b"0068", 255, 68),
        (b"256", 255, None),
        (b"-1", 9, None),
        (b"+1", 9, None),
        (b"", 9, None),
        (b"1_0", 99, None),
        ("１".encode(), 9, None),
        (b"9" * 5000, 255, None),
        (b"0" * 5000 + b"1", 255, 1),
    ],
)
def test_rfc3261_25_numbers_are_digits_within_a_limit(text, limit, value):
    assert grammar.parse_uint(text, limit) == value


@pytest.mark.parametrize("good", [b"a", b"a@b", b'w)(><:\\/"][?}{@x', b"wsinv.ndaksdj@192.0.2.1"])
def test_rfc3261_25_call_id_is_one_or_two_words(good):
    assert grammar.is_call_id(good)


@pytest.mark.parametrize("bad", [b"", b"@b", b"a@", b"a@b@c", b"a b", b"a,b", b"a;b", "号".encode()])
def test_rfc3261_25_other_call_ids_are_refused(bad):
    assert not grammar.is_call_id(bad)


def test_rfc3261_7_3_3_compact_forms_equal_long_forms():
    assert headers.canonical("f") == headers.canonical("FROM") == headers.canonical(b"From") == b"from"
    assert headers.canonical("n") == b"n"  # Identity-Info was removed, RFC 8224 13.1
    assert len(set(headers.COMPACT.values())) == len(headers.COMPACT) == 19
