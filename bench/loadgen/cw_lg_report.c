/* The result, as one JSON object or as a few lines for people. Times in microseconds, rates a second. */
#include "cw_lg_report.h"

#include <inttypes.h>
#include <stdio.h>

static void json_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void json_hist(const char *name, const struct cw_lg_hist *h)
{
    printf("\"%s\":{\"count\":%" PRIu64 ",\"mean\":%.2f,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p99_9\":%.2f,"
           "\"max\":%.2f},", name, h->count, h->count ? (double)h->sum_ns / (double)h->count / 1e3 : 0.0,
           (double)cw_lg_hist_quantile(h, 0.5) / 1e3, (double)cw_lg_hist_quantile(h, 0.9) / 1e3,
           (double)cw_lg_hist_quantile(h, 0.99) / 1e3, (double)cw_lg_hist_quantile(h, 0.999) / 1e3,
           (double)h->max_ns / 1e3);
}

#define FIELD(name) printf("\"" #name "\":%" PRIu64 ",", c->name)

static void json_counts(const struct cw_lg_count *c)
{
    FIELD(started);
    FIELD(finished);
    FIELD(intercepted);
    FIELD(passed);
    FIELD(retransmissions);
    FIELD(provisionals);
    FIELD(stale);
    FIELD(callee_invites);
    FIELD(callee_acks);
    FIELD(callee_byes);
    FIELD(acks_missing);
    FIELD(acks_leaked);
    FIELD(flagged_leaked);
    printf("\"failures\":%" PRIu64 ",\"failed\":{", cw_lg_failures(c));
    FIELD(timeouts);
    FIELD(unfinished);
    FIELD(bye_refused);
    FIELD(invalid);
    FIELD(flagged_passed);
    FIELD(good_intercepted);
    printf("\"wrong_code\":%" PRIu64 "},\"finals\":{", c->wrong_code);
    const char *comma = "";
    for (int i = 0; i < 700; i++)
        if (c->finals[i] != 0) {
            printf("%s\"%d\":%" PRIu64, comma, i, c->finals[i]);
            comma = ",";
        }
    printf("},");
}

static void report_json(const struct cw_lg_run *r, double cpu_s, double measured_s)
{
    printf("{\"mode\":\"%s\",\"seconds\":%.3f,\"window\":%u,\"calls\":%" PRIu64 ",\"calls_per_s\":%.1f,",
           cw_lg_mode_name(r->opts.mode), measured_s, r->opts.window, r->count.counted,
           (double)r->count.counted / measured_s);
    json_counts(&r->count);
    json_hist("answer_us", &r->answer);
    json_hist("whole_us", &r->whole);
    printf("\"wrong_numbers\":[");
    for (unsigned i = 0; i < r->n_wrong; i++)
        printf("%s\"+%" PRIu64 "\"", i ? "," : "", r->wrong_numbers[i]);
    printf("],\"invalid_why\":");
    json_string(r->invalid_why != NULL ? r->invalid_why : "");
    printf(",\"invalid_message\":");
    json_string(r->invalid_text);
    printf(",\"datagrams_sent\":%" PRIu64 ",\"datagrams_received\":%" PRIu64 ",\"send_errors\":%" PRIu64
           ",\"cpu_s\":%.3f,\"wall_s\":%.3f}\n", r->caller->sent + r->callee->sent,
           r->caller->received + r->callee->received, r->caller->send_errors + r->callee->send_errors, cpu_s,
           (double)(r->end_ns - r->begin_ns) / 1e9);
}

void cw_lg_report(const struct cw_lg_run *r, double cpu_s)
{
    const struct cw_lg_count *c = &r->count;
    double measured_s = (double)(r->until_ns - r->from_ns) / 1e9;
    if (measured_s <= 0)
        measured_s = 1e-9;
    if (r->opts.json) {
        report_json(r, cpu_s, measured_s);
        return;
    }
    printf("%s: %" PRIu64 " calls in %.2f s, %.0f calls/s, %" PRIu64 " retransmissions, %" PRIu64 " failures\n",
           cw_lg_mode_name(r->opts.mode), c->counted, measured_s, (double)c->counted / measured_s,
           c->retransmissions, cw_lg_failures(c));
    printf("  INVITE to final: p50 %.1f us, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n",
           (double)cw_lg_hist_quantile(&r->answer, 0.5) / 1e3, (double)cw_lg_hist_quantile(&r->answer, 0.9) / 1e3,
           (double)cw_lg_hist_quantile(&r->answer, 0.99) / 1e3,
           (double)cw_lg_hist_quantile(&r->answer, 0.999) / 1e3, (double)r->answer.max_ns / 1e3);
    printf("  intercepted %" PRIu64 ", passed %" PRIu64 ", own CPU %.2f s\n", c->intercepted, c->passed, cpu_s);
    if (cw_lg_failures(c) != 0)
        printf("  timeouts %" PRIu64 ", unfinished %" PRIu64 ", BYE refused %" PRIu64 ", invalid %" PRIu64
               ", flagged passed %" PRIu64 ", good intercepted %" PRIu64 ", wrong code %" PRIu64 "\n", c->timeouts,
               c->unfinished, c->bye_refused, c->invalid, c->flagged_passed, c->good_intercepted, c->wrong_code);
    if (r->invalid_why != NULL)
        printf("  first invalid message: %s\n%s\n", r->invalid_why, r->invalid_text);
    for (unsigned i = 0; i < r->n_wrong; i++)
        printf("  wrong verdict for +%" PRIu64 "\n", r->wrong_numbers[i]);
}

void cw_lg_report_floor(const struct cw_lg_floor *f, unsigned bytes, int json)
{
    if (json)
        printf("{\"mode\":\"floor\",\"bytes\":%u,\"datagrams\":%" PRIu64 ",\"us_per_datagram\":%.3f,\"us_send\":%.3f,"
               "\"us_receive\":%.3f}\n", bytes, f->datagrams, f->us_per_datagram, f->us_send, f->us_receive);
    else
        printf("floor: %.2f us a datagram of %u bytes (send %.2f, receive %.2f)\n", f->us_per_datagram, bytes,
               f->us_send, f->us_receive);
}
