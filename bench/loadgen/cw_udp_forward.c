/* A bare UDP forwarder between two ports of 127.0.0.1: what relaying costs with no SIP in it, the kernel's floor.
 *
 *   cw_udp_forward PORT PORT [CPU [SECONDS]]
 *
 * What comes from one port goes to the other as it is, in batches of recvmmsg and sendmmsg on one unconnected socket, as
 * a proxy has to do it. Prints "ready PORT", ends after SECONDS (default 60) or on SIGTERM. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, DGRAM = 2048, BUFFER_BYTES = 8 << 20 };

static void forward(int fd, uint16_t a, uint16_t b, time_t until)
{
    static char buf[BATCH][DGRAM];
    static struct mmsghdr m[BATCH];
    static struct iovec iov[BATCH];
    static struct sockaddr_in peer[BATCH];
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){ buf[i], DGRAM };
            m[i].msg_hdr = (struct msghdr){ .msg_name = &peer[i], .msg_namelen = sizeof peer[i],
                                            .msg_iov = &iov[i], .msg_iovlen = 1 };
        }
        int n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
        if (n <= 0) {
            if (time(NULL) >= until)
                return;
            continue;
        }
        for (int i = 0; i < n; i++) {
            iov[i].iov_len = m[i].msg_len;
            peer[i].sin_port = peer[i].sin_port == a ? b : a;
        }
        for (int done = 0; done < n;) {
            int sent = sendmmsg(fd, m + done, (unsigned)(n - done), 0);
            done += sent > 0 ? sent : 1;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: cw_udp_forward PORT PORT [CPU [SECONDS]]\n", stderr);
        return 2;
    }
    if (argc > 3 && atoi(argv[3]) >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)atoi(argv[3]), &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
    time_t until = time(NULL) + (argc > 4 ? atoi(argv[4]) : 60);
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    struct timeval second = { .tv_sec = 1 };
    int bytes = BUFFER_BYTES;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        perror("cw_udp_forward");
        return 1;
    }
    printf("ready %u\n", ntohs(addr.sin_port));
    fflush(stdout);
    forward(fd, htons((uint16_t)atoi(argv[1])), htons((uint16_t)atoi(argv[2])), until);
    return 0;
}
