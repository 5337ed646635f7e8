/* A C test file: TEST(name) { CHECK(...); } and TESTS(...) at the end. Run with a test's name; without one, all run. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #cond);                         \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)
#define CHECK_EQ(left, right)                                                                                          \
    do {                                                                                                               \
        long long l_ = (long long)(left), r_ = (long long)(right);                                                     \
        if (l_ != r_) {                                                                                                \
            fprintf(stderr, "%s:%d: %s: %s is %lld, %s is %lld\n", __FILE__, __LINE__, __func__, #left, l_, #right, r_); \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

struct test {
    const char *name;
    void (*run)(void);
};
#define TEST(name) static void name(void)

static int run_tests(const struct test *tests, size_t n, int argc, char **argv)
{
    size_t ran = 0;
    for (size_t i = 0; i < n; i++)
        if (argc < 2 || strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            ran++;
        }
    if (ran == 0)
        fprintf(stderr, "no such test: %s\n", argv[1]);
    return ran ? 0 : 2;
}

#endif
