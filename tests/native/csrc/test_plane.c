/* The data plane over real sockets on loopback, with an engine of the test's own: it does what the first byte of the
 * datagram says. Each test counts its descriptors; the sanitizers count memory and watch the threads. Over 600 lines:
 * all tests share that engine and its plane, and one program is what ThreadSanitizer watches. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "cw_plane.h"
#include "cw_socket.h"

#define PATIENCE_MS 10000
#define DEAD_SEQ UINT64_C(0xdeaddeaddeaddead)

static struct cw_ep v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct cw_ep){.ip = {[10] = 0xff, [11] = 0xff, [12] = a, [13] = b, [14] = c, [15] = d}, .port = port};
}
static struct cw_ep v6_loopback(void) { return (struct cw_ep){.ip = {[15] = 1}}; }

/* ---- the engine of the test ---- */

static sem_t gate_reached, gate;
static struct cw_in last_in; /* of an 'E'; read after the answer came */

struct answer {              /* what an 'E' brings back, before its own bytes */
    uint64_t rules_seq;
};

static void echo(const struct cw_world *world, const struct cw_in *in, struct cw_out *out)
{
    struct answer a = {.rules_seq = world->rules_seq};
    size_t head = in->len <= 1000 ? sizeof a : 0; /* the big ones come back as they are */
    memcpy(out->buf, &a, head);
    memcpy(out->buf + head, in->buf, in->len);
    out->len = (uint32_t)(head + in->len);
    out->listener = in->listener;
    out->dst = in->src;
}

unsigned cw_engine_handle(const struct cw_world *world, struct cw_shared *shared, struct cw_worker *worker,
                          const struct cw_in *in, struct cw_out *out)
{
    (void)shared;
    CHECK(world->rules_seq != DEAD_SEQ);
    CHECK(out->len == 0 && out->buf != NULL);
    switch (in->len ? in->buf[0] : 0) {
    case 'E': /* echo */
        echo(world, in, out);
        if (in->len == 2 && in->buf[1] == '?')
            last_in = *in;
        break;
    case 'X': /* echo out of the other listener */
        echo(world, in, out);
        out->listener ^= 1;
        break;
    case 'B': /* broadcast: EACCES */
        echo(world, in, out);
        out->dst = v4(255, 255, 255, 255, 9);
        break;
    case 'O': /* more than a UDP datagram holds: EMSGSIZE */
        echo(world, in, out);
        out->len = CW_DATAGRAM_MAX;
        break;
    case '6': /* IPv6 out of an IPv4 socket */
        echo(world, in, out);
        out->dst = v6_loopback();
        out->dst.port = 9;
        break;
    case 'L': /* no such listener */
        echo(world, in, out);
        out->listener = 999;
        break;
    case 'P': /* to the port in the datagram */
        echo(world, in, out);
        memcpy(&out->dst.port, in->buf + 1, 2);
        break;
    case 'R': { /* a record */
        struct cw_record *r = cw_ring_claim(worker->ring);
        if (r) {
            memset(r, 0, sizeof *r);
            r->rules_seq = in->len;
            cw_ring_publish(worker->ring);
        }
        break;
    }
    case 'G': /* stand still until the test lets go */
        sem_post(&gate_reached);
        sem_wait(&gate);
        break;
    default:
        break;
    }
    return CW_R_PASS;
}

