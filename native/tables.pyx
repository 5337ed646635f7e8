"""Number lists: the border to csrc/cw_list.h.

Four things happen here: check the buffer, call C without the GIL, turn a code into a value or an exception, own
memory. A number is an E.164 integer below 10**15, or SHORT | digits behind a leading 1 (csrc/cw_number.h). Numbers in
bulk are any contiguous buffer of unsigned 64-bit little-endian integers: array('Q'), bytes, memoryview.
Every argument is checked: ValueError for a value out of range, TypeError for the wrong kind; nothing is changed then.
"""

import array
from typing import NamedTuple

cimport cython
from cpython cimport array as carray
from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_ND,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec


cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"

cdef extern from "cw_rcu.h" nogil:
    void cw_rcu_init(cw_rcu *rcu)
    int cw_rcu_register(cw_rcu *rcu)
    void cw_rcu_unregister(cw_rcu *rcu, int slot)
    void cw_rcu_online(cw_rcu *rcu, int slot)
    void cw_rcu_quiescent(cw_rcu *rcu, int slot)
    void cw_rcu_synchronize(cw_rcu *rcu)

cdef extern from "cw_list.h" nogil:
    uint64_t CW_NUM_SHORT

    struct cw_attr:
        uint32_t expiry_s, text, note
        uint16_t category, source
        uint8_t score

    struct cw_pattern:
        uint64_t prefix
        uint8_t digits, length

    struct cw_hit:
        cw_attr attr
        uint8_t digits
        c_bool exact

    struct cw_list_stats:
        uint64_t numbers, patterns, overlay_used, overlay_max, attrs, bytes, merges

    enum: CW_LIST_OK
    enum: CW_LIST_FULL
    enum: CW_LIST_NOMEM
    enum: CW_LIST_BADNUM
    enum: CW_LIST_ATTRS_FULL

    cw_list *cw_list_new(cw_rcu *rcu, uint32_t overlay_entries, uint32_t attrs_max)
    void cw_list_free(cw_list *l)
    int cw_list_add(cw_list *l, const uint64_t *nums, size_t n, const cw_attr *attr, size_t *changed)
    int cw_list_remove(cw_list *l, const uint64_t *nums, size_t n, size_t *changed)
    int cw_list_add_pattern(cw_list *l, const cw_pattern *p, const cw_attr *attr, c_bool *changed)
    int cw_list_remove_pattern(cw_list *l, const cw_pattern *p, c_bool *changed)
    int cw_list_merge(cw_list *l, uint32_t now_s)
    int cw_list_load(cw_list *l, const uint64_t *nums, const uint32_t *attrs, size_t n, const cw_attr *table,
                     size_t n_table)
    int cw_list_clear(cw_list *l)
    c_bool cw_list_find(const cw_list *l, uint64_t num, uint32_t now_s, cw_hit *hit)
    c_bool cw_list_peek(cw_list *l, uint64_t num, uint32_t now_s, cw_hit *hit)
    c_bool cw_list_is_empty(const cw_list *l)
    void cw_list_stats_get "cw_list_stats"(const cw_list *l, cw_list_stats *out)
    size_t cw_list_walk(const cw_list *l, uint64_t start, uint64_t *nums, cw_attr *attrs, size_t max)
    size_t cw_list_walk_patterns(const cw_list *l, size_t skip, cw_pattern *out, cw_attr *attrs, size_t max)

cdef extern from "cw_pattern.h" nogil:
    enum: CW_RANGE_MAX
    c_bool cw_num_is_valid(uint64_t num)
    size_t cw_range_split(uint64_t low, uint64_t high, cw_pattern *out)

cdef extern from "cw_mem.h" nogil:
    void *cw_big_alloc(size_t size)
    void cw_big_free(void *ptr, size_t size)

cdef extern from "cw_sort.h" nogil:
    size_t cw_sort_unique(uint64_t *keys, size_t n)


SHORT = int(CW_NUM_SHORT)
WALK_MAX = 1_000_000  # entries that one walk returns at most


class OverlayFull(Exception):
    """The overlay has no room for the change; nothing was changed. merge() makes room."""


class AttrsFull(Exception):
    """The list holds as many distinct attributes as it may; merge() forgets unused ones."""


class Attr(NamedTuple):
    """What is known of an entry; expiry in unix seconds (0 = never), text and note are ids of the control side."""

    expiry_s: int = 0
    text: int = 0
    note: int = 0
    category: int = 0
    source: int = 0
    score: int = 0


class Hit(NamedTuple):
    """A match: its attribute, the digits that matched, and whether the whole number is listed."""

    attr: Attr
    digits: int
    exact: bool


