#include "cw_lg_numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIGITS = 15 };

/* splitmix64: one state word, any seed */
uint64_t cw_lg_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t cw_lg_number_text(uint64_t number, char out[CW_LG_NUMBER_TEXT])
{
    char digits[CW_LG_NUMBER_TEXT];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    out[0] = '+';
    for (size_t i = 0; i < n; i++)
        out[1 + i] = digits[n - 1 - i];
    return n + 1;
}

static int parse(const char *text, uint64_t *number, const char **rest)
{
    unsigned digits = 0;
    *number = 0;
    if (*text == '+')
        text++;
    for (; *text >= '0' && *text <= '9'; text++, digits++)
        *number = *number * 10 + (uint64_t)(*text - '0');
    if (rest != NULL)
        *rest = text;
    return digits > 0 && digits <= MAX_DIGITS ? 0 : -1;
}

static int load(struct cw_lg_numbers *n, const char *path)
{
    char line[256];
    size_t room = 0;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return -1;
    while (fgets(line, sizeof line, f) != NULL) {
        uint64_t number;
        if (parse(line, &number, NULL) != 0)
            continue;
        if (n->n == room) {
            room = room == 0 ? 4096 : room * 2;
            uint64_t *more = realloc(n->list, room * sizeof *more);
            if (more == NULL)
                break;
            n->list = more;
        }
        n->list[n->n++] = number;
    }
    int bad = ferror(f);
    fclose(f);
    return bad || n->n == 0 ? -1 : 0;
}

int cw_lg_numbers_open(struct cw_lg_numbers *n, const char *spec, uint64_t seed, const char **why)
{
    memset(n, 0, sizeof *n);
    n->rng = seed;
    *why = "cannot read a number from the file";
    if (strncmp(spec, "file:", 5) == 0) {
        n->kind = CW_LG_NUMBERS_CYCLE;
        return load(n, spec + 5);
    }
    if (strncmp(spec, "shuffle:", 8) == 0) {
        n->kind = CW_LG_NUMBERS_SHUFFLE;
        return load(n, spec + 8);
    }
    if (strncmp(spec, "random", 6) == 0) {
        const char *rest = spec + 6;
        n->kind = CW_LG_NUMBERS_RANGE;
        n->first = 8613000000000u;
        n->last = 8613999999999u;
        *why = "a range is random:LOW-HIGH";
        if (*rest == '\0')
            return 0;
        if (*rest != ':' || parse(rest + 1, &n->first, &rest) != 0 || *rest != '-' ||
            parse(rest + 1, &n->last, &rest) != 0 || *rest != '\0' || n->last < n->first)
            return -1;
        return 0;
    }
    const char *rest;
    *why = "not a number, random, random:LOW-HIGH, file:PATH or shuffle:PATH";
    return parse(spec, &n->first, &rest) == 0 && *rest == '\0' ? 0 : -1;
}

void cw_lg_numbers_close(struct cw_lg_numbers *n)
{
    free(n->list);
    n->list = NULL;
}

uint64_t cw_lg_numbers_next(struct cw_lg_numbers *n)
{
    switch (n->kind) {
    case CW_LG_NUMBERS_RANGE:
        return n->first + cw_lg_random(&n->rng) % (n->last - n->first + 1);
    case CW_LG_NUMBERS_CYCLE:
        n->next = n->next + 1 < n->n ? n->next + 1 : 0;
        return n->list[n->next];
    case CW_LG_NUMBERS_SHUFFLE:
        return n->list[cw_lg_random(&n->rng) % n->n];
    case CW_LG_NUMBERS_FIXED:
    default:
        return n->first;
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void cw_lg_numbers_sort(struct cw_lg_numbers *n)
{
    if (n->n > 0)
        qsort(n->list, n->n, sizeof *n->list, compare);
}

bool cw_lg_numbers_has(const struct cw_lg_numbers *n, uint64_t number)
{
    if (n->list == NULL)
        return n->kind == CW_LG_NUMBERS_RANGE ? number >= n->first && number <= n->last : number == n->first;
    return bsearch(&number, n->list, n->n, sizeof number, compare) != NULL;
}