/* ---- tools ---- */

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static uint64_t unix_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#define EVENTUALLY(cond)                                                                                               \
    do {                                                                                                               \
        uint64_t end_ = unix_ms() + PATIENCE_MS;                                                                       \
        while (!(cond)) {                                                                                              \
            CHECK(unix_ms() < end_ || !"in time: " #cond);                                                             \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);                                                   \
        }                                                                                                              \
    } while (0)

static struct cw_rcu rcu;
static struct cw_shared shared;
static int descriptors_before;

static struct cw_world *world_of(uint64_t seq)
{
    struct cw_world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->rules_seq = seq;
    return w;
}

static struct cw_plane_options plain(uint16_t threads)
{
    struct cw_plane_options o = {.n_threads = threads, .ring_records = 64};
    for (int i = 0; i < CW_THREADS_MAX; i++)
        o.cpus[i] = -1;
    return o;
}

static struct cw_plane *started(const struct cw_ep *binds, uint16_t n, struct cw_plane_options o)
{
    char err[256] = "";
    descriptors_before = descriptors();
    cw_rcu_init(&rcu);
    sem_init(&gate, 0, 0);
    sem_init(&gate_reached, 0, 0);
    struct cw_plane *plane = cw_plane_new(&rcu, &shared, world_of(1), binds, n, &o, err, sizeof err);
    if (!plane)
        fprintf(stderr, "%s\n", err);
    CHECK(plane != NULL);
    CHECK_EQ(cw_plane_start(plane), 0);
    return plane;
}

static void ended(struct cw_plane *plane)
{
    cw_plane_stop(plane, PATIENCE_MS);
    free((void *)(uintptr_t)cw_plane_publish(plane, NULL));
    cw_plane_free(plane);
    CHECK_EQ(descriptors(), descriptors_before);
}

static uint64_t total(const struct cw_plane *plane, size_t offset)
{
    uint64_t n = 0;
    for (unsigned t = 0; t < cw_plane_threads(plane); t++)
        n += atomic_load((const _Atomic uint64_t *)(const void *)((const char *)cw_plane_stats(plane, t) + offset));
    return n;
}
#define TOTAL(plane, field) total((plane), offsetof(struct cw_stats, field))

/* A socket of a caller, connected to a listener so that only its answers are heard. */
static int caller_to(const struct cw_plane *plane, struct cw_ep to, unsigned listener)
{
    union cw_sockaddr sa;
    to.port = cw_plane_port(plane, listener);
    bool v6 = !cw_ep_is_v4(&to);
    socklen_t len = cw_socket_to(&to, v6, &sa);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    CHECK(len && fd >= 0 && connect(fd, &sa.any, len) == 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void say(int fd, const char *text) { CHECK_EQ(send(fd, text, strlen(text), 0), strlen(text)); }

/* The answer to an 'E': its text must be this one. Returns the seq of the world that made it. */
static uint64_t hear(int fd, const char *text)
{
    uint8_t buf[2048];
    struct answer a;
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    CHECK_EQ(n, (ssize_t)(sizeof a + strlen(text)));
    CHECK(memcmp(buf + sizeof a, text, strlen(text)) == 0);
    memcpy(&a, buf, sizeof a);
    return a.rules_seq;
}

static void close_gate(int fd)
{
    say(fd, "G");
    sem_wait(&gate_reached);
}

/* A descriptor of the plane's socket on that port. */
static int socket_on(uint16_t port)
{
    for (int fd = 3; fd < 256; fd++) {
        union cw_sockaddr sa;
        struct cw_ep ep;
        socklen_t len = sizeof sa;
        if (getsockname(fd, &sa.any, &len) != 0)
            continue;
        cw_socket_from(&sa, &ep);
        if (ep.port == port)
            return fd;
    }
    return -1;
}

/* ---- tests ---- */

static void echoes(struct cw_ep at, struct cw_plane_options o)
{
    struct cw_plane *plane = started(&at, 1, o);
    CHECK(cw_plane_port(plane, 0) != 0);
    CHECK_EQ(cw_plane_port(plane, 1), 0);
    int fd = caller_to(plane, at, 0);
    say(fd, "E?");
    CHECK_EQ(hear(fd, "E?"), 1);
    union cw_sockaddr me;
    socklen_t len = sizeof me;
    struct cw_ep src;
    CHECK_EQ(getsockname(fd, &me.any, &len), 0);
    cw_socket_from(&me, &src);
    cw_plane_stop(plane, 0); /* joins: last_in is ours now */
    CHECK(cw_ep_eq(&last_in.src, &src));
    CHECK_EQ(last_in.listener, 0);
    CHECK(last_in.rx_ns / 1000000 <= unix_ms() && last_in.rx_ns / 1000000 + PATIENCE_MS > unix_ms());
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint32_t mono_ms = (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
    CHECK(mono_ms - last_in.now_ms < PATIENCE_MS);
    const struct cw_stats *s = cw_plane_stats(plane, 0);
    CHECK_EQ(s->received, 1);
    CHECK_EQ(s->received_bytes, 2);
    CHECK_EQ(s->sent, 1);
    CHECK_EQ(s->sent_bytes, 2 + sizeof(struct answer));
    CHECK_EQ(s->batches, 1);
    CHECK_EQ(s->transit.count, 1);
    CHECK(cw_plane_stats(plane, 1) == NULL);
    close(fd);
    ended(plane);
}

TEST(plane_echoes_over_ipv4) { echoes(v4(127, 0, 0, 1, 0), plain(1)); }
TEST(plane_echoes_over_ipv6) { echoes(v6_loopback(), plain(1)); }

TEST(plane_echoes_while_it_busy_polls)
{
    struct cw_plane_options o = plain(1);
    o.busy_poll_us = 2000000;
    echoes(v4(127, 0, 0, 1, 0), o);
}

TEST(plane_takes_buffer_sizes_it_may_not_have)
{
    struct cw_plane_options o = plain(1);
    o.rcvbuf_bytes = o.sndbuf_bytes = UINT32_MAX;
    echoes(v4(127, 0, 0, 1, 0), o);
}

TEST(plane_spreads_one_sender_at_random_when_asked)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane_options o = plain(2);
    o.spread_at_random = true;
    struct cw_plane *plane = started(&at, 1, o);
    int fd = caller_to(plane, at, 0);
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 10; k++)
            say(fd, "E");
        for (int k = 0; k < 10; k++)
            hear(fd, "E");
    }
    EVENTUALLY(TOTAL(plane, received) == 1000);
    for (unsigned t = 0; t < 2; t++)
        CHECK(cw_plane_stats(plane, t)->received > 300);
    close(fd);
    ended(plane);
}

TEST(plane_keeps_one_sender_on_one_thread)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(4));
    int fd = caller_to(plane, at, 0);
    for (int i = 0; i < 50; i++) {
        say(fd, "E");
        hear(fd, "E");
    }
    EVENTUALLY(TOTAL(plane, received) == 50);
    for (unsigned t = 0; t < 4; t++)
        CHECK(cw_plane_stats(plane, t)->received % 50 == 0);
    close(fd);
    ended(plane);
}

