cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from native.tables cimport Rcu


cdef extern from "cw_engine.h":
    enum:
        CW_R_COUNT
        CW_RULES_MAX
        CW_LISTS_MAX
        CW_HEALTH_MAX
        CW_HIST_BUCKETS
        CW_NO_RULE
        CW_DATAGRAM_MAX
        CW_C_COUNT
        CW_TRUNKS_MAX
        CW_HOPS_MAX
        CW_TARGETS_MAX
        CW_SOURCES_MAX
        CW_LISTENERS_MAX
        CW_NAMES_MAX
        CW_NAME_MAX
        CW_MARKERS_MAX
        CW_NO_HOP
        CW_NO_TRUNK
        CW_NUM_SHORT
        CW_TEXT_OF_ENTRY
        CW_LABEL_PAI
        CW_LABEL_FROM
        CW_LABEL_CALL_INFO
        CW_R_PASS

    ctypedef uint64_t cw_num
    struct cw_ep:
        uint8_t ip[16]
        uint16_t port
    struct cw_facts:
        uint64_t w[4]
    struct cw_rule:
        cw_facts all
        cw_facts none
        uint8_t action
        bint enforce
        uint8_t text_list
        uint16_t code
        uint16_t hop
        uint32_t text
        uint32_t head
    struct cw_policy:
        uint32_t n_rules
        uint64_t callee_lists
        cw_rule *rules
    struct cw_dialplan:
        uint16_t country_code
        char area[8]
        bint bare_is_foreign
        uint8_t n_strip
        char strip[8][8]
    struct cw_trunk:
        cw_dialplan plan
        uint8_t cls
        bint trusted
        bint record_route
        uint8_t label
        uint16_t hop
    struct cw_source:
        uint8_t ip[16]
        uint8_t bits
        uint16_t trunk
    struct cw_hop:
        uint16_t n_targets
        uint16_t health[16]
        cw_ep targets[16]
    struct cw_listener:
        cw_ep bind
        char sent_by[64]
        uint8_t sent_by_len, host_off, host_len
        uint16_t sent_by_port
    struct cw_name "cw_name":
        char text[64]
        uint8_t len
    struct cw_emergency:
        const cw_num *callees
        uint32_t n_callees
        const cw_num *psap_callers
        uint32_t n_psap_callers
    struct cw_rcu:
        pass
    struct cw_list:
        pass
    struct cw_texts:
        pass
    struct cw_text:
        const uint8_t *a
        const uint8_t *b
        uint16_t a_len
        uint16_t b_len
    struct cw_world:
        uint64_t rules_seq
        uint8_t key[16]
        cw_rcu *rcu
        cw_texts *texts
        uint16_t n_listeners, n_trunks, n_hops, n_lists, n_names, n_markers
        uint32_t n_sources
        cw_listener listeners[16]
        cw_list *lists[64]
        uint8_t list_kinds[64]
        cw_name names[32]
        cw_name markers[32]
        cw_emergency emergency
        cw_policy policy
        cw_trunk *trunks
        cw_hop *hops
        cw_source *sources
    struct cw_shared:
        pass
    struct cw_ring:
        pass
    struct cw_record:
        uint64_t rules_seq
        cw_num caller, presented, callee
        cw_facts facts
        uint32_t latency_ns
        uint32_t text
        uint16_t reason, rule, shadow, trunk, hop, target, code
        uint8_t action, method
        uint8_t call_id_len, caller_len, callee_len
        uint8_t call_id[64]
        uint8_t caller_raw[40]
        uint8_t callee_raw[40]
    struct cw_stats:
        pass
    struct cw_worker:
        cw_stats stats
        cw_ring *ring
        cw_record decision
    struct cw_in:
        const uint8_t *buf
        uint32_t len
        uint16_t listener
        cw_ep src
        uint64_t rx_ns
        uint32_t now_ms
    struct cw_out:
        uint8_t *buf
        uint32_t len
        uint16_t listener
        cw_ep dst
    unsigned cw_engine_handle(const cw_world *world, cw_shared *shared, cw_worker *worker, const cw_in *arrived,
                              cw_out *leaving) nogil


cdef int endpoint(object ip, object port, cw_ep *ep) except -1
cdef object endpoint_text(const cw_ep *ep)


@cython.final
cdef class Texts:
    cdef cw_texts *ptr


@cython.final
cdef class World:
    cdef cw_world *ptr
    cdef cw_worker *asker
    cdef readonly Rcu rcu
    cdef readonly Texts texts
    cdef list numbers
    cdef bint frozen
    cdef object __weakref__
    cdef int open(self) except -1
    cdef object _rule(self, cw_rule *out, object rule)
