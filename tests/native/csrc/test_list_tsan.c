/* Readers look up without pause while a writer pushes and takes back, a second thread merges, and lists are loaded, cleared
 * and freed. Built with -fsanitize=thread: a race, or a read of freed memory, fails the test. Besides: what nobody touches is
 * always found, what was never added is never found, and a number is seen by the first look-up after its add returned.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "cw_list.h"

#include "check.h"

enum { READERS = 2, STABLE = 3000, ROUNDS = 500, OTHER_ROUNDS = 200 };

static struct cw_rcu rcu;
static struct cw_list *list;                 /* changed, never replaced */
static struct cw_list *_Atomic shared;       /* loaded, cleared, replaced and freed */
static _Atomic bool stop;
static _Atomic uint64_t pushed, leaving, gone; /* added; about to be removed; removed: the n of the latest moving(n) */
static _Atomic uint64_t looked[READERS];     /* look-ups of each reader; relaxed, so that it orders nothing */

static cw_num stable(uint64_t i) { return 8613800000000u + i * 37; }
static cw_num absent(uint64_t i) { return 8613900000000u + i * 41; }
static cw_num moving(uint64_t i) { return 8615000000000u + i; }
static const struct cw_attr good = {.score = 9, .text = 99}, changing[2] = {{.score = 1, .text = 11}, {.score = 2, .text = 22}};

static void look(uint64_t i)
{
    struct cw_hit hit;
    cw_list_prefetch(list, stable(i % STABLE));
    CHECK(cw_list_find(list, stable(i % STABLE), 0, &hit) && hit.exact && hit.attr.score == 9 && hit.attr.text == 99);
    CHECK(!cw_list_find(list, absent(i % STABLE), 0, &hit));
    CHECK(!cw_list_is_empty(list));
    /* an attribute changes as a whole */
    CHECK(cw_list_find(list, 4915112345678u, 0, &hit) && hit.attr.text == hit.attr.score * 11u);
    /* pattern: one of the two is always there */
    CHECK(cw_list_find(list, 3316212345678u, 0, &hit) && !hit.exact && (hit.digits == 5 || hit.digits == 2));
    uint64_t last = atomic_load(&pushed);
    if (last && !cw_list_find(list, moving(last), 0, &hit))
        CHECK(atomic_load(&leaving) >= last);
    last = atomic_load(&gone);
    if (last)
        CHECK(!cw_list_find(list, moving(last), 0, &hit));
    struct cw_list *other = atomic_load_explicit(&shared, memory_order_acquire);
    if (cw_list_find(other, stable(i % STABLE), 0, &hit))
        CHECK(hit.attr.score == 9 && hit.attr.text == 99);
}

static void *reader(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    int slot = cw_rcu_register(&rcu);
    CHECK(slot >= 0);
    cw_rcu_online(&rcu, slot);
    for (uint64_t i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
        look(i * 7 + me);
        cw_rcu_quiescent(&rcu, slot);
        atomic_fetch_add_explicit(&looked[me], 1, memory_order_relaxed);
        if (i % 256 == 0) { /* sleep like a data-plane thread without work */
            cw_rcu_offline(&rcu, slot);
            sched_yield();
            cw_rcu_online(&rcu, slot);
        }
    }
    cw_rcu_unregister(&rcu, slot);
    return NULL;
}

static void *merger(void *arg)
{
    (void)arg;
    for (uint64_t merged = 0; !atomic_load_explicit(&stop, memory_order_relaxed); sched_yield()) {
        uint64_t n = atomic_load_explicit(&pushed, memory_order_relaxed);
        if (n < merged + 3) /* so that entries also change where they are, not only in fresh overlays */
            continue;
        merged = n;
        CHECK_EQ(cw_list_merge(list, 1), CW_LIST_OK);
    }
    return NULL;
}

