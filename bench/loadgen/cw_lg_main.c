/* The program: options, pinning, one run, the report. Reading order: cw_lg_call.h, cw_lg_call.c, cw_lg_callee.c. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cw_lg_call.h"
#include "cw_lg_floor.h"
#include "cw_lg_report.h"

enum { FLOOR_BYTES = 600 }; /* about the mean of the seven messages of a call */

static volatile int stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
    struct cw_lg_opts opts;
    struct cw_lg_floor floor_cost;
    int usage = cw_lg_opts_parse(argc, argv, &opts);
    if (usage != 0)
        return usage == 1 ? 0 : 2;
    if (opts.cpu >= 0 && pin(opts.cpu) != 0) {
        perror("cw_loadgen: --cpu");
        return 2;
    }
    if (opts.mode == CW_LG_FLOOR) {
        if (cw_lg_floor_measure(opts.seconds, FLOOR_BYTES, &floor_cost) != 0) {
            perror("cw_loadgen: floor");
            return 1;
        }
        cw_lg_report_floor(&floor_cost, FLOOR_BYTES, opts.json);
        return 0;
    }
    struct cw_lg_run *r = malloc(sizeof *r);
    if (r == NULL || cw_lg_run_open(r, &opts) != 0)
        return 2;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    double before = cpu_s();
    if (opts.mode == CW_LG_RTT || opts.mode == CW_LG_ECHO)
        cw_lg_run_rtt(r, &stop);
    else
        cw_lg_run_calls(r, &stop);
    cw_lg_report(r, cpu_s() - before);
    int failed = cw_lg_failures(&r->count) != 0;
    cw_lg_run_close(r);
    free(r);
    return failed;
}
