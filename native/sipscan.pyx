"""The scanner of the data plane as tests and tools see it (cw_scan.h, cw_addr.h).

A thin face: it checks sizes, calls C, and turns spans into (start, end) offsets of the bytes given; None
stands for an absent span. Nothing is parsed here. A datagram never raises: its fault is a field.
"""

from collections import namedtuple

cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t


cdef extern from "cw.h" nogil:
    unsigned CW_DATAGRAM_MAX
    cdef struct cw_span:
        uint16_t off
        uint16_t len
    unsigned CW_R_COUNT
    unsigned CW_R_BAD_FROM
    bint cw_has(cw_span s)
    const char *cw_reason_name(unsigned reason)
    unsigned cw_reason_status(unsigned reason)


cdef extern from "cw_addr.h" nogil:
    cdef struct cw_uri:
        cw_span all
        uint8_t scheme
        bint user_phone
        bint lr
        cw_span user
        cw_span host
        bint host_ipv6
        uint16_t port
        cw_span params
        cw_span headers
        cw_span maddr
    cdef struct cw_addr:
        cw_span value
        cw_span display
        cw_span uri
        cw_span params
        cw_span tag
        bint brackets
    cdef struct cw_via:
        cw_span value
        cw_span line
        bint alone
        bint is_udp
        bint is_tcp
        bint is_tls
        bint has_rport
        cw_span sent_by
        cw_span host
        bint host_ipv6
        uint16_t port
        cw_span branch
        cw_span received
        cw_span maddr
        uint16_t rport
        cw_span rport_param
        cw_span received_param
    int cw_uri_parse(const uint8_t *buf, cw_span text, cw_uri *uri)
    int cw_addr_parse(const uint8_t *buf, cw_span text, unsigned err, cw_addr *addr)
    int cw_via_parse(const uint8_t *buf, cw_span text, cw_via *via)
    bint cw_param_find(const uint8_t *buf, cw_span params, const char *name, size_t name_len, cw_span *value)


cdef extern from "cw_scan.h" nogil:
    unsigned CW_H_COUNT
    unsigned CW_M_COUNT
    cdef struct cw_hdr:
        uint8_t id
        uint8_t folded
        uint16_t next
        uint16_t name_len
        uint16_t line_len
        uint16_t line_off
        cw_span value
    cdef struct cw_msg:
        uint32_t len
        bint is_response
        uint8_t method
        uint16_t status
        cw_span method_span
        cw_span ruri
        uint16_t headers_off
        uint16_t headers_end
        cw_span body
        uint16_t n_hdrs
        cw_via via
        cw_via via2
        cw_addr from_ "from"
        cw_addr to
        cw_span call_id
        uint32_t cseq
        cw_span cseq_method
        int32_t max_forwards
        cw_span max_forwards_digits
        cw_uri uri
        bint has_content_length
        cw_hdr hdrs[256]
    int cw_scan(const uint8_t *buf, size_t len, cw_msg *m)
    int cw_check(cw_msg *m)
    uint8_t cw_header_id(const uint8_t *name, size_t len)
    uint8_t cw_method_id(const uint8_t *name, size_t len)
    const char *cw_header_name(uint8_t id)


cdef extern from *:
    """
    #include "cw_scan.h"
    static const char *const sipscan_methods[CW_M_COUNT] = {
        [CW_M_OTHER] = "",
    #define X(id) [CW_M_##id] = #id,
        CW_METHODS(X)
    #undef X
    };
    static bool sipscan_next(const struct cw_msg *m, unsigned i, uint32_t *pos, struct cw_span *value,
                             int *bad)
    {
        bool fault, more = cw_next_value(m, &m->hdrs[i], pos, value, &fault);
        *bad = fault;
        return more;
    }
    """
    const char *sipscan_methods[]
    bint sipscan_next(const cw_msg *m, unsigned i, uint32_t *pos, cw_span *value, int *bad) nogil


Header = namedtuple("Header", "id name value line folded values bad_list")
Via = namedtuple(
    "Via",
    "value line alone transport has_rport sent_by host host_ipv6 port branch received maddr rport rport_param"
    " received_param",
)
Address = namedtuple("Address", "value display uri params tag brackets")
Uri = namedtuple("Uri", "all scheme user_phone lr user host host_ipv6 port params headers maddr")

cdef tuple _SCHEMES = (None, "sip", "sips", "tel", "urn:service", "other")


cdef object _span(cw_span s):
    return (s.off, s.off + s.len) if cw_has(s) else None


cdef object _reason(int result):
    return None if result == 0 else cw_reason_name(<unsigned>-result).decode("ascii")


cdef cw_span _whole(bytes data) except *:
    cdef cw_span whole
    if len(data) > CW_DATAGRAM_MAX:
        raise ValueError(f"{len(data)} bytes are more than a datagram holds")
    whole.off = 0
    whole.len = <uint16_t>len(data)
    return whole


cdef object _via_tuple(const cw_via *v):
    if v.value.len == 0:
        return None
    transport = "udp" if v.is_udp else "tcp" if v.is_tcp else "tls" if v.is_tls else None
    return Via(
        _span(v.value), _span(v.line), bool(v.alone), transport, bool(v.has_rport), _span(v.sent_by),
        _span(v.host), bool(v.host_ipv6), v.port, _span(v.branch), _span(v.received), _span(v.maddr), v.rport,
        _span(v.rport_param), _span(v.received_param),
    )


