/* One step over ";name=value" parameters, shared by the address and Via parsers. For native/csrc only. */
#ifndef CW_PARAM_H
#define CW_PARAM_H

#include "cw_chars.h"

struct cw_param {
    const uint8_t *name, *name_end;
    const uint8_t *value, *value_end; /* NULL when there is no '='; quotes included */
};

enum { CW_PARAM_END, CW_PARAM_ONE, CW_PARAM_EMPTY, CW_PARAM_BAD };

/* RFC 3261 25.1 generic-param, with LWS around ';' and '='. *pos stands on ';' (or white space before it) or at the
 * end, and moves behind the parameter; `buf` as in cw_skip_run(). CW_PARAM_EMPTY: nothing between two ';'. "name=" has an empty value. */
static inline int cw_param_step(const uint8_t *buf, const uint8_t **pos, const uint8_t *end, struct cw_param *param)
{
    const uint8_t *p = cw_skip_ws(*pos, end);
    if (p == end) {
        *pos = p;
        return CW_PARAM_END;
    }
    if (*p != ';')
        return CW_PARAM_BAD;
    p = cw_skip_ws(p + 1, end);
    param->name = p;
    p = cw_skip_run(buf, p, end, CW_CH_PNAME);
    param->name_end = p;
    param->value = param->value_end = NULL;
    if (p == param->name) {
        *pos = p;
        return p == end || *p == ';' ? CW_PARAM_EMPTY : CW_PARAM_BAD;
    }
    if (p < end && cw_is(*p, CW_CH_WS))
        p = cw_skip_ws(p, end);
    if (p < end && *p == '=') {
        p = cw_skip_ws(p + 1, end);
        param->value = p;
        if (p < end && *p == '"') {
            p = cw_quoted_end(p, end);
            if (!p)
                return CW_PARAM_BAD;
        } else {
            p = cw_skip_run(buf, p, end, CW_CH_PVALUE);
        }
        param->value_end = p;
    }
    *pos = p;
    return CW_PARAM_ONE;
}

static inline size_t cw_param_len(const struct cw_param *param) { return (size_t)(param->name_end - param->name); }
#define cw_param_is_lit(param, lit) cw_same_lit((param)->name, cw_param_len(param), lit)

#endif
