/* What every file of the core shares: spans, reasons, byte helpers.
 *
 * Rules of native/csrc: no Python, no allocation, lock, log or system call on the way of a datagram; (buf, len) pairs;
 * functions that can fail return 0 or the negative of a reason; nothing here keeps mutable global state.
 */
#ifndef CW_H
#define CW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CW_DATAGRAM_MAX 65535u /* RFC 3261 18.1.1: a UDP element must accept up to 65,535 bytes */
#define CW_LINE 64             /* a cache line */

#define cw_likely(x) __builtin_expect(!!(x), 1)
#define cw_unlikely(x) __builtin_expect(!!(x), 0)

/* A piece of the datagram. off == 0 && len == 0 means absent (offset 0 is the start line, never a header value). */
struct cw_span {
    uint16_t off;
    uint16_t len;
};
_Static_assert(sizeof(struct cw_span) == 4, "spans are packed four to a register pair");

static inline bool cw_has(struct cw_span s) { return (s.off | s.len) != 0; }
static inline struct cw_span cw_span_of(size_t off, size_t end)
{
    return (struct cw_span){(uint16_t)off, (uint16_t)(end - off)};
}

/* The one table of outcomes: return value, counter, log word, journal field and test name.
 * X(ENUM, name, SIP status of the answer; 0 = no answer) */
#define CW_REASONS(X)                                                                                                  \
    X(PASS, "pass", 0)                             /* no rule matched */                                              \
    X(RULE, "rule", 0)                             /* a rule of the policy decided */                                 \
    X(EMERGENCY, "emergency", 0)                   /* STANDARDS 8.4: bypass before any look-up */                     \
    X(MEMO, "memo", 0)                             /* retransmission: the verdict of its first copy again */          \
    X(IN_DIALOG, "in-dialog", 0)                   /* never screened */                                               \
    X(NOT_SCREENED, "not-screened", 0)             /* a method that is not screened */                                \
    X(RESPONSE, "response", 0)                     /* a response passed on */                                         \
    X(ACK_ABSORBED, "ack-absorbed", 0)             /* the ACK of our own rejection */                                 \
    X(CANCEL_ANSWERED, "cancel-answered", 200)     /* the CANCEL of an INVITE that we rejected */                     \
    X(OPTIONS_ANSWERED, "options-answered", 200)   /* OPTIONS to this element */                                      \
    X(KEEPALIVE, "keepalive", 0)                   /* CRLF or NUL keep-alive, RFC 5626 and habit */                   \
    X(STUN, "stun", 0)                             /* STUN on the SIP port: dropped, counted */                       \
    X(DRAINING, "draining", 503)                   /* OPTIONS while the daemon drains */                              \
    /* faults of a request: answered, STANDARDS 1.2 and 1.16 */                                                        \
    X(BAD_START_LINE, "bad-start-line", 400)                                                                           \
    X(BAD_HEADER, "bad-header", 400)                                                                                   \
    X(BAD_VIA, "bad-via", 400)                                                                                         \
    X(BAD_FROM, "bad-from", 400)                                                                                       \
    X(BAD_TO, "bad-to", 400)                                                                                           \
    X(BAD_CSEQ, "bad-cseq", 400)                                                                                       \
    X(BAD_CALL_ID, "bad-call-id", 400)                                                                                 \
    X(BAD_CONTENT_LENGTH, "bad-content-length", 400)                                                                   \
    X(BAD_MAX_FORWARDS, "bad-max-forwards", 400)                                                                       \
    X(BAD_ROUTE, "bad-route", 400)                                                                                     \
    X(BAD_URI, "bad-uri", 400)                                                                                         \
    X(MISSING_HEADER, "missing-header", 400)                                                                           \
    X(REPEATED_HEADER, "repeated-header", 400)                                                                         \
    X(METHOD_MISMATCH, "method-mismatch", 400)     /* CSeq method differs, known method */                            \
    X(UNKNOWN_METHOD_MISMATCH, "unknown-method-mismatch", 501)                                                         \
    X(BAD_VERSION, "bad-version", 505)                                                                                 \
    X(BAD_SCHEME, "bad-scheme", 416)                                                                                   \
    X(TOO_MANY_HOPS, "too-many-hops", 483)                                                                             \
    X(BAD_EXTENSION, "bad-extension", 420)                                                                             \
    X(TOO_MANY_HEADERS, "too-many-headers", 400)   /* over CW_HDRS_MAX */                                             \
    X(TOO_LARGE, "too-large", 513)                 /* would not fit a datagram after the edits */                     \
    X(NO_ROUTE, "no-route", 404)                   /* nothing configured to send it to */                             \
    X(FORBIDDEN_ROUTE, "forbidden-route", 403)     /* would be an open relay */                                       \
    /* dropped without an answer */                                                                                    \
    X(DROP_SHORT, "drop-short", 0)                 /* fewer bytes than any SIP message */                             \
    X(DROP_NOT_SIP, "drop-not-sip", 0)                                                                                 \
    X(DROP_BAD_RESPONSE, "drop-bad-response", 0)   /* RFC 3261 18.3: a broken response is discarded */                \
    X(DROP_BAD_ACK, "drop-bad-ack", 0)             /* no response is ever sent to an ACK */                           \
    X(DROP_UNANSWERABLE, "drop-unanswerable", 0)   /* a broken request whose Via, From, To... cannot be copied */     \
    X(DROP_SOURCE, "drop-source", 0)               /* sender belongs to no trunk and no hop */                        \
    X(DROP_NOT_OURS, "drop-not-ours", 0)           /* response whose top Via is not ours, RFC 3261 16.11 */           \
    X(DROP_FORGED, "drop-forged", 0)               /* response whose branch or flow we did not make */                \
    X(DROP_NO_VIA, "drop-no-via", 0)               /* response that ends here */                                      \
    X(DROP_DESTINATION, "drop-destination", 0)     /* broadcast, multicast, unroutable */                             \
    X(DROP_RULE, "drop-rule", 0)                   /* a rule of the policy says drop */                               \
    X(DROP_SEND, "drop-send", 0)                   /* the kernel refused the datagram */

enum cw_reason {
#define X(id, name, status) CW_R_##id,
    CW_REASONS(X)
#undef X
        CW_R_COUNT
};

/* Name of a reason ("bad-via"); "?" beyond the table. */
const char *cw_reason_name(unsigned reason);
/* SIP status that answers the fault; 0 = none. */
unsigned cw_reason_status(unsigned reason);

static inline uint8_t cw_lower(uint8_t c) { return (uint8_t)(c - 'A') < 26 ? (uint8_t)(c | 0x20) : c; }
static inline bool cw_isdigit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

/* ASCII case-insensitive equality; b is given in lower case. */
static inline bool cw_ieq(const uint8_t *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++)
        if (cw_lower(a[i]) != (uint8_t)b[i])
            return false;
    return true;
}
#define cw_ieq_lit(a, a_len, lit) cw_ieq((a), (a_len), "" lit, sizeof(lit) - 1)

#endif
