/* libFuzzer: any bytes through cw_scan(), cw_check() and the parsers of single values; the invariants must hold. */
#include "../csrc/scan_invariants.h"

/* The whole input as one value: spans are then relative to its start. */
static void parse_alone(const uint8_t *buf, size_t len)
{
    struct cw_span all = {0, (uint16_t)len}, value;
    struct cw_uri uri;
    struct cw_addr addr;
    struct cw_via via;
    if (cw_uri_parse(buf, all, &uri) == 0)
        must_be_uri(&uri);
    if (cw_addr_parse(buf, all, CW_R_BAD_FROM, &addr) == 0)
        must_be_address(&addr);
    if (cw_via_parse(buf, all, &via) == 0)
        MUST(via.host.len && via.value.len == len);
    if (cw_param_find(buf, all, "tag", 3, &value))
        must_lie_in(value, all);
    MUST(cw_header_id(buf, len) < CW_H_COUNT && cw_method_id(buf, len) < CW_M_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_msg m, again;
    if (size > CW_DATAGRAM_MAX)
        return 0;
    uint8_t *buf = malloc(size ? size : 1); /* a block of its own, so that ASan sees an octet too far on either side */
    if (!buf)
        abort();
    memcpy(buf, data, size);
    int result = scan_and_assert(buf, size, &m);
    parse_alone(buf, size);
    if (result == 0)
        /* what was cut off behind the body plays no part */
        MUST(scan_and_assert(buf, m.len, &again) == 0 && again.len == m.len && again.n_hdrs == m.n_hdrs);
    free(buf);
    return 0;
}
