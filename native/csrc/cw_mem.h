/* Memory for tables: zeroed, cache-line aligned; from 2 MiB on whole huge pages where the kernel has them, because a
 * random look-up in hundreds of megabytes of small pages pays one TLB miss for each cache miss. Never on the data path.
 */
#ifndef CW_MEM_H
#define CW_MEM_H

#include "cw.h"

#define CW_MAP_FROM (UINT64_C(64) << 10)
#define CW_HUGE_PAGE (UINT64_C(2) << 20)

/* NULL when memory is short; bytes 0 is taken as 1. */
void *cw_big_alloc(size_t bytes);
/* bytes: the size that was asked for. NULL is fine. */
void cw_big_free(void *ptr, size_t bytes);

#endif
