/* Files of numbers, many lines a call: what gateway/numberfile.py does with a usual line, and nothing else.
 *
 * A usual line holds one telephone number that gateway/numbers.py would take. Everything else (patterns, ranges, quotes,
 * octets beyond ASCII, whatever is wrong) is left to Python as an odd line, so that every reason and every rare form has
 * one home. Lines end with LF, CR LF or CR, as Python's universal newlines do.
 *
 * CSV: the octets of a line before and behind its number cell stand for its attributes. Lines with the same octets are one
 * group, so that Python reads the attributes once a group.
 */
#ifndef CW_BULK_H
#define CW_BULK_H

#include "cw_number.h"

enum {
    CW_BULK_KEYS = 1 << 16,    /* numbers that one call reads at most */
    CW_BULK_ODD = 1 << 12,
    CW_BULK_GROUPS = 1 << 12,
    CW_BULK_SLOTS = 1 << 13,
    CW_BULK_TEXT_MAX = 64,     /* octets of a number as written */
};

struct cw_bulk_odd {           /* a line for Python, without its end */
    uint32_t line;             /* counted from the start of the call, from 0 */
    uint32_t off, len;
};

struct cw_bulk_group {
    uint32_t head_off, head_len, tail_off, tail_len; /* of its first line; both empty: plain text */
    uint32_t hash;
    uint32_t n;                /* its keys */
};

struct cw_bulk {               /* large: not for the stack; nothing need be initialised */
    uint32_t n_lines;          /* lines that were taken, blank ones and comments too */
    uint32_t n_keys, n_groups, n_odd;
    struct cw_bulk_group groups[CW_BULK_GROUPS]; /* in the order of their first lines */
    struct cw_bulk_odd odd[CW_BULK_ODD];         /* in the order of the file */
    cw_num keys[CW_BULK_KEYS]; /* group by group, in the order of the file */
    /* working space */
    cw_num found[CW_BULK_KEYS];
    uint16_t group_of[CW_BULK_KEYS];
    uint16_t slots[CW_BULK_SLOTS]; /* index into groups, plus one */
};

/* Read lines of plain text (columns 0) or CSV rows (columns of the header, number_at < columns) from data[0..len), which
 * ends with a line. Returns the octets taken, always whole lines, more than 0 when len is: call again for the rest. Reads
 * data[0..len), never more; len <= UINT32_MAX. */
size_t cw_bulk_read(struct cw_bulk *bulk, const struct cw_dialplan *plan, unsigned columns, unsigned number_at,
                    const uint8_t *data, size_t len);

#endif
