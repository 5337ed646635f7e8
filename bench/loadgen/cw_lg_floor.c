#include "cw_lg_floor.h"

#include <stdlib.h>
#include <string.h>

#include "cw_lg_sock.h"

enum { BATCH = 32 };

int cw_lg_floor_measure(double seconds, unsigned bytes, struct cw_lg_floor *out)
{
    struct cw_lg_sock *a = malloc(sizeof *a);
    struct cw_lg_sock *b = malloc(sizeof *b);
    struct sockaddr_in any;
    uint64_t send_ns = 0, receive_ns = 0;
    int result = -1;
    memset(out, 0, sizeof *out);
    (void)cw_lg_addr_parse("127.0.0.1:0", &any);
    if (a == NULL || b == NULL || cw_lg_sock_open(b, &any, NULL, false) != 0)
        goto done;
    if (cw_lg_sock_open(a, &any, &b->local, false) != 0) {
        cw_lg_sock_close(b);
        goto done;
    }
    uint64_t now = cw_lg_now_ns();
    uint64_t until = now + (uint64_t)(seconds * 1e9);
    while (now < until) {
        for (unsigned i = 0; i < BATCH; i++) {
            memset(cw_lg_sock_slot(a), 'x', bytes);
            cw_lg_sock_commit(a, bytes);
        }
        uint64_t t0 = cw_lg_now_ns();
        cw_lg_sock_flush(a);
        uint64_t t1 = cw_lg_now_ns();
        unsigned got = 0;
        for (unsigned tries = 0; got < BATCH && tries < 1000; tries++)
            got += cw_lg_sock_recv(b);
        now = cw_lg_now_ns();
        send_ns += t1 - t0;
        receive_ns += now - t1;
        out->datagrams += got;
    }
    out->us_send = (double)send_ns / 1e3 / (double)out->datagrams;
    out->us_receive = (double)receive_ns / 1e3 / (double)out->datagrams;
    out->us_per_datagram = out->us_send + out->us_receive;
    cw_lg_sock_close(a);
    cw_lg_sock_close(b);
    result = 0;
done:
    free(a);
    free(b);
    return result;
}
