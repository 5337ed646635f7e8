#include "cw_mem.h"

#include <stdlib.h>
#include <sys/mman.h>

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) & ~(unit - 1); }

void *cw_big_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    if (bytes < CW_MAP_FROM) {
        size_t size = round_up(bytes ? bytes : 1, CW_LINE);
        void *ptr = aligned_alloc(CW_LINE, size);
        if (ptr)
            memset(ptr, 0, size);
        return ptr;
    }
    if (bytes < CW_HUGE_PAGE) { /* pages that nobody touches cost nothing */
        void *ptr = mmap(NULL, round_up(bytes, 4096), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return ptr == MAP_FAILED ? NULL : ptr;
    }
    /* map one huge page more than asked and cut off both ends: the kernel only backs aligned ranges with huge pages */
    size_t size = round_up(bytes, 4096), whole = size + CW_HUGE_PAGE;
    uint8_t *raw = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    size_t lead = round_up((uintptr_t)raw, CW_HUGE_PAGE) - (uintptr_t)raw;
    if (lead)
        munmap(raw, lead);
    if (whole - lead - size)
        munmap(raw + lead + size, whole - lead - size);
    (void)madvise(raw + lead, size, MADV_HUGEPAGE); /* a wish: a kernel without it serves small pages */
    return raw + lead;
}

void cw_big_free(void *ptr, size_t bytes)
{
    if (!ptr)
        return;
    if (bytes < CW_MAP_FROM)
        free(ptr);
    else
        munmap(ptr, round_up(bytes, 4096));
}
