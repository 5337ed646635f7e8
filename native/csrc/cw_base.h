/* The base: exact numbers in one contiguous, position-independent, little-endian piece of memory that nobody changes.
 *
 *   header   struct cw_base_head
 *   index    lines of 4 struct cw_block (one cache line each), open addressing by line, filled to 2/3
 *   order    u32 slot of each block, blocks rising (only walks and merges read it)
 *   offsets  u16, sorted within each block; blocks follow each other in rising order; CW_LINE bytes of padding behind
 *   attrs    ids of 0, 1, 2 or 4 bytes, one for each offset
 *   dict     struct cw_attr, sorted, only those in use
 *
 * number = block * 10000 + offset; short codes carry CW_BLOCK_SHORT in the block. A look-up touches one line of the index,
 * two lines of offsets and one of attrs. 97 million random mobiles: 2 + 1 bytes a number, and 28 bytes for each block.
 */
#ifndef CW_BASE_H
#define CW_BASE_H

#include "cw_attrs.h"

#define CW_BLOCK_NUMBERS 10000u
#define CW_BLOCK_SHORT (UINT64_C(1) << 40)
#define CW_BASE_VERSION 1

struct cw_block {
    uint64_t key;            /* block + 1; 0 = free */
    uint32_t start;          /* of its first offset */
    uint16_t count;          /* 1..10000 */
    uint16_t zero;
};
_Static_assert(sizeof(struct cw_block) == 16, "four to a cache line");
#define CW_BLOCKS_A_LINE (CW_LINE / 16)

struct cw_base_head {
    char magic[8];           /* "CWBASE1" */
    uint32_t version, head_bytes;
    uint64_t bytes;          /* of the whole */
    uint64_t checksum;       /* reserved for the file of the next issue; 0 in memory */
    uint64_t n_numbers;
    uint64_t index_off, order_off, offsets_off, attrs_off, dict_off;
    uint32_t n_blocks, n_lines, probe_max, attr_width, n_dict, zero[7];
};
_Static_assert(sizeof(struct cw_base_head) == 128, "two cache lines, as in the file");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the base is little-endian and read as it lies");

struct cw_base {
    void *memory;            /* owned */
    size_t bytes;
    const struct cw_block *index;
    const uint32_t *order;
    const uint16_t *offsets;
    const void *attrs;
    const struct cw_attr *dict;
    uint64_t n_numbers;
    uint32_t n_blocks, n_lines, probe_max, attr_width, n_dict;
};

/* Take over what lies at memory (as from cw_big_alloc) after checking that every section lies inside; false: it is no
 * base, or a damaged one, and stays the caller's. The contents of the sections are not checked (the checksum's task). */
bool cw_base_open(struct cw_base *b, void *memory, size_t bytes);
void cw_base_free(struct cw_base *b);

/* The attribute of num (a valid number), or NULL. No locks, no writes, O(log n) at worst. b may be NULL (empty). */
const struct cw_attr *cw_base_find(const struct cw_base *b, cw_num num);
void cw_base_prefetch(const struct cw_base *b, cw_num num);

/* old (NULL = empty) with changes: rising valid numbers, a repeated one counts the last time; vals are ids into dict or have
 * the top bit set: removed (NULL: all id 0). Drops what is expired at now_s (0: nothing). *out becomes NULL when nothing
 * is left. Memory beside the result: 4 bytes for each attribute. CW_LIST_OK, CW_LIST_NOMEM, CW_LIST_FULL (2^32 numbers). */
int cw_base_merge(const struct cw_base *old, const cw_num *nums, const uint32_t *vals, size_t n, const struct cw_attr *dict,
                  size_t n_dict, uint32_t now_s, struct cw_base **out);

/* Walk: the rank of the first number >= from (n_numbers when there is none), and the next ones. */
struct cw_base_cursor {
    uint32_t block;          /* rank of the block */
    uint32_t i;              /* within it */
};
void cw_base_seek(const struct cw_base *b, cw_num from, struct cw_base_cursor *at);
bool cw_base_next(const struct cw_base *b, struct cw_base_cursor *at, cw_num *num, const struct cw_attr **attr);

static inline uint64_t cw_block_of(cw_num num)
{
    return (num & ~CW_NUM_SHORT) / CW_BLOCK_NUMBERS | ((num & CW_NUM_SHORT) ? CW_BLOCK_SHORT : 0);
}
static inline cw_num cw_block_first(uint64_t block)
{
    return (block & ~CW_BLOCK_SHORT) * CW_BLOCK_NUMBERS | ((block & CW_BLOCK_SHORT) ? CW_NUM_SHORT : 0);
}
static inline uint32_t cw_base_attr_id(const struct cw_base *b, size_t i)
{
    switch (b->attr_width) {
    case 0: return 0;
    case 1: return ((const uint8_t *)b->attrs)[i];
    case 2: return ((const uint16_t *)b->attrs)[i];
    default: return ((const uint32_t *)b->attrs)[i];
    }
}

#endif
