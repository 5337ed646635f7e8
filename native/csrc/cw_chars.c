/* The table behind cw_chars.h. Every octet stands in it once at most. */
#include "cw_chars.h"

#define T CW_CH_TOKEN
#define H CW_CH_HOST
#define X6 CW_CH_IP6
#define S CW_CH_SCHEME
#define V (CW_CH_URI | CW_CH_PVALUE | CW_CH_PNAME)

const uint8_t cw_chars[256] = {
    ['0' ... '9'] = T | H | X6 | S | V,
    ['A' ... 'F'] = T | H | X6 | S | V,
    ['a' ... 'f'] = T | H | X6 | S | V,
    ['G' ... 'Z'] = T | H | S | V,
    ['g' ... 'z'] = T | H | S | V,
    ['-'] = T | H | S | V,
    ['.'] = T | H | X6 | S | V,
    ['+'] = T | S | V,
    ['_'] = T | H | V,
    ['!'] = T | V,
    ['%'] = T | V,
    ['*'] = T | V,
    ['`'] = T | V,
    ['\''] = T | V,
    ['~'] = T | V,
    [':'] = X6 | V,
    ['#'] = V,
    ['$'] = V,
    ['&'] = V,
    ['('] = V,
    [')'] = V,
    ['/'] = V,
    ['?'] = V,
    ['@'] = V,
    ['['] = V,
    [']'] = V,
    ['\\'] = V,
    ['^'] = V,
    ['{'] = V,
    ['|'] = V,
    ['}'] = V,
    ['='] = CW_CH_URI | CW_CH_PVALUE,
    [';'] = CW_CH_URI,
    [','] = CW_CH_URI,
    [' '] = CW_CH_WS,
    ['\t'] = CW_CH_WS,
    ['\r'] = CW_CH_WS,
    ['\n'] = CW_CH_WS,
    [0x80 ... 0xff] = V,
};
