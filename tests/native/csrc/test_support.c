/* Histogram, memo, call table, journal ring and text table. Threads race here on purpose: the same file runs under
 * AddressSanitizer and under ThreadSanitizer. */
#include <pthread.h>

#include "check.h"
#include "cw_calls.h"
#include "cw_hist.h"
#include "cw_memo.h"
#include "cw_ring.h"
#include "cw_texts.h"

#define THREADS 4

static uint64_t random64(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void race(void *(*run)(void *))
{
    pthread_t id[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&id[i], NULL, run, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(id[i], NULL), 0);
}

/* ---- histogram ---- */

TEST(hist_buckets_adjoin_without_gap_or_overlap)
{
    CHECK_EQ(cw_hist_index(0), 0);
    for (unsigned i = 0; i < CW_HIST_BUCKETS; i++) {
        CHECK_EQ(cw_hist_index(cw_hist_upper(i)), i);
        if (i + 1 < CW_HIST_BUCKETS)
            CHECK_EQ(cw_hist_index(cw_hist_upper(i) + 1), i + 1);
    }
    CHECK_EQ(cw_hist_upper(CW_HIST_BUCKETS - 1), (INT64_C(1) << 40) - 1);
}

TEST(hist_counts_what_is_beyond_its_range_in_the_last_bucket)
{
    CHECK_EQ(cw_hist_index(UINT64_C(1) << 40), CW_HIST_BUCKETS - 1);
    CHECK_EQ(cw_hist_index(UINT64_MAX), CW_HIST_BUCKETS - 1);
}

TEST(hist_knows_a_value_within_one_sixteenth)
{
    uint64_t seed = 7;
    for (int i = 0; i < 100000; i++) {
        uint64_t v = (random64(&seed) & ((UINT64_C(1) << 40) - 1)) >> (random64(&seed) % 40);
        uint64_t upper = cw_hist_upper(cw_hist_index(v));
        CHECK(upper >= v);
        CHECK((upper - v) * 16 <= v || upper == v);
    }
}

TEST(hist_quantile_is_the_upper_bound_of_the_bucket_that_holds_the_rank)
{
    static struct cw_hist h;
    CHECK_EQ(cw_hist_quantile(&h, 0.5), 0);
    for (uint64_t v = 1; v <= 1000; v++)
        cw_hist_add(&h, v);
    CHECK_EQ(h.count, 1000);
    CHECK_EQ(h.sum, 500500);
    CHECK_EQ(cw_hist_quantile(&h, 0), 1);
    CHECK_EQ(cw_hist_quantile(&h, 0.5), cw_hist_upper(cw_hist_index(500)));
    CHECK_EQ(cw_hist_quantile(&h, 0.99), cw_hist_upper(cw_hist_index(990)));
    CHECK_EQ(cw_hist_quantile(&h, 1), cw_hist_upper(cw_hist_index(1000)));
}

/* ---- memo ---- */

static struct cw_verdict verdict(uint32_t n)
{
    return (struct cw_verdict){
        .action = (uint8_t)n, .reason = (uint16_t)n, .rule = (uint16_t)n, .text = n, .head = ~n, .call = n * 3};
}

static bool is_whole(const struct cw_verdict *v)
{
    struct cw_verdict same = verdict(v->text);
    return memcmp(&same, v, sizeof same) == 0;
}

static void keep(struct cw_memo *memo, uint64_t key, uint32_t now_ms, uint32_t n)
{
    struct cw_verdict v = verdict(n);
    CHECK(cw_memo_put(memo, key, now_ms, &v));
    CHECK_EQ(v.text, n);
}

/* The number of the verdict that stands, -1 for none. */
static long long kept(const struct cw_memo *memo, uint64_t key, uint32_t now_ms)
{
    struct cw_verdict v;
    if (!cw_memo_get(memo, key, now_ms, &v))
        return -1;
    CHECK(is_whole(&v));
    return v.text;
}

TEST(memo_gives_back_what_was_put)
{
    struct cw_memo *memo = cw_memo_new(1000);
    CHECK_EQ(kept(memo, 17, 5), -1);
    for (uint32_t i = 1; i <= 400; i++)
        keep(memo, i, 5, i + 7000);
    for (uint32_t i = 1; i <= 400; i++)
        CHECK_EQ(kept(memo, i, 6), i + 7000);
    CHECK_EQ(kept(memo, 401, 6), -1);
    CHECK(cw_memo_bytes(memo) >= 1024 * 40 && cw_memo_bytes(memo) < 1024 * 40 + 256);
    cw_memo_free(memo);
    cw_memo_free(NULL);
}

TEST(memo_verdict_lives_64_t1_rfc3261_17_1_1_2)
{
    struct cw_memo *memo = cw_memo_new(4);
    keep(memo, 9, 1000, 1);
    CHECK_EQ(kept(memo, 9, 1000 + 31999), 1);
    CHECK_EQ(kept(memo, 9, 1000 + 32000), -1);
    keep(memo, 9, 1000 + 32000, 2); /* replaces the expired one */
    CHECK_EQ(kept(memo, 9, 1000 + 32001), 2);
    cw_memo_free(memo);
}

TEST(memo_clock_may_wrap)
{
    struct cw_memo *memo = cw_memo_new(4);
    uint32_t at = UINT32_MAX - 100;
    keep(memo, 9, at, 1);
    CHECK_EQ(kept(memo, 9, 0), 1);
    CHECK_EQ(kept(memo, 9, at + 31999), 1);
    CHECK_EQ(kept(memo, 9, at + 32000), -1);
    cw_memo_free(memo);
}

TEST(memo_bears_a_thread_whose_clock_is_a_little_behind)
{
    struct cw_memo *memo = cw_memo_new(4);
    keep(memo, 9, 2005, 1);
    CHECK_EQ(kept(memo, 9, 2001), 1);
    struct cw_verdict v = verdict(2);
    cw_memo_put(memo, 9, 2001, &v);
    CHECK_EQ(v.text, 1);
    cw_memo_free(memo);
}

TEST(memo_first_verdict_wins)
{
    struct cw_memo *memo = cw_memo_new(4);
    keep(memo, 9, 50, 1);
    struct cw_verdict v = verdict(2);
    cw_memo_put(memo, 9, 60, &v);
    CHECK_EQ(v.text, 1);
    CHECK(is_whole(&v));
    CHECK_EQ(kept(memo, 9, 60), 1);
    cw_memo_free(memo);
}

TEST(memo_full_set_loses_its_oldest_verdict)
{
    struct cw_memo *memo = cw_memo_new(4);
    keep(memo, 1, 300, 1);
    keep(memo, 2, 100, 2);
    keep(memo, 3, 200, 3);
    keep(memo, 4, 400, 4);
    keep(memo, 5, 500, 5);
    CHECK_EQ(kept(memo, 2, 500), -1);
    CHECK(kept(memo, 1, 500) == 1 && kept(memo, 3, 500) == 3 && kept(memo, 4, 500) == 4 && kept(memo, 5, 500) == 5);
    cw_memo_free(memo);
}

TEST(memo_full_set_loses_an_expired_verdict_first)
{
    struct cw_memo *memo = cw_memo_new(4);
    uint32_t now = 20000; /* key 1 was put before the clock wrapped and has expired */
    keep(memo, 2, now - 3000, 2);
    keep(memo, 1, now - 40000, 1);
    keep(memo, 3, now - 2000, 3);
    keep(memo, 4, now - 1000, 4);
    keep(memo, 5, now, 5);
    CHECK(kept(memo, 2, now) == 2 && kept(memo, 3, now) == 3 && kept(memo, 4, now) == 4 && kept(memo, 5, now) == 5);
    cw_memo_free(memo);
}

#define RACED_KEYS 20000u
static struct cw_memo *raced_memo;
static uint32_t raced[RACED_KEYS][THREADS]; /* the verdict that a thread acted upon; GAVE_UP */
#define GAVE_UP UINT32_MAX
static _Atomic uint32_t arrived;

static void *memo_racer(void *arg)
{
    uint32_t me = (uint32_t)(size_t)arg;
    for (uint32_t k = 0; k < RACED_KEYS; k++) {
        if (k % 16 == 0) { /* stay together, so that it is a race */
            atomic_fetch_add(&arrived, 1);
            while (atomic_load(&arrived) < (k / 16 + 1) * THREADS)
                sched_yield();
        }
        struct cw_verdict v = verdict(k * THREADS + me);
        bool stands = cw_memo_put(raced_memo, k + 1, 100, &v);
        CHECK(is_whole(&v));
        CHECK(stands || v.text == k * THREADS + me);
        raced[k][me] = stands ? v.text : GAVE_UP;
    }
    return NULL;
}

TEST(memo_copies_of_a_request_on_all_threads_share_one_verdict)
{
    raced_memo = cw_memo_new(RACED_KEYS * 8);
    atomic_store(&arrived, 0);
    race(memo_racer);
    unsigned gave_up = 0;
    for (uint32_t k = 0; k < RACED_KEYS; k++) {
        long long stands = kept(raced_memo, k + 1, 100);
        for (uint32_t t = 0; t < THREADS; t++) {
            if (raced[k][t] == GAVE_UP)
                gave_up++;
            else
                CHECK_EQ(raced[k][t], stands);
        }
    }
    CHECK(gave_up < RACED_KEYS); /* one in four: rare in earnest, but sanitizers let threads sleep inside */
    cw_memo_free(raced_memo);
}

static void *memo_churner(void *arg)
{
    uint64_t seed = (size_t)arg + 1;
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t r = random64(&seed);
        uint64_t key = r % 12 + 1;
        struct cw_verdict v;
        if (r & 4096) {
            v = verdict((uint32_t)(key << 24 | (i & 0xffffff)));
            cw_memo_put(raced_memo, key, i, &v);
        } else if (!cw_memo_get(raced_memo, key, i, &v)) {
            continue;
        }
        CHECK(is_whole(&v));
        CHECK_EQ(v.text >> 24, key);
    }
    return NULL;
}

