"""Texts that the gateway puts in front of people, and the ones it takes away (STANDARDS 5.1).

Everything that goes onto the wire as a label, a card or a Reason is made here, once, by the control side;
the data plane copies the bytes. The rules: - a display-name is always a quoted-string; UTF-8 is legal only
inside the quotes (RFC 3261 25.1), so `"` and `\\` are
  escaped and the rest stays as it is;
- CR, LF, NUL, all C0 and C1 controls, and Unicode's invisible and direction-changing characters are
deleted: a label
  must not break a header, and must not look like another text than it is;
- what a telephone shows on one line is 16 Chinese characters, 48 bytes: a longer label or card is refused,
never cut; - a label never says `verified="true"`: only a passed verification by RFC 9795 may (RFC 9796 7);
- inbound text that imitates a card is known by its markers, however it is spelt (full-width, spaced,
invisible
  characters between).
"""

import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

DISPLAY_BYTES_MAX = 48
CALL_REASON_CHARS_MAX = 64  # RFC 9796 6
ICON_BYTES_MAX = 200  # of the 1,300 bytes that a request over UDP should stay under
REASON_BYTES_MAX = 200
PHRASE_BYTES_MAX = 64
MARKERS_MAX = 32  # CW_MARKERS_MAX
MARKER_BYTES_MAX = 63  # CW_NAME_MAX

DEFAULT_MARKERS = (
    *("反诈", "防诈骗", "反詐", "防詐", "公安", "检察", "法院", "公检法", "客服中心"),
    *("12381", "96110", "【"),
)

# zero-width, direction marks and overrides, isolates, invisible operators, soft hyphen, fillers, BOM, tags
_INVISIBLE = frozenset(
    (
        *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFFC), *range(0xE0000, 0xE1000)),
    )
)


class LabelError(ValueError):
    """A text that must not be shown as it is; the message says why."""


def _is_shown(char: str) -> bool:
    return ord(char) not in _INVISIBLE and unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn")


def sanitise(text: str) -> str:
    """The text without controls and invisible characters; white space collapsed to single spaces."""
    kept = "".join(char for char in text if _is_shown(char) or char in "\t\r\n")
    return " ".join(kept.split())


def escape(text: str) -> str:
    """Content of a quoted-string (RFC 3261 25.1: quoted-pair)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def checked(text: str, what: str, max_bytes: int) -> str:
    """The sanitised text; LabelError when nothing is left or it is longer than max_bytes in UTF-8."""
    clean = sanitise(text)
    if not clean:
        raise LabelError(f"{what} is empty")
    size = len(clean.encode())
    if size > max_bytes:
        raise LabelError(f"{what} has {size} bytes, at most {max_bytes} are shown: {clean!r}")
    return clean


def display(text: str) -> bytes:
    """A label's or card's text as the content of a quoted-string, without the quotes."""
    return escape(checked(text, "the text", DISPLAY_BYTES_MAX)).encode()


def card_display(name: str, organisation: str = "") -> bytes:
    """What a card shows: the organisation, then the name; the organisation is not repeated when the name
    has it.
    """
    name, organisation = checked(name, "the name", DISPLAY_BYTES_MAX), sanitise(organisation)
    if organisation and organisation not in name:
        both = checked(f"{organisation} {name}", "the organisation with the name", DISPLAY_BYTES_MAX)
    else:
        both = name
    return escape(both).encode()


def call_info(call_reason: str = "", icon: str = "") -> bytes:
    """Call-Info lines of RFC 9796: a reason stands with the empty URI <data:> (6), an icon by its https
    URL.
    """
    lines = []
    if icon:
        lines.append(f"Call-Info: <{icon_url(icon)}>;purpose=icon\r\n")
    if call_reason:
        reason = sanitise(call_reason)
        if not reason or len(reason) > CALL_REASON_CHARS_MAX:
            raise LabelError(
                f"the reason for calling has {len(reason)} characters, not 1 to {CALL_REASON_CHARS_MAX}"
            )
        lines.append(f'Call-Info: <data:>;purpose=jcard;call-reason="{escape(reason)}"\r\n')
    return "".join(lines).encode()


def icon_url(url: str) -> str:
    """An https URL that can stand between < and > (RFC 9796 10.2 wants a picture, https)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme != "https" or not host or parts.username is not None:
        raise LabelError(f"the icon must be an https URL: {url!r}")
    if not all("!" <= char <= "~" and char not in '<>"\\^`{|}' for char in url):
        raise LabelError(f"the icon's URL has characters that must be percent-encoded: {url!r}")
    if len(url) > ICON_BYTES_MAX:
        raise LabelError(f"the icon's URL has {len(url)} bytes, at most {ICON_BYTES_MAX} are allowed")
    return url


def status_line(code: int, phrase: str) -> bytes:
    """Status-Line of RFC 3261 25.1: the phrase is not quoted, so it is only cleaned."""
    return f"SIP/2.0 {code} {checked(phrase, 'the phrase', PHRASE_BYTES_MAX)}\r\n".encode()


def reason_lines(code: int, reason: str = "", q850: int = 0) -> bytes:
    """Reason header lines (RFC 3326; Q.850 in responses by RFC 6432; the SIP form as in ATIS-1000099,
    STANDARDS 4.3).

    One value a protocol, one line each. Nothing when there is neither a text nor a Q.850 cause.
    """
    text = f';text="{escape(checked(reason, "the reason", REASON_BYTES_MAX))}"' if reason else ""
    lines = []
    if reason:
        lines.append(f"Reason: SIP;cause={code}{text}\r\n")
    if q850:
        if not 1 <= q850 <= 127:
            raise LabelError(f"a Q.850 cause is 1 to 127, not {q850}")
        lines.append(f"Reason: Q.850;cause={q850}{text}\r\n")
    return "".join(lines).encode()


def _folded(text: str) -> str:
    shown = "".join(char for char in unicodedata.normalize("NFKC", text) if _is_shown(char))
    return "".join(shown.casefold().split())


def check_markers(markers: Iterable[str]) -> tuple[str, ...]:
    """Markers that the data plane can hold; LabelError for one that matches every text or does not fit."""
    kept = tuple(dict.fromkeys(markers))
    for marker in kept:
        if not _folded(marker):
            raise LabelError(f"the marker {marker!r} would match every text")
        if len(marker.encode()) > MARKER_BYTES_MAX:
            raise LabelError(f"the marker {marker!r} is longer than {MARKER_BYTES_MAX} bytes")
    if len(kept) > MARKERS_MAX:
        raise LabelError(f"{len(kept)} markers, at most {MARKERS_MAX} are allowed")
    return kept
