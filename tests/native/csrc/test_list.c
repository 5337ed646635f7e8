/* The list against a plain model: random operations, every answer compared; and the corners of base, sort and search. */
#include "cw_base.h"
#include "cw_list.h"
#include "cw_mem.h"
#include "cw_pattern.h"
#include "cw_sort.h"

#include "check.h"

static uint64_t state = 88172645463325252u;
static uint64_t rnd(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

/* ---- the model ---- */

enum { UNIVERSE = 3000, PATTERNS = 60, ATTRS = 12 };
static struct { cw_num num; int attr; } numbers[UNIVERSE];
static struct { struct cw_pattern p; int attr; } patterns[PATTERNS];
static struct cw_attr attrs[ATTRS];

static unsigned digits_of(uint64_t v)
{
    unsigned d = 0;
    for (; v; v /= 10)
        d++;
    return d;
}

static bool dead(int attr, uint32_t now) { return attr < 0 || (attrs[attr].expiry_s && attrs[attr].expiry_s <= now); }

static bool starts(cw_num num, const struct cw_pattern *p)
{
    uint64_t v = num & ~CW_NUM_SHORT;
    unsigned d = digits_of(v);
    if ((num ^ p->prefix) & CW_NUM_SHORT || d < p->digits || (p->length && p->length != d))
        return false;
    for (; d > p->digits; d--)
        v /= 10;
    return v == (p->prefix & ~CW_NUM_SHORT);
}

static int naive(size_t i, uint32_t now, unsigned *digits, bool *exact)
{
    *exact = true;
    *digits = digits_of(numbers[i].num & ~CW_NUM_SHORT);
    if (!dead(numbers[i].attr, now))
        return numbers[i].attr;
    int best = -1;
    for (int k = 0; k < PATTERNS; k++) {
        const struct cw_pattern *p = &patterns[k].p;
        if (dead(patterns[k].attr, now) || !starts(numbers[i].num, p))
            continue;
        if (best < 0 || p->digits > patterns[best].p.digits || (p->digits == patterns[best].p.digits && p->length))
            best = k;
    }
    *exact = false;
    *digits = best < 0 ? 0 : patterns[best].p.digits;
    return best < 0 ? -1 : patterns[best].attr;
}

static int by_num(const void *a, const void *b)
{
    cw_num x = *(const cw_num *)a, y = *(const cw_num *)b;
    return x < y ? -1 : x > y;
}

static void make_universe(void)
{
    cw_num all[UNIVERSE];
    for (size_t i = 0; i < UNIVERSE; i++) {
        uint64_t kind = rnd(10);
        if (kind < 4)
            all[i] = 8613800000000u + rnd(3) * 10000 + rnd(2000);       /* dense blocks, skewed to their start */
        else if (kind < 6)
            all[i] = 8613900000000u + rnd(100000000);                   /* thin blocks */
        else if (kind < 7)
            all[i] = CW_NUM_SHORT | (1000 + rnd(1000));
        else if (kind < 8)
            all[i] = 1 + rnd(20000);                                    /* block 0 */
        else if (kind < 9)
            all[i] = 999999999999999u - rnd(20000);
        else
            all[i] = CW_NUM_SHORT | (100000 + rnd(99999));
    }
    qsort(all, UNIVERSE, sizeof *all, by_num);
    for (size_t i = 0; i < UNIVERSE; i++) {
        if (i && all[i] <= numbers[i - 1].num)
            all[i] = numbers[i - 1].num + 1;
        CHECK(cw_num_is_valid(all[i]) || i + 1 == UNIVERSE || all[i] > 999999999999999u);
        numbers[i].num = all[i];
        numbers[i].attr = -1;
    }
    for (size_t i = 0; i < PATTERNS; i++) {
        for (bool fresh = false; !fresh;) {
            cw_num num = numbers[rnd(UNIVERSE)].num;
            uint64_t v = num & ~CW_NUM_SHORT;
            unsigned d = digits_of(v), keep = 1 + (unsigned)rnd(d);
            unsigned length = rnd(2) ? 0 : rnd(8) ? d : 15;
            for (unsigned k = d; k > keep; k--)
                v /= 10;
            patterns[i].p = (struct cw_pattern){v | (num & CW_NUM_SHORT), (uint8_t)keep, (uint8_t)length};
            patterns[i].attr = -1;
            fresh = true;
            for (size_t k = 0; k < i; k++)
                fresh &= patterns[k].p.prefix != patterns[i].p.prefix || patterns[k].p.length != patterns[i].p.length;
        }
    }
}

static void compare_one(const struct cw_list *list, size_t i, uint32_t now)
{
    struct cw_hit hit;
    unsigned digits;
    bool exact, found = cw_list_find(list, numbers[i].num, now, &hit);
    int want = naive(i, now, &digits, &exact);
    CHECK(found == (want >= 0));
    CHECK(found == cw_list_find(list, numbers[i].num, now, NULL));
    if (found) {
        CHECK(memcmp(&hit.attr, &attrs[want], sizeof hit.attr) == 0);
        CHECK(hit.exact == exact && hit.digits == digits);
        CHECK(!cw_list_is_empty(list));
    }
}

static void compare_all(struct cw_list *list, uint32_t now)
{
    static cw_num nums[UNIVERSE];
    static struct cw_attr got[UNIVERSE];
    struct cw_pattern pats[PATTERNS];
    struct cw_list_stats s;
    size_t live = 0, live_patterns = 0, n;
    for (size_t i = 0; i < UNIVERSE; i++)
        compare_one(list, i, now);
    n = cw_list_walk(list, 0, nums, got, UNIVERSE);
    for (size_t i = 0; i < UNIVERSE; i++) {
        if (numbers[i].attr < 0)
            continue;
        CHECK(live < n && nums[live] == numbers[i].num);
        CHECK(memcmp(&got[live], &attrs[numbers[i].attr], sizeof *got) == 0);
        live++;
    }
    CHECK(live == n);
    for (size_t i = 0; i < PATTERNS; i++)
        live_patterns += patterns[i].attr >= 0;
    n = cw_list_walk_patterns(list, 0, pats, got, PATTERNS);
    CHECK(n == live_patterns);
    for (size_t k = 0; k < n; k++) {
        size_t i = 0;
        while (i < PATTERNS && (patterns[i].p.prefix != pats[k].prefix || patterns[i].p.length != pats[k].length))
            i++;
        CHECK(i < PATTERNS && patterns[i].attr >= 0 && memcmp(&got[k], &attrs[patterns[i].attr], sizeof *got) == 0);
    }
    if (n > 1) {
        struct cw_pattern tail[PATTERNS];
        CHECK(cw_list_walk_patterns(list, n - 1, tail, got, PATTERNS) == 1);
        CHECK(tail[0].prefix == pats[n - 1].prefix && tail[0].length == pats[n - 1].length);
    }
    cw_list_stats(list, &s);
    CHECK(s.numbers == live && s.patterns == live_patterns);
    CHECK(cw_list_is_empty(list) == (live + live_patterns == 0));
    CHECK(s.attrs <= ATTRS * 2);
}

static void forget_expired(uint32_t now)
{
    for (size_t i = 0; i < UNIVERSE; i++)
        if (dead(numbers[i].attr, now))
            numbers[i].attr = -1;
    for (size_t i = 0; i < PATTERNS; i++)
        if (dead(patterns[i].attr, now))
            patterns[i].attr = -1;
}

static void change_batch(struct cw_list *list, int attr, uint32_t now)
{
    cw_num nums[64];
    size_t n = rnd(64), done, want = 0, at[64];
    for (size_t i = 0; i < n; i++)
        nums[i] = numbers[at[i] = rnd(UNIVERSE)].num;
    int rc = attr < 0 ? cw_list_remove(list, nums, n, &done) : cw_list_add(list, nums, n, &attrs[attr], &done);
    if (rc == CW_LIST_FULL) {
        CHECK(done == 0);
        compare_all(list, now);
        CHECK(cw_list_merge(list, now) == CW_LIST_OK);
        forget_expired(now);
        rc = attr < 0 ? cw_list_remove(list, nums, n, &done) : cw_list_add(list, nums, n, &attrs[attr], &done);
    }
    CHECK(rc == CW_LIST_OK);
    for (size_t i = 0; i < n; i++) {
        want += numbers[at[i]].attr != attr;
        numbers[at[i]].attr = attr;
        compare_one(list, at[i], now);
    }
    CHECK(done == want);
}

static void change_pattern(struct cw_list *list, int attr, uint32_t now)
{
    size_t k = rnd(PATTERNS);
    bool changed;
    int rc = attr < 0 ? cw_list_remove_pattern(list, &patterns[k].p, &changed)
                      : cw_list_add_pattern(list, &patterns[k].p, &attrs[attr], &changed);
    if (rc == CW_LIST_FULL) {
        CHECK(cw_list_merge(list, now) == CW_LIST_OK);
        forget_expired(now);
        rc = attr < 0 ? cw_list_remove_pattern(list, &patterns[k].p, &changed)
                      : cw_list_add_pattern(list, &patterns[k].p, &attrs[attr], &changed);
    }
    CHECK(rc == CW_LIST_OK && changed == (patterns[k].attr != attr));
    patterns[k].attr = attr;
    for (int i = 0; i < 20; i++)
        compare_one(list, rnd(UNIVERSE), now);
}

static void load_some(struct cw_list *list)
{
    static cw_num nums[UNIVERSE];
    static uint32_t ids[UNIVERSE];
    size_t n = rnd(UNIVERSE);
    bool one = rnd(4) == 0;
    for (size_t i = 0; i < UNIVERSE; i++)
        numbers[i].attr = -1;
    for (size_t k = 0; k < n; k++) {
        size_t i = rnd(UNIVERSE);
        nums[k] = numbers[i].num;
        ids[k] = one ? 0 : (uint32_t)rnd(ATTRS);
        numbers[i].attr = (int)ids[k];
    }
    CHECK(cw_list_load(list, nums, one ? NULL : ids, n, attrs, ATTRS) == CW_LIST_OK);
}

static void against_the_model(struct cw_rcu *rcu, uint32_t overlay_entries, int steps)
{
    struct cw_list *list = cw_list_new(rcu, overlay_entries, 2 * ATTRS);
    uint32_t now = 1000;
    CHECK(list && cw_list_is_empty(list));
    for (int i = 0; i < ATTRS; i++)
        attrs[i] = (struct cw_attr){.category = (uint16_t)i, .expiry_s = i % 3 ? 0 : 1000 + (uint32_t)rnd((uint64_t)steps)};
    make_universe();
    for (int step = 0; step < steps; step++) {
        uint64_t op = rnd(1000);
        if (op < 450)
            change_batch(list, (int)rnd(ATTRS), now);
        else if (op < 700)
            change_batch(list, -1, now);
        else if (op < 850)
            change_pattern(list, (int)rnd(ATTRS), now);
        else if (op < 950)
            change_pattern(list, -1, now);
        else if (op < 980) {
            CHECK(cw_list_merge(list, now) == CW_LIST_OK);
            forget_expired(now);
        } else if (op < 996) {
            load_some(list);
        } else {
            CHECK(cw_list_clear(list) == CW_LIST_OK && cw_list_is_empty(list));
            for (size_t i = 0; i < UNIVERSE; i++)
                numbers[i].attr = -1;
            for (size_t i = 0; i < PATTERNS; i++)
                patterns[i].attr = -1;
        }
        if (rnd(3) == 0)
            now++;
        if (step % 25 == 0)
            compare_all(list, now);
    }
    compare_all(list, now);
    cw_list_free(list);
}

/* ---- corners ---- */

static void bad_arguments_change_nothing(struct cw_rcu *rcu)
{
    struct cw_list *list = cw_list_new(rcu, 8, 4);
    struct cw_attr a = {.score = 1};
    size_t n;
    bool changed;
    const cw_num bad[] = {0, 1000000000000000u, CW_NUM_SHORT, UINT64_MAX, CW_NUM_SHORT | 1000000000000000u, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cw_num pair[2] = {5, bad[i]};
        uint32_t id = 0;
        CHECK(cw_list_add(list, pair, 2, &a, &n) == CW_LIST_BADNUM && n == 0);
        CHECK(cw_list_remove(list, pair, 2, &n) == CW_LIST_BADNUM);
        CHECK(cw_list_load(list, pair, NULL, 2, &a, 1) == CW_LIST_BADNUM);
        CHECK(!cw_list_find(list, bad[i], 0, NULL));
        cw_list_prefetch(list, bad[i]);
        id = 1;
        CHECK(cw_list_load(list, pair, &id, 1, &a, 1) == CW_LIST_BADNUM);
    }
    const struct cw_pattern none[] = {{0, 0, 0}, {86, 3, 0}, {86, 1, 0}, {86, 2, 1}, {86, 2, 16}, {86, 2, 255}, {UINT64_MAX, 2, 0},
                                      {1000000000000000u, 16, 0}, {CW_NUM_SHORT, 0, 0}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK(cw_list_add_pattern(list, &none[i], &a, &changed) == CW_LIST_BADNUM && !changed);
    CHECK(cw_list_load(list, NULL, NULL, 0, NULL, 0) == CW_LIST_OK);
    CHECK(cw_list_is_empty(list) && !cw_list_find(list, 5, 0, NULL));
    struct cw_attr many[5] = {{.score = 1}, {.score = 2}, {.score = 3}, {.score = 4}, {.score = 5}};
    CHECK(cw_list_load(list, NULL, NULL, 0, many, 5) == CW_LIST_ATTRS_FULL);
    cw_list_free(list);
}

static void full_asks_for_a_merge(struct cw_rcu *rcu)
{
    struct cw_list *list = cw_list_new(rcu, 8, 2);
    struct cw_attr a = {.score = 1}, b = {.score = 2}, c = {.score = 3};
    cw_num seven[7] = {1, 2, 3, 4, 5, 6, 7};
    size_t n;
    CHECK(cw_list_add(list, seven, 7, &a, &n) == CW_LIST_FULL && cw_list_is_empty(list)); /* 8 slots hold 6 */
    CHECK(cw_list_add(list, seven, 6, &a, &n) == CW_LIST_OK && n == 6);
    CHECK(cw_list_add(list, seven, 6, &b, &n) == CW_LIST_OK && n == 6); /* known numbers need no room */
    CHECK(cw_list_add(list, seven + 6, 1, &a, &n) == CW_LIST_FULL);
    CHECK(!cw_list_find(list, 8, 0, NULL) && cw_list_find(list, 6, 0, NULL)); /* a full overlay still ends each probe */
    CHECK(cw_list_add(list, seven, 1, &c, &n) == CW_LIST_ATTRS_FULL && n == 0);
    CHECK(cw_list_merge(list, 0) == CW_LIST_OK);
    CHECK(cw_list_add(list, seven, 1, &c, &n) == CW_LIST_OK && n == 1); /* a is in no entry any more */
    CHECK(cw_list_remove(list, seven + 6, 1, &n) == CW_LIST_OK && n == 0);
    struct cw_list_stats s;
    cw_list_stats(list, &s);
    CHECK(s.overlay_used == 1 && s.numbers == 6 && s.attrs == 2);
    cw_list_free(list);
}

/* Every width of attribute ids, blocks from thin to full, and a search for each offset: found or not, as the array says. */
static void base_of(size_t n_attrs, unsigned share)
{
    static cw_num nums[90000];
    static uint32_t ids[90000];
    size_t n = 0;
    struct cw_attr *dict = calloc(n_attrs, sizeof *dict);
    for (size_t i = 0; i < n_attrs; i++)
        dict[i].text = (uint32_t)(i * 7919);
    for (uint32_t i = 0; i < 90000; i++) {
        bool skewed = i / 10000 == 1 ? i % 10000 >= 9000 : i / 10000 == 2 ? i % 10000 < 500 : true;
        if (skewed && rnd(1000) < share) {
            nums[n] = 8613800000000u + i;
            ids[n] = (uint32_t)(n * 31 % n_attrs);
            n++;
        }
    }
    struct cw_base *base;
    CHECK(cw_base_merge(NULL, nums, ids, n, dict, n_attrs, 0, &base) == CW_LIST_OK);
    if (share == 1000)
        CHECK_EQ(base->attr_width, n_attrs == 1 ? 0 : n_attrs <= 256 ? 1 : n_attrs <= 65536 ? 2 : 4);
    size_t k = 0;
    for (uint32_t i = 0; i < 90000; i++) {
        const struct cw_attr *got = cw_base_find(base, 8613800000000u + i);
        bool in = k < n && nums[k] == 8613800000000u + i;
        CHECK((got != NULL) == in);
        if (in)
            CHECK(memcmp(got, &dict[ids[k++]], sizeof *got) == 0);
    }
    CHECK(!cw_base_find(base, 8613799999999u) && !cw_base_find(base, 8613800090000u));
    struct cw_base_head head;
    struct cw_base other;
    memcpy(&head, base->memory, sizeof head);
    CHECK(cw_base_open(&other, base->memory, base->bytes) && !cw_base_open(&other, base->memory, base->bytes - 1));
    uint64_t *words[] = {&head.bytes, &head.n_numbers, &head.index_off, &head.order_off, &head.offsets_off, &head.attrs_off,
                         &head.dict_off};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) { /* a damaged header is refused */
        struct cw_base_head keep = head;
        *words[i] = UINT64_MAX - 7;
        memcpy(base->memory, &head, sizeof head);
        CHECK(!cw_base_open(&other, base->memory, base->bytes));
        head = keep;
        memcpy(base->memory, &head, sizeof head);
    }
    cw_base_free(base);
    free(dict);
}

static void sort_is_stable_and_right(void)
{
    enum { N = 20000 };
    uint64_t *keys = malloc(N * 8), *spare = malloc(N * 8);
    uint32_t *vals = malloc(N * 4), *spare_vals = malloc(N * 4);
    for (int round = 0; round < 4; round++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < N; i++) {
            keys[i] = round == 0 ? rnd(100) : round == 1 ? rnd(UINT64_C(1) << 50) << 13 | rnd(8191) : 8613800000000u + rnd(100000);
            vals[i] = i;
            sum += keys[i];
        }
        struct cw_sort s = {keys, spare, vals, spare_vals};
        cw_sort(&s, N);
        for (uint32_t i = 0; i < N; i++) {
            sum -= s.keys[i];
            CHECK(i == 0 || s.keys[i - 1] < s.keys[i] || (s.keys[i - 1] == s.keys[i] && s.vals[i - 1] < s.vals[i]));
        }
        CHECK(sum == 0);
        size_t n = cw_sort_unique(s.keys, N);
        for (size_t i = 1; i < n; i++)
            CHECK(s.keys[i - 1] < s.keys[i]);
    }
    free(keys);
    free(spare);
    free(vals);
    free(spare_vals);
}