TEST(memo_readers_see_whole_verdicts_of_their_key)
{
    raced_memo = cw_memo_new(8);
    race(memo_churner);
    cw_memo_free(raced_memo);
}

/* ---- calls ---- */

static bool invite(struct cw_calls *calls, uint64_t key, uint32_t now_ms)
{
    bool untracked;
    bool is_new = cw_calls_invite(calls, key, now_ms, 3, &untracked);
    CHECK(!untracked);
    return is_new;
}

static void count(const struct cw_calls *calls, uint32_t now_ms, uint32_t ringing, uint32_t answered)
{
    uint32_t r, a;
    cw_calls_count(calls, now_ms, &r, &a);
    CHECK_EQ(r, ringing);
    CHECK_EQ(a, answered);
}

TEST(calls_follow_invite_answer_and_bye)
{
    struct cw_calls *calls = cw_calls_new(100);
    uint32_t ms = 0;
    CHECK(invite(calls, 9, 1000));
    CHECK(!invite(calls, 9, 1500)); /* retransmission */
    count(calls, 1500, 1, 0);
    CHECK_EQ(cw_calls_answer(calls, 9, 6000, &ms), CW_CALL_ANSWERED);
    CHECK_EQ(ms, 5000);
    CHECK_EQ(cw_calls_answer(calls, 9, 6500, &ms), CW_CALL_NONE); /* 2xx again */
    CHECK(!invite(calls, 9, 7000));
    CHECK_EQ(cw_calls_fail(calls, 9, 8000), CW_CALL_NONE); /* 488 to a re-INVITE */
    count(calls, 8000, 0, 1);
    CHECK_EQ(cw_calls_bye(calls, 9, 66000, &ms), CW_CALL_ENDED);
    CHECK_EQ(ms, 60000);
    CHECK_EQ(cw_calls_bye(calls, 9, 66500, &ms), CW_CALL_NONE);
    count(calls, 66500, 0, 0);
    CHECK(cw_calls_bytes(calls) >= 128 * 32);
    cw_calls_free(calls);
    cw_calls_free(NULL);
}

