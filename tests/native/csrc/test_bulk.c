/* The bulk reader against a guard page: each text ends where the readable memory ends, whole and cut at every octet. */
#include "check.h"
#include "cw_bulk.h"

#include <sys/mman.h>
#include <unistd.h>

static struct cw_bulk bulk;
static const struct cw_dialplan cn = {.country_code = 86, .area = "10", .n_strip = 1, .strip = {"17951"}};

/* A copy that ends at a page that must not be touched; free with drop(). */
static uint8_t *guarded(const void *data, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len + page - 1) / page * page;
    uint8_t *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(mprotect(memory + room, page, PROT_NONE) == 0);
    memcpy(memory + room - len, data, len);
    return memory + room - len;
}

static void drop(uint8_t *at, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len + page - 1) / page * page;
    CHECK(munmap(at + len - room, room + page) == 0);
}

static size_t take(unsigned columns, unsigned number_at, const char *text, size_t len)
{
    uint8_t *data = guarded(text, len);
    size_t taken = cw_bulk_read(&bulk, &cn, columns, number_at, data, len);
    drop(data, len);
    return taken;
}

TEST(plain_text)
{
    static const char text[] = "+8613800000001\n13800000002\r\n\n # x\n+86 138-0000-0003 # y\r13800000004";
    CHECK_EQ(take(0, 0, text, strlen(text)), strlen(text));
    CHECK_EQ(bulk.n_keys, 4);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(bulk.keys[i], 8613800000001 + i);
    CHECK_EQ(bulk.n_lines, 6);
    CHECK_EQ(bulk.n_odd, 0);
    CHECK_EQ(bulk.n_groups, 1);
    CHECK_EQ(bulk.groups[0].n, 4);
}

TEST(odd_lines_are_left_with_their_place)
{
    static const char text[] = "170000*\n13800000001\r\n13800000000-13800009999\r\nbad\n+86138\n12345678901234567890\n1..2";
    CHECK_EQ(take(0, 0, text, strlen(text)), strlen(text));
    CHECK_EQ(bulk.n_keys, 1);
    CHECK_EQ(bulk.n_odd, 6);
    CHECK_EQ(bulk.odd[0].line, 0);
    CHECK_EQ(bulk.odd[0].len, 7);
    CHECK_EQ(bulk.odd[1].line, 2);
    CHECK_EQ(bulk.odd[1].off, 21);
    CHECK_EQ(bulk.odd[1].len, 23);
    CHECK_EQ(bulk.odd[5].line, 6);
    CHECK_EQ(bulk.odd[5].off + bulk.odd[5].len, strlen(text));
}

TEST(csv_groups)
{
    static const char text[] = "a,13800000001,1\nb,13800000002,1\r\n# c\na,13800000003,1\na,13800000004\n\"a\",13800000005,1\n,,,\na,,1\n";
    CHECK_EQ(take(3, 1, text, strlen(text)), strlen(text));
    CHECK_EQ(bulk.n_groups, 3);
    CHECK_EQ(bulk.groups[0].n, 2);
    CHECK_EQ(bulk.keys[0], 8613800000001);
    CHECK_EQ(bulk.keys[1], 8613800000003);
    CHECK_EQ(bulk.keys[2], 8613800000002);
    CHECK_EQ(bulk.keys[3], 8613800000004);
    CHECK_EQ(bulk.groups[1].head_off, 16);
    CHECK_EQ(bulk.groups[1].head_len, 2);
    CHECK_EQ(bulk.groups[1].tail_off, 29);
    CHECK_EQ(bulk.groups[1].tail_len, 2);
    CHECK_EQ(bulk.n_odd, 3);
    CHECK_EQ(bulk.odd[2].line, 7);
}

TEST(every_prefix_is_taken_whole)
{
    static const char text[] = "+8613800000001\r\n\xe2\x80\x93,1\n+86 (138) 0000.0002\t#\n0755-88888888,\"\n95500-95599,,,\n#\r\r\n110";
    for (size_t len = 1; len < sizeof text; len++)
        for (unsigned columns = 0; columns < 4; columns++)
            for (unsigned at = 0; at < columns || at == 0; at++)
                CHECK_EQ(take(columns, at, text, len), len);
}

TEST(noise)
{
    static const char alphabet[] = "+-.()/ \t\r\n,\"#*?0123456789a\xff";
    char text[300];
    uint32_t x = 1;
    for (unsigned round = 0; round < 3000; round++) {
        size_t len = 1 + round % sizeof text;
        for (size_t i = 0; i < len; i++) {
            x = x * 1664525 + 1013904223;
            text[i] = alphabet[(x >> 16) % (sizeof alphabet - 1)];
        }
        CHECK_EQ(take(round % 4, round % 4 ? round % 3 % (round % 4) : 0, text, len), len);
        uint32_t keys = 0;
        for (uint32_t g = 0; g < bulk.n_groups; g++)
            keys += bulk.groups[g].n;
        CHECK_EQ(keys, bulk.n_keys);
    }
}

/* A limit of the call is no limit of the file: whole lines are taken, and the rest by the next call. */
static void limit(unsigned columns, const char *format, unsigned lines, unsigned want)
{
    size_t len = 0, room = (size_t)lines * 40;
    char *text = calloc(1, room);
    CHECK(text != NULL);
    for (unsigned i = 0; i < lines; i++)
        len += (size_t)snprintf(text + len, room - len, format, i);
    size_t taken = take(columns, 0, text, len);
    CHECK_EQ(bulk.n_lines, want);
    CHECK(taken < len && text[taken - 1] == '\n');
    CHECK_EQ(take(columns, 0, text + taken, len - taken), len - taken);
    CHECK_EQ(bulk.n_lines, lines - want);
    free(text);
}

TEST(limits)
{
    limit(0, "1380%07u\n", CW_BULK_KEYS + 5, CW_BULK_KEYS);
    limit(0, "1380%05u*\n", CW_BULK_ODD + 5, CW_BULK_ODD);
    limit(2, "13800000000,%u\n", CW_BULK_GROUPS + 5, CW_BULK_GROUPS);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        {"plain_text", plain_text},
        {"odd_lines_are_left_with_their_place", odd_lines_are_left_with_their_place},
        {"csv_groups", csv_groups},
        {"every_prefix_is_taken_whole", every_prefix_is_taken_whole},
        {"noise", noise},
        {"limits", limits},
    };
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