/* Ranges: the pieces cover each number of the range once and nothing else, and no ten of them make one. */
static void ranges(void)
{
    struct cw_pattern out[CW_RANGE_MAX];
    for (int round = 0; round < 3000; round++) {
        cw_num space = rnd(2) ? CW_NUM_SHORT : 0;
        uint64_t scale = cw_pow10[1 + rnd(14)], a = scale + rnd(9 * scale), b = a + rnd(10 * scale - a), next = a;
        size_t n = cw_range_split(a | space, b | space, out);
        CHECK(n > 0 && n <= CW_RANGE_MAX);
        for (size_t i = 0; i < n; i++) {
            CHECK(cw_pattern_check(&out[i]) && (out[i].prefix & CW_NUM_SHORT) == space && out[i].length == digits_of(a));
            uint64_t unit = cw_pow10[out[i].length - out[i].digits];
            CHECK((out[i].prefix & ~CW_NUM_SHORT) * unit == next);
            next += unit;
            uint64_t prefix = out[i].prefix & ~CW_NUM_SHORT;
            if (i >= 9 && out[i].digits > 1 && out[i - 9].digits == out[i].digits && prefix % 10 == 9)
                CHECK((out[i - 9].prefix & ~CW_NUM_SHORT) != prefix - 9);
        }
        CHECK(next == b + 1);
    }
    CHECK(cw_range_split(1, 999999999999999u, out) == 0 && cw_range_split(5, 4, out) == 0 && cw_range_split(0, 4, out) == 0);
    CHECK(cw_range_split(100000000000001u, 999999999999998u, out) == 2 * 9 * 14 + 7);
    CHECK(cw_range_split(5, CW_NUM_SHORT | 5, out) == 0);
}