TEST(calls_failed_once_leave_room_for_the_next_try)
{
    struct cw_calls *calls = cw_calls_new(4);
    uint32_t ms;
    CHECK(invite(calls, 9, 10));
    CHECK_EQ(cw_calls_bye(calls, 9, 20, &ms), CW_CALL_NONE); /* not answered: its INVITE will fail */
    CHECK_EQ(cw_calls_fail(calls, 9, 30), CW_CALL_FAILED);
    CHECK_EQ(cw_calls_fail(calls, 9, 40), CW_CALL_NONE);
    CHECK(invite(calls, 9, 50)); /* same Call-ID after a 407 */
    CHECK_EQ(cw_calls_answer(calls, 8, 60, &ms), CW_CALL_NONE);
    cw_calls_free(calls);
}

TEST(calls_without_a_place_are_untracked_and_go_on)
{
    struct cw_calls *calls = cw_calls_new(4);
    bool untracked;
    for (uint64_t key = 1; key <= 4; key++)
        CHECK(invite(calls, key, 1000));
    CHECK(cw_calls_invite(calls, 5, 1000 + 299999, 3, &untracked));
    CHECK(untracked);
    CHECK(!invite(calls, 1, 1000 + 299999));
    CHECK(invite(calls, 5, 1000 + 300000)); /* the others have been ringing for 5 min */
    count(calls, 1000 + 300000, 1, 0);
    cw_calls_free(calls);
}

