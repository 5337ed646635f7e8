/* Texts that go onto the wire as they are: labels and heads of answers, rendered and checked by the control side.
 * Append-only with fixed capacity, so that an id in the memo stays good across rule sets; equal texts share one id. */
#ifndef CW_TEXTS_H
#define CW_TEXTS_H

#include "cw.h"

struct cw_text {
    const uint8_t *a;        /* label: display-name content, escaped, without quotes; head: the status line with CRLF */
    const uint8_t *b;        /* label: whole Call-Info lines, or nothing; head: whole header lines, or nothing */
    uint16_t a_len, b_len;
};
struct cw_texts;             /* opaque */
struct cw_texts *cw_texts_new(uint32_t entries, uint32_t bytes);
void cw_texts_free(struct cw_texts *texts);
/* Writer: id (> 0) of the text, added if new; 0 when there is no room. Visible to readers on return. */
uint32_t cw_texts_add(struct cw_texts *texts, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Reader: NULL for 0 and unknown ids. */
const struct cw_text *cw_texts_get(const struct cw_texts *texts, uint32_t id);
uint32_t cw_texts_count(const struct cw_texts *texts);

#endif
