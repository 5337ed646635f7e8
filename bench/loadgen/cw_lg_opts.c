#include "cw_lg_opts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cw_lg_sock.h"

static const char *const modes[] = { "intercept", "relay", "mixed", "rtt", "echo", "floor" };

static const char help[] =
    "usage: cw_loadgen MODE --target IP:PORT [options]\n"
    "\n"
    "Plays all callers and all callees of a SIP proxy in one thread, over UDP on IPv4.\n"
    "\n"
    "modes\n"
    "  intercept   INVITE, expects a final non-2xx, sends its ACK; a call counts when the final arrives\n"
    "  relay       whole calls: INVITE, 100, 180, 200, ACK, BYE, 200 through the proxy to the callee socket; the caller\n"
    "              follows Record-Route and Contact; a call counts when the 200 of the BYE arrives\n"
    "  mixed       good and flagged callers together; every verdict is checked: a flagged call that passes and a good\n"
    "              call that is intercepted are counted as wrong, with the first numbers shown\n"
    "  rtt         one INVITE outstanding at a time, time from send to final, receiving in a spin\n"
    "  echo        as rtt, against a bare UDP echo (cw_udp_echo): what the kernel alone costs\n"
    "  floor       no target: one thread sends and receives batches to itself; microseconds a loopback datagram\n"
    "\n"
    "where\n"
    "  --target IP:PORT         the system under test\n"
    "  --caller IP:PORT         where callers send from (default 127.0.0.1:0)\n"
    "  --callee IP:PORT         where callees listen: the next hop of the system under test (default 127.0.0.1:0)\n"
    "  --cpu N                  pin to this core\n"
    "\n"
    "who\n"
    "  --callers SPEC           +86138...  one number | random | random:LOW-HIGH | file:PATH (cycled) |\n"
    "                           shuffle:PATH (random order); default random (+8613000000000-+8613999999999).\n"
    "                           In mixed mode: the good callers; those that are flagged as well are left out\n"
    "  --flagged-file PATH      mixed: the flagged callers, one number a line\n"
    "  --flagged-share F        mixed: share of flagged calls, 0..1 (default 0.5)\n"
    "  --expect CODE            the final an intercepted call must get (default 0: any non-2xx)\n"
    "  --callee-number NUMBER   who is called (default +8613900000001)\n"
    "\n"
    "how\n"
    "  --seconds S              measured time (default 5)      --warmup S   before it, not counted (default 0.5)\n"
    "  --window N               calls outstanding, 1..65535 (default 64)\n"
    "  --rate N                 at most N calls started a second (default: what the window allows)\n"
    "  --timeout S              a call without its final fails (default 32); retransmissions at 0.5, 1, 2, 4, 4, ... s\n"
    "  --drain S                at most so long for the last calls after the end (default 4)\n"
    "  --gap-us N               rtt, echo: pause between calls, so that the other side falls asleep (default 200)\n"
    "  --idle poll|nap|spin     with nothing to receive: wait in poll; sleep 40 us, so that answers gather and the\n"
    "                           system under test does not pay for waking this process (default); never sleep\n"
    "  --seed N                 of the random numbers (default 1)\n"
    "  --no-sdp --no-trying     no bodies; no 100 from the callee      --pai   P-Asserted-Identity beside From\n"
    "  --bare                   through cw_udp_forward, which is no proxy: the callee does not look for its Via\n"
    "  --no-segment             send every datagram by itself instead of by segmentation (UDP_SEGMENT)\n"
    "  --json                   result as one JSON object on stdout\n"
    "\n"
    "Exit code: 0 all calls as expected, 1 some failed or had a wrong verdict, 2 bad usage.\n";

const char *cw_lg_mode_name(enum cw_lg_mode mode)
{
    return modes[mode];
}

enum { O_TARGET = 256, O_CALLER, O_CALLEE, O_CPU, O_CALLERS, O_FLAGGED_FILE, O_SHARE, O_EXPECT, O_CALLEE_NUMBER,
       O_SECONDS, O_WARMUP, O_WINDOW, O_RATE, O_TIMEOUT, O_DRAIN, O_GAP, O_IDLE, O_SEED, O_NO_SDP, O_NO_TRYING, O_NO_SEGMENT, O_BARE,
       O_PAI, O_JSON, O_HELP };