TEST(calls_answered_keep_their_place_for_a_day)
{
    struct cw_calls *calls = cw_calls_new(4);
    uint32_t ms, start = UINT32_MAX - 5000; /* the clock wraps in between */
    bool untracked;
    for (uint64_t key = 1; key <= 4; key++) {
        CHECK(invite(calls, key, start));
        CHECK_EQ(cw_calls_answer(calls, key, start + 10, &ms), CW_CALL_ANSWERED);
    }
    CHECK(cw_calls_invite(calls, 5, start + 86399999, 3, &untracked));
    CHECK(untracked);
    count(calls, start + 86400009, 0, 4);
    CHECK(invite(calls, 5, start + 86400010));
    CHECK_EQ(cw_calls_bye(calls, 4, start + 86400010, &ms), CW_CALL_ENDED);
    CHECK_EQ(ms, 86400000);
    cw_calls_free(calls);
}

TEST(calls_time_never_runs_backwards)
{
    struct cw_calls *calls = cw_calls_new(4);
    uint32_t ms = 1;
    CHECK(invite(calls, 9, 1003));
    CHECK(!invite(calls, 9, 1001));
    CHECK_EQ(cw_calls_answer(calls, 9, 1001, &ms), CW_CALL_ANSWERED);
    CHECK_EQ(ms, 0);
    cw_calls_free(calls);
}

static struct cw_calls *raced_calls;
static _Atomic uint32_t invited, answered, failed, ended;

static void *calls_racer(void *arg)
{
    uint64_t seed = (size_t)arg + 1;
    uint32_t n[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < 200000; i++) {
        uint64_t r = random64(&seed), key = 1 + (r >> 8) % 3;
        uint32_t ms, ringing, in_call;
        bool untracked;
        switch (r % 4) {
        case 0:
            n[0] += cw_calls_invite(raced_calls, key, 100, 0, &untracked) && !untracked;
            break;
        case 1:
            n[1] += cw_calls_answer(raced_calls, key, 100, &ms) == CW_CALL_ANSWERED;
            break;
        case 2:
            n[2] += cw_calls_fail(raced_calls, key, 100) == CW_CALL_FAILED;
            break;
        default:
            n[3] += cw_calls_bye(raced_calls, key, 100, &ms) == CW_CALL_ENDED;
        }
        if (i % 4096 == 0)
            cw_calls_count(raced_calls, 100, &ringing, &in_call);
    }
    invited += n[0];
    answered += n[1];
    failed += n[2];
    ended += n[3];
    return NULL;
}

/* Whatever threads do to the same calls at once, and whoever finds the set busy: each call begins and ends once. */
TEST(calls_on_all_threads_are_counted_once)
{
    uint32_t ringing, in_call;
    raced_calls = cw_calls_new(4);
    race(calls_racer);
    cw_calls_count(raced_calls, 100, &ringing, &in_call);
    CHECK(answered > 100 && failed > 100 && ended > 100);
    CHECK_EQ(invited, answered + failed + ringing);
    CHECK_EQ(answered, ended + in_call);
    cw_calls_free(raced_calls);
}

/* ---- ring ---- */

