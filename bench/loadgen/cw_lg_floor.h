/* What loopback itself costs: one thread sends batches to a second socket of its own and receives them. */
#ifndef CW_LG_FLOOR_H
#define CW_LG_FLOOR_H

#include <stdint.h>

struct cw_lg_floor {
    uint64_t datagrams;
    double us_per_datagram; /* sent and received, wall time of one core */
    double us_send, us_receive;
};

/* 0, or -1 with errno. */
int cw_lg_floor_measure(double seconds, unsigned bytes, struct cw_lg_floor *out);

#endif
