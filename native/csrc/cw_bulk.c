#include "cw_bulk.h"

#include "cw_chars.h"
#include "cw_digits.h"

enum fate { NOTHING, NUMBER, ODD };

struct line {
    const uint8_t *at;
    size_t len;  /* without the end of the line */
    size_t end;  /* octets of the end of the line */
};

struct cell {
    const uint8_t *at;
    size_t len;
};

static bool blank(uint8_t c) { return c == ' ' || c == '\t'; }

static struct cell trim(const uint8_t *at, size_t len)
{
    while (len > 0 && blank(at[len - 1]))
        len--;
    while (len > 0 && blank(*at)) {
        at++;
        len--;
    }
    return (struct cell){at, len};
}

/* +861[3-9] and nine digits, as most lines are: what cw_canonical makes of it, sooner. */
static cw_num usual(const uint8_t *t)
{
    if (t[0] != '+' || t[1] != '8' || t[2] != '6' || t[3] != '1' || t[4] < '3' || t[4] > '9')
        return 0;
    cw_num value = 861;
    for (unsigned i = 4; i < 14; i++) {
        if (!cw_isdigit(t[i]))
            return 0;
        value = value * 10 + (cw_num)(t[i] - '0');
    }
    return value;
}

/* One hyphen can be a range (gateway/numbers.py, _are_ends): 95500-95599, but not 0755-88888888. */
static bool is_range(const char *text, size_t low, size_t n)
{
    size_t high = n - low;
    return memchr(text + low, '+', high) != NULL || low > 4 || (low == high && low > 0 && text[0] != '0');
}

/* A number as parse_number takes it; 0: Python shall say what it is. */
static cw_num number(const struct cw_dialplan *plan, const struct cell *text)
{
    char bare[CW_BULK_TEXT_MAX];
    size_t n = 0, hyphens = 0, low = 0;
    if (text->len > CW_BULK_TEXT_MAX || text->len == 0 || !cw_isdigit(text->at[text->len - 1]))
        return 0;
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = text->at[i];
        if (cw_isdigit(c) || c == '+') {
            bare[n++] = (char)c;
        } else if (c == '-') {
            hyphens++;
            low = n;
        } else if (c == '.') {
            if (text->at[i + 1] == '.') /* the last one is a digit */
                return 0;
        } else if (!blank(c) && c != '(' && c != ')' && c != '/') {
            return 0;
        }
    }
    if (hyphens == 1 && is_range(bare, low, n))
        return 0;
    uint32_t classes;
    cw_num key = cw_canonical(plan, (const uint8_t *)bare, n, NULL, 0, &classes);
    if (key == 0)
        return 0;
    if (!(classes & CW_BIT(SHORT)))
        return classes & CW_BIT(IRREGULAR) ? 0 : key;
    /* +86138: a mobile cut short, and no short code */
    unsigned digits = cw_num_digits(key);
    cw_num lead = digits >= 3 ? cw_num_head(key & ~CW_NUM_SHORT, 3) : 0; /* 1, then what was dialled */
    return classes & CW_BIT(CC_ON_SHORT) && lead >= 113 && lead <= 119 ? 0 : key;
}

static struct line next_line(const uint8_t *data, size_t len)
{
    size_t i = 0;
    while (i < len && data[i] != '\n' && data[i] != '\r')
        i++;
    size_t end = i < len ? 1 : 0;
    if (end && data[i] == '\r' && i + 1 < len && data[i + 1] == '\n')
        end = 2;
    return (struct line){data, i, end};
}

static enum fate plain_line(const struct cw_dialplan *plan, const struct line *line, cw_num *key)
{
    struct cell text = trim(line->at, line->len);
    if (text.len == 0 || text.at[0] == '#')
        return NOTHING;
    for (size_t i = 1; i < text.len; i++)
        if (text.at[i] == '#' && blank(text.at[i - 1])) {
            text = trim(text.at, i);
            break;
        }
    *key = number(plan, &text);
    return *key ? NUMBER : ODD;
}

static enum fate csv_line(const struct cw_dialplan *plan, unsigned columns, unsigned number_at, const struct line *line,
                          cw_num *key, struct cell *cell)
{
    size_t from = 0, to = line->len;
    unsigned commas = 0;
    if (line->len == 0 || line->at[0] == '#')
        return NOTHING;
    for (size_t i = 0; i < line->len; i++) {
        uint8_t c = line->at[i];
        if (c == '"')
            return ODD;
        if (c != ',')
            continue;
        if (commas == number_at)
            to = i;
        if (++commas == number_at)
            from = i + 1;
    }
    if (commas >= columns || commas < number_at)
        return ODD; /* also blank lines of spaces */
    *cell = (struct cell){line->at + from, to - from};
    struct cell text = trim(cell->at, cell->len);
    *key = text.len == 14 ? usual(text.at) : 0;
    if (!*key)
        *key = number(plan, &text);
    return *key ? NUMBER : ODD;
}

static uint32_t hashed(uint32_t h, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ at[i]) * UINT32_C(16777619);
    return h;
}

