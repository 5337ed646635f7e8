# cython: language_level=3
"""Worlds: what a verdict and a route depend on, built aside by the control side (csrc/cw_world.h).

Cython does four things here: check the buffer, call C, turn a code into a value or an exception, own memory.
"""

import time
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from unicodedata import normalize

cimport cython
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from native.tables cimport NumberList, Rcu


cdef extern from "cw_engine.h" nogil:
    const char *cw_reason_name(unsigned reason)
    unsigned cw_reason_status(unsigned reason)
    const char *cw_fact_name(unsigned bit)
    const char *cw_class_name(unsigned cls)
    cw_texts *cw_texts_new(uint32_t entries, uint32_t bytes)
    void cw_texts_free(cw_texts *texts)
    uint32_t cw_texts_add(cw_texts *texts, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
    const cw_text *cw_texts_get(const cw_texts *texts, uint32_t id)
    uint32_t cw_texts_count(const cw_texts *texts)
    void cw_world_free(cw_world *w)

cdef extern from *:
    """
    static const char *const cw_method_names[] = {"OTHER",
    #define X(id) #id,
        CW_METHODS(X)
    #undef X
    };
    """
    const char *cw_method_names[]
    enum:
        CW_M_COUNT

ACTIONS = ("pass", "label", "intercept", "divert", "drop")
TRUNK_CLASSES = ("domestic", "international", "ims", "enterprise")
LIST_KINDS = ("allow", "deny", "card", "watch")
LABELS = {"pai": CW_LABEL_PAI, "from": CW_LABEL_FROM, "call-info": CW_LABEL_CALL_INFO}
CLASSES = tuple(cw_class_name(i).decode() for i in range(CW_C_COUNT))
RECORD_BYTES = sizeof(cw_record)
cdef int BOTH_WORDS = 128  # facts of words 0 and 1 have names; the lists' facts follow


class Rule(NamedTuple):
    """One compiled rule; the fields are described in world.pyi."""

    all: int
    none: int
    action: str
    enforce: bool
    code: int = 0
    head: int = 0
    text: int = 0
    text_list: int = -1
    hop: int = -1


def reasons():
    """(name, SIP status or 0) of every outcome; the index is its code."""
    return [(cw_reason_name(i).decode(), cw_reason_status(i)) for i in range(CW_R_COUNT)]


def methods():
    """Names by enum cw_method; 0 is OTHER."""
    return [cw_method_names[i].decode() for i in range(CW_M_COUNT)]


def fact_names():
    """Every fact outside the lists: name -> bit."""
    return {cw_fact_name(i).decode(): i for i in range(BOTH_WORDS) if cw_fact_name(i) != NULL}


def caller_in(int list_index):
    """Bit of the fact "the caller is in this list"."""
    if not 0 <= list_index < CW_LISTS_MAX:
        raise ValueError(f"list index {list_index} is outside 0..{CW_LISTS_MAX - 1}")
    return 128 + list_index


def callee_in(int list_index):
    """Bit of the fact "the callee is in this list"."""
    return caller_in(list_index) + 64


cdef int endpoint(object ip, object port, cw_ep *ep) except -1:
    address = ip_address(ip)
    packed = address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed
    if not 0 <= port <= 65535:
        raise ValueError(f"port {port} is outside 0..65535")
    memcpy(ep.ip, <const uint8_t *>packed, 16)
    ep.port = port
    return 0


cdef object endpoint_text(const cw_ep *ep):
    address = ip_address((<const uint8_t *>ep.ip)[:16])
    return str(address.ipv4_mapped or address), ep.port


cdef int name_into(cw_name *slot, object text) except -1:
    raw = text.encode()
    if not 0 < len(raw) < CW_NAME_MAX:
        raise ValueError(f"{text!r} has {len(raw)} bytes; 1 to {CW_NAME_MAX - 1} can be kept")
    memcpy(slot.text, <const char *>raw, len(raw))
    slot.len = len(raw)
    return 0


cdef int room(object what, int used, int most) except -1:
    if used >= most:
        raise ValueError(f"more than {most} {what}")
    return 0


cdef int facts_into(cw_facts *facts, object mask) except -1:
    raw = mask.to_bytes(32, "little")  # OverflowError when it is negative or too wide
    memcpy(facts.w, <const char *>raw, 32)
    return 0


cdef cw_num *numbers_array(object values) except? NULL:
    cdef cw_num *out
    ordered = sorted(values)
    if not ordered:
        return NULL
    out = <cw_num *>calloc(len(ordered), sizeof(cw_num))
    if out == NULL:
        raise MemoryError
    try:
        for i, value in enumerate(ordered):
            out[i] = value
    except BaseException:
        free(out)
        raise
    return out


@cython.final
cdef class Texts:
    """Append-only table of wire texts (csrc/cw_texts.h); equal texts share an id."""

    def __cinit__(self, uint32_t entries=1 << 18, uint32_t size_bytes=32 << 20):
        self.ptr = cw_texts_new(entries, size_bytes)
        if self.ptr == NULL:
            raise MemoryError

    def __dealloc__(self):
        cw_texts_free(self.ptr)

    def add(self, bytes a not None, bytes b not None=b""):
        if len(a) > 65535 or len(b) > 65535:
            raise ValueError("a wire text has at most 65,535 bytes")
        text_id = cw_texts_add(self.ptr, a, len(a), b, len(b))
        if text_id == 0:
            raise OverflowError("the table of labels and answers is full; a restart drops the unused ones")
        return text_id

    def get(self, uint32_t text_id):
        cdef const cw_text *text = cw_texts_get(self.ptr, text_id)
        return None if text == NULL else (text.a[:text.a_len], text.b[:text.b_len])

    def __len__(self):
        return cw_texts_count(self.ptr)


@cython.final
cdef class World:
    """Built aside, then frozen when an engine or a plane takes it."""

    def __cinit__(self, Rcu rcu not None, Texts texts not None, *, bytes secret not None, uint64_t rules_seq):
        if len(secret) < 16:
            raise ValueError("the secret has fewer than 16 bytes")
        self.rcu = rcu
        self.texts = texts
        self.numbers = []
        self.ptr = <cw_world *>calloc(1, sizeof(cw_world))
        self.asker = <cw_worker *>calloc(1, sizeof(cw_worker))
        if self.ptr == NULL or self.asker == NULL:
            raise MemoryError
        self.ptr.trunks = <cw_trunk *>calloc(CW_TRUNKS_MAX, sizeof(cw_trunk))
        self.ptr.hops = <cw_hop *>calloc(CW_HOPS_MAX, sizeof(cw_hop))
        self.ptr.sources = <cw_source *>calloc(CW_SOURCES_MAX, sizeof(cw_source))
        if self.ptr.trunks == NULL or self.ptr.hops == NULL or self.ptr.sources == NULL:
            raise MemoryError
        self.ptr.rcu = <cw_rcu *>rcu.ptr
        self.ptr.texts = texts.ptr
        self.ptr.rules_seq = rules_seq
        key = blake2b(secret, digest_size=16, person=b"cw-path").digest()
        memcpy(self.ptr.key, <const uint8_t *>key, 16)

    def __dealloc__(self):
        cw_world_free(self.ptr)
        free(self.asker)

    cdef int open(self) except -1:
        if self.frozen:
            raise RuntimeError("this world is published; build a new one")
        return 0

    @property
    def rules_seq(self):
        return self.ptr.rules_seq

    def add_listener(self, str ip not None, int port, str sent_by_host not None, int sent_by_port):
        """Index of the listener. sent_by: what Via and Record-Route say; IPv6 hosts without brackets."""
        self.open()
        room("listeners", self.ptr.n_listeners, CW_LISTENERS_MAX)
        cdef cw_listener *slot = &self.ptr.listeners[self.ptr.n_listeners]
        endpoint(ip, port, &slot.bind)
        if not 0 < sent_by_port <= 65535:
            raise ValueError(f"port {sent_by_port} is outside 1..65535")
        host = (f"[{sent_by_host}]" if ":" in sent_by_host else sent_by_host).lower()
        sent_by = f"{host}:{sent_by_port}".encode()
        if len(sent_by) >= CW_NAME_MAX:
            raise ValueError(f"{sent_by_host!r} is too long for a Via")
        memcpy(slot.sent_by, <const char *>sent_by, len(sent_by))
        slot.sent_by_len = len(sent_by)
        slot.host_off = host.startswith("[")
        slot.host_len = len(host) - 2 * slot.host_off
        slot.sent_by_port = sent_by_port
        self.ptr.n_listeners += 1
        return self.ptr.n_listeners - 1

    def add_name(self, str host not None):
        self.open()
        room("host names", self.ptr.n_names, CW_NAMES_MAX)
        name_into(&self.ptr.names[self.ptr.n_names], host.lower())
        self.ptr.n_names += 1

    def add_marker(self, str text not None):
        self.open()
        room("markers", self.ptr.n_markers, CW_MARKERS_MAX)
        # as csrc/cw_label.c folds the names that it compares: without width, case and spaces
        name_into(&self.ptr.markers[self.ptr.n_markers], "".join(normalize("NFKC", text).casefold().split()))
        self.ptr.n_markers += 1

    def add_hop(self, targets):
        """Index of the hop; targets are (ip, port, health slot)."""
        self.open()
        room("hops", self.ptr.n_hops, CW_HOPS_MAX)
        cdef cw_hop *hop = &self.ptr.hops[self.ptr.n_hops]
        memset(hop, 0, sizeof(cw_hop))
        for ip, port, slot in targets:
            room("targets of a hop", hop.n_targets, CW_TARGETS_MAX)
            if not 0 <= slot < CW_HEALTH_MAX or port < 1:
                raise ValueError(f"target {ip}:{port} with health slot {slot}")
            endpoint(ip, port, &hop.targets[hop.n_targets])
            hop.health[hop.n_targets] = slot
            hop.n_targets += 1
        if hop.n_targets == 0:
            raise ValueError("a hop without targets")
        self.ptr.n_hops += 1
        return self.ptr.n_hops - 1

    def add_trunk(self, *, str trunk_class not None, bint trusted, int country_code, str area not None="",
                  bint bare_is_foreign=False, strip=(), int hop=-1, bint record_route=True, label=("pai", "call-info")):
        self.open()
        room("trunks", self.ptr.n_trunks, CW_TRUNKS_MAX)
        cdef cw_trunk *trunk = &self.ptr.trunks[self.ptr.n_trunks]
        memset(trunk, 0, sizeof(cw_trunk))
        trunk.cls = TRUNK_CLASSES.index(trunk_class)
        trunk.trusted = trusted
        trunk.record_route = record_route
        for place in label:
            if place not in LABELS:
                raise ValueError(f"label place {place!r} is none of {', '.join(LABELS)}")
            trunk.label |= LABELS[place]
        if not -1 <= hop < self.ptr.n_hops:
            raise ValueError(f"hop {hop} does not exist")
        trunk.hop = CW_NO_HOP if hop < 0 else hop
        if not 0 <= country_code <= 999:
            raise ValueError(f"country code {country_code} is outside 0..999")
        trunk.plan.country_code = country_code
        trunk.plan.bare_is_foreign = bare_is_foreign
        raw = area.encode()
        if len(raw) > 7 or (raw and not raw.isdigit()):
            raise ValueError(f"area code {area!r} is not up to 7 digits")
        memcpy(trunk.plan.area, <const char *>raw, len(raw))
        for prefix in strip:
            raw = prefix.encode()
            if not raw.isdigit() or len(raw) > 7 or trunk.plan.n_strip >= 8:
                raise ValueError(f"prefix {prefix!r}: up to 8 prefixes of up to 7 digits")
            memcpy(trunk.plan.strip[trunk.plan.n_strip], <const char *>raw, len(raw))
            trunk.plan.n_strip += 1
        self.ptr.n_trunks += 1
        return self.ptr.n_trunks - 1

    def add_source(self, int trunk, str network not None):
        """A CIDR network or an address whose datagrams belong to the trunk; the longest prefix wins."""
        self.open()
        room("sources", self.ptr.n_sources, CW_SOURCES_MAX)
        if not 0 <= trunk < self.ptr.n_trunks:
            raise ValueError(f"trunk {trunk} does not exist")
        net = ip_network(network)
        cdef uint8_t bits = net.prefixlen + (96 if net.version == 4 else 0)
        cdef uint32_t at = self.ptr.n_sources
        while at > 0 and self.ptr.sources[at - 1].bits < bits:
            self.ptr.sources[at] = self.ptr.sources[at - 1]
            at -= 1
        cdef cw_ep ep
        endpoint(str(net.network_address), 0, &ep)
        memcpy(self.ptr.sources[at].ip, ep.ip, 16)
        self.ptr.sources[at].bits = bits
        self.ptr.sources[at].trunk = trunk
        self.ptr.n_sources += 1

    def add_list(self, NumberList numbers not None, str kind not None):
        """Index of the list; its facts are caller_in(index) and callee_in(index)."""
        self.open()
        room("lists", self.ptr.n_lists, CW_LISTS_MAX)
        if numbers.rcu is not self.rcu:
            raise ValueError("the list belongs to another reclamation domain")
        self.ptr.list_kinds[self.ptr.n_lists] = LIST_KINDS.index(kind)
        self.ptr.lists[self.ptr.n_lists] = <cw_list *>numbers.ptr
        self.numbers.append(numbers)
        self.ptr.n_lists += 1
        return self.ptr.n_lists - 1

    def set_emergency(self, callees, psap_callers):
        """Numbers beside the built-in ones that are never screened."""
        self.open()
        callees, psap_callers = set(callees), set(psap_callers)
        cdef cw_num *first = numbers_array(callees)
        cdef cw_num *second
        try:
            second = numbers_array(psap_callers)
        except BaseException:
            free(first)
            raise
        free(<void *>self.ptr.emergency.callees)
        free(<void *>self.ptr.emergency.psap_callers)
        self.ptr.emergency.callees = first
        self.ptr.emergency.n_callees = len(callees)
        self.ptr.emergency.psap_callers = second
        self.ptr.emergency.n_psap_callers = len(psap_callers)

    def set_policy(self, rules):
        """Rules in order; the first enforced one that matches decides."""
        self.open()
        rules = list(rules)
        if len(rules) > CW_RULES_MAX:
            raise ValueError(f"more than {CW_RULES_MAX} rules")
        cdef cw_rule *out = <cw_rule *>calloc(max(len(rules), 1), sizeof(cw_rule))
        if out == NULL:
            raise MemoryError
        try:
            for i, rule in enumerate(rules):
                self._rule(&out[i], rule)
        except BaseException:
            free(out)
            raise
        free(self.ptr.policy.rules)
        self.ptr.policy.rules = out
        self.ptr.policy.n_rules = len(rules)
        self.ptr.policy.callee_lists = 0
        for i in range(len(rules)):
            self.ptr.policy.callee_lists |= out[i].all.w[3] | out[i].none.w[3]

    cdef object _rule(self, cw_rule *out, object rule):
        facts_into(&out.all, rule.all)
        facts_into(&out.none, rule.none)
        action = ACTIONS.index(rule.action)
        out.action = action
        out.enforce = rule.enforce
        out.code = rule.code
        out.head = rule.head
        out.hop = CW_NO_HOP
        if rule.action == "intercept" and cw_texts_get(self.texts.ptr, rule.head) == NULL:
            raise ValueError("an intercepting rule without the head of its answer")
        if rule.action == "divert":
            if not 0 <= rule.hop < self.ptr.n_hops:
                raise ValueError(f"hop {rule.hop} does not exist")
            out.hop = rule.hop
        if rule.action == "label":
            if rule.text_list >= 0:
                if rule.text_list >= self.ptr.n_lists:
                    raise ValueError(f"list {rule.text_list} does not exist")
                out.text_list = rule.text_list
                out.text = CW_TEXT_OF_ENTRY
            else:
                if cw_texts_get(self.texts.ptr, rule.text) == NULL:
                    raise ValueError("a labelling rule without its text")
                out.text = rule.text

    def decide(self, bytes datagram not None, source, *, int listener=0, uint64_t now_s=0):
        """What the data plane would do with this datagram, without memo, record and counters; see world.pyi."""
        cdef cw_in arrived
        cdef cw_out leaving
        cdef cw_record *r = &self.asker.decision
        if len(datagram) > CW_DATAGRAM_MAX or not datagram:
            raise ValueError(f"a datagram of {len(datagram)} bytes")
        if not 0 <= listener < self.ptr.n_listeners:
            raise ValueError(f"listener {listener} does not exist")
        endpoint(source[0], source[1], &arrived.src)
        arrived.buf = datagram
        arrived.len = len(datagram)
        arrived.listener = listener
        arrived.now_ms = 0
        arrived.rx_ns = (now_s or int(time.time())) * 1_000_000_000
        memset(r, 0, sizeof(cw_record))
        r.rule = r.shadow = CW_NO_RULE
        r.hop = CW_NO_HOP
        r.trunk = CW_NO_TRUNK
        cdef uint8_t *answer = <uint8_t *>calloc(1, CW_DATAGRAM_MAX)
        if answer == NULL:
            raise MemoryError
        leaving.buf = answer
        self.asker.ring = NULL
        code = cw_engine_handle(self.ptr, NULL, self.asker, &arrived, &leaving)
        free(answer)
        facts = int.from_bytes((<const char *>r.facts.w)[:32], "little")
        screened = bool(facts)
        return {
            "reason": cw_reason_name(code).decode(),
            "action": ACTIONS[r.action],
            "rule": None if r.rule == CW_NO_RULE else r.rule,
            "shadow": None if r.shadow == CW_NO_RULE else r.shadow,
            "facts": facts,
            "caller": r.caller,
            "presented": r.presented,
            "callee": r.callee,
            "caller_raw": r.caller_raw[:min(r.caller_len, 40)],
            "callee_raw": r.callee_raw[:min(r.callee_len, 40)],
            "trunk": None if r.trunk == CW_NO_TRUNK else r.trunk,
            "code": r.code,
            "hop": None if r.hop == CW_NO_HOP else r.hop,
            "text": r.text,
            "latency_ns": r.latency_ns,
            "screened": screened,
        }
