/* Dictionaries of distinct attributes. An overlay's grows under its readers (append only, fixed room); that of a base or
 * of a pattern table is sorted and immutable, and holds only what an entry uses.
 */
#ifndef CW_ATTRS_H
#define CW_ATTRS_H

#include "cw_list.h"

#define CW_ATTRS_LIMIT (UINT32_C(1) << 24) /* ids leave the upper bits of a 32-bit value free */
#define CW_NO_ATTR UINT32_MAX

static inline bool cw_attr_expired(const struct cw_attr *a, uint32_t now_s) { return a->expiry_s && a->expiry_s <= now_s; }

/* Append-only dictionary, writer's side; readers use items[id] of ids that were published after they were made. */
struct cw_attrs {
    struct cw_attr *items;
    uint32_t *hash;          /* id + 1, 0 = free */
    uint32_t n, max, mask;
};
bool cw_attrs_init(struct cw_attrs *a, uint32_t max);
void cw_attrs_free(struct cw_attrs *a);
size_t cw_attrs_bytes(const struct cw_attrs *a);
/* The id, or CW_NO_ATTR. */
uint32_t cw_attrs_lookup(const struct cw_attrs *a, const struct cw_attr *attr);
/* The id of attr, made when it is new; CW_NO_ATTR when full. */
uint32_t cw_attrs_intern(struct cw_attrs *a, const struct cw_attr *attr);

/* Is attr in a sorted dictionary? */
bool cw_dict_has(const struct cw_attr *dict, size_t n, const struct cw_attr *attr);

/* Which attributes of one source a build keeps; map[id] is CW_MAP_DROP (expired), CW_MAP_UNSEEN, or seen: the new id. */
#define CW_MAP_DROP UINT32_MAX
#define CW_MAP_UNSEEN (UINT32_MAX - 1)
struct cw_attr_map {
    const struct cw_attr *dict;
    uint32_t *map;
    size_t n;
};
/* All CW_MAP_UNSEEN or, when expired at now_s, CW_MAP_DROP. */
bool cw_attr_map_init(struct cw_attr_map *m, const struct cw_attr *dict, size_t n, uint32_t now_s);
void cw_attr_map_free(struct cw_attr_map *m);
/* Gather what was seen in both sources, sorted and distinct, and write the new ids into the maps. *out is malloc'ed. */
bool cw_dict_build(struct cw_attr_map *a, struct cw_attr_map *b, struct cw_attr **out, size_t *n_out);

#endif
