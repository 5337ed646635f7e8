/* A bare UDP echo: what a round trip costs with no SIP in it.
 *
 *   cw_udp_echo sleep|spin [CPU [SECONDS]]
 *
 * sleep: blocks in recvfrom; spin: asks again and again. Binds 127.0.0.1 to a free port, prints "ready PORT", ends after
 * SECONDS (default 60) or on SIGTERM. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int echo(int fd, int flags, time_t until)
{
    char buf[4096];
    struct sockaddr_in from;
    unsigned idle = 0;
    for (;;) {
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, buf, sizeof buf, flags, (struct sockaddr *)&from, &len);
        if (n >= 0) {
            (void)sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return 1;
        if ((flags == 0 || (++idle & 0xffffu) == 0) && time(NULL) >= until)
            return 0;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "sleep") != 0 && strcmp(argv[1], "spin") != 0)) {
        fputs("usage: cw_udp_echo sleep|spin [CPU [SECONDS]]\n", stderr);
        return 2;
    }
    if (argc > 2 && atoi(argv[2]) >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)atoi(argv[2]), &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
    time_t until = time(NULL) + (argc > 3 ? atoi(argv[3]) : 60);
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;
    struct timeval second = { .tv_sec = 1 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        perror("cw_udp_echo");
        return 1;
    }
    printf("ready %u\n", ntohs(addr.sin_port));
    fflush(stdout);
    return echo(fd, strcmp(argv[1], "spin") == 0 ? MSG_DONTWAIT : 0, until);
}
