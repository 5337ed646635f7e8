/* Where caller numbers come from: one number, a random one from a range, or a file (cycled or in random order).
 * Numbers are E.164 integers and are written as "+digits"; a file holds one number a line, '+' optional, what
 * follows the digits is ignored. */
#ifndef CW_LG_NUMBERS_H
#define CW_LG_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cw_lg_numbers_kind { CW_LG_NUMBERS_FIXED, CW_LG_NUMBERS_RANGE, CW_LG_NUMBERS_CYCLE, CW_LG_NUMBERS_SHUFFLE };
enum { CW_LG_NUMBER_TEXT = 24 };

struct cw_lg_numbers {
    enum cw_lg_numbers_kind kind;
    uint64_t first, last; /* FIXED: first; RANGE: both ends included */
    uint64_t *list;       /* CYCLE, SHUFFLE: owned */
    size_t n, next;
    uint64_t rng;
};

/* spec: "+8613800000001", "random", "random:LOW-HIGH", "file:PATH", "shuffle:PATH". 0, or -1 with *why set. */
int cw_lg_numbers_open(struct cw_lg_numbers *n, const char *spec, uint64_t seed, const char **why);
void cw_lg_numbers_close(struct cw_lg_numbers *n);
uint64_t cw_lg_numbers_next(struct cw_lg_numbers *n);

/* For has: sorts the list once. */
void cw_lg_numbers_sort(struct cw_lg_numbers *n);
bool cw_lg_numbers_has(const struct cw_lg_numbers *n, uint64_t number);

uint64_t cw_lg_random(uint64_t *state);

/* "+digits", not terminated; the length. */
size_t cw_lg_number_text(uint64_t number, char out[CW_LG_NUMBER_TEXT]);

#endif
