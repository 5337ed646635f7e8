#include "cw_lg_build.h"

#include <string.h>

struct out {
    char *p;
};

#define PUT(o, literal) put(o, literal, sizeof(literal) - 1)

static inline void put(struct out *o, const char *p, size_t n)
{
    memcpy(o->p, p, n);
    o->p += n;
}

static inline void put_who(struct out *o, const struct cw_lg_who *w)
{
    put(o, w->text, w->n);
}

static inline void put_line(struct out *o, const char *name, size_t n, struct cw_lg_span value)
{
    put(o, name, n);
    put(o, value.p, value.n);
    PUT(o, "\r\n");
}

#define LINE(o, name, value) put_line(o, name, sizeof(name) - 1, value)

static const char sdp_body[] = "v=0\r\no=- 20518 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                               "m=audio 49172 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
                               "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";
_Static_assert(sizeof sdp_body - 1 == 189, "Content-Length is written as 189 below");

static void body(struct out *o, bool sdp)
{
    if (sdp) {
        PUT(o, "Content-Type: application/sdp\r\nContent-Length: 189\r\n\r\n");
        put(o, sdp_body, sizeof sdp_body - 1);
    } else {
        PUT(o, "Content-Length: 0\r\n\r\n");
    }
}

static void hex(char *out, unsigned digits, uint32_t value)
{
    for (unsigned i = digits; i-- > 0; value >>= 4)
        out[i] = "0123456789abcdef"[value & 15u];
}

static int unhex(const char *p, unsigned digits, uint32_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < digits; i++) {
        unsigned c = (unsigned char)p[i];
        unsigned v = c - '0' < 10 ? c - '0' : c - 'a' < 6 ? c - 'a' + 10 : 16;
        if (v > 15)
            return -1;
        *value = *value << 4 | v;
    }
    return 0;
}

void cw_lg_id_make(char id[CW_LG_ID], uint32_t run, uint32_t slot, uint32_t generation)
{
    hex(id, 8, run);
    hex(id + 8, 4, slot);
    hex(id + 12, 8, generation);
}

int cw_lg_id_parse(const char *id, size_t n, uint32_t run, uint32_t *slot, uint32_t *generation)
{
    uint32_t seen;
    if (n < CW_LG_ID || unhex(id, 8, &seen) != 0 || seen != run || unhex(id + 8, 4, slot) != 0)
        return -1;
    return unhex(id + 12, 8, generation);
}

/* kind tells the branches of one call apart: i(nvite), a(ck of a 2xx), b(ye) */
static void via(struct out *o, const struct cw_lg_env *e, const char *id, char kind)
{
    PUT(o, "Via: SIP/2.0/UDP ");
    put_who(o, &e->caller);
    PUT(o, ";branch=z9hG4bK");
    put(o, id, CW_LG_ID);
    *o->p++ = kind;
    PUT(o, "\r\nMax-Forwards: 70\r\n");
}

static void from(struct out *o, const struct cw_lg_env *e, const struct cw_lg_call_id *c)
{
    char number[CW_LG_NUMBER_TEXT];
    size_t n = cw_lg_number_text(c->number, number);
    PUT(o, "From: <sip:");
    put(o, number, n);
    *o->p++ = '@';
    put_who(o, &e->caller);
    PUT(o, ">;tag=f");
    put(o, c->id, CW_LG_ID);
    PUT(o, "\r\n");
}

static void call_id(struct out *o, const char *id)
{
    PUT(o, "Call-ID: ");
    put(o, id, CW_LG_ID);
    PUT(o, "@loadgen\r\n");
}

static void target(struct out *o, const struct cw_lg_env *e)
{
    PUT(o, "sip:");
    put_who(o, &e->callee_number);
    *o->p++ = '@';
    put_who(o, &e->gateway);
}

size_t cw_lg_build_invite(char *out, const struct cw_lg_env *e, const struct cw_lg_call_id *c)
{
    struct out o = { out };
    char number[CW_LG_NUMBER_TEXT];
    size_t n = cw_lg_number_text(c->number, number);
    PUT(&o, "INVITE ");
    target(&o, e);
    PUT(&o, " SIP/2.0\r\n");
    via(&o, e, c->id, 'i');
    from(&o, e, c);
    PUT(&o, "To: <");
    target(&o, e);
    PUT(&o, ">\r\n");
    call_id(&o, c->id);
    PUT(&o, "CSeq: 1 INVITE\r\nContact: <sip:");
    put(&o, number, n);
    *o.p++ = '@';
    put_who(&o, &e->caller);
    PUT(&o, ">\r\n");
    if (e->pai) {
        PUT(&o, "P-Asserted-Identity: <sip:");
        put(&o, number, n);
        PUT(&o, "@127.0.0.1>\r\n");
    }
    PUT(&o, "User-Agent: callwarden-loadgen\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n");
    body(&o, e->sdp);
    return (size_t)(o.p - out);
}

