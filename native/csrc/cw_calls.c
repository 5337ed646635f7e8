/* Sets of four entries under a try-lock in the first entry's spare word. A thread that finds a set busy asks a few times
 * more (the holder is inside for some twenty instructions) and then gives up: the call goes on, only statistics lose.
 * Fields are relaxed atomics because cw_calls_count() reads them without the lock. */
#include <stdlib.h>

#include "cw_calls.h"
#include "cw_mem.h"

#define WAYS 4
#define TRIES 32
#define RINGING_MS 300000u    /* an INVITE without an answer for 5 min: 3 min are RFC 3261 timer C */
#define ANSWERED_MS 86400000u /* a call without a BYE for 24 h */
#define SKEW_MS 1000u         /* threads read the clock once a batch: an entry may come from a little ahead */

enum { FREE, RINGING, ANSWERED };

struct entry {
    _Atomic uint64_t key;
    _Atomic uint32_t since_ms; /* of the state: INVITE seen, answer seen */
    _Atomic uint32_t lock;     /* of the set, in its first entry */
    _Atomic uint16_t trunk;
    _Atomic uint8_t state;
    uint8_t zero[13];
};
struct set {
    struct entry way[WAYS];
};
_Static_assert(sizeof(struct entry) == 32, "32 bytes an entry");

struct cw_calls {
    uint64_t mask; /* of sets */
    struct set *sets;
};

#define get(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define put(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

struct cw_calls *cw_calls_new(uint32_t entries)
{
    uint64_t sets = 1;
    while (sets * WAYS < entries)
        sets *= 2;
    struct cw_calls *calls = malloc(sizeof *calls);
    struct set *mem = cw_big_alloc(sets * sizeof *mem);
    if (!calls || !mem) {
        free(calls);
        cw_big_free(mem, sets * sizeof *mem);
        return NULL;
    }
    memset(mem, 0, sets * sizeof *mem); /* touches every page now: none is missing later, on the data path */
    calls->mask = sets - 1;
    calls->sets = mem;
    return calls;
}

void cw_calls_free(struct cw_calls *calls)
{
    if (calls)
        cw_big_free(calls->sets, (calls->mask + 1) * sizeof(struct set));
    free(calls);
}

uint64_t cw_calls_bytes(const struct cw_calls *calls)
{
    return sizeof *calls + (calls->mask + 1) * sizeof(struct set);
}

/* The set of a key, locked; NULL when it stays busy. */
static struct set *lock(struct cw_calls *calls, uint64_t key)
{
    struct set *set = &calls->sets[key & calls->mask];
    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint32_t open = 0;
        if (get(set->way[0].lock) == 0 &&
            atomic_compare_exchange_weak_explicit(&set->way[0].lock, &open, 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return set;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    return NULL;
}

static void unlock(struct set *set) { atomic_store_explicit(&set->way[0].lock, 0, memory_order_release); }

static struct entry *find(struct set *set, uint64_t key)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (get(set->way[i].state) != FREE && get(set->way[i].key) == key)
            return &set->way[i];
    return NULL;
}

static bool is_stale(const struct entry *e, uint32_t now_ms)
{
    uint32_t limit = get(e->state) == ANSWERED ? ANSWERED_MS : RINGING_MS;
    return (uint32_t)(now_ms - get(e->since_ms) + SKEW_MS) >= limit + SKEW_MS;
}

static uint32_t elapsed(uint32_t now_ms, uint32_t since_ms)
{
    uint32_t ms = now_ms - since_ms;
    return ms > UINT32_MAX - SKEW_MS ? 0 : ms;
}

void cw_calls_prefetch(const struct cw_calls *calls, uint64_t key)
{
    const char *set = (const char *)&calls->sets[key & calls->mask];
    __builtin_prefetch(set, 1);
    __builtin_prefetch(set + CW_LINE, 1);
}

bool cw_calls_invite(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint16_t trunk, bool *untracked)
{
    *untracked = true;
    struct set *set = lock(calls, key);
    if (!set)
        return true;
    struct entry *e = find(set, key);
    if (e && !is_stale(e, now_ms)) {
        *untracked = false;
        unlock(set);
        return false;
    }
    for (unsigned i = 0; i < WAYS && !e; i++)
        if (get(set->way[i].state) == FREE)
            e = &set->way[i];
    for (unsigned i = 0; i < WAYS && !e; i++)
        if (is_stale(&set->way[i], now_ms))
            e = &set->way[i];
    if (e) {
        put(e->key, key);
        put(e->since_ms, now_ms);
        put(e->trunk, trunk);
        put(e->state, RINGING);
        *untracked = false;
    }
    unlock(set);
    return true;
}

enum cw_call_event cw_calls_answer(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint32_t *ms)
{
    enum cw_call_event event = CW_CALL_NONE;
    struct set *set = lock(calls, key);
    if (!set)
        return event;
    struct entry *e = find(set, key);
    if (e && get(e->state) == RINGING) {
        *ms = elapsed(now_ms, get(e->since_ms));
        put(e->since_ms, now_ms);
        put(e->state, ANSWERED);
        event = CW_CALL_ANSWERED;
    }
    unlock(set);
    return event;
}

/* Frees the entry when it is in the given state: CW_CALL_NONE is then not returned. */
static enum cw_call_event finish(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint8_t state,
                                 enum cw_call_event event, uint32_t *ms)
{
    struct set *set = lock(calls, key);
    if (!set)
        return CW_CALL_NONE;
    struct entry *e = find(set, key);
    if (e && get(e->state) == state) {
        *ms = elapsed(now_ms, get(e->since_ms));
        put(e->state, FREE);
    } else {
        event = CW_CALL_NONE;
    }
    unlock(set);
    return event;
}

enum cw_call_event cw_calls_fail(struct cw_calls *calls, uint64_t key, uint32_t now_ms)
{
    uint32_t ms;
    return finish(calls, key, now_ms, RINGING, CW_CALL_FAILED, &ms);
}

enum cw_call_event cw_calls_bye(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint32_t *ms)
{
    return finish(calls, key, now_ms, ANSWERED, CW_CALL_ENDED, ms);
}

void cw_calls_count(const struct cw_calls *calls, uint32_t now_ms, uint32_t *ringing, uint32_t *answered)
{
    *ringing = *answered = 0;
    for (uint64_t s = 0; s <= calls->mask; s++)
        for (unsigned i = 0; i < WAYS; i++) {
            const struct entry *e = &calls->sets[s].way[i];
            uint8_t state = get(e->state);
            if (state == FREE || is_stale(e, now_ms))
                continue;
            *(state == RINGING ? ringing : answered) += 1;
        }
}