cdef object _address_tuple(const cw_addr *a):
    if a.uri.len == 0:
        return None
    return Address(
        _span(a.value), _span(a.display), _span(a.uri), _span(a.params), _span(a.tag), bool(a.brackets)
    )


cdef object _uri_tuple(const cw_uri *u):
    if not cw_has(u.all):
        return None
    return Uri(
        _span(u.all), _SCHEMES[u.scheme], bool(u.user_phone), bool(u.lr), _span(u.user), _span(u.host),
        bool(u.host_ipv6), u.port, _span(u.params), _span(u.headers), _span(u.maddr),
    )


cdef object _header_tuple(const cw_msg *m, unsigned i):
    cdef const cw_hdr *h = &m.hdrs[i]
    cdef uint32_t pos = h.value.off
    cdef cw_span value
    cdef int bad = 0
    values = []
    while sipscan_next(m, i, &pos, &value, &bad):
        values.append(_span(value))
    return Header(
        cw_header_name(h.id).decode("ascii"), (h.line_off, h.line_off + h.name_len),
        (h.value.off, h.value.off + h.value.len), (h.line_off, h.line_off + h.line_len), bool(h.folded),
        values, bool(bad),
    )


@cython.final
cdef class Scanned:
    """What cw_scan() and cw_check() found in one datagram; spans are (start, end) or None."""

    cdef readonly object scan_reason, check_reason, status, method, method_span, ruri, headers_span, body
    cdef readonly object headers
    cdef readonly object via, via2, from_, to, call_id, cseq, cseq_method, max_forwards, uri
    cdef readonly object max_forwards_digits
    cdef readonly bint is_response, has_content_length
    cdef readonly size_t length

    @property
    def reason(self):
        """Name of the first fault, None for none."""
        return self.scan_reason or self.check_reason


def scan(data: bytes) -> Scanned:
    """Scan and check one datagram, as the data plane does."""
    cdef bytes owned = data
    cdef cw_msg m
    cdef int scanned, checked
    cdef const uint8_t *buf = owned
    cdef size_t size = _whole(owned).len
    with nogil:
        scanned = cw_scan(buf, size, &m)
        checked = cw_check(&m)
    cdef Scanned out = Scanned.__new__(Scanned)
    out.scan_reason = _reason(scanned)
    out.check_reason = _reason(checked)
    out.is_response = m.is_response
    out.method = sipscan_methods[m.method].decode("ascii")
    out.status = m.status
    out.method_span = _span(m.method_span)
    out.ruri = _span(m.ruri)
    out.headers_span = (m.headers_off, m.headers_end)
    out.body = _span(m.body)
    out.headers = [_header_tuple(&m, i) for i in range(m.n_hdrs)]
    out.via = _via_tuple(&m.via)
    out.via2 = _via_tuple(&m.via2)
    out.from_ = _address_tuple(&m.from_)
    out.to = _address_tuple(&m.to)
    out.call_id = _span(m.call_id)
    out.cseq = m.cseq
    out.cseq_method = _span(m.cseq_method)
    out.max_forwards = None if m.max_forwards < 0 else m.max_forwards
    out.max_forwards_digits = _span(m.max_forwards_digits)
    out.uri = _uri_tuple(&m.uri)
    out.has_content_length = m.has_content_length
    out.length = m.len
    return out


def uri(data: bytes) -> Uri:
    """Parse a whole URI; ValueError names the fault."""
    cdef bytes owned = data
    cdef cw_uri out
    cdef int result = cw_uri_parse(<const uint8_t *>owned, _whole(owned), &out)
    if result:
        raise ValueError(_reason(result))
    return _uri_tuple(&out)


def via(data: bytes) -> Via:
    """Parse one Via value; ValueError names the fault."""
    cdef bytes owned = data
    cdef cw_via out
    cdef int result = cw_via_parse(<const uint8_t *>owned, _whole(owned), &out)
    if result:
        raise ValueError(_reason(result))
    return _via_tuple(&out)


def address(data: bytes) -> Address:
    """Parse a name-addr or addr-spec with its parameters; ValueError names the fault."""
    cdef bytes owned = data
    cdef cw_addr out
    cdef int result = cw_addr_parse(<const uint8_t *>owned, _whole(owned), CW_R_BAD_FROM, &out)
    if result:
        raise ValueError(_reason(result))
    return _address_tuple(&out)


def param(data: bytes, name: bytes) -> tuple:
    """(found, span of the value or None) of a parameter of ";a=b;c"; the name is given in lower case."""
    cdef bytes owned = data, wanted = name
    cdef cw_span value
    cdef const char *text = wanted
    cdef bint found = cw_param_find(<const uint8_t *>owned, _whole(owned), text, len(wanted), &value)
    return bool(found), _span(value)


def reasons() -> list:
    """(name, SIP status or 0) of every reason, in the order of their numbers."""
    return [(cw_reason_name(i).decode("ascii"), cw_reason_status(i)) for i in range(CW_R_COUNT)]


def header_id(name: bytes) -> str:
    """Canonical spelling of a header name that the core knows, "" for any other."""
    cdef bytes owned = name
    return cw_header_name(cw_header_id(<const uint8_t *>owned, len(owned))).decode("ascii")


def method_id(name: bytes) -> str:
    """The method when the core knows it, "" for any other."""
    cdef bytes owned = name
    return sipscan_methods[cw_method_id(<const uint8_t *>owned, len(owned))].decode("ascii")