static void refuses_taken(struct cw_ep at, const char *ip, uint16_t threads)
{
    struct cw_plane *plane = started(&at, 1, plain(threads));
    struct cw_ep taken[2] = {at, at}; /* the first is free: it must be given back */
    taken[1].port = cw_plane_port(plane, 0);
    int open = descriptors();
    for (uint16_t second = 1; second <= 3; second++) {
        struct cw_plane_options o = plain(second);
        char err[256] = "", want[256];
        struct cw_world *world = world_of(1);
        CHECK(cw_plane_new(&rcu, &shared, world, taken, 2, &o, err, sizeof err) == NULL);
        free(world);
        snprintf(want, sizeof want, "%s:%u: Address already in use", ip, taken[1].port);
        CHECK(strcmp(err, want) == 0);
        CHECK_EQ(descriptors(), open);
    }
    ended(plane);
}

TEST(plane_refuses_a_port_that_another_gateway_holds)
{
    refuses_taken(v4(127, 0, 0, 1, 0), "127.0.0.1", 1);
    refuses_taken(v4(127, 0, 0, 1, 0), "127.0.0.1", 2);
    refuses_taken(v6_loopback(), "[::1]", 2);
}

TEST(plane_refuses_impossible_options)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane_options none = plain(0), many = plain(CW_THREADS_MAX + 1), one = plain(1);
    char err[64];
    CHECK(cw_plane_new(&rcu, &shared, NULL, &at, 1, &none, err, sizeof err) == NULL && strlen(err) > 0);
    CHECK(cw_plane_new(&rcu, &shared, NULL, &at, 1, &many, err, sizeof err) == NULL);
    CHECK(cw_plane_new(&rcu, &shared, NULL, &at, 0, &one, err, sizeof err) == NULL);
    CHECK(cw_plane_new(&rcu, &shared, NULL, &at, CW_LISTENERS_MAX + 1, &one, NULL, 0) == NULL);
    struct cw_ep foreign = v4(192, 0, 2, 254, 0); /* RFC 5737: nobody's */
    CHECK(cw_plane_new(&rcu, &shared, NULL, &foreign, 1, &one, err, sizeof err) == NULL);
    CHECK(strcmp(err, "192.0.2.254:0: Cannot assign requested address") == 0);
}

