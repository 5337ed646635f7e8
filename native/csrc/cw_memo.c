/* Sets of four ways under one sequence lock: even = quiet, odd = a writer is inside.
 *
 * - A reader takes the sequence, reads, and takes it again: unchanged and even means that what it read belongs together.
 *   It never writes, so a look-up costs no cache line of another core.
 * - A writer enters by turning the sequence odd. It decides "who was first" inside, over all four ways.
 * - Payload words are stored with release and loaded with acquire: a reader that sees one new word is bound to see the odd
 *   sequence too (C11 5.1.2.4), without fences. On x86 these are plain moves.
 * - Keys and times of a set fill one cache line, verdicts lie apart: a miss, the usual case, touches one line.
 * - Nobody waits: a set that stays busy (its writer lost the CPU) is a miss for a reader and left alone by a writer. */
#include <stdlib.h>

#include "cw_mem.h"
#include "cw_memo.h"

#define WAYS 4
#define WORDS 3 /* of a verdict */
#define READ_TRIES 32
#define WRITE_TRIES 256 /* some microseconds, only when the writer inside has lost its CPU */
#define SKEW_MS 1000u /* threads read the clock once a batch: an entry may come from a little ahead of this thread's now */

struct head {
    _Atomic uint32_t seq;
    _Atomic uint32_t at[WAYS];
    uint32_t zero[3];
    _Atomic uint64_t key[WAYS]; /* 0 = free */
};
struct body {
    _Atomic uint64_t word[WAYS][WORDS];
};
_Static_assert(sizeof(struct cw_verdict) == WORDS * 8, "copied word by word");
_Static_assert(sizeof(struct head) == CW_LINE, "a miss touches one line");
_Static_assert(sizeof(struct head) + sizeof(struct body) == WAYS * 40, "40 bytes an entry");

struct cw_memo {
    uint64_t mask; /* of sets */
    struct head *heads;
    struct body *bodies;
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* uint32 milliseconds wrap after 49.7 days: only differences mean anything. */
static inline bool stands(uint32_t now_ms, uint32_t at_ms)
{
    return (uint32_t)(now_ms - at_ms + SKEW_MS) < CW_MEMO_MS + SKEW_MS;
}

static size_t bytes_of(uint64_t sets) { return sets * (sizeof(struct head) + sizeof(struct body)); }

struct cw_memo *cw_memo_new(uint32_t entries)
{
    uint64_t sets = 1;
    while (sets * WAYS < entries)
        sets *= 2;
    struct cw_memo *memo = malloc(sizeof *memo);
    size_t size = bytes_of(sets);
    uint8_t *mem = cw_big_alloc(size);
    if (!memo || !mem) {
        free(memo);
        cw_big_free(mem, size);
        return NULL;
    }
    memset(mem, 0, size); /* touches every page now: none is missing later, on the data path */
    memo->mask = sets - 1;
    memo->heads = (struct head *)(void *)mem;
    memo->bodies = (struct body *)(void *)(mem + sets * sizeof(struct head));
    return memo;
}

void cw_memo_free(struct cw_memo *memo)
{
    if (memo)
        cw_big_free(memo->heads, bytes_of(memo->mask + 1));
    free(memo);
}

uint64_t cw_memo_bytes(const struct cw_memo *memo)
{
    return sizeof *memo + bytes_of(memo->mask + 1);
}

static void load_words(const struct body *body, unsigned way, struct cw_verdict *out)
{
    uint64_t words[WORDS];
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&body->word[way][i], memory_order_acquire);
    memcpy(out, words, sizeof words);
}

static void store_words(struct body *body, unsigned way, const struct cw_verdict *v)
{
    uint64_t words[WORDS];
    memcpy(words, v, sizeof words);
    for (unsigned i = 0; i < WORDS; i++)
        atomic_store_explicit(&body->word[way][i], words[i], memory_order_release);
}

void cw_memo_prefetch(const struct cw_memo *memo, uint64_t key)
{
    __builtin_prefetch(&memo->heads[key & memo->mask], 1);
    __builtin_prefetch(&memo->bodies[key & memo->mask], 1);
}

bool cw_memo_get(const struct cw_memo *memo, uint64_t key, uint32_t now_ms, struct cw_verdict *out)
{
    const struct head *head = &memo->heads[key & memo->mask];
    const struct body *body = &memo->bodies[key & memo->mask];
    for (unsigned tries = 0; tries < READ_TRIES; tries++) {
        uint32_t seq = atomic_load_explicit(&head->seq, memory_order_acquire);
        if (seq & 1) {
            relax();
            continue;
        }
        unsigned way = 0;
        while (way < WAYS && atomic_load_explicit(&head->key[way], memory_order_acquire) != key)
            way++;
        uint32_t at = 0;
        struct cw_verdict found;
        if (way < WAYS) {
            at = atomic_load_explicit(&head->at[way], memory_order_acquire);
            load_words(body, way, &found);
        }
        if (atomic_load_explicit(&head->seq, memory_order_relaxed) != seq)
            continue;
        if (way == WAYS || !stands(now_ms, at))
            return false;
        *out = found;
        return true;
    }
    return false;
}

/* The way of this key, else a free or expired one, else the oldest. *first: the way holds a standing verdict of the key. */
static unsigned choose(struct head *head, uint64_t key, uint32_t now_ms, bool *first)
{
    unsigned best = 0;
    uint64_t best_age = 0;
    *first = false;
    for (unsigned way = 0; way < WAYS; way++) {
        uint64_t k = atomic_load_explicit(&head->key[way], memory_order_relaxed);
        uint32_t at = atomic_load_explicit(&head->at[way], memory_order_relaxed);
        if (k == key) {
            *first = stands(now_ms, at);
            return way;
        }
        uint64_t age = k ? (uint64_t)(uint32_t)(now_ms - at + SKEW_MS) + 1 : UINT64_MAX;
        if (age > best_age) { /* expired entries are older than any that stands */
            best_age = age;
            best = way;
        }
    }
    return best;
}

bool cw_memo_put(struct cw_memo *memo, uint64_t key, uint32_t now_ms, struct cw_verdict *v)
{
    struct head *head = &memo->heads[key & memo->mask];
    struct body *body = &memo->bodies[key & memo->mask];
    for (unsigned tries = 0; tries < WRITE_TRIES; tries++) {
        uint32_t seq = atomic_load_explicit(&head->seq, memory_order_relaxed);
        if ((seq & 1) || !atomic_compare_exchange_weak_explicit(&head->seq, &seq, seq + 1, memory_order_acquire,
                                                                memory_order_relaxed)) {
            relax();
            continue;
        }
        bool first;
        unsigned way = choose(head, key, now_ms, &first);
        if (first) {
            load_words(body, way, v);
            atomic_store_explicit(&head->seq, seq, memory_order_release); /* nothing changed: readers need not retry */
            return true;
        }
        atomic_store_explicit(&head->key[way], key, memory_order_release);
        atomic_store_explicit(&head->at[way], now_ms, memory_order_release);
        store_words(body, way, v);
        atomic_store_explicit(&head->seq, seq + 2, memory_order_release);
        return true;
    }
    return false;
}