/* RFC 3261 17.1.1.3: the ACK of a non-2xx repeats Request-URI, top Via, From, Call-ID; To is the answer's */
size_t cw_lg_build_reject_ack(char *out, const struct cw_lg_env *e, const struct cw_lg_call_id *c,
                              struct cw_lg_span to)
{
    struct out o = { out };
    PUT(&o, "ACK ");
    target(&o, e);
    PUT(&o, " SIP/2.0\r\n");
    via(&o, e, c->id, 'i');
    from(&o, e, c);
    LINE(&o, "To: ", to);
    call_id(&o, c->id);
    PUT(&o, "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
    return (size_t)(o.p - out);
}

enum { MAX_ROUTES = 32 }; /* bounds what splitting adds to the length of a copied line */

/* One Route line a Record-Route value, last value first */
static void routes(struct out *o, const struct cw_lg_msg *ok)
{
    unsigned room = MAX_ROUTES;
    for (unsigned i = ok->n_rr; i-- > 0;) {
        const char *start = ok->rr[i].p;
        const char *end = start + ok->rr[i].n;
        while (end > start && room-- > 0) {
            const char *comma = memrchr(start, ',', (size_t)(end - start));
            const char *value = comma == NULL ? start : comma + 1;
            while (value < end && *value == ' ')
                value++;
            LINE(o, "Route: ", ((struct cw_lg_span){ value, (size_t)(end - value) }));
            if (comma == NULL)
                break;
            end = comma;
        }
    }
}

size_t cw_lg_build_in_dialog(char *out, const struct cw_lg_env *e, const struct cw_lg_call_id *c,
                             const struct cw_lg_msg *ok, bool bye)
{
    struct out o = { out };
    struct cw_lg_span uri = cw_lg_uri(ok->contact);
    if (bye)
        PUT(&o, "BYE ");
    else
        PUT(&o, "ACK ");
    put(&o, uri.p, uri.n);
    PUT(&o, " SIP/2.0\r\n");
    via(&o, e, c->id, bye ? 'b' : 'a');
    routes(&o, ok);
    from(&o, e, c);
    LINE(&o, "To: ", ok->to);
    call_id(&o, c->id);
    if (bye)
        PUT(&o, "CSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n");
    else
        PUT(&o, "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
    return (size_t)(o.p - out);
}

size_t cw_lg_build_answer(char *out, const struct cw_lg_env *e, const struct cw_lg_msg *request, int status,
                          const char id[CW_LG_ID])
{
    struct out o = { out };
    bool invite = request->method.p[0] == 'I';
    if (status == 100)
        PUT(&o, "SIP/2.0 100 Trying\r\n");
    else if (status == 180)
        PUT(&o, "SIP/2.0 180 Ringing\r\n");
    else
        PUT(&o, "SIP/2.0 200 OK\r\n");
    for (unsigned i = 0; i < request->n_via; i++)
        LINE(&o, "Via: ", request->via[i]);
    if (invite && status != 100)
        for (unsigned i = 0; i < request->n_rr; i++)
            LINE(&o, "Record-Route: ", request->rr[i]);
    LINE(&o, "From: ", request->from);
    PUT(&o, "To: ");
    put(&o, request->to.p, request->to.n);
    if (status != 100 && cw_lg_tag(request->to).n == 0) {
        PUT(&o, ";tag=t");
        put(&o, id, CW_LG_ID);
    }
    PUT(&o, "\r\n");
    LINE(&o, "Call-ID: ", request->call_id);
    LINE(&o, "CSeq: ", request->cseq);
    if (invite && status != 100) {
        PUT(&o, "Contact: <sip:callee@");
        put_who(&o, &e->callee);
        PUT(&o, ">\r\n");
    }
    body(&o, e->sdp && invite && status == 200);
    return (size_t)(o.p - out);
}