TEST(plane_start_fails_whole_when_a_cpu_does_not_exist)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane_options o = plain(2);
    o.cpus[1] = CPU_SETSIZE - 1;
    char err[64];
    int open = descriptors();
    cw_rcu_init(&rcu);
    struct cw_world *world = world_of(1);
    struct cw_plane *plane = cw_plane_new(&rcu, &shared, world, &at, 1, &o, err, sizeof err);
    CHECK(plane != NULL);
    CHECK_EQ(cw_plane_start(plane), -EINVAL);
    cw_plane_free(plane);
    free(world);
    for (int i = 0; i < CW_READERS_MAX; i++)
        CHECK(!rcu.readers[i].used);
    CHECK_EQ(descriptors(), open);
}

TEST(plane_starts_once)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(1));
    CHECK_EQ(cw_plane_start(plane), -EBUSY);
    cw_plane_stop(plane, 0);
    CHECK_EQ(cw_plane_start(plane), -ESHUTDOWN);
    ended(plane);
}

TEST(plane_binds_ipv4_and_ipv6_wildcards_side_by_side)
{
    struct cw_ep at[2] = {v4(0, 0, 0, 0, 0), {.port = 0}};
    struct cw_plane *first = started(at, 1, plain(1));
    int before = descriptors_before;
    at[1].port = cw_plane_port(first, 0);
    struct cw_plane_options o = plain(1);
    char err[64];
    struct cw_world *world = world_of(1);
    struct cw_plane *second = cw_plane_new(&rcu, &shared, world, &at[1], 1, &o, err, sizeof err);
    CHECK(second != NULL); /* IPV6_V6ONLY */
    cw_plane_free(second);
    free(world);
    CHECK_EQ(before, descriptors_before);
    ended(first);
}

TEST(plane_sends_out_of_the_named_listener_in_order)
{
    struct cw_ep at[3] = {v4(127, 0, 0, 1, 0), v4(127, 0, 0, 1, 0), v6_loopback()};
    struct cw_plane *plane = started(at, 3, plain(1));
    CHECK(cw_plane_port(plane, 0) != cw_plane_port(plane, 1));
    struct cw_ep bound = v4(127, 0, 0, 1, 0);
    union cw_sockaddr sa;
    bound.port = 1;
    socklen_t len = cw_socket_to(&bound, false, &sa);
    sa.v4.sin_port = 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0); /* hears both listeners */
    CHECK(bind(fd, &sa.any, len) == 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bound.port = cw_plane_port(plane, 0);
    len = cw_socket_to(&bound, false, &sa);
    int gatekeeper = caller_to(plane, at[1], 1);
    close_gate(gatekeeper); /* so that what follows is one batch */
    for (int i = 0; i < 40; i++) {
        uint8_t text[2] = {i % 3 ? 'X' : 'E', (uint8_t)i};
        CHECK_EQ(sendto(fd, text, 2, 0, &sa.any, len), 2);
    }
    sem_post(&gate);
    int last[2] = {-1, -1};
    for (int i = 0; i < 40; i++) {
        uint8_t buf[64];
        struct cw_ep from;
        socklen_t from_len = sizeof sa;
        CHECK_EQ(recvfrom(fd, buf, sizeof buf, 0, &sa.any, &from_len), (ssize_t)sizeof(struct answer) + 2);
        cw_socket_from(&sa, &from);
        int number = buf[sizeof(struct answer) + 1], which = number % 3 ? 1 : 0;
        CHECK_EQ(from.port, cw_plane_port(plane, (unsigned)which));
        CHECK(number > last[which]);
        last[which] = number;
    }
    int six = caller_to(plane, at[2], 2);
    say(six, "E six");
    hear(six, "E six");
    EVENTUALLY(TOTAL(plane, transit.count) == 41);
    CHECK_EQ(TOTAL(plane, batches), 3);
    CHECK_EQ(TOTAL(plane, reasons[CW_R_DROP_SEND]), 0);
    close(six);
    close(gatekeeper);
    close(fd);
    ended(plane);
}

