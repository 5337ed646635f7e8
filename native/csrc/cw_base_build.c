/* Building a base: one pass over the old base and the changes counts and marks the attributes in use, a second one writes.
 * What lies between two changes of a block is copied as a whole. */
#include <stdlib.h>

#include "cw_base.h"
#include "cw_mem.h"
#include "cw_overlay.h"

struct build {
    const struct cw_base *old;
    const cw_num *nums;
    const uint32_t *vals;
    size_t n;
    struct cw_attr_map from_old, from_new;
    bool drops;                  /* some attribute of old is expired */
    bool same;                   /* writing: old ids and width stay as they are */
    bool write;
    uint64_t pos;                /* numbers so far */
    uint32_t blocks;             /* blocks so far */
    struct cw_base_head *head;   /* the rest: only when writing */
    struct cw_block *index;
    uint32_t *order;
    uint16_t *offsets;
    void *attrs;
};

static void put_id(struct build *b, uint64_t at, uint32_t id)
{
    switch (b->head->attr_width) {
    case 0: return;
    case 1: ((uint8_t *)b->attrs)[at] = (uint8_t)id; return;
    case 2: ((uint16_t *)b->attrs)[at] = (uint16_t)id; return;
    default: ((uint32_t *)b->attrs)[at] = id; return;
    }
}

static inline void emit(struct build *b, uint32_t off, uint32_t *id)
{
    if (*id == CW_MAP_DROP)
        return;
    if (b->write) {
        b->offsets[b->pos] = (uint16_t)off;
        put_id(b, b->pos, *id);
    } else {
        *id = 0;
    }
    b->pos++;
}

/* n numbers of the old base from position `at` on, none of which is dropped. */
static void copy_run(struct build *b, size_t at, size_t n)
{
    const struct cw_base *old = b->old;
    if (n == 0)
        return;
    if (!b->write) {
        for (size_t i = 0; i < (old->attr_width ? n : 1); i++)
            b->from_old.map[cw_base_attr_id(old, at + i)] = 0;
    } else {
        memcpy(b->offsets + b->pos, old->offsets + at, n * sizeof *b->offsets);
        if (b->same)
            memcpy((uint8_t *)b->attrs + b->pos * old->attr_width, (const uint8_t *)old->attrs + at * old->attr_width,
                   n * old->attr_width);
        else
            for (size_t i = 0; i < n; i++)
                put_id(b, b->pos + i, b->from_old.map[cw_base_attr_id(old, at + i)]);
    }
    b->pos += n;
}

/* The same, without those that are dropped. */
static void copy_old(struct build *b, size_t at, size_t n)
{
    if (!b->drops) {
        copy_run(b, at, n);
        return;
    }
    for (size_t i = at; i < at + n; i++)
        emit(b, b->old->offsets[i], &b->from_old.map[cw_base_attr_id(b->old, i)]);
}

/* How many of n rising offsets are below `off`. */
static uint32_t below(const uint16_t *offsets, uint32_t n, uint32_t off)
{
    const uint16_t *at = offsets;
    while (n > 1) {
        uint32_t half = n / 2;
        at += at[half - 1] < off ? half : 0;
        n -= half;
    }
    return (uint32_t)(at - offsets) + (n == 1 && *at < off);
}

/* One block: the old one (or NULL) and the changes [c, end). */
static void merge_block(struct build *b, const struct cw_block *block, size_t c, size_t end)
{
    const struct cw_base *old = b->old;
    size_t start = block ? block->start : 0;
    uint32_t i = 0, count = block ? block->count : 0;
    for (; c < end; c++) {
        uint32_t off = (uint32_t)((b->nums[c] & ~CW_NUM_SHORT) % CW_BLOCK_NUMBERS);
        if (i < count) {
            uint32_t next = i + below(old->offsets + start + i, count - i, off);
            copy_old(b, start + i, next - i);
            i = next + (next < count && old->offsets[start + next] == off);
        }
        while (c + 1 < end && b->nums[c + 1] == b->nums[c])
            c++;
        uint32_t val = b->vals ? b->vals[c] : 0;
        if (!(val & CW_TOMB))
            emit(b, off, &b->from_new.map[val]);
    }
    copy_old(b, start + i, count - i);
}

static void index_block(struct build *b, uint64_t key, uint64_t start)
{
    uint32_t line = (uint32_t)((cw_mix(key) >> 32) * b->head->n_lines >> 32), probes = 1;
    for (;; probes++, line = line + 1 == b->head->n_lines ? 0 : line + 1) {
        struct cw_block *s = &b->index[(size_t)line * CW_BLOCKS_A_LINE];
        unsigned i = 0;
        while (i < CW_BLOCKS_A_LINE && s[i].key)
            i++;
        if (i == CW_BLOCKS_A_LINE)
            continue;
        s[i] = (struct cw_block){key, (uint32_t)start, (uint16_t)(b->pos - start), 0};
        b->order[b->blocks] = line * CW_BLOCKS_A_LINE + i;
        if (probes > b->head->probe_max)
            b->head->probe_max = probes;
        return;
    }
}

