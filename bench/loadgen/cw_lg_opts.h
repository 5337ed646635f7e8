/* The command line. */
#ifndef CW_LG_OPTS_H
#define CW_LG_OPTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum cw_lg_idle { CW_LG_POLL, CW_LG_NAP, CW_LG_SPIN };
enum cw_lg_mode { CW_LG_INTERCEPT, CW_LG_RELAY, CW_LG_MIXED, CW_LG_RTT, CW_LG_ECHO, CW_LG_FLOOR };

struct cw_lg_opts {
    enum cw_lg_mode mode;
    struct sockaddr_in target, caller, callee;
    const char *callers;      /* see cw_lg_numbers.h */
    const char *flagged_file; /* mixed */
    const char *callee_number;
    double seconds, warmup_s, drain_s, timeout_s;
    double flagged_share; /* mixed */
    double rate;          /* calls started a second; 0: as fast as the window lets */
    unsigned window;
    unsigned gap_us; /* rtt, echo */
    int expect;      /* final code of an interception; 0: any non-2xx */
    int cpu;         /* -1: not pinned */
    uint64_t seed;
    enum cw_lg_idle idle;
    bool bare, segment, json, sdp, pai, trying;
};

/* Fills opts; returns 0, 1 when the program should end well (--help), 2 on bad usage (a line is on stderr). */
int cw_lg_opts_parse(int argc, char **argv, struct cw_lg_opts *opts);

const char *cw_lg_mode_name(enum cw_lg_mode mode);

#endif