TEST(plane_counts_a_refused_datagram_and_sends_the_others)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(1));
    int fd = caller_to(plane, at, 0), closed = caller_to(plane, at, 0);
    union cw_sockaddr sa;
    struct cw_ep nobody;
    socklen_t len = sizeof sa;
    CHECK_EQ(getsockname(closed, &sa.any, &len), 0);
    cw_socket_from(&sa, &nobody);
    close(closed);
    char to_nobody[4] = "P";
    memcpy(to_nobody + 1, &nobody.port, 2);
    close_gate(fd);
    const char *refused[] = {"B", "O", "6", "L"};
    for (int i = 0; i < 4; i++) {
        say(fd, refused[i]);
        say(fd, "E between");
        CHECK_EQ(send(fd, to_nobody, 3, 0), 3);
        say(fd, "E after");
    }
    say(fd, "B");
    sem_post(&gate);
    for (int i = 0; i < 4; i++) {
        hear(fd, "E between");
        hear(fd, "E after");
    }
    EVENTUALLY(TOTAL(plane, received) == 18);
    CHECK_EQ(TOTAL(plane, reasons[CW_R_DROP_SEND]), 3);
    CHECK_EQ(TOTAL(plane, reasons[CW_R_DROP_DESTINATION]), 2);
    CHECK_EQ(TOTAL(plane, sent), 12);
    CHECK_EQ(TOTAL(plane, transit.count), 12);
    CHECK_EQ(TOTAL(plane, batches), 2);
    close(fd);
    ended(plane);
}

TEST(plane_takes_datagrams_of_every_size_rfc3261_18_1_1)
{
    static uint8_t sent[65507], got[65536];
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(1));
    int fd = caller_to(plane, at, 0);
    CHECK_EQ(send(fd, "", 0, 0), 0); /* an empty datagram is one, too */
    for (size_t i = 1; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 >> 3);
    sent[0] = 'E';
    for (size_t len = 1001; len <= sizeof sent; len = len < 60000 ? len * 3 : len + 5507 - (len + 5507) % 5507 + 5507) {
        CHECK_EQ(send(fd, sent, len, 0), len);
        CHECK_EQ(recv(fd, got, sizeof got, 0), len);
        CHECK(memcmp(sent, got, len) == 0);
    }
    CHECK_EQ(send(fd, sent, sizeof sent, 0), sizeof sent);
    CHECK_EQ(recv(fd, got, sizeof got, 0), sizeof sent);
    CHECK(memcmp(sent, got, sizeof sent) == 0);
    EVENTUALLY(TOTAL(plane, received) == TOTAL(plane, sent) + 1);
    close(fd);
    ended(plane);
}

TEST(plane_counts_records_that_a_full_ring_loses)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane_options o = plain(2);
    o.ring_records = 4;
    o.spread_at_random = true; /* both rings fill */
    struct cw_plane *plane = started(&at, 1, o);
    int fd = caller_to(plane, at, 0);
    for (int i = 0; i < 100; i++)
        say(fd, "R!");
    EVENTUALLY(TOTAL(plane, received) == 100);
    struct cw_record out[16];
    CHECK_EQ(cw_plane_drain(plane, out, 5), 5);
    CHECK_EQ(out[4].rules_seq, 2);
    CHECK_EQ(cw_plane_drain(plane, out, 16), 3);
    CHECK_EQ(cw_plane_drain(plane, out, 16), 0);
    CHECK_EQ(cw_plane_dropped(plane), 92);
    close(fd);
    ended(plane);
}

static _Atomic bool load_on;

static void *load(void *arg)
{
    int fd = *(int *)arg;
    uint64_t last = 0;
    while (atomic_load(&load_on)) {
        for (int i = 0; i < 8; i++)
            say(fd, "E load");
        for (int i = 0; i < 8; i++) {
            uint64_t seq = hear(fd, "E load");
            last = seq > last ? seq : last;
        }
    }
    return (void *)(uintptr_t)last;
}

/* The old world is written to and freed the moment publish() returns: a thread that still read it would be a race for
 * ThreadSanitizer and a use after free for AddressSanitizer. And the next datagram meets the new rules. */
