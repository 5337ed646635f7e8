/* Opening and reading a base; building one is in cw_base_build.c. */
#include "cw_base.h"

#include <stdlib.h>

#include "cw_mem.h"
#include "cw_overlay.h"

static bool section(const struct cw_base_head *h, uint64_t off, uint64_t items, uint64_t size)
{
    return off >= sizeof *h && off % 8 == 0 && off <= h->bytes && items <= (h->bytes - off) / size;
}

bool cw_base_open(struct cw_base *b, void *memory, size_t bytes)
{
    const struct cw_base_head *h = memory;
    if (bytes < sizeof *h || memcmp(h->magic, "CWBASE1", 8) != 0 || h->version != CW_BASE_VERSION ||
        h->head_bytes != sizeof *h || h->bytes != bytes)
        return false;
    if (h->attr_width > 4 || h->attr_width == 3 || h->n_lines == 0 || h->n_dict == 0 || h->n_numbers >> 32 ||
        h->probe_max > h->n_lines)
        return false;
    if (!section(h, h->index_off, (uint64_t)h->n_lines * CW_BLOCKS_A_LINE, sizeof(struct cw_block)) ||
        !section(h, h->order_off, h->n_blocks, sizeof(uint32_t)) ||
        !section(h, h->offsets_off, h->n_numbers + CW_LINE / 2, sizeof(uint16_t)) ||
        !section(h, h->attrs_off, h->n_numbers * h->attr_width, 1) ||
        !section(h, h->dict_off, h->n_dict, sizeof(struct cw_attr)))
        return false;
    const uint8_t *p = memory;
    *b = (struct cw_base){
        .memory = memory, .bytes = bytes, .index = (const void *)(p + h->index_off), .order = (const void *)(p + h->order_off),
        .offsets = (const void *)(p + h->offsets_off), .attrs = p + h->attrs_off, .dict = (const void *)(p + h->dict_off),
        .n_numbers = h->n_numbers, .n_blocks = h->n_blocks, .n_lines = h->n_lines, .probe_max = h->probe_max,
        .attr_width = h->attr_width, .n_dict = h->n_dict,
    };
    return true;
}

void cw_base_free(struct cw_base *b)
{
    if (!b)
        return;
    cw_big_free(b->memory, b->bytes);
    free(b);
}

static inline uint32_t home_line(const struct cw_base *b, uint64_t key)
{
    return (uint32_t)((cw_mix(key) >> 32) * b->n_lines >> 32);
}

static const struct cw_block *find_block(const struct cw_base *b, uint64_t key)
{
    uint32_t line = home_line(b, key);
    for (uint32_t probes = 0; probes < b->probe_max; probes++) {
        const struct cw_block *s = &b->index[(size_t)line * CW_BLOCKS_A_LINE];
        /* which of the four is unpredictable: choose without a branch, so that look-ups overlap */
        unsigned i = (unsigned)(s[1].key == key) | (unsigned)(s[2].key == key) * 2 | (unsigned)(s[3].key == key) * 3;
        if (s[i].key == key)
            return &s[i];
        if (s[CW_BLOCKS_A_LINE - 1].key == 0) /* lines fill from the front: this one never ran over */
            return NULL;
        line = line + 1 == b->n_lines ? 0 : line + 1;
    }
    return NULL;
}

enum { WINDOW = 32 };

/* How many of a[0..WINDOW) with an index below n are less than want. No branch; offsets are below 2^15, so that signed
 * 16-bit lanes (all that SSE2 has) will do. Reads the whole window: the section is padded behind. */
static inline uint32_t count_below(const uint16_t *a, uint32_t n, uint32_t want)
{
    int16_t below = 0;
    for (int16_t i = 0; i < WINDOW; i++)
        below = (int16_t)(below + (((int16_t)a[i] < (int16_t)want) & (i < (int16_t)n)));
    return (uint32_t)below;
}

/* The index of want in a[0..n), sorted and distinct, or -1. Offsets spread evenly are found in one window of a cache line
 * around their expected place; others by halving what remains. */
static int32_t search(const uint16_t *a, uint32_t n, uint32_t want)
{
    uint32_t low = 0, high = n;
    if (n <= WINDOW) {
        low = count_below(a, n, want);
    } else {
        uint32_t guess = want * n / CW_BLOCK_NUMBERS, w = guess > WINDOW / 2 ? guess - WINDOW / 2 : 0;
        w = w > n - WINDOW ? n - WINDOW : w;
        if (a[w] > want) {
            high = w;
        } else if (a[w + WINDOW - 1] < want) {
            low = w + WINDOW;
        } else {
            low = high = w + count_below(a + w, WINDOW, want);
        }
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (a[middle] < want)
                low = middle + 1;
            else
                high = middle;
        }
    }
    return low < n && a[low] == want ? (int32_t)low : -1;
}

const struct cw_attr *cw_base_find(const struct cw_base *b, cw_num num)
{
    if (!b)
        return NULL;
    const struct cw_block *block = find_block(b, cw_block_of(num) + 1);
    if (!block)
        return NULL;
    uint32_t off = (uint32_t)((num & ~CW_NUM_SHORT) % CW_BLOCK_NUMBERS);
    /* the attribute's line is fetched while the offsets are searched */
    if (b->attr_width)
        __builtin_prefetch((const uint8_t *)b->attrs +
                           ((size_t)block->start + off * (uint32_t)block->count / CW_BLOCK_NUMBERS) * b->attr_width);
    int32_t i = search(b->offsets + block->start, block->count, off);
    return i < 0 ? NULL : &b->dict[cw_base_attr_id(b, (size_t)block->start + (uint32_t)i)];
}

void cw_base_prefetch(const struct cw_base *b, cw_num num)
{
    if (b)
        __builtin_prefetch(&b->index[(size_t)home_line(b, cw_block_of(num) + 1) * CW_BLOCKS_A_LINE]);
}

void cw_base_seek(const struct cw_base *b, cw_num from, struct cw_base_cursor *at)
{
    uint64_t key = cw_block_of(from) + 1;
    uint32_t low = 0, high = b ? b->n_blocks : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (b->index[b->order[middle]].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    *at = (struct cw_base_cursor){low, 0};
    if (!b || low == b->n_blocks || b->index[b->order[low]].key != key)
        return;
    const struct cw_block *block = &b->index[b->order[low]];
    uint32_t off = (uint32_t)((from & ~CW_NUM_SHORT) % CW_BLOCK_NUMBERS);
    while (at->i < block->count && b->offsets[block->start + at->i] < off)
        at->i++;
}

bool cw_base_next(const struct cw_base *b, struct cw_base_cursor *at, cw_num *num, const struct cw_attr **attr)
{
    while (b && at->block < b->n_blocks) {
        const struct cw_block *block = &b->index[b->order[at->block]];
        if (at->i < block->count) {
            size_t i = (size_t)block->start + at->i++;
            *num = cw_block_first(block->key - 1) + b->offsets[i];
            *attr = &b->dict[cw_base_attr_id(b, i)];
            return true;
        }
        *at = (struct cw_base_cursor){at->block + 1, 0};
    }
    return false;
}
