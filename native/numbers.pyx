"""Numbers and the parties of a call, as the data plane computes them (cw_number.h).

A thin face: it checks what comes from Python, calls C, and turns bits into names. The command line's `explain` and
`lists import` use it, so that a list key and a call are canonicalised by the same code.
"""

from array import array

cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset


cdef extern from "cw.h" nogil:
    unsigned CW_DATAGRAM_MAX
    cdef struct cw_span:
        uint16_t off
        uint16_t len
    const char *cw_reason_name(unsigned reason)


cdef extern from "cw_scan.h" nogil:
    cdef struct cw_msg:
        bint is_response
    int cw_scan(const uint8_t *buf, size_t len, cw_msg *m)
    int cw_check(cw_msg *m)


cdef extern from "cw_number.h" nogil:
    ctypedef uint64_t cw_num
    uint64_t CW_NUM_SHORT
    unsigned CW_C_COUNT
    const char *cw_class_name(unsigned cls)
    cdef struct cw_dialplan:
        uint16_t country_code
        char area[8]
        bint bare_is_foreign
        uint8_t n_strip
        char strip[8][8]
    cw_num cw_canonical(const cw_dialplan *plan, const uint8_t *text, size_t len, const uint8_t *context,
                        size_t ctx_len, uint32_t *classes)
    size_t cw_num_text(cw_num n, char *out)
    unsigned cw_num_digits(cw_num n)
    bint cw_num_is_emergency(cw_num n)
    cdef struct cw_party:
        cw_num num
        uint32_t classes
        cw_span raw
    cdef struct cw_parties:
        cw_party caller
        cw_party presented
        cw_party callee
        uint32_t flags
    uint32_t CW_P_UNVERIFIED, CW_P_MISMATCH, CW_P_EQUALS_CALLEE, CW_P_NEIGHBOUR, CW_P_PAI_CONFLICT
    uint32_t CW_P_PRIVACY, CW_P_DIVERTED
    void cw_identify(const cw_msg *m, const cw_dialplan *plan, bint trusted, cw_parties *out)
    cdef struct cw_emergency:
        const cw_num *callees
        uint32_t n_callees
        const cw_num *psap_callers
        uint32_t n_psap_callers
    bint cw_is_emergency(const cw_msg *m, const cw_parties *p, const cw_emergency *extra)


cdef extern from "cw_bulk.h" nogil:
    cdef struct cw_bulk_odd:
        uint32_t line, off, len
    cdef struct cw_bulk_group:
        uint32_t head_off, head_len, tail_off, tail_len, n
    cdef struct cw_bulk:
        uint32_t n_lines, n_keys, n_groups, n_odd
        cw_bulk_group groups[1]  # CW_BULK_GROUPS, and so on
        cw_bulk_odd odd[1]
        cw_num keys[1]
    size_t cw_bulk_read(cw_bulk *bulk, const cw_dialplan *plan, unsigned columns, unsigned number_at,
                        const uint8_t *data, size_t length)


CLASS_NAMES = tuple([cw_class_name(i).decode() for i in range(CW_C_COUNT)])
FLAG_NAMES = {
    CW_P_UNVERIFIED: "unverified",
    CW_P_MISMATCH: "mismatch",
    CW_P_EQUALS_CALLEE: "equals_callee",
    CW_P_NEIGHBOUR: "neighbour",
    CW_P_PAI_CONFLICT: "pai_conflict",
    CW_P_PRIVACY: "privacy",
    CW_P_DIVERTED: "diverted",
}


cdef bytes _octets(object text):
    if isinstance(text, str):
        return (<str>text).encode("utf-8", "surrogateescape")
    if isinstance(text, (bytes, bytearray, memoryview)):
        return bytes(text)
    raise TypeError(f"text or bytes expected, not {type(text).__name__}")


cdef int _digits_into(char *out, object text, str what) except -1:
    """Copy 0 to 8 digits into a field of 8; the field is zeroed already."""
    cdef bytes raw = _octets(text)
    if len(raw) > 8 or (raw and not raw.isdigit()):
        raise ValueError(f"{what} {text!r}: at most 8 digits expected")
    memcpy(out, <const char *>raw, len(raw))
    return 0


cdef int _plan(cw_dialplan *plan, int country_code, object area, bint bare_is_foreign, object strip) except -1:
    memset(plan, 0, sizeof(cw_dialplan))
    if not 0 <= country_code <= 999:
        raise ValueError(f"country code {country_code}: 0 to 999 expected")
    prefixes = tuple(strip)
    if len(prefixes) > 8:
        raise ValueError("at most 8 carrier prefixes")
    plan.country_code = <uint16_t>country_code
    plan.bare_is_foreign = bare_is_foreign
    _digits_into(plan.area, area, "area")
    for prefix in prefixes:
        _digits_into(plan.strip[plan.n_strip], prefix, "carrier prefix")
        plan.n_strip += 1
    return 0


cdef object _names(uint32_t classes):
    return frozenset([CLASS_NAMES[i] for i in range(CW_C_COUNT) if classes >> i & 1])


cdef int _read(const uint8_t *data, size_t length, cw_msg *m) except -1:
    cdef int fault
    if length > CW_DATAGRAM_MAX:
        raise ValueError("too-large")
    fault = cw_scan(data, length, m)
    if fault == 0:
        fault = cw_check(m)
    if fault != 0:
        raise ValueError(cw_reason_name(<unsigned>-fault).decode())
    if m.is_response:
        raise ValueError("response")
    return 0


cdef dict _party(const uint8_t *data, const cw_party *party):
    return {
        "key": party.num,
        "classes": _names(party.classes),
        "raw": data[party.raw.off:party.raw.off + party.raw.len].decode("utf-8", "surrogateescape"),
    }