static bool same(const struct cw_bulk_group *g, const uint8_t *data, const struct cell *head, const struct cell *tail)
{
    return g->head_len == head->len && g->tail_len == tail->len && memcmp(data + g->head_off, head->at, head->len) == 0 &&
           memcmp(data + g->tail_off, tail->at, tail->len) == 0;
}

/* The group of a line, made when new; CW_BULK_GROUPS: there is no room. */
static unsigned group_of(struct cw_bulk *bulk, const uint8_t *data, const struct line *line, const struct cell *cell,
                         unsigned last)
{
    struct cell head = {line->at, (size_t)(cell->at - line->at)};
    struct cell tail = {cell->at + cell->len, line->len - head.len - cell->len};
    if (last < bulk->n_groups && same(&bulk->groups[last], data, &head, &tail))
        return last;
    uint32_t hash = hashed(hashed(UINT32_C(2166136261), head.at, head.len) ^ ',', tail.at, tail.len);
    uint32_t slot = (hash ^ hash >> 15) % CW_BULK_SLOTS;
    for (; bulk->slots[slot]; slot = (slot + 1) % CW_BULK_SLOTS) { /* ends: half of the slots stay free */
        unsigned known = bulk->slots[slot] - 1u;
        if (bulk->groups[known].hash == hash && same(&bulk->groups[known], data, &head, &tail))
            return known;
    }
    if (bulk->n_groups == CW_BULK_GROUPS)
        return CW_BULK_GROUPS;
    bulk->groups[bulk->n_groups] = (struct cw_bulk_group){
        .head_off = (uint32_t)(head.at - data), .head_len = (uint32_t)head.len,
        .tail_off = (uint32_t)(tail.at - data), .tail_len = (uint32_t)tail.len, .hash = hash};
    bulk->slots[slot] = (uint16_t)++bulk->n_groups;
    return bulk->n_groups - 1;
}

/* found to keys, group by group: a counting sort. */
static void arrange(struct cw_bulk *bulk)
{
    uint32_t start[CW_BULK_GROUPS], at = 0;
    for (uint32_t g = 0; g < bulk->n_groups; g++) {
        start[g] = at;
        at += bulk->groups[g].n;
    }
    for (uint32_t i = 0; i < bulk->n_keys; i++)
        bulk->keys[start[bulk->group_of[i]]++] = bulk->found[i];
}

static size_t read_plain(struct cw_bulk *bulk, const struct cw_dialplan *plan, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len && bulk->n_keys < CW_BULK_KEYS && bulk->n_odd < CW_BULK_ODD) {
        cw_num key;
        if (len - at > 15 && (data[at + 14] == '\n' || (data[at + 14] == '\r' && data[at + 15] == '\n')) &&
            (key = usual(data + at)) != 0) {
            bulk->keys[bulk->n_keys++] = key;
            at += data[at + 14] == '\n' ? 15 : 16;
        } else {
            struct line line = next_line(data + at, len - at);
            enum fate fate = plain_line(plan, &line, &key);
            if (fate == NUMBER)
                bulk->keys[bulk->n_keys++] = key;
            else if (fate == ODD)
                bulk->odd[bulk->n_odd++] = (struct cw_bulk_odd){bulk->n_lines, (uint32_t)at, (uint32_t)line.len};
            at += line.len + line.end;
        }
        bulk->n_lines++;
    }
    bulk->n_groups = bulk->n_keys != 0;
    bulk->groups[0] = (struct cw_bulk_group){.n = bulk->n_keys};
    return at;
}

static size_t read_csv(struct cw_bulk *bulk, const struct cw_dialplan *plan, unsigned columns, unsigned number_at,
                       const uint8_t *data, size_t len)
{
    size_t at = 0;
    unsigned group = 0;
    memset(bulk->slots, 0, sizeof bulk->slots);
    while (at < len && bulk->n_keys < CW_BULK_KEYS && bulk->n_odd < CW_BULK_ODD) {
        struct line line = next_line(data + at, len - at);
        struct cell cell;
        cw_num key;
        enum fate fate = csv_line(plan, columns, number_at, &line, &key, &cell);
        if (fate == NUMBER) {
            unsigned found = group_of(bulk, data, &line, &cell, group);
            if (found == CW_BULK_GROUPS)
                break; /* not on the first line */
            group = found;
            bulk->groups[group].n++;
            bulk->group_of[bulk->n_keys] = (uint16_t)group;
            bulk->found[bulk->n_keys++] = key;
        } else if (fate == ODD) {
            bulk->odd[bulk->n_odd++] = (struct cw_bulk_odd){bulk->n_lines, (uint32_t)at, (uint32_t)line.len};
        }
        at += line.len + line.end;
        bulk->n_lines++;
    }
    arrange(bulk);
    return at;
}

size_t cw_bulk_read(struct cw_bulk *bulk, const struct cw_dialplan *plan, unsigned columns, unsigned number_at,
                    const uint8_t *data, size_t len)
{
    bulk->n_lines = bulk->n_keys = bulk->n_groups = bulk->n_odd = 0;
    return columns ? read_csv(bulk, plan, columns, number_at, data, len) : read_plain(bulk, plan, data, len);
}
