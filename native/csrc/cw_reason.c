/* Names and SIP answers of the reasons, both from the one table in cw.h. */
#include "cw.h"

static const char *const names[CW_R_COUNT] = {
#define X(id, name, status) [CW_R_##id] = name,
    CW_REASONS(X)
#undef X
};

static const uint16_t statuses[CW_R_COUNT] = {
#define X(id, name, status) [CW_R_##id] = status,
    CW_REASONS(X)
#undef X
};

const char *cw_reason_name(unsigned reason) { return reason < CW_R_COUNT ? names[reason] : "?"; }

unsigned cw_reason_status(unsigned reason) { return reason < CW_R_COUNT ? statuses[reason] : 0; }