cdef uint64_t _bounded(object value, uint64_t limit, str what) except? 0xFFFFFFFFFFFFFFFF:
    if not isinstance(value, int):
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}")
    if value < 0 or value > limit:
        raise ValueError(f"{what} must be 0 to {limit}, not {value}")
    return value


cdef uint64_t _number(object value) except 0:
    cdef uint64_t number = _bounded(value, 0x7FFFFFFFFFFFFFFF, "number")
    if not cw_num_is_valid(number):
        raise ValueError(f"{value} is no number: 1 to 10**15 - 1, short codes with SHORT set")
    return number


cdef int _attr(object value, cw_attr *out) except -1:
    if not isinstance(value, Attr):
        raise TypeError(f"attr must be an Attr, not {type(value).__name__}")
    memset(out, 0, sizeof(cw_attr))
    out.expiry_s = <uint32_t>_bounded(value.expiry_s, 0xFFFFFFFF, "expiry_s")
    out.text = <uint32_t>_bounded(value.text, 0xFFFFFFFF, "text")
    out.note = <uint32_t>_bounded(value.note, 0xFFFFFFFF, "note")
    out.category = <uint16_t>_bounded(value.category, 0xFFFF, "category")
    out.source = <uint16_t>_bounded(value.source, 0xFFFF, "source")
    out.score = <uint8_t>_bounded(value.score, 0xFF, "score")
    return 0


cdef object _attr_out(const cw_attr *a):
    return Attr(a.expiry_s, a.text, a.note, a.category, a.source, a.score)


cdef int _pattern(object prefix, object digits, object length, cw_pattern *out) except -1:
    out.prefix = _bounded(prefix, 0x7FFFFFFFFFFFFFFF, "prefix")
    out.digits = <uint8_t>_bounded(digits, 15, "digits")
    out.length = <uint8_t>_bounded(length, 15, "length")
    return 0


cdef int _check(int code) except -1:
    if code == CW_LIST_OK:
        return 0
    if code == CW_LIST_FULL:
        raise OverlayFull("no room for the change in the overlay: merge first")
    if code == CW_LIST_ATTRS_FULL:
        raise AttrsFull("no room for another distinct attribute")
    if code == CW_LIST_BADNUM:
        raise ValueError("a number, pattern or attribute id is out of range")
    raise MemoryError


@cython.final
cdef class _Ints:
    """A checked, aligned view of a buffer of unsigned integers of one size, or of one integer."""

    cdef Py_buffer view
    cdef bint held
    cdef uint64_t single
    cdef void *copy
    cdef const void *data
    cdef size_t n

    def __cinit__(self, object source, size_t size):
        if size == 8 and isinstance(source, int):
            self.single = _number(source)
            self.data = &self.single
            self.n = 1
            return
        if not PyObject_CheckBuffer(source):
            raise TypeError(f"a buffer of {size * 8}-bit integers is wanted, not {type(source).__name__}")
        try:
            PyObject_GetBuffer(source, &self.view, PyBUF_FORMAT | PyBUF_ND)
        except BufferError as error:
            raise ValueError(f"the buffer is not contiguous: {error}") from None
        self.held = True
        cdef bytes kind = self.view.format.lstrip(b"<=@") if self.view.format != NULL else b"B"
        cdef bint fits = kind in (b"Q", b"L", b"I") and self.view.itemsize == <Py_ssize_t>size
        if not fits and kind not in (b"B", b"b", b"c"):
            raise ValueError(f"bytes or unsigned {size * 8}-bit integers are wanted, not a buffer of {kind!r}")
        if self.view.len % <Py_ssize_t>size:
            raise ValueError(f"the buffer's {self.view.len} bytes are no multiple of {size}")
        self.n = <size_t>self.view.len // size
        self.data = self.view.buf
        if <uintptr_t>self.view.buf % size:  # a slice of bytes may start anywhere
            self.copy = malloc(<size_t>self.view.len)
            if self.copy == NULL:
                raise MemoryError
            memcpy(self.copy, self.view.buf, <size_t>self.view.len)
            self.data = self.copy

    def __dealloc__(self):
        free(self.copy)
        if self.held:
            PyBuffer_Release(&self.view)


@cython.final
cdef class Rcu:
    """The reclamation domain that lists and data-plane threads share (csrc/cw_rcu.h)."""

    def __cinit__(self):
        self.ptr = <cw_rcu *>cw_big_alloc(sizeof(cw_rcu))
        if self.ptr == NULL:
            raise MemoryError
        cw_rcu_init(self.ptr)

    def __dealloc__(self):
        cw_big_free(self.ptr, sizeof(cw_rcu))

    def synchronize(self):
        """Wait until no reader can hold what was replaced before this call."""
        with nogil:
            cw_rcu_synchronize(self.ptr)