TEST(plane_publish_returns_the_old_world_when_nobody_holds_it)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(2));
    int fd = caller_to(plane, at, 0), mine = caller_to(plane, at, 0);
    pthread_t id;
    atomic_store(&load_on, true);
    CHECK_EQ(pthread_create(&id, NULL, load, &fd), 0);
    for (uint64_t seq = 2; seq < 300; seq++) {
        struct cw_world *old = (struct cw_world *)(uintptr_t)cw_plane_publish(plane, world_of(seq));
        CHECK_EQ(old->rules_seq, seq - 1);
        old->rules_seq = DEAD_SEQ;
        free(old);
        say(mine, "E");
        CHECK_EQ(hear(mine, "E"), seq);
    }
    atomic_store(&load_on, false);
    CHECK_EQ(pthread_join(id, NULL), 0);
    close(fd);
    close(mine);
    ended(plane);
}

/* Idle threads, asleep or busy-polling for longer than any test runs, do not hold up a push. */
static void publishes_idle(uint16_t listeners, uint32_t busy_poll_us)
{
    struct cw_ep at[2] = {v4(127, 0, 0, 1, 0), v4(127, 0, 0, 1, 0)};
    struct cw_plane_options o = plain(2);
    o.busy_poll_us = busy_poll_us;
    struct cw_plane *plane = started(at, listeners, o);
    for (uint64_t seq = 2; seq < 100; seq++) {
        struct cw_world *old = (struct cw_world *)(uintptr_t)cw_plane_publish(plane, world_of(seq));
        CHECK_EQ(old->rules_seq, seq - 1);
        free(old);
    }
    ended(plane);
}

TEST(plane_publish_works_on_a_sleeping_plane)
{
    publishes_idle(1, 0);
    publishes_idle(2, 0);
}
TEST(plane_publish_works_on_a_busy_polling_plane) { publishes_idle(2, 3000000000u); }

static void *stopper(void *plane)
{
    cw_plane_stop(plane, PATIENCE_MS);
    return NULL;
}

static void drains(uint16_t listeners)
{
    struct cw_ep at[2] = {v4(127, 0, 0, 1, 0), v4(127, 0, 0, 1, 0)};
    struct cw_plane *plane = started(at, listeners, plain(1));
    int fd = caller_to(plane, at[0], 0);
    close_gate(fd);
    for (int i = 0; i < 150; i++) /* more than two batches */
        say(fd, "E queued");
    pthread_t id;
    CHECK_EQ(pthread_create(&id, NULL, stopper, plane), 0);
    struct pollfd told = {.fd = socket_on(cw_plane_port(plane, 0)), .events = POLLRDHUP};
    CHECK(told.fd >= 0);
    CHECK_EQ(poll(&told, 1, PATIENCE_MS), 1); /* the thread has been told to stop, and still stands at the gate */
    sem_post(&gate);
    CHECK_EQ(pthread_join(id, NULL), 0);
    CHECK_EQ(TOTAL(plane, received), 151);
    CHECK_EQ(TOTAL(plane, sent), 150);
    for (int i = 0; i < 150; i++)
        hear(fd, "E queued");
    close(fd);
    ended(plane);
}

TEST(plane_stop_serves_what_is_queued)
{
    drains(1);
    drains(2);
}

static void *hasty_stopper(void *plane)
{
    cw_plane_stop(plane, 0);
    return NULL;
}

TEST(plane_stop_without_time_leaves_the_queue)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(1));
    int fd = caller_to(plane, at, 0);
    close_gate(fd);
    for (int i = 0; i < 10; i++)
        say(fd, "E queued");
    pthread_t id;
    CHECK_EQ(pthread_create(&id, NULL, hasty_stopper, plane), 0);
    struct pollfd told = {.fd = socket_on(cw_plane_port(plane, 0)), .events = POLLRDHUP};
    CHECK_EQ(poll(&told, 1, PATIENCE_MS), 1);
    sem_post(&gate);
    CHECK_EQ(pthread_join(id, NULL), 0);
    CHECK_EQ(TOTAL(plane, received), 1);
    close(fd);
    ended(plane);
}

TEST(plane_freed_while_it_runs_stops_first)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane *plane = started(&at, 1, plain(2));
    const struct cw_world *world = cw_plane_publish(plane, NULL);
    cw_plane_free(plane);
    free((void *)(uintptr_t)world);
    CHECK_EQ(descriptors(), descriptors_before);
}

