/* libFuzzer: scan, check, identify and bypass under a dial plan made from the first bytes.
 *
 * Input: byte 0 flags (trusted, bare_is_foreign), byte 1 the country code, byte 2 area and strip; the rest is the
 * datagram. Whatever cw_check() said, cw_identify() must hold its promises; a number it names must come back from its own
 * text.
 */
#include "cw_number.h"

#include <stdio.h>
#include <stdlib.h>

#define B(cls) (UINT32_C(1) << CW_C_##cls)
#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void check_number(cw_num n, uint32_t classes)
{
    char text[24];
    MUST(classes != 0 && classes >> CW_C_COUNT == 0);
    MUST(cw_num_text(n, text) < sizeof text);
    if (n == 0) {
        MUST(classes & (B(WITHHELD) | B(NONNUMERIC) | B(IRREGULAR)));
        MUST(!(classes & (B(SHORT) | B(FOREIGN) | B(MOBILE) | B(FIXED) | B(IOT))));
        return;
    }
    MUST(!(classes & (B(WITHHELD) | B(NONNUMERIC))));
    MUST(!(classes & B(DOMESTIC)) != !(classes & B(FOREIGN)));
    MUST(!(n & CW_NUM_SHORT) == !(classes & B(SHORT)));
    MUST(!(classes & B(EMERGENCY)) || cw_num_is_emergency(n));
    MUST(strlen(text) <= CW_NUM_DIGITS_MAX + 1);
    if (n & CW_NUM_SHORT)
        return;
    unsigned kinds = (unsigned)__builtin_popcount(classes & (B(MOBILE) | B(FIXED) | B(IOT) | B(SERVICE_400) | B(SERVICE_800)));
    MUST(n < UINT64_C(1000000000000000) && kinds <= 1 && cw_num_digits(n) == strlen(text) - 1);
    MUST(kinds == 0 || (classes & B(DOMESTIC)));
}

static void check_party(const struct cw_party *p, const struct cw_dialplan *plan, size_t len)
{
    char text[24];
    uint32_t classes;
    MUST((size_t)p->raw.off + p->raw.len <= len);
    check_number(p->num, p->classes);
    if (p->num == 0 || (p->num & CW_NUM_SHORT))
        return;
    size_t n = cw_num_text(p->num, text);
    MUST(cw_canonical(plan, (const uint8_t *)text, n, NULL, 0, &classes) == p->num);
    check_number(p->num, classes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t countries[] = {86, 86, 86, 44, 1, 0, 852, 33};
    static const char areas[][8] = {"", "10", "755", "21", "0", "99999999"};
    static struct cw_msg m;
    struct cw_parties p;
    if (size < 3 || size - 3 > CW_DATAGRAM_MAX)
        return 0;
    struct cw_dialplan plan = {.country_code = countries[data[1] % 8], .bare_is_foreign = (data[0] & 2) != 0};
    memcpy(plan.area, areas[data[2] % 6], sizeof plan.area);
    plan.n_strip = data[2] / 6 % 3;
    memcpy(plan.strip[0], "17951", 6);
    memcpy(plan.strip[1], "9", 2);
    size_t len = size - 3;
    uint8_t *buf = malloc(len ? len : 1); /* a block of its own, so that ASan sees a byte too far on either side */
    if (!buf)
        abort();
    memcpy(buf, data + 3, len);
    cw_scan(buf, len, &m);
    cw_check(&m); /* whatever they say: identify never fails */
    memset(&p, 0xa5, sizeof p);
    cw_identify(&m, &plan, data[0] & 1, &p);
    check_party(&p.caller, &plan, len);
    check_party(&p.callee, &plan, len);
    if (p.presented.classes != 0)
        check_party(&p.presented, &plan, len);
    else
        MUST(p.presented.num == 0 && !cw_has(p.presented.raw));
    MUST(p.flags < 128);
    MUST(!(p.flags & CW_P_EQUALS_CALLEE) || p.caller.num == p.callee.num);
    MUST(!(p.flags & CW_P_UNVERIFIED) == ((data[0] & 1) != 0));
    cw_num other = p.callee.num ^ 1;
    struct cw_emergency none = {NULL, 0, NULL, 0}, extra = {&p.callee.num, 1, &other, 1};
    bool bypass = cw_is_emergency(&m, &p, &none);
    MUST(bypass == cw_is_emergency(&m, &p, NULL));
    MUST(bypass || !(p.callee.classes & B(EMERGENCY)));
    MUST(cw_is_emergency(&m, &p, &extra) || p.callee.num == 0);
    /* digits on their own: the whole input as dialled, and as context */
    uint32_t classes;
    check_number(cw_canonical(&plan, buf, len, NULL, 0, &classes), classes);
    size_t cut = len / 2;
    check_number(cw_canonical(&plan, buf, cut, buf + cut, len - cut, &classes), classes);
    free(buf);
    return 0;
}