@cython.final
cdef class NumberList:
    """A list of numbers and patterns. Changes are seen by the next look-up when the call returns.

    merge() may run in another thread than the one that adds and removes; look-ups never wait.
    """

    def __cinit__(self, Rcu rcu not None, *, overlay_entries=65536, attrs_max=65536):
        cdef uint32_t entries = <uint32_t>_bounded(overlay_entries, 1 << 28, "overlay_entries")
        cdef uint32_t attrs = <uint32_t>_bounded(attrs_max, 1 << 24, "attrs_max")
        self.rcu = rcu
        self.ptr = cw_list_new(rcu.ptr, entries, attrs)
        if self.ptr == NULL:
            raise MemoryError

    def __dealloc__(self):
        cw_list_free(self.ptr)

    def add(self, numbers, attr):
        """Add numbers (a buffer, or one integer); returns how many were new or altered. All or nothing."""
        cdef cw_attr a
        cdef size_t changed = 0
        cdef int code
        _attr(attr, &a)
        cdef _Ints nums = _Ints(numbers, 8)
        with nogil:
            code = cw_list_add(self.ptr, <const uint64_t *>nums.data, nums.n, &a, &changed)
        _check(code)
        return changed

    def remove(self, numbers):
        """Remove numbers (a buffer, or one integer); returns how many were there. All or nothing."""
        cdef size_t changed = 0
        cdef int code
        cdef _Ints nums = _Ints(numbers, 8)
        with nogil:
            code = cw_list_remove(self.ptr, <const uint64_t *>nums.data, nums.n, &changed)
        _check(code)
        return changed

    def add_pattern(self, prefix, digits, length, attr):
        """Any number that starts with prefix (digits long) and has length digits in all (0 = any)."""
        cdef cw_pattern p
        cdef cw_attr a
        cdef c_bool changed = False
        cdef int code
        _pattern(prefix, digits, length, &p)
        _attr(attr, &a)
        with nogil:
            code = cw_list_add_pattern(self.ptr, &p, &a, &changed)
        _check(code)
        return bool(changed)

    def remove_pattern(self, prefix, digits, length):
        """Remove just this pattern; False when it was not there."""
        cdef cw_pattern p
        cdef c_bool changed = False
        cdef int code
        _pattern(prefix, digits, length, &p)
        with nogil:
            code = cw_list_remove_pattern(self.ptr, &p, &changed)
        _check(code)
        return bool(changed)

    def merge(self, now_s):
        """Fold the overlay into a new base, aside; forgets what is expired at now_s and unused attributes."""
        cdef uint32_t now = <uint32_t>_bounded(now_s, 0xFFFFFFFF, "now_s")
        cdef int code
        with nogil:
            code = cw_list_merge(self.ptr, now)
        _check(code)

    def load(self, numbers, attr_ids, attrs):
        """Replace all exact numbers; patterns stay. attr_ids: 32-bit indices into attrs, or None (all 0)."""
        cdef _Ints nums = _Ints(numbers, 8)
        cdef _Ints ids = None
        cdef const uint32_t *ids_ptr = NULL
        cdef int code
        cdef size_t i, n_attrs
        if attr_ids is not None:
            ids = _Ints(attr_ids, 4)
            if ids.n != nums.n:
                raise ValueError(f"{ids.n} attribute ids for {nums.n} numbers")
            ids_ptr = <const uint32_t *>ids.data
        attrs = list(attrs)
        n_attrs = len(attrs)
        cdef cw_attr *table = <cw_attr *>calloc(n_attrs + 1, sizeof(cw_attr))
        if table == NULL:
            raise MemoryError
        try:
            for i in range(n_attrs):
                _attr(attrs[i], &table[i])
            with nogil:
                code = cw_list_load(self.ptr, <const uint64_t *>nums.data, ids_ptr, nums.n, table, n_attrs)
        finally:
            free(table)
        _check(code)

    def clear(self):
        """Remove all numbers and patterns with one swap."""
        cdef int code
        with nogil:
            code = cw_list_clear(self.ptr)
        _check(code)

    def find(self, number, now_s):
        """What the data plane would find: a Hit, or None. Expired entries do not match."""
        cdef uint64_t num = _number(number)
        cdef uint32_t now = <uint32_t>_bounded(now_s, 0xFFFFFFFF, "now_s")
        cdef cw_hit hit
        cdef bint found
        with nogil:
            found = cw_list_peek(self.ptr, num, now, &hit)
        return Hit(_attr_out(&hit.attr), hit.digits, bool(hit.exact)) if found else None

    def is_empty(self):
        """True when nothing can match."""
        return bool(cw_list_is_empty(self.ptr))

    def walk(self, start, limit):
        """Up to limit exact numbers from start on, rising, with their attributes; expired ones until a merge."""
        cdef uint64_t first = _bounded(start, 0x7FFFFFFFFFFFFFFF, "start")
        cdef size_t n, i, most = _bounded(limit, WALK_MAX, "limit")
        cdef uint64_t *nums = <uint64_t *>malloc((most + 1) * sizeof(uint64_t))
        cdef cw_attr *attrs = <cw_attr *>malloc((most + 1) * sizeof(cw_attr))
        try:
            if nums == NULL or attrs == NULL:
                raise MemoryError
            with nogil:
                n = cw_list_walk(self.ptr, first, nums, attrs, most)
            return [(nums[i], _attr_out(&attrs[i])) for i in range(n)]
        finally:
            free(nums)
            free(attrs)

    def walk_patterns(self, skip, limit):
        """Up to limit ((prefix, digits, length), Attr) after the first skip, in a fixed order."""
        cdef size_t past = _bounded(skip, 0x7FFFFFFFFFFFFFFF, "skip")
        cdef size_t n, i, most = _bounded(limit, WALK_MAX, "limit")
        cdef cw_pattern *patterns = <cw_pattern *>malloc((most + 1) * sizeof(cw_pattern))
        cdef cw_attr *attrs = <cw_attr *>malloc((most + 1) * sizeof(cw_attr))
        try:
            if patterns == NULL or attrs == NULL:
                raise MemoryError
            with nogil:
                n = cw_list_walk_patterns(self.ptr, past, patterns, attrs, most)
            return [
                ((patterns[i].prefix, patterns[i].digits, patterns[i].length), _attr_out(&attrs[i]))
                for i in range(n)
            ]
        finally:
            free(patterns)
            free(attrs)

    def stats(self):
        """numbers, patterns, overlay_used, overlay_max, attrs, bytes, merges."""
        cdef cw_list_stats s
        with nogil:
            cw_list_stats_get(self.ptr, &s)
        return {
            "numbers": s.numbers,
            "patterns": s.patterns,
            "overlay_used": s.overlay_used,
            "overlay_max": s.overlay_max,
            "attrs": s.attrs,
            "bytes": s.bytes,
            "merges": s.merges,
        }