static void shows_life(uint16_t listeners, uint32_t busy_poll_us)
{
    struct cw_ep at[2] = {v4(127, 0, 0, 1, 0), v4(127, 0, 0, 1, 0)};
    struct cw_plane_options o = plain(2);
    o.busy_poll_us = busy_poll_us;
    struct cw_plane *plane = started(at, listeners, o);
    for (unsigned t = 0; t < 2; t++) {
        uint64_t first = cw_plane_alive_ms(plane, t);
        CHECK(first != 0);
        EVENTUALLY(cw_plane_alive_ms(plane, t) > first);
        uint64_t second = cw_plane_alive_ms(plane, t);
        EVENTUALLY(cw_plane_alive_ms(plane, t) > second);
    }
    CHECK_EQ(cw_plane_alive_ms(plane, 2), 0);
    CHECK_EQ(TOTAL(plane, received), 0);
    ended(plane);
}

TEST(plane_idle_threads_show_life)
{
    shows_life(1, 0);
    shows_life(2, 0);
    shows_life(1, 60000000);
}

/* The value of a line of /proc/self/task/<data thread>/status, into `value`; how many data threads there are. */
static int data_threads(const char *key, char value[64])
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *e; (e = readdir(tasks)) != NULL;) {
        char path[300], line[256];
        bool ours = false;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        FILE *f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f)) {
            if (strncmp(line, "Name:\tcw-data-0", 15) == 0 || strncmp(line, "Name:\tcw-data-1", 15) == 0)
                ours = true;
            if (ours && strncmp(line, key, strlen(key)) == 0)
                snprintf(value, 64, "%.*s", (int)strcspn(line + strlen(key) + 2, "\n"), line + strlen(key) + 2);
        }
        if (f)
            fclose(f);
        n += ours;
    }
    closedir(tasks);
    return n;
}

TEST(plane_threads_are_named_pinned_and_deaf_to_signals)
{
    struct cw_ep at = v4(127, 0, 0, 1, 0);
    struct cw_plane_options o = plain(2);
    cpu_set_t mine;
    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    int cpu = 0;
    while (!CPU_ISSET((size_t)cpu, &mine))
        cpu++;
    o.cpus[0] = o.cpus[1] = cpu;
    struct cw_plane *plane = started(&at, 1, o);
    char value[64] = "", want[16];
    EVENTUALLY(data_threads("Cpus_allowed_list", value) == 2);
    snprintf(want, sizeof want, "%d", cpu);
    CHECK(strcmp(value, want) == 0);
    data_threads("SigBlk", value);
    uint64_t blocked = strtoull(value, NULL, 16);
    CHECK((blocked >> (15 - 1) & 1) && (blocked >> (2 - 1) & 1) && (blocked >> (1 - 1) & 1)); /* TERM, INT, HUP */
    ended(plane);
}

#define T(name) {#name, name}
static const struct test tests[] = {
    T(plane_echoes_over_ipv4),
    T(plane_echoes_over_ipv6),
    T(plane_echoes_while_it_busy_polls),
    T(plane_takes_buffer_sizes_it_may_not_have),
    T(plane_spreads_one_sender_at_random_when_asked),
    T(plane_keeps_one_sender_on_one_thread),
    T(plane_refuses_a_port_that_another_gateway_holds),
    T(plane_refuses_impossible_options),
    T(plane_start_fails_whole_when_a_cpu_does_not_exist),
    T(plane_starts_once),
    T(plane_binds_ipv4_and_ipv6_wildcards_side_by_side),
    T(plane_sends_out_of_the_named_listener_in_order),
    T(plane_counts_a_refused_datagram_and_sends_the_others),
    T(plane_takes_datagrams_of_every_size_rfc3261_18_1_1),
    T(plane_counts_records_that_a_full_ring_loses),
    T(plane_publish_returns_the_old_world_when_nobody_holds_it),
    T(plane_publish_works_on_a_sleeping_plane),
    T(plane_publish_works_on_a_busy_polling_plane),
    T(plane_stop_serves_what_is_queued),
    T(plane_stop_without_time_leaves_the_queue),
    T(plane_freed_while_it_runs_stops_first),
    T(plane_idle_threads_show_life),
    T(plane_threads_are_named_pinned_and_deaf_to_signals),
};

int main(int argc, char **argv) { return run_tests(tests, sizeof tests / sizeof *tests, argc, argv); }