static void pass(struct build *b)
{
    const struct cw_base *old = b->old;
    uint32_t rank = 0, n_old = old ? old->n_blocks : 0;
    size_t c = 0;
    b->pos = 0;
    b->blocks = 0;
    while (rank < n_old || c < b->n) {
        const struct cw_block *block = rank < n_old ? &old->index[old->order[rank]] : NULL;
        uint64_t key = block ? block->key : UINT64_MAX, start = b->pos;
        size_t end = c;
        if (c < b->n) {
            uint64_t changed = cw_block_of(b->nums[c]) + 1;
            if (changed < key) {
                key = changed;
                block = NULL;
            }
            if (changed == key) {
                cw_num past = cw_block_first(key - 1) + CW_BLOCK_NUMBERS;
                while (end < b->n && b->nums[end] < past)
                    end++;
            }
        }
        if (block)
            rank++;
        merge_block(b, block, c, end);
        c = end;
        if (b->pos == start)
            continue;
        if (b->write)
            index_block(b, key, start);
        b->blocks++;
    }
}

static uint64_t place(uint64_t *end, uint64_t items, uint64_t size)
{
    uint64_t off = (*end + CW_LINE - 1) / CW_LINE * CW_LINE;
    *end = off + items * size;
    return off;
}

static struct cw_base *make(struct build *b, const struct cw_attr *dict, size_t n_dict)
{
    struct cw_base_head h = {.magic = "CWBASE1", .version = CW_BASE_VERSION, .head_bytes = sizeof h};
    uint64_t end = sizeof h;
    h.n_numbers = b->pos;
    h.n_blocks = b->blocks;
    h.n_lines = (uint32_t)((uint64_t)b->blocks * 3 / (2 * CW_BLOCKS_A_LINE) + 1);
    h.n_dict = (uint32_t)n_dict;
    h.attr_width = n_dict <= 1 ? 0 : n_dict <= 256 ? 1 : n_dict <= 65536 ? 2 : 4;
    h.index_off = place(&end, (uint64_t)h.n_lines * CW_BLOCKS_A_LINE, sizeof(struct cw_block));
    h.order_off = place(&end, h.n_blocks, sizeof(uint32_t));
    h.offsets_off = place(&end, h.n_numbers + CW_LINE / 2, sizeof(uint16_t));
    h.attrs_off = place(&end, h.n_numbers, h.attr_width);
    h.dict_off = place(&end, n_dict, sizeof *dict);
    h.bytes = end;
    struct cw_base *base = malloc(sizeof *base);
    uint8_t *memory = base ? cw_big_alloc(end) : NULL;
    if (!memory) {
        free(base);
        return NULL;
    }
    b->head = (struct cw_base_head *)memory;
    *b->head = h;
    b->index = (struct cw_block *)(memory + h.index_off);
    b->order = (uint32_t *)(memory + h.order_off);
    b->offsets = (uint16_t *)(memory + h.offsets_off);
    b->attrs = memory + h.attrs_off;
    memcpy(memory + h.dict_off, dict, n_dict * sizeof *dict);
    b->same = b->old && b->old->attr_width == h.attr_width;
    for (size_t i = 0; b->same && i < b->from_old.n; i++)
        b->same = b->from_old.map[i] == i;
    b->write = true;
    pass(b);
    cw_base_open(base, memory, end);
    return base;
}

int cw_base_merge(const struct cw_base *old, const cw_num *nums, const uint32_t *vals, size_t n, const struct cw_attr *dict,
                  size_t n_dict, uint32_t now_s, struct cw_base **out)
{
    struct build b = {.old = old, .nums = nums, .vals = vals, .n = n};
    struct cw_attr *new_dict = NULL;
    size_t n_new = 0;
    int rc = CW_LIST_NOMEM;
    *out = NULL;
    if (cw_attr_map_init(&b.from_old, old ? old->dict : NULL, old ? old->n_dict : 0, now_s) &&
        cw_attr_map_init(&b.from_new, dict, n_dict, now_s)) {
        for (size_t i = 0; i < b.from_old.n; i++)
            b.drops |= b.from_old.map[i] == CW_MAP_DROP;
        pass(&b);
        if (b.pos >> 32)
            rc = CW_LIST_FULL;
        else if (b.pos == 0)
            rc = CW_LIST_OK;
        else if (cw_dict_build(&b.from_old, &b.from_new, &new_dict, &n_new)) {
            *out = make(&b, new_dict, n_new);
            rc = *out ? CW_LIST_OK : CW_LIST_NOMEM;
        }
    }
    free(new_dict);
    cw_attr_map_free(&b.from_old);
    cw_attr_map_free(&b.from_new);
    return rc;
}
