"""Legal INVITEs as no telephone writes them, each with what a proxy may change in it, worked out by hand.

A header row is drawn in pieces (name in any spelling, white space, folds), so that the expected output is
put together from the same pieces and never parsed. RFC 3261 7.3.1, 25.1; what is drawn is legal, so every
proxy must pass it on.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

SOURCES = (("198.51.100.7", 5060), ("198.51.100.9", 41022), ("198.51.100.255", 1025))
OURS = (b"<sip:192.0.2.10:5060;lr>", b"<sip:edge.example;lr>", b'"us" <sip:x@192.0.2.11:5062;lr>;a="b,c"')
THEIRS = (b"<sip:192.0.2.30;lr>", b"<sip:proxy.example;lr;x=1>", b'"a, b" <sip:p@198.51.100.3:5061;lr>')
COMPACT = {
    b"via": b"v", b"from": b"f", b"to": b"t", b"call-id": b"i", b"contact": b"m", b"content-length": b"l",
}  # fmt: skip
TOKEN = "abcXYZ0189-.!%*_+`'~"

tokens = st.text(TOKEN, min_size=1, max_size=20).map(str.encode)
# every octet but CR and LF: UTF-8, Latin-1, controls, NUL (RFC 3261 25.1 TEXT-UTF8, and what is met)
odd_bytes = st.binary(max_size=30).map(lambda b: b.replace(b"\r", b"\xff").replace(b"\n", b"\xfe"))
gap = st.sampled_from([b"", b"", b" ", b"\t", b"  ", b"\r\n ", b" \r\n\t"])  # LWS
before_colon = st.sampled_from([b"", b"", b"", b" ", b"\t"])
comma = st.sampled_from([b",", b", ", b" , ", b",\r\n ", b"\t,\t"])


class Row(NamedTuple):
    kind: bytes  # canonical name in small letters
    before: bytes  # as sent, CRLF included
    after: bytes  # as it must go on; b"": taken off


class Invite(NamedTuple):
    data: bytes
    start: bytes
    rows: list[Row]
    has_max_forwards: bool
    empty_and_body: bytes
    source: tuple[str, int]
    reply_to: tuple[str, int]


@st.composite
def spelled(draw: st.DrawFn, name: bytes) -> bytes:
    forms = [name, name, name.lower(), name.upper(), name.swapcase()]
    short = COMPACT.get(name.lower())
    if short:
        forms += [short, short.upper()]
    return draw(st.sampled_from(forms))


@st.composite
def lead(draw: st.DrawFn, name: bytes) -> bytes:
    """Name, colon and white space: what stands before a value."""
    return draw(spelled(name)) + draw(before_colon) + b":" + draw(gap)


@st.composite
def row(draw: st.DrawFn, name: bytes, value: bytes, after: bytes | None = None) -> Row:
    head, tail = draw(lead(name)), draw(st.sampled_from([b"", b"", b" ", b"\t"])) + b"\r\n"
    return Row(name.lower(), head + value + tail, head + (value if after is None else after) + tail)


class ViaValue(NamedTuple):
    before: bytes
    after: bytes
    reply_to: tuple[str, int]


@st.composite
def via(draw: st.DrawFn, source: tuple[str, int], serial: int) -> ViaValue:
    """A Via value, with received and rport as RFC 3261 18.2.1 and RFC 3581 4 want them from `source`."""
    host = draw(st.sampled_from([source[0].encode(), b"192.0.2.99", b"pc-33.example", b"[2001:db8::1]"]))
    port = draw(st.sampled_from([0, 5060, 5062, 65535]))
    slash = draw(st.sampled_from([b"/", b"/", b" / "]))
    sent = slash.join([b"SIP", b"2.0", b"UDP"]) + b" " + host
    if port:
        sent += draw(st.sampled_from([b":", b":", b" : "])) + b"%d" % port
    branch = (
        draw(st.sampled_from([b"z9hG4bK-", b"z9hG4bK", b"", b"z9hg4bk"])) + b"%d." % serial + draw(tokens)
    )
    params = [b"branch=" + branch, *draw(st.lists(st.sampled_from([
        b"x", b"ttl=5", b'q="a, b;rport;received=1.2.3.4"', b'q="\\""', b"alias", b"keep=30", b"cw=x",
    ]), max_size=3, unique=True))]  # fmt: skip
    wants_rport, claims = draw(st.booleans()), draw(st.booleans())
    if wants_rport:
        params.append(draw(st.sampled_from([b"rport", b"RPORT", b"rport=9"])))
    if claims:
        params.append(draw(st.sampled_from([b"received=203.0.113.1", b"Received=198.51.100.7"])))
    params = draw(st.permutations(params))
    address = source[0].encode()
    after = []
    for p in params:
        name = p.partition(b"=")[0].lower()
        if name == b"rport":
            p = b"rport=%d" % source[1] + (b"" if claims else b";received=" + address)
        elif name == b"received":
            p = b"received=" + address
        after.append(p)
    semicolon = draw(st.sampled_from([b";", b";", b" ;", b"; "]))
    marked = sent + semicolon + semicolon.join(after)
    if not wants_rport and not claims and host != address:
        marked += b";received=" + address
    back = source[1] if wants_rport else port or 5060
    return ViaValue(sent + semicolon + semicolon.join(params), marked, (source[0], back))


@st.composite
def grouped(draw: st.DrawFn, name: bytes, values: list[tuple[bytes, bytes]]) -> list[Row]:
    """A list header on one line or on many; each value is (sent, goes on)."""
    rows, i = [], 0
    while i < len(values):
        n = draw(st.integers(1, len(values) - i))
        before = after = b""
        for k, (sent, goes_on) in enumerate(values[i : i + n]):
            between = draw(comma) if k else b""
            before += between + sent
            after += between + goes_on
        rows.append(draw(row(name, before, after)))
        i += n
    return rows


@st.composite
def routes(draw: st.DrawFn) -> list[Row]:
    """Leading values that are ours come off (ARCHITECTURE, decisions); the rest stays as it stands."""
    ours = draw(st.lists(st.sampled_from(OURS), max_size=3))
    theirs = draw(st.lists(st.sampled_from(THEIRS), max_size=2))
    if theirs:
        theirs += draw(
            st.lists(st.sampled_from(OURS), max_size=1)
        )  # behind another's value: not ours to take
    values, rows, i = [*ours, *theirs], [], 0
    while i < len(values):
        n = draw(st.integers(1, len(values) - i))
        between = [b"", *(draw(comma) for _ in range(n - 1))]
        head, tail = draw(lead(b"Route")), b"\r\n"
        cut = max(0, min(n, len(ours) - i))
        whole = b"".join(c + v for c, v in zip(between, values[i : i + n], strict=True))
        rest = b"".join(c + v for c, v in zip(between[cut:], values[i + cut : i + n], strict=True))
        rest = rest[len(between[cut]) :] if 0 < cut < n else rest
        rows.append(Row(b"route", head + whole + tail, head + rest + tail if cut < n else b""))
        i += n
    return rows


@st.composite
def addresses(draw: st.DrawFn, name: bytes, uri: bytes, tag: bytes) -> Row:
    display = draw(st.sampled_from([
        b"", b'"A, \\"B\\" <sip:x@y>" ', "\"张三\" ".encode(), b"Alice  B ", b'""', b'"\xff\xfe"',
    ]))  # fmt: skip
    tail = draw(st.sampled_from([b"", b";x=y", b' ; q="a;tag=no,"']))
    return draw(row(name, display + b"<" + uri + b">" + tail + (b";tag=" + tag if tag else b"")))


@st.composite
def extra(draw: st.DrawFn) -> Row:
    name = draw(st.sampled_from([b"X-", b"X-Odd!%*_+`'~", b"P-Charging-Vector", b"k", b"User-Agent"]))
    name += draw(tokens) if name == b"X-" else b""
    value = draw(odd_bytes)
    if draw(st.booleans()):
        value = b"a" + value + b"\r\n " + draw(odd_bytes) + b"\r\n\tend"
    return Row(name.lower(), raw := draw(spelled(name)) + b":" + value.lstrip(b"\t ") + b"\r\n", raw)


@st.composite
def invites(draw: st.DrawFn) -> Invite:
    source = draw(st.sampled_from(SOURCES))
    serial = draw(st.integers(0, 10**9))
    vias = [draw(via(source, serial))]
    for i in range(draw(st.integers(0, 3))):
        lower = draw(via((f"203.0.113.{i}", 5060), serial + i + 1))
        vias.append(lower._replace(after=lower.before))
    call_id = draw(
        st.one_of(tokens, st.sampled_from([b'()<>[]{}":\\/?', b"a@b", b"-", b"%00", b"~`'", b"cw@cw"]))
    )
    user = b"+8613800000009@198.51.100.7;user=phone"
    rows = [
        draw(addresses(b"From", b"sip:" + user, draw(tokens))),
        draw(addresses(b"To", b"sip:+8613900000002@192.0.2.10", b"")),
        draw(row(b"Call-ID", call_id)),
        draw(
            row(
                b"CSeq",
                draw(st.sampled_from([b"1 INVITE", b"4294967295 INVITE", b"007\t INVITE", b"0 INVITE"])),
            )
        ),
        *draw(st.lists(extra(), max_size=5)),
    ]
    hops = draw(st.sampled_from([None, b"70", b"1", b"255", b"0100"]))
    if hops is not None:
        rows.append(draw(row(b"Max-Forwards", hops, b"%d" % (int(hops) - 1))))
    if draw(st.booleans()):
        rows.append(draw(row(b"Max-Breadth", b"7")))
    if draw(st.booleans()):
        rows.append(draw(addresses(b"P-Asserted-Identity", b"sip:" + user, b"")))
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        rows.append(draw(row(b"Content-Length", b"%d" % len(body))))
        trailing = draw(st.binary(max_size=10))
    else:
        trailing = b""
    rows = draw(st.permutations(rows))
    # list headers keep the order of their own rows; whole lists stand anywhere
    recorded = [(v, v) for v in draw(st.lists(st.sampled_from([*OURS, *THEIRS]), max_size=3))]
    for group in (
        draw(grouped(b"Via", [(v.before, v.after) for v in vias])),
        draw(routes()),
        draw(grouped(b"Record-Route", recorded)),
    ):
        places = sorted(draw(st.lists(st.integers(0, len(rows)), min_size=len(group), max_size=len(group))))
        for at, one in reversed(list(zip(places, group, strict=True))):
            rows.insert(at, one)
    uri = draw(st.sampled_from([
        b"sip:+8613900000002@192.0.2.10:5060;user=phone", b"tel:+86-139-0000-0002",
        b"sip:%61;x=y@edge.example", b"sips:a@somewhere.example",
        b"sip:+8613900000002;npdi@192.0.2.10;odd=%7E~",
    ]))  # fmt: skip
    start = b"INVITE " + uri + b" SIP/2.0\r\n"
    data = start + b"".join(r.before for r in rows) + b"\r\n" + body + trailing
    return Invite(data, start, rows, hops is not None, b"\r\n" + body, source, vias[0].reply_to)