def canonical(text, *, int country_code=86, area="", bint bare_is_foreign=False, strip=(), context=""):
    """Key and class names of digits as dialled. Key 0: no number. ValueError: a plan that cannot be."""
    cdef cw_dialplan plan
    cdef uint32_t classes = 0
    cdef bytes raw = _octets(text), ctx = _octets(context)
    _plan(&plan, country_code, area, bare_is_foreign, strip)
    cdef cw_num key = cw_canonical(&plan, <const uint8_t *><const char *>raw, len(raw),
                                   <const uint8_t *><const char *>ctx, len(ctx), &classes)
    return key, _names(classes)


def num_text(cw_num key):
    """"+8613800000001" or "110"; "" for 0."""
    cdef char out[24]
    cdef size_t length = cw_num_text(key, out)
    return out[:length].decode("ascii")


def num_digits(cw_num key):
    """Decimal digits of the integer part; a short code's leading 1 counts."""
    return cw_num_digits(key)


def is_emergency(cw_num key):
    """On the built-in never-block list (STANDARDS 8.4)?"""
    return cw_num_is_emergency(key)


def identify(const uint8_t[::1] datagram not None, *, bint trusted, int country_code=86, area="",
             bint bare_is_foreign=False, strip=()):
    """Caller, presented and called party of a request. ValueError names the reason when it is no sound request."""
    cdef cw_dialplan plan
    cdef cw_msg m
    cdef cw_parties parties
    cdef size_t length = <size_t>datagram.shape[0]
    cdef const uint8_t *data = &datagram[0] if length else NULL
    _plan(&plan, country_code, area, bare_is_foreign, strip)
    if length == 0:
        raise ValueError("drop-short")
    _read(data, length, &m)
    with nogil:
        cw_identify(&m, &plan, trusted, &parties)
    return {
        "caller": _party(data, &parties.caller),
        "presented": _party(data, &parties.presented),
        "callee": _party(data, &parties.callee),
        "flags": frozenset([name for bit, name in FLAG_NAMES.items() if parties.flags & bit]),
    }


def emergency(const uint8_t[::1] datagram not None, *, bint trusted=False, int country_code=86, area="",
              bint bare_is_foreign=False, strip=(), extra_callees=(), psap_callers=()):
    """Does the bypass of STANDARDS 8.4 let this request pass untouched?"""
    cdef cw_dialplan plan
    cdef cw_msg m
    cdef cw_parties parties
    cdef cw_emergency extra
    cdef const cw_num[::1] callees = array("Q", sorted(extra_callees)), callers = array("Q", sorted(psap_callers))
    cdef size_t length = <size_t>datagram.shape[0]
    cdef bint answer
    _plan(&plan, country_code, area, bare_is_foreign, strip)
    if length == 0:
        raise ValueError("drop-short")
    _read(&datagram[0], length, &m)
    extra.n_callees = <uint32_t>callees.shape[0]
    extra.callees = &callees[0] if extra.n_callees else NULL
    extra.n_psap_callers = <uint32_t>callers.shape[0]
    extra.psap_callers = &callers[0] if extra.n_psap_callers else NULL
    with nogil:
        cw_identify(&m, &plan, trusted, &parties)
        answer = cw_is_emergency(&m, &parties, &extra)
    return answer


@cython.final
cdef class BulkReader:
    """Lines of a file of numbers, many a call (cw_bulk.h). `columns` 0: plain text; else CSV, numbers in column `number_at`."""

    cdef cw_bulk *bulk
    cdef cw_dialplan plan
    cdef unsigned columns, number_at

    def __cinit__(self, *, int country_code=86, area="", strip=(), unsigned columns=0, unsigned number_at=0):
        if number_at >= columns and (columns or number_at):
            raise ValueError(f"no column {number_at} among {columns}")
        _plan(&self.plan, country_code, area, False, strip)
        self.columns = columns
        self.number_at = number_at
        self.bulk = <cw_bulk *>malloc(sizeof(cw_bulk))
        if self.bulk == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.bulk)

    def read(self, bytes data not None, Py_ssize_t start):
        """Read whole lines from data[start:] on, not always all of them.

        Returns (end, lines, groups, odd): where the rest begins; the lines that were taken; for each distinct surrounding
        of the number cell (octets before, octets behind, packed keys), in the order of the file; and the lines that are no
        usual ones (line, start, end), counted from 0, their ends cut off.
        """
        cdef Py_ssize_t length = len(data)
        cdef const uint8_t *octets = <const uint8_t *><const char *>data
        cdef cw_bulk *bulk = self.bulk
        cdef size_t taken, i
        cdef const cw_bulk_group *group
        cdef const cw_num *keys = bulk.keys
        if not 0 <= start <= length or length - start > 0xFFFFFFFF:
            raise ValueError(f"start {start} in {length} octets")
        with nogil:
            taken = cw_bulk_read(bulk, &self.plan, self.columns, self.number_at, octets + start, <size_t>(length - start))
        groups = []
        for i in range(bulk.n_groups):
            group = &bulk.groups[i]
            head = data[start + group.head_off:start + group.head_off + group.head_len]
            tail = data[start + group.tail_off:start + group.tail_off + group.tail_len]
            groups.append((head, tail, (<const char *>keys)[:group.n * sizeof(cw_num)]))
            keys += group.n
        odd = [
            (bulk.odd[i].line, start + bulk.odd[i].off, start + bulk.odd[i].off + bulk.odd[i].len)
            for i in range(bulk.n_odd)
        ]
        return start + <Py_ssize_t>taken, bulk.n_lines, groups, odd
