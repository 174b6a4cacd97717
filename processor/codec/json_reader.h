/* The JSON reader's inside: what its files share. Include codec/json.h instead.
 *
 * json.c reads containers and whole texts, json_string.c strings that are not plain, json_number.c
 * numbers. The plain string is here, since it is most of what an event is made of.
 */
#ifndef DECLIC_CODEC_JSON_READER_H
#define DECLIC_CODEC_JSON_READER_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "codec/json.h"

/* Members and elements wait on one stack until their container closes and its size is known. The
 * first ones live in the caller's frame, so that an ordinary record costs one arena allocation a
 * container. */
#define JSON_STACK_VALUES 192

/* What follows the copied text: the NUL byte stops every loop, since no JSON goes on with one, so that only
 * errors have to compare with `end`; the rest lets strings be read in whole steps. */
#define JSON_PADDING_BYTES 32

/* Each reading function takes the place to read from and returns the place after what it read, or NULL
 * after it has called json_fail: a place in a register is what makes this fast. */
struct json_reader {
    const char *end;
    const char *begin;
    struct arena *arena;
    struct value *stack;
    size_t top;
    size_t capacity;
    size_t entries_left;
    uint32_t depth_left;
    enum err error;
    const struct json_limits *limits;
    struct diag *diag;
    struct value first[JSON_STACK_VALUES];
};

/* Notes the error with the place of `where` in the text; returns NULL. */
const char *json_fail(struct json_reader *reader, enum err error, const char *where, const char *sentence);
/* The same with "more than LIMIT WHAT". */
const char *json_fail_limit(struct json_reader *reader, const char *where, const char *what, size_t limit);

/* `at` is where a value that is nothing else begins. */
const char *json_read_number(struct json_reader *reader, const char *at, struct value *number);

/* The string from `start` (after the quote) on, of which everything before `at` is known to be plain. */
const char *json_read_special_string(struct json_reader *reader, const char *start, const char *at,
                                     struct value *string);

#define JSON_EVERY_BYTE(byte) ((uint64_t)0x0101010101010101u * (byte))

/* The first byte of sixteen or eight that stops json_skip_plain; that many when none does. */
#ifdef __SSE2__
#define JSON_PLAIN_STEP 16
static inline unsigned json_plain_bytes(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: beyond ASCII is negative */
    int hit = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), special));
    return (unsigned)__builtin_ctz((unsigned)hit | 0x10000);
}
#else
#define JSON_PLAIN_STEP 8
/* A subtraction borrows only out of a byte that is itself a hit, so the lowest marked byte is exact. */
static inline unsigned json_plain_bytes(const char *at)
{
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | (unsigned char)at[i];
    uint64_t quote = word ^ JSON_EVERY_BYTE('"');
    uint64_t backslash = word ^ JSON_EVERY_BYTE('\\');
    uint64_t hit = (word | (word - JSON_EVERY_BYTE(0x20)) | (quote - JSON_EVERY_BYTE(1)) |
                    (backslash - JSON_EVERY_BYTE(1))) &
                   JSON_EVERY_BYTE(0x80);
    return hit == 0 ? 8 : (unsigned)__builtin_ctzll(hit) >> 3;
}
#endif

/* The first byte from `at` on that a string cannot hold as it is or that is not ASCII. */
static inline const char *json_skip_plain(const char *at)
{
    unsigned plain;
    do {
        plain = json_plain_bytes(at);
        at += plain;
    } while (plain == JSON_PLAIN_STEP);
    return at;
}

/* `at` is the opening quote. */
static inline const char *json_read_string(struct json_reader *reader, const char *at, struct value *string)
{
    const char *start = at + 1;
    at = json_skip_plain(start);
    size_t size = (size_t)(at - start);
    if (*at != '"' || size > reader->limits->string_bytes)
        return json_read_special_string(reader, start, at, string);
    *string = value_string(span_make(start, size));
    return at + 1;
}

#endif
