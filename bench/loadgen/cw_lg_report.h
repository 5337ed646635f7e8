#ifndef CW_LG_REPORT_H
#define CW_LG_REPORT_H

#include "cw_lg_call.h"
#include "cw_lg_floor.h"

/* cpu_s: CPU seconds of this process during the run. */
void cw_lg_report(const struct cw_lg_run *r, double cpu_s);
void cw_lg_report_floor(const struct cw_lg_floor *f, unsigned bytes, int json);

#endif
