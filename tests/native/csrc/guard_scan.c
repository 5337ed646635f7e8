/* Every prefix of every file named in the arguments goes through the scanner with its last octet against a page that
 * cannot be read. Exit 0 when all invariants held; prints how many prefixes there were.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "scan_invariants.h"

static size_t read_file(const char *path, uint8_t *buf, size_t room)
{
    FILE *f = fopen(path, "rb");
    MUST(f);
    size_t len = fread(buf, 1, room, f);
    MUST(!ferror(f));
    fclose(f);
    return len;
}

int main(int argc, char **argv)
{
    static uint8_t file[CW_DATAGRAM_MAX + 1];
    static struct cw_msg m;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (CW_DATAGRAM_MAX + page) / page * page;
    uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(map != MAP_FAILED);
    uint8_t *guard = map + room;
    MUST(mprotect(guard, page, PROT_NONE) == 0);
    size_t prefixes = 0;
    for (int i = 1; i < argc; i++) {
        size_t len = read_file(argv[i], file, sizeof file);
        MUST(len <= CW_DATAGRAM_MAX);
        for (size_t n = 0; n <= len; n++, prefixes++) {
            memcpy(guard - n, file, n);
            scan_and_assert(guard - n, n, &m);
        }
    }
    MUST(munmap(map, room + page) == 0);
    printf("%zu prefixes\n", prefixes);
    return 0;
}