static void *replacer(void *arg)
{
    static cw_num nums[STABLE];
    (void)arg;
    for (uint64_t i = 0; i < STABLE; i++)
        nums[i] = stable(STABLE - 1 - i);
    for (int round = 0; round < OTHER_ROUNDS; round++) {
        struct cw_list *fresh = cw_list_new(&rcu, 64, 16), *old = atomic_load(&shared);
        CHECK(fresh);
        CHECK_EQ(cw_list_load(old, nums, NULL, STABLE, &good, 1), CW_LIST_OK);
        CHECK_EQ(cw_list_add(old, nums, 8, &good, NULL), CW_LIST_OK);
        CHECK_EQ(cw_list_clear(old), CW_LIST_OK);
        CHECK(cw_list_is_empty(old));
        CHECK_EQ(cw_list_load(old, nums, NULL, STABLE / 2, &good, 1), CW_LIST_OK);
        atomic_store_explicit(&shared, fresh, memory_order_release);
        cw_rcu_synchronize(&rcu);
        cw_list_free(old);
    }
    return NULL;
}

/* Let every reader look at what the writer just did, before any later store of the writer can order it for them. */
static void let_readers_look(void)
{
    for (size_t i = 0; i < READERS; i++) {
        uint64_t then = atomic_load_explicit(&looked[i], memory_order_relaxed);
        while (atomic_load_explicit(&looked[i], memory_order_relaxed) < then + 2)
            sched_yield();
    }
}

static void push_and_take_back(uint64_t n)
{
    cw_num num = moving(n);
    struct cw_hit hit;
    size_t changed;
    int rc;
    while ((rc = cw_list_add(list, &num, 1, &good, &changed)) == CW_LIST_FULL)
        sched_yield(); /* the merger makes room */
    CHECK(rc == CW_LIST_OK && changed == 1);
    CHECK(cw_list_peek(list, num, 0, &hit) && hit.exact);
    atomic_store(&pushed, n);
    let_readers_look();
    cw_num one = 4915112345678u;
    for (unsigned i = 0; i < 2; i++) {
        while (cw_list_add(list, &one, 1, &changing[i], NULL) == CW_LIST_FULL)
            sched_yield();
        let_readers_look();
    }
    struct cw_pattern p = {33162, 5, 13};
    while ((n & 1 ? cw_list_add_pattern(list, &p, &good, NULL) : cw_list_remove_pattern(list, &p, NULL)) == CW_LIST_FULL)
        sched_yield();
    atomic_store(&leaving, n);
    while (cw_list_remove(list, &num, 1, &changed) == CW_LIST_FULL)
        sched_yield();
    CHECK(changed == 1 && !cw_list_peek(list, num, 0, &hit));
    atomic_store(&gone, n);
}

TEST(list_readers_see_whole_changes_at_once)
{
    pthread_t readers[READERS], merging, replacing;
    static cw_num nums[STABLE];
    cw_rcu_init(&rcu);
    list = cw_list_new(&rcu, 64, 16);
    atomic_store(&shared, cw_list_new(&rcu, 64, 16));
    CHECK(list && atomic_load(&shared));
    for (uint64_t i = 0; i < STABLE; i++)
        nums[i] = stable(i);
    CHECK_EQ(cw_list_load(list, nums, NULL, STABLE, &good, 1), CW_LIST_OK);
    cw_num one = 4915112345678u;
    struct cw_pattern wide = {33, 2, 0};
    CHECK_EQ(cw_list_add(list, &one, 1, &changing[0], NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_add_pattern(list, &wide, &good, NULL), CW_LIST_OK);

    for (size_t i = 0; i < READERS; i++)
        CHECK_EQ(pthread_create(&readers[i], NULL, reader, (void *)(uintptr_t)i), 0);
    CHECK_EQ(pthread_create(&merging, NULL, merger, NULL), 0);
    CHECK_EQ(pthread_create(&replacing, NULL, replacer, NULL), 0);
    for (uint64_t n = 1; n <= ROUNDS; n++)
        push_and_take_back(n);
    pthread_join(replacing, NULL);
    atomic_store(&stop, true);
    pthread_join(merging, NULL);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    struct cw_list_stats s;
    cw_list_stats(list, &s);
    CHECK(s.merges > 1 && s.numbers == STABLE + 1);
    cw_list_free(list);
    cw_list_free(atomic_load(&shared));
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {{"list_readers_see_whole_changes_at_once", list_readers_see_whole_changes_at_once}};
    return run_tests(tests, 1, argc, argv);
}