static bool write_record(struct cw_ring *ring, uint64_t n)
{
    struct cw_record *r = cw_ring_claim(ring);
    if (!r)
        return false;
    memset(r, 0, sizeof *r);
    r->time_ns = n;
    r->rules_seq = ~n;
    cw_ring_publish(ring);
    return true;
}

TEST(ring_full_drops_and_counts)
{
    struct cw_ring *ring = cw_ring_new(5); /* rounded up to 8 */
    struct cw_record out[16];
    CHECK_EQ(cw_ring_drain(ring, out, 16), 0);
    for (uint64_t i = 0; i < 11; i++)
        CHECK_EQ(write_record(ring, i), i < 8);
    CHECK_EQ(cw_ring_dropped(ring), 3);
    CHECK_EQ(cw_ring_drain(ring, out, 3), 3);
    CHECK_EQ(out[2].time_ns, 2);
    CHECK(write_record(ring, 100));
    CHECK_EQ(cw_ring_drain(ring, out, 16), 6);
    CHECK_EQ(out[0].time_ns, 3);
    CHECK_EQ(out[5].time_ns, 100);
    CHECK_EQ(cw_ring_drain(ring, out, 16), 0);
    CHECK(cw_ring_bytes(ring) >= 8 * sizeof(struct cw_record));
    cw_ring_free(ring);
    cw_ring_free(NULL);
}

TEST(ring_claim_without_publish_shows_nothing)
{
    struct cw_ring *ring = cw_ring_new(4);
    struct cw_record out[4];
    CHECK(cw_ring_claim(ring) != NULL);
    CHECK_EQ(cw_ring_drain(ring, out, 4), 0);
    cw_ring_free(ring);
}

#define RING_RECORDS 300000u
static struct cw_ring *raced_ring;
static _Atomic bool produced;

static void *ring_producer(void *arg)
{
    (void)arg;
    for (uint64_t i = 0; i < RING_RECORDS; i++)
        write_record(raced_ring, i);
    atomic_store(&produced, true);
    return NULL;
}

TEST(ring_records_arrive_whole_in_order_or_are_counted)
{
    raced_ring = cw_ring_new(64);
    atomic_store(&produced, false);
    pthread_t id;
    CHECK_EQ(pthread_create(&id, NULL, ring_producer, NULL), 0);
    struct cw_record out[16];
    uint64_t next = 0, seen = 0;
    for (bool last = false; !last;) {
        last = atomic_load(&produced);
        for (size_t n; (n = cw_ring_drain(raced_ring, out, 16)) != 0; seen += n)
            for (size_t i = 0; i < n; i++) {
                CHECK(out[i].time_ns >= next);
                CHECK_EQ(out[i].rules_seq, ~out[i].time_ns);
                next = out[i].time_ns + 1;
            }
    }
    CHECK_EQ(pthread_join(id, NULL), 0);
    CHECK_EQ(seen + cw_ring_dropped(raced_ring), RING_RECORDS);
    cw_ring_free(raced_ring);
}

/* ---- texts ---- */

static uint32_t add(struct cw_texts *texts, const char *a, const char *b)
{
    return cw_texts_add(texts, (const uint8_t *)a, strlen(a), (const uint8_t *)b, strlen(b));
}

TEST(texts_equal_texts_share_an_id)
{
    struct cw_texts *texts = cw_texts_new(100, 1000);
    uint32_t id = add(texts, "ab", "c");
    CHECK_EQ(id, 1);
    CHECK_EQ(add(texts, "a", "bc"), 2);
    CHECK_EQ(cw_texts_add(texts, NULL, 0, NULL, 0), 3);
    CHECK_EQ(add(texts, "ab", "c"), 1);
    CHECK_EQ(add(texts, "a", "bc"), 2);
    CHECK_EQ(cw_texts_add(texts, NULL, 0, NULL, 0), 3);
    CHECK_EQ(cw_texts_count(texts), 3);
    const struct cw_text *t = cw_texts_get(texts, 2);
    CHECK(t->a_len == 1 && memcmp(t->a, "a", 1) == 0 && t->b_len == 2 && memcmp(t->b, "bc", 2) == 0);
    CHECK(cw_texts_get(texts, 0) == NULL);
    CHECK(cw_texts_get(texts, 4) == NULL);
    CHECK(cw_texts_get(texts, UINT32_MAX) == NULL);
    cw_texts_free(texts);
    cw_texts_free(NULL);
}

