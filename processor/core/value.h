/* A value: what an attribute, an expression or a template variable is at run time.
 *
 * 16 bytes, passed by value. Strings, lists and maps point into memory that somebody else owns
 * (usually the batch's arena) and are never changed once built. One representation serves the JSON
 * and Avro readers, both languages and the user state, so nothing is converted on the hot path.
 *
 * Instants and durations are normalised as protobuf has them, with nanoseconds counted forward:
 * `integer` whole seconds (rounded towards minus infinity), `size` 0..999,999,999 nanoseconds.
 */
#ifndef DECLIC_CORE_VALUE_H
#define DECLIC_CORE_VALUE_H

#include <assert.h>

#include "base/arena.h"
#include "base/span.h"

enum value_kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,       /* integer */
    VALUE_UINT,      /* natural */
    VALUE_DOUBLE,    /* real */
    VALUE_STRING,    /* bytes, size: UTF-8 */
    VALUE_BYTES,     /* bytes, size */
    VALUE_LIST,      /* items, size */
    VALUE_MAP,       /* members, size: in insertion order, keys unique */
    VALUE_TIMESTAMP, /* integer seconds since the epoch, size nanoseconds */
    VALUE_DURATION,  /* integer seconds, size nanoseconds */
    VALUE_TYPE,      /* bytes, size: the type's CEL name */
    VALUE_KIND_COUNT
};

struct value_member;

struct value {
    uint8_t kind;  /* enum value_kind */
    uint8_t flags; /* for the module that made it; 0 unless that module's header says otherwise */
    uint16_t unused;
    uint32_t size;
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        const char *bytes;
        const struct value *items;
        const struct value_member *members;
    };
};

static_assert(sizeof(struct value) == 16, "values are passed in two registers");

struct value_member {
    struct value key; /* VALUE_STRING in all maps from outside; CEL literals may have others */
    struct value value;
};

static inline struct value value_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}
static inline struct value value_bool(bool boolean)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = boolean};
}
static inline struct value value_int(int64_t integer)
{
    return (struct value){.kind = VALUE_INT, .integer = integer};
}
static inline struct value value_uint(uint64_t natural)
{
    return (struct value){.kind = VALUE_UINT, .natural = natural};
}
static inline struct value value_double(double real)
{
    return (struct value){.kind = VALUE_DOUBLE, .real = real};
}
/* `text` must stay valid as long as the value; at most UINT32_MAX bytes. */
static inline struct value value_string(struct span text)
{
    return (struct value){.kind = VALUE_STRING, .size = (uint32_t)text.size, .bytes = text.data};
}
static inline struct value value_list(const struct value *items, size_t count)
{
    return (struct value){.kind = VALUE_LIST, .size = (uint32_t)count, .items = items};
}
static inline struct value value_map(const struct value_member *members, size_t count)
{
    return (struct value){.kind = VALUE_MAP, .size = (uint32_t)count, .members = members};
}
struct value value_timestamp_from_ms(int64_t ms);
/* Finer than a millisecond is cut (towards minus infinity). kind must be TIMESTAMP or DURATION. */
int64_t value_to_ms(struct value value);

/* The bytes of a STRING, BYTES or TYPE. */
static inline struct span value_span(struct value value)
{
    return span_make(value.bytes, value.size);
}

/* The member of a MAP with this string key, or NULL. Linear; maps from outside are bounded. */
const struct value *value_member_find(struct value map, struct span key);

/* Deep equality, exact: kinds must match (1 != 1.0), doubles by value (NaN != NaN), maps without
 * regard to order. The languages have their own looser rules. */
bool value_equal(struct value a, struct value b);

/* A deep copy into `arena`, sharing nothing with the original. */
struct value value_copy(struct arena *arena, struct value value);

#endif