static void readers_are_counted(void)
{
    static struct cw_rcu rcu;
    cw_rcu_init(&rcu);
    for (int i = 0; i < CW_READERS_MAX; i++)
        CHECK(cw_rcu_register(&rcu) == i);
    CHECK(cw_rcu_register(&rcu) == -1);
    cw_rcu_synchronize(&rcu); /* all offline: returns at once */
    cw_rcu_unregister(&rcu, 7);
    cw_rcu_unregister(&rcu, -1);
    CHECK(cw_rcu_register(&rcu) == 7);
}

/* ---- memory runs out: linked with --wrap, every allocation of a scenario fails once ---- */

static long fail_after = -1;
void *__real_malloc(size_t size);
void *__real_cw_big_alloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_cw_big_alloc(size_t size);
static bool fails(void) { return fail_after >= 0 && fail_after-- == 0; }
void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_cw_big_alloc(size_t size) { return fails() ? NULL : __real_cw_big_alloc(size); }

static struct cw_attr kept = {.score = 1}, pushed = {.score = 2}, passing = {.score = 3, .expiry_s = 5};

/* Numbers low..99 are kept but for the removed 50, 200 is pushed, 33... is a pattern, 300 is there until it is expired. */
static void holds(struct cw_list *list, cw_num low, bool changes)
{
    struct cw_hit hit;
    for (cw_num i = 1; i < 150; i++)
        CHECK(cw_list_find(list, i, 9, &hit) == (i >= low && i < 100 && !(changes && i == 50)));
    CHECK(cw_list_find(list, 200, 9, &hit) == changes && (!changes || hit.attr.score == 2));
    CHECK(cw_list_find(list, 3312345, 9, &hit) == changes && (!changes || hit.digits == 2));
    CHECK(!cw_list_find(list, 300, 9, NULL));
}