static const struct option options[] = {
    { "target", 1, NULL, O_TARGET },   { "caller", 1, NULL, O_CALLER },
    { "callee", 1, NULL, O_CALLEE },   { "cpu", 1, NULL, O_CPU },
    { "callers", 1, NULL, O_CALLERS }, { "flagged-file", 1, NULL, O_FLAGGED_FILE },
    { "flagged-share", 1, NULL, O_SHARE }, { "expect", 1, NULL, O_EXPECT },
    { "callee-number", 1, NULL, O_CALLEE_NUMBER }, { "seconds", 1, NULL, O_SECONDS },
    { "warmup", 1, NULL, O_WARMUP },   { "window", 1, NULL, O_WINDOW },
    { "rate", 1, NULL, O_RATE },       { "timeout", 1, NULL, O_TIMEOUT },
    { "drain", 1, NULL, O_DRAIN },     { "gap-us", 1, NULL, O_GAP },
    { "idle", 1, NULL, O_IDLE },       { "seed", 1, NULL, O_SEED },
    { "no-sdp", 0, NULL, O_NO_SDP },   { "no-trying", 0, NULL, O_NO_TRYING },
    { "no-segment", 0, NULL, O_NO_SEGMENT },
    { "bare", 0, NULL, O_BARE },
    { "pai", 0, NULL, O_PAI },         { "json", 0, NULL, O_JSON },
    { "help", 0, NULL, O_HELP },       { NULL, 0, NULL, 0 },
};

static int number(const char *text, double low, double high, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= low && *value <= high ? 0 : -1;
}

static int idle(const char *text, enum cw_lg_idle *idle)
{
    static const char *const names[] = { "poll", "nap", "spin" };
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *idle = (enum cw_lg_idle)i;
            return 0;
        }
    return -1;
}

static int apply(int key, const char *arg, struct cw_lg_opts *o)
{
    double v = 0;
    int bad = 0;
    switch (key) {
    case O_TARGET: return cw_lg_addr_parse(arg, &o->target);
    case O_CALLER: return cw_lg_addr_parse(arg, &o->caller);
    case O_CALLEE: return cw_lg_addr_parse(arg, &o->callee);
    case O_CALLERS: o->callers = arg; break;
    case O_FLAGGED_FILE: o->flagged_file = arg; break;
    case O_CALLEE_NUMBER: o->callee_number = arg; return strlen(arg) < 32 ? 0 : -1;
    case O_SHARE: return number(arg, 0, 1, &o->flagged_share);
    case O_SECONDS: return number(arg, 0.01, 1e6, &o->seconds);
    case O_WARMUP: return number(arg, 0, 1e6, &o->warmup_s);
    case O_TIMEOUT: return number(arg, 0.1, 3600, &o->timeout_s);
    case O_DRAIN: return number(arg, 0, 3600, &o->drain_s);
    case O_RATE: return number(arg, 0, 1e7, &o->rate);
    case O_CPU: bad = number(arg, 0, 4095, &v); o->cpu = (int)v; break;
    case O_EXPECT: bad = number(arg, 0, 699, &v); o->expect = (int)v; break;
    case O_WINDOW: bad = number(arg, 1, 65535, &v); o->window = (unsigned)v; break;
    case O_GAP: bad = number(arg, 0, 1e6, &v); o->gap_us = (unsigned)v; break;
    case O_SEED: bad = number(arg, 0, 1e15, &v); o->seed = (uint64_t)v; break;
    case O_IDLE: return idle(arg, &o->idle);
    case O_NO_SDP: o->sdp = false; break;
    case O_NO_TRYING: o->trying = false; break;
    case O_NO_SEGMENT: o->segment = false; break;
    case O_BARE: o->bare = true; break;
    case O_PAI: o->pai = true; break;
    case O_JSON: o->json = true; break;
    default: return -1;
    }
    return bad;
}

static int usage(const char *text, const char *arg)
{
    fprintf(stderr, "cw_loadgen: %s%s (see --help)\n", text, arg);
    return 2;
}

int cw_lg_opts_parse(int argc, char **argv, struct cw_lg_opts *o)
{
    int key, index = 0;
    *o = (struct cw_lg_opts){ .callers = "random", .callee_number = "+8613900000001", .seconds = 5, .warmup_s = 0.5,
                              .drain_s = 4, .timeout_s = 32, .flagged_share = 0.5, .window = 64, .gap_us = 200,
                              .cpu = -1, .seed = 1, .sdp = true, .trying = true, .segment = true, .idle = CW_LG_NAP };
    (void)cw_lg_addr_parse("127.0.0.1:0", &o->caller);
    (void)cw_lg_addr_parse("127.0.0.1:0", &o->callee);
    while ((key = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (key == O_HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (key == '?')
            return 2;
        if (apply(key, optarg, o) != 0)
            return usage("bad value for --", options[index].name);
    }
    if (optind + 1 != argc)
        return usage("exactly one mode is needed", "");
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[optind], modes[i]) != 0)
            continue;
        o->mode = (enum cw_lg_mode)i;
        if (o->mode != CW_LG_FLOOR && o->target.sin_port == 0)
            return usage("--target is needed", "");
        if (o->mode == CW_LG_MIXED && o->flagged_file == NULL)
            return usage("--flagged-file is needed in mixed mode", "");
        return 0;
    }
    return usage("unknown mode ", argv[optind]);
}
