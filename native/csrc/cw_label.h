/* Labels on a request that passes, and what is taken off a request from a trunk that is not trusted (STANDARDS 2.2, 5.1). */
#ifndef CW_LABEL_H
#define CW_LABEL_H

#include "cw_edit.h"

/* Take off: P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID (RFC 3325 5, 6: MUST), Call-Info, verstat, and a From display-name that
 * holds one of the world's markers. Counts imitations. `relabelled`: From gets a new display-name anyway. */
void cw_label_distrust(const struct cw_world *w, struct cw_worker *k, bool relabelled);
/* Put the label on. Display-name: into every P-Asserted-Identity value when the trunk says "pai" and the trunk is trusted
 * with one there; else, and when the trunk says "from", into From. The name that stood there stays behind the label unless
 * it imitates one. Call-Info lines when the trunk says so and the request stays within 1,300 bytes (RFC 3261 18.1.1). */
void cw_label_apply(const struct cw_world *w, struct cw_worker *k, const struct cw_trunk *trunk, const struct cw_text *text);
/* True when From will be rewritten by cw_label_apply. */
bool cw_label_uses_from(const struct cw_worker *k, const struct cw_trunk *trunk);

#endif