def decompose_range(low, high):
    """The range low..high (as many digits at both ends) as the fewest patterns (prefix, digits, length), rising."""
    cdef cw_pattern out[CW_RANGE_MAX]
    cdef size_t n = cw_range_split(_number(low), _number(high), out), i
    if n == 0:
        raise ValueError(f"{low} to {high} is no range: rising, and as many digits at both ends")
    return [(out[i].prefix, out[i].digits, out[i].length) for i in range(n)]


def sort_unique(numbers):
    """The numbers (a buffer) sorted, each once, as array('Q')."""
    cdef _Ints nums = _Ints(numbers, 8)
    cdef carray.array out = carray.clone(array.array("Q"), <Py_ssize_t>nums.n, False)
    cdef uint64_t *data = <uint64_t *>out.data.as_voidptr
    cdef size_t n = nums.n, left
    with nogil:
        memcpy(data, nums.data, n * 8)
        left = cw_sort_unique(data, n)
    if left == <size_t>-1:
        raise MemoryError
    carray.resize(out, <Py_ssize_t>left)
    return out


def bench_find(NumberList numbers_list not None, numbers, now_s):
    """Nanoseconds of one look-up, the mean over numbers (a buffer), as a data-plane thread does them."""
    cdef _Ints nums = _Ints(numbers, 8)
    cdef uint32_t now = <uint32_t>_bounded(now_s, 0xFFFFFFFF, "now_s")
    cdef const uint64_t *data = <const uint64_t *>nums.data
    cdef cw_rcu *rcu = numbers_list.rcu.ptr
    cdef cw_hit hit
    cdef timespec before, after
    cdef size_t i, hits = 0
    if nums.n == 0:
        raise ValueError("no numbers to look up")
    cdef int slot = cw_rcu_register(rcu)
    if slot < 0:
        raise RuntimeError("all reader slots are taken")
    with nogil:
        cw_rcu_online(rcu, slot)
        clock_gettime(CLOCK_MONOTONIC, &before)
        for i in range(nums.n):
            hits += cw_list_find(numbers_list.ptr, data[i], now, &hit)
            if i % 64 == 0:
                cw_rcu_quiescent(rcu, slot)
        clock_gettime(CLOCK_MONOTONIC, &after)
        cw_rcu_unregister(rcu, slot)
    return ((after.tv_sec - before.tv_sec) * 1e9 + (after.tv_nsec - before.tv_nsec)) / nums.n
