/* Writes a list of distinct phone numbers, one a line, the same for the same arguments.
 *
 *   cw_numgen random COUNT [SEED]   spread over +861[3-9]xxxxxxxxx by a keyed permutation (no table, any count)
 *   cw_numgen spaced COUNT          every 83rd of +86138xxxxxxxx: what a proxy's start-up script can count out as well
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE UINT64_C(7000000000) /* second digit 3..9, nine digits behind it */
enum { STEP = 83, HALF_BITS = 17 };

static uint32_t mix(uint32_t x, uint32_t key)
{
    x = (x ^ key) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return (x ^ (x >> 16)) & ((1u << HALF_BITS) - 1u);
}

/* Four Feistel rounds over 34 bits, walked until the value lies in the number space: a permutation of it */
static uint64_t permute(uint64_t x, uint32_t seed)
{
    const uint32_t mask = (1u << HALF_BITS) - 1u;
    do {
        uint32_t left = (uint32_t)(x >> HALF_BITS) & mask;
        uint32_t right = (uint32_t)x & mask;
        for (uint32_t round = 1; round <= 4; round++) {
            uint32_t next = left ^ mix(right, seed * 0x9e3779b9u + round * 0x7f4a7c15u);
            left = right;
            right = next;
        }
        x = (uint64_t)left << HALF_BITS | right;
    } while (x >= SPACE);
    return x;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    uint32_t seed = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1;
    if (argc > 2 && strcmp(argv[1], "random") == 0 && count > 0 && count <= SPACE) {
        for (uint64_t i = 0; i < count; i++) {
            uint64_t x = permute(i, seed);
            printf("+861%" PRIu64 "%09" PRIu64 "\n", 3 + x / UINT64_C(1000000000), x % UINT64_C(1000000000));
        }
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc > 2 && strcmp(argv[1], "spaced") == 0 && count > 0 && count <= 1000000) {
        for (uint64_t i = 0; i < count; i++)
            printf("+86138%08" PRIu64 "\n", 10000000 + i * STEP);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    fputs("usage: cw_numgen random COUNT [SEED] | spaced COUNT (at most a million)\n", stderr);
    return 2;
}