TEST(texts_refuse_what_has_no_room_and_keep_the_rest)
{
    static uint8_t long_text[65536];
    struct cw_texts *texts = cw_texts_new(3, 10);
    CHECK_EQ(cw_texts_add(texts, long_text, sizeof long_text, NULL, 0), 0);
    CHECK_EQ(cw_texts_add(texts, NULL, 0, long_text, sizeof long_text), 0);
    CHECK_EQ(add(texts, "12345", "67"), 1);
    CHECK_EQ(add(texts, "1234", ""), 0); /* bytes */
    CHECK_EQ(add(texts, "123", ""), 2);
    CHECK_EQ(add(texts, "", ""), 3);
    CHECK_EQ(cw_texts_add(texts, NULL, 0, (const uint8_t *)"", 0), 3);
    struct cw_texts *few = cw_texts_new(1, 1000);
    CHECK_EQ(add(few, "x", "y"), 1);
    CHECK_EQ(add(few, "z", ""), 0); /* entries */
    CHECK_EQ(add(few, "x", "y"), 1);
    cw_texts_free(few);
    cw_texts_free(texts);
}

#define MANY_TEXTS 30000u
static struct cw_texts *raced_texts;

static void *text_reader(void *arg)
{
    uint64_t seed = (size_t)arg + 1;
    for (uint32_t n = 0; n < MANY_TEXTS;) {
        n = cw_texts_count(raced_texts);
        uint32_t id = (uint32_t)(random64(&seed) % (MANY_TEXTS + 10));
        const struct cw_text *t = cw_texts_get(raced_texts, id);
        CHECK(t || id == 0 || id > n);
        char want[16];
        if (t) {
            CHECK_EQ(t->a_len, snprintf(want, sizeof want, "%u", id));
            CHECK(memcmp(t->a, want, t->a_len) == 0 && t->b_len == 4 && memcmp(t->b, "same", 4) == 0);
        }
        sched_yield();
    }
    return NULL;
}

static void *text_worker(void *arg)
{
    if (arg)
        return text_reader(arg);
    for (uint32_t i = 1; i <= MANY_TEXTS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        CHECK_EQ(add(raced_texts, text, "same"), i);
    }
    return NULL;
}

TEST(texts_readers_see_finished_texts_only)
{
    raced_texts = cw_texts_new(MANY_TEXTS, MANY_TEXTS * 12);
    race(text_worker);
    cw_texts_free(raced_texts);
}

#define T(name) {#name, name}
static const struct test tests[] = {
    T(hist_buckets_adjoin_without_gap_or_overlap),
    T(hist_counts_what_is_beyond_its_range_in_the_last_bucket),
    T(hist_knows_a_value_within_one_sixteenth),
    T(hist_quantile_is_the_upper_bound_of_the_bucket_that_holds_the_rank),
    T(memo_gives_back_what_was_put),
    T(memo_verdict_lives_64_t1_rfc3261_17_1_1_2),
    T(memo_clock_may_wrap),
    T(memo_bears_a_thread_whose_clock_is_a_little_behind),
    T(memo_first_verdict_wins),
    T(memo_full_set_loses_its_oldest_verdict),
    T(memo_full_set_loses_an_expired_verdict_first),
    T(memo_copies_of_a_request_on_all_threads_share_one_verdict),
    T(memo_readers_see_whole_verdicts_of_their_key),
    T(calls_follow_invite_answer_and_bye),
    T(calls_failed_once_leave_room_for_the_next_try),
    T(calls_without_a_place_are_untracked_and_go_on),
    T(calls_answered_keep_their_place_for_a_day),
    T(calls_time_never_runs_backwards),
    T(calls_on_all_threads_are_counted_once),
    T(ring_full_drops_and_counts),
    T(ring_claim_without_publish_shows_nothing),
    T(ring_records_arrive_whole_in_order_or_are_counted),
    T(texts_equal_texts_share_an_id),
    T(texts_refuse_what_has_no_room_and_keep_the_rest),
    T(texts_readers_see_finished_texts_only),
};

int main(int argc, char **argv) { return run_tests(tests, sizeof tests / sizeof *tests, argc, argv); }
