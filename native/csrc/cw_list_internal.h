/* What the files of the list share.
 *
 * Locks (writers only, readers take none): `maintain` is held for the whole of a merge, load or clear, so that one runs at
 * a time; `lock` guards the view pointer, the active overlay and the figures, and is held for moments. Order: maintain,
 * lock. What a swap takes out of sight is freed after cw_rcu_synchronize(), outside of `lock`.
 */
#ifndef CW_LIST_INTERNAL_H
#define CW_LIST_INTERNAL_H

#include <pthread.h>

#include "cw_base.h"
#include "cw_overlay.h"

struct cw_view {             /* immutable; what it points to is too, but for the active overlay */
    struct cw_base *base;    /* NULL = empty */
    struct cw_pats *pats;    /* NULL = none */
    struct cw_overlay *frozen; /* NULL unless a merge runs or failed */
    struct cw_overlay *active;
};

struct cw_list {
    _Alignas(CW_LINE) struct cw_view *_Atomic view;
    _Atomic bool any;        /* numbers or patterns, expired ones too; stored only when it changes */
    /* readers' line ends here */
    _Alignas(CW_LINE) struct cw_rcu *rcu;
    pthread_mutex_t maintain, lock;
    uint32_t overlay_entries, attrs_max;
    uint64_t numbers, patterns, merges;
};

/* Under `lock`, or `maintain` when nothing else could swap. */
static inline struct cw_view *cw_list_view(struct cw_list *list)
{
    return atomic_load_explicit(&list->view, memory_order_relaxed);
}
/* The attribute of a number or of a pattern's key, expired or not; NULL when it is not there or removed. */
const struct cw_attr *cw_view_lookup(const struct cw_view *v, uint64_t key);
bool cw_view_find(const struct cw_view *v, cw_num num, uint32_t now_s, struct cw_hit *hit);

#endif
