/* A list of numbers: an immutable base, a small overlay for changes since, one pointer between them and the readers.
 *
 * Look-up order: overlay, frozen overlay (while a merge runs), base. The most specific element wins: exact number, then
 * the longest pattern. An overlay entry can be a tombstone, which hides the exact number or the very same pattern below.
 * Exact answers only. Readers never lock and never write.
 *
 * Base, exact numbers: number = block * 10000 + offset; an open-addressed index of blocks gives the start and count of
 * the block's sorted 16-bit offsets; a parallel array of attribute ids, 0, 1, 2 or 4 bytes wide by the size of the
 * dictionary. Clustered data takes about 2 bytes a number plus that width. The base is one contiguous,
 * position-independent piece of memory, little-endian (the file of the next issue maps it as it is).
 * Patterns (prefixes; ranges and wildcards decomposed into prefixes of a pinned length): a hash by (prefix, digits,
 * total length); a look-up probes only the pairs of lengths that the list holds.
 * Number space: keys are cw_num; short codes carry CW_NUM_SHORT in block and pattern keys.
 */
#ifndef CW_LIST_H
#define CW_LIST_H

#include "cw_number.h"
#include "cw_rcu.h"

struct cw_attr {             /* what is known of an entry; lists keep a dictionary of distinct ones */
    uint32_t expiry_s;       /* unix seconds, 0 = never; an expired entry does not match (and does not hide a wider one) */
    uint32_t text;           /* label or card text, 0 = none */
    uint32_t note;           /* control-side string ids */
    uint16_t category;
    uint16_t source;
    uint8_t score;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct cw_attr) == 20, "hashed as bytes: no holes");

struct cw_pattern {          /* any number that starts with `prefix` (digits long), of total length `length` (0 = any) */
    uint64_t prefix;         /* digits before the wildcard; CW_NUM_SHORT set for short codes, then with the leading 1 */
    uint8_t digits;
    uint8_t length;
};

struct cw_list;              /* opaque */

/* overlay_entries: capacity (rounded up to a power of two, filled to 3/4); attrs_max: distinct attributes.
 * NULL when memory is short. Not on the data path. One writer at a time for all functions that change. */
struct cw_list *cw_list_new(struct cw_rcu *rcu, uint32_t overlay_entries, uint32_t attrs_max);
void cw_list_free(struct cw_list *list); /* no reader may hold it any more */

enum cw_list_error { CW_LIST_OK = 0, CW_LIST_FULL = -1, CW_LIST_NOMEM = -2, CW_LIST_BADNUM = -3, CW_LIST_ATTRS_FULL = -4 };

/* Into the overlay; visible to the next look-up when it returns. All or nothing: CW_LIST_FULL changes nothing and asks for
 * cw_list_merge(). *changed: entries that were new or altered (add), were there (remove). */
int cw_list_add(struct cw_list *list, const cw_num *nums, size_t n, const struct cw_attr *attr, size_t *changed);
int cw_list_remove(struct cw_list *list, const cw_num *nums, size_t n, size_t *changed);
int cw_list_add_pattern(struct cw_list *list, const struct cw_pattern *p, const struct cw_attr *attr, bool *changed);
int cw_list_remove_pattern(struct cw_list *list, const struct cw_pattern *p, bool *changed);
/* Build a new base from base and overlay aside and swap it in; look-ups and (from another thread) adds go on meanwhile.
 * Forgets unused attributes and entries expired at now_s. */
int cw_list_merge(struct cw_list *list, uint32_t now_s);
/* Replace the exact numbers by these (any order, duplicates: last wins); patterns stay. attrs: n ids into `dict`, or
 * NULL (all dict[0]). Built aside, swapped by one pointer. */
int cw_list_load(struct cw_list *list, const cw_num *nums, const uint32_t *attrs, size_t n, const struct cw_attr *dict,
                 size_t n_dict);
int cw_list_clear(struct cw_list *list); /* numbers and patterns, one swap */

struct cw_hit {
    struct cw_attr attr;     /* a copy */
    uint8_t digits;          /* digits that matched */
    bool exact;
};
/* THE hot call. true when num is in the list at time now_s. hit may be NULL. No locks, no writes, bounded. */
bool cw_list_find(const struct cw_list *list, cw_num num, uint32_t now_s, struct cw_hit *hit);
/* The same for threads that are no registered readers (control side): waits for the writer's lock. */
bool cw_list_peek(struct cw_list *list, cw_num num, uint32_t now_s, struct cw_hit *hit);
/* Warm the caches for a later cw_list_find of the same number. */
void cw_list_prefetch(const struct cw_list *list, cw_num num);
/* True when the list can match nothing: the caller saves itself the look-up. */
bool cw_list_is_empty(const struct cw_list *list);

struct cw_list_stats {
    uint64_t numbers;        /* exact numbers, live (expired ones included until a merge) */
    uint64_t patterns;
    uint64_t overlay_used, overlay_max;
    uint64_t attrs, bytes;   /* bytes: all memory of the list */
    uint64_t merges;
};
void cw_list_stats(const struct cw_list *list, struct cw_list_stats *out);

/* Walk exact numbers in rising order from `from` on; fills up to max, returns how many (writer's side only). */
size_t cw_list_walk(const struct cw_list *list, cw_num from, cw_num *nums, struct cw_attr *attrs, size_t max);
size_t cw_list_walk_patterns(const struct cw_list *list, size_t skip, struct cw_pattern *out, struct cw_attr *attrs, size_t max);

#endif
