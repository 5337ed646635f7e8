"""Label text rules of STANDARDS 5.1."""

import pytest

from gateway import labels


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("XX市公安局", "XX市公安局"),
        ("a\r\nVia: evil", "a Via: evil"),
        ("a\0b\x07c\x1bd", "abcd"),
        ("a\x85b\x9fc", "abc"),
        ("局\u202e安公\u202c", "局安公"),
        ("反\u200b诈\ufeff", "反诈"),
        ("\u2066x\u2069", "x"),
        ("  a \t b  ", "a b"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("😀 ok", "😀 ok"),
    ],
)
def test_standards_5_1_2_controls_and_invisible_characters_are_deleted(text: str, clean: str) -> None:
    assert labels.sanitise(text) == clean


@pytest.mark.parametrize(
    "point", [*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x202A, 0x202F)]
)
def test_standards_5_1_2_no_control_survives(point: int) -> None:
    assert labels.display(f"x{chr(point)}y") in (b"xy", b"x y")


def test_rfc3261_25_1_quotes_and_backslashes_are_escaped() -> None:
    assert labels.display('a "b" \\c') == rb"a \"b\" \\c"


def test_standards_5_1_5_sixteen_chinese_characters_fit() -> None:
    assert labels.display("反" * 16) == ("反" * 16).encode()
    with pytest.raises(labels.LabelError, match="51 bytes, at most 48"):
        labels.display("反" * 17)


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\r\n"])
def test_a_label_with_nothing_to_show_is_refused(text: str) -> None:
    with pytest.raises(labels.LabelError, match="empty"):
        labels.display(text)


@pytest.mark.parametrize(
    ("name", "organisation", "shown"),
    [
        ("李警官", "XX市公安局", "XX市公安局 李警官"),
        ("【反诈预警】XX市公安局", "XX市公安局", "【反诈预警】XX市公安局"),
        ("XX银行", "", "XX银行"),
    ],
)
def test_a_card_shows_its_organisation_once(name: str, organisation: str, shown: str) -> None:
    assert labels.card_display(name, organisation) == shown.encode()


def test_a_card_too_long_with_its_organisation_is_refused() -> None:
    with pytest.raises(labels.LabelError, match="organisation with the name"):
        labels.card_display("反" * 10, "诈" * 10)


def test_rfc9796_6_a_reason_without_uri_stands_with_the_empty_data_uri() -> None:
    assert (
        labels.call_info('核实"案情"')
        == 'Call-Info: <data:>;purpose=jcard;call-reason="核实\\"案情\\""\r\n'.encode()
    )


def test_rfc9796_7_a_label_never_says_verified() -> None:
    assert b"verified" not in labels.call_info("核实", "https://lbl.op.example/w-64x64.png")


def test_call_info_lines_are_whole_header_lines() -> None:
    lines = labels.call_info("a\r\nb", "https://lbl.op.example/w-64x64.png").split(b"\r\n")
    assert lines == [
        b"Call-Info: <https://lbl.op.example/w-64x64.png>;purpose=icon",
        b'Call-Info: <data:>;purpose=jcard;call-reason="a b"',
        b"",
    ]
    assert labels.call_info() == b""


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example/a.png",
        "https:///a.png",
        "https://x.example/a>b",
        "https://x.example/a b",
        "https://x.example/\r\nX: y",
        "https://x.example/图.png",
        "https://u:p@x.example/a.png",
        "https://[::1/a.png",
        "javascript:alert(1)",
        "https://x.example/" + "a" * 200,
    ],
)
def test_an_icon_that_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(labels.LabelError):
        labels.call_info(icon=url)


def test_a_reason_for_calling_over_64_characters_is_refused() -> None:
    with pytest.raises(labels.LabelError, match="65 characters"):
        labels.call_info("x" * 65)


def test_rfc3326_reason_with_text_and_q850() -> None:
    assert labels.reason_lines(603, "spoofed-cli", 21) == (
        b'Reason: SIP;cause=603;text="spoofed-cli"\r\nReason: Q.850;cause=21;text="spoofed-cli"\r\n'
    )
    assert labels.reason_lines(608, q850=21) == b"Reason: Q.850;cause=21\r\n"
    assert labels.reason_lines(603) == b""
    assert labels.reason_lines(603, 'a"b\r\nc') == b'Reason: SIP;cause=603;text="a\\"b c"\r\n'
    with pytest.raises(labels.LabelError):
        labels.reason_lines(603, q850=128)


def test_a_status_line_cannot_be_broken_by_its_phrase() -> None:
    assert labels.status_line(603, "Decline\r\nX: y") == b"SIP/2.0 603 Decline X: y\r\n"


def test_a_marker_that_would_match_every_text_is_refused() -> None:
    assert labels.check_markers(labels.DEFAULT_MARKERS) == labels.DEFAULT_MARKERS
    for bad in (["\u200b"], ["x" * 64], [f"m{n}" for n in range(33)]):
        with pytest.raises(labels.LabelError):
            labels.check_markers(bad)
