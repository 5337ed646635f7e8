/* Responses, RFC 3261 16.11 and STANDARDS 1.10: only those whose top Via we wrote, to the place that we noted, out of the
 * socket on which the request came. */
#ifndef CW_RESPONSE_H
#define CW_RESPONSE_H

#include "cw_engine.h"

unsigned cw_response(const struct cw_world *w, struct cw_shared *shared, struct cw_worker *k, const struct cw_in *in,
                     struct cw_out *out);

#endif