/* False: no allocation failed any more. */
static bool one_failure(struct cw_rcu *rcu, long at)
{
    cw_num nums[100], fifty = 50, new_num = 200, old = 300;
    struct cw_pattern p = {33, 2, 0};
    for (cw_num i = 0; i < 100; i++)
        nums[i] = 1 + (i * 37) % 99; /* unsorted, with a repeat */
    fail_after = at;
    struct cw_list *list = cw_list_new(rcu, 64, 8);
    if (!list) {
        CHECK(fail_after < 0);
        return true;
    }
    while (cw_list_load(list, nums, NULL, 100, &kept, 1) == CW_LIST_NOMEM)
        CHECK(cw_list_is_empty(list));
    holds(list, 1, false);
    CHECK_EQ(cw_list_remove(list, &fifty, 1, NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_add(list, &new_num, 1, &pushed, NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_add(list, &old, 1, &passing, NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_add_pattern(list, &p, &kept, NULL), CW_LIST_OK);
    holds(list, 1, true);
    while (cw_list_merge(list, 9) == CW_LIST_NOMEM) {
        holds(list, 1, true);
        /* a change above the half-done merge counts, and is in the next one */
        CHECK_EQ(cw_list_remove(list, nums, 1, NULL), CW_LIST_OK);
        CHECK_EQ(cw_list_add(list, nums, 1, &pushed, NULL), CW_LIST_OK);
        struct cw_pattern walked[4];
        cw_num seen[200];
        struct cw_attr attrs_seen[200];
        CHECK_EQ(cw_list_walk(list, 1, seen, attrs_seen, 200), 100);
        CHECK_EQ(cw_list_walk_patterns(list, 0, walked, attrs_seen, 4), 1);
    }
    holds(list, 1, true);
    struct cw_list_stats s;
    cw_list_stats(list, &s);
    CHECK(s.numbers == 99 && s.patterns == 1 && s.overlay_used == 0);
    while (cw_list_clear(list) == CW_LIST_NOMEM)
        holds(list, 1, true);
    CHECK(cw_list_is_empty(list));
    cw_list_free(list);
    bool failed = fail_after < 0;
    fail_after = -1;
    return failed;
}

/* A load above a merge that stopped half way keeps the patterns of both overlays and the numbers of neither. */
static void load_after_a_half_done_merge(struct cw_rcu *rcu)
{
    struct cw_list *list = cw_list_new(rcu, 64, 8);
    struct cw_pattern low = {33, 2, 0}, high = {44, 2, 0};
    cw_num one = 1, two = 2, three = 3;
    CHECK_EQ(cw_list_add(list, &one, 1, &kept, NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_add_pattern(list, &low, &kept, NULL), CW_LIST_OK);
    for (fail_after = 0; fail_after < 50;) {
        long at = fail_after;
        CHECK_EQ(cw_list_merge(list, 0), CW_LIST_NOMEM);
        struct cw_list_stats s;
        cw_list_stats(list, &s);
        if (s.overlay_used == 0) /* frozen, and not merged */
            break;
        fail_after = at + 1;
    }
    fail_after = -1;
    CHECK_EQ(cw_list_add(list, &two, 1, &pushed, NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_add_pattern(list, &high, &pushed, NULL), CW_LIST_OK);
    CHECK_EQ(cw_list_load(list, &three, NULL, 1, &kept, 1), CW_LIST_OK);
    CHECK(!cw_list_find(list, 1, 0, NULL) && !cw_list_find(list, 2, 0, NULL) && cw_list_find(list, 3, 0, NULL));
    CHECK(cw_list_find(list, 331, 0, NULL) && cw_list_find(list, 441, 0, NULL));
    struct cw_list_stats s;
    cw_list_stats(list, &s);
    CHECK(s.numbers == 1 && s.patterns == 2);
    cw_list_free(list);
}

static struct cw_rcu domain;

TEST(list_survives_every_failed_allocation)
{
    long at = 0;
    while (one_failure(&domain, at))
        at++;
    CHECK(at > 30);
    load_after_a_half_done_merge(&domain);
}

TEST(list_small_overlay_answers_like_the_model) { against_the_model(&domain, 128, 1500); }
TEST(list_large_overlay_answers_like_the_model) { against_the_model(&domain, 4096, 1500); }
TEST(list_bad_arguments_change_nothing) { bad_arguments_change_nothing(&domain); }
TEST(list_full_overlay_asks_for_a_merge) { full_asks_for_a_merge(&domain); }
TEST(base_finds_just_what_it_holds)
{
    const unsigned shares[] = {1, 3, 20, 500, 1000};
    const size_t widths[] = {1, 2, 256, 257, 70000};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 5; k++)
            base_of(widths[k], shares[i]);
}
TEST(sort_is_stable) { sort_is_stable_and_right(); }
TEST(range_is_split_into_the_fewest_prefixes) { ranges(); }
TEST(rcu_slots_are_handed_out_once) { readers_are_counted(); }

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        {"list_small_overlay_answers_like_the_model", list_small_overlay_answers_like_the_model},
        {"list_large_overlay_answers_like_the_model", list_large_overlay_answers_like_the_model},
        {"list_bad_arguments_change_nothing", list_bad_arguments_change_nothing},
        {"list_full_overlay_asks_for_a_merge", list_full_overlay_asks_for_a_merge},
        {"list_survives_every_failed_allocation", list_survives_every_failed_allocation},
        {"base_finds_just_what_it_holds", base_finds_just_what_it_holds},
        {"sort_is_stable", sort_is_stable},
        {"range_is_split_into_the_fewest_prefixes", range_is_split_into_the_fewest_prefixes},
        {"rcu_slots_are_handed_out_once", rcu_slots_are_handed_out_once},
    };
    cw_rcu_init(&domain);
    return run_tests(tests, sizeof tests / sizeof *tests, argc, argv);
}
