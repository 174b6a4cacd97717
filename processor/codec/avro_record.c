#include "codec/avro_record.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/civil.h"
#include "base/real.h"
#include "base/utf8.h"

#define VARINT_BYTES 10
#define DECIMAL_BYTES 16
#define SINGLE_OBJECT_HEADER 10
#define NUMBERED_HEADER 5
#define TIME_MIN_S INT64_C(-62135596800)
#define TIME_MAX_S INT64_C(253402300799)

struct reader {
    const char *at, *end;
    struct arena *arena;
    uint32_t depth_left;
    size_t entries_left;
    struct diag *diag;
};

static enum err fail(struct reader *reader, enum err error, const char *sentence)
{
    return diag_set(reader->diag, error, 0, 0, "not readable as Avro: %s", sentence);
}

static enum err fail_short(struct reader *reader)
{
    return fail(reader, ERR_TRUNCATED, "the record ends inside a value");
}

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* ---- what the encoding is made of ---- */

/* Zig-zag, seven bits a byte, the least significant first. */
static enum err read_long(struct reader *reader, int64_t *number)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < VARINT_BYTES; i++) {
        if (reader->at == reader->end)
            return fail_short(reader);
        unsigned char byte = (unsigned char)*reader->at++;
        if (i == VARINT_BYTES - 1 && byte > 1)
            break;
        bits |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *number = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return ERR_OK;
        }
    }
    return fail(reader, ERR_OVERFLOW, "a number is longer than 64 bits");
}

static enum err take(struct reader *reader, size_t size, struct span *bytes)
{
    if (size > left(reader))
        return fail_short(reader);
    *bytes = span_make(reader->at, size);
    reader->at += size;
    return ERR_OK;
}

static enum err read_bytes(struct reader *reader, struct span *bytes)
{
    int64_t size;
    enum err error = read_long(reader, &size);
    if (error != ERR_OK)
        return error;
    if (size < 0)
        return fail(reader, ERR_CORRUPT, "a length is negative");
    return (uint64_t)size > left(reader) ? fail_short(reader) : take(reader, (size_t)size, bytes);
}

static enum err read_string(struct reader *reader, struct value *value)
{
    struct span text;
    enum err error = read_bytes(reader, &text);
    if (error != ERR_OK)
        return error;
    if (!utf8_valid(text))
        return fail(reader, ERR_SYNTAX, "a string is not valid UTF-8");
    *value = value_string(text);
    return ERR_OK;
}

/* IEEE 754, the least significant byte first. */
static enum err read_real(struct reader *reader, bool wide, struct value *value)
{
    struct span bytes = {0};
    enum err error = take(reader, wide ? 8 : 4, &bytes);
    if (error != ERR_OK)
        return error;
    uint64_t bits = 0;
    for (size_t i = bytes.size; i-- > 0;)
        bits = bits << 8 | (unsigned char)bytes.data[i];
    if (wide) {
        double real;
        memcpy(&real, &bits, sizeof real);
        *value = value_double(real);
    } else {
        uint32_t narrow = (uint32_t)bits;
        float real;
        memcpy(&real, &narrow, sizeof real);
        *value = value_double((double)real);
    }
    return ERR_OK;
}

/* ---- logical types ---- */

static enum err read_date(struct reader *reader, int64_t days, struct value *value)
{
    struct civil_date date = civil_from_days(days);
    if (date.year < 0 || date.year > 9999)
        return fail(reader, ERR_OVERFLOW, "a date is outside the years 0000 to 9999");
    *value =
        value_string(arena_printf(reader->arena, "%04d-%02d-%02d", (int)date.year, date.month, date.day));
    return ERR_OK;
}

/* Outside the years 0001 to 9999 it stays a number: nothing could print it. */
static struct value timestamp(int64_t count, int64_t per_second)
{
    int64_t seconds = count / per_second, rest = count % per_second;
    if (rest < 0) {
        seconds--;
        rest += per_second;
    }
    if (seconds < TIME_MIN_S || seconds > TIME_MAX_S)
        return value_int(count);
    return (struct value){
        .kind = VALUE_TIMESTAMP, .integer = seconds, .size = (uint32_t)(rest * (1000000000 / per_second))};
}

static enum err read_whole(struct reader *reader, const struct avro_type *type, struct value *value)
{
    int64_t number;
    enum err error = read_long(reader, &number);
    if (error != ERR_OK)
        return error;
    if (type->kind == AVRO_INT && (number < INT32_MIN || number > INT32_MAX))
        return fail(reader, ERR_OVERFLOW, "an int is longer than 32 bits");
    if (type->logical == AVRO_DATE)
        return read_date(reader, number, value);
    *value = type->logical == AVRO_TIMESTAMP_MILLIS   ? timestamp(number, 1000)
             : type->logical == AVRO_TIMESTAMP_MICROS ? timestamp(number, 1000000)
             : type->logical == AVRO_TIMESTAMP_NANOS  ? timestamp(number, 1000000000)
                                                      : value_int(number);
    return ERR_OK;
}

/* Two's complement, the most significant byte first, times 10 to the minus `scale`. */
static enum err read_decimal(struct reader *reader, struct span bytes, int64_t scale, struct value *value)
{
    if (bytes.size > DECIMAL_BYTES)
        return fail(reader, ERR_OVERFLOW, "a decimal has more than 16 bytes");
    bool negative = bytes.size > 0 && (bytes.data[0] & 0x80) != 0;
    unsigned __int128 magnitude = negative ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.size; i++)
        magnitude = magnitude << 8 | (unsigned char)bytes.data[i];
    if (negative)
        magnitude = -magnitude;
    char text[64], digits[40];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude != 0);
    size_t size = 0;
    if (negative)
        text[size++] = '-';
    while (count > 0)
        text[size++] = digits[--count];
    size += (size_t)snprintf(text + size, sizeof text - size, "e-%d", (int)scale);
    double real;
    if (real_parse(span_make(text, size), &real) != ERR_OK)
        return fail(reader, ERR_OVERFLOW, "a decimal does not fit a double");
    *value = value_double(real);
    return ERR_OK;
}

static enum err as_bytes(struct reader *reader, const struct avro_type *type, struct span bytes,
                         struct value *value)
{
    if (type->logical == AVRO_DECIMAL)
        return read_decimal(reader, bytes, type->scale, value);
    *value = (struct value){.kind = VALUE_BYTES, .size = (uint32_t)bytes.size, .bytes = bytes.data};
    return ERR_OK;
}

/* ---- lists and maps ---- */

static enum err read_value(struct reader *reader, const struct avro_type *type, struct value *value);

static enum err enter(struct reader *reader)
{
    if (reader->depth_left == 0)
        return fail(reader, ERR_LIMIT, "lists and maps nest too deep");
    reader->depth_left--;
    return ERR_OK;
}

static enum err count_entries(struct reader *reader, uint64_t count)
{
    if (count > reader->entries_left)
        return fail(reader, ERR_LIMIT, "too many members and elements");
    reader->entries_left -= (size_t)count;
    return ERR_OK;
}

static enum err read_record(struct reader *reader, const struct avro_type *type, struct value *value)
{
    enum err error = count_entries(reader, type->count);
    if (error != ERR_OK)
        return error;
    struct value_member *members = ARENA_ARRAY(reader->arena, struct value_member, type->count);
    for (size_t i = 0; error == ERR_OK && i < type->count; i++) {
        members[i].key = value_string(type->fields[i].name);
        error = read_value(reader, type->fields[i].type, &members[i].value);
    }
    *value = value_map(members, type->count);
    return error;
}

/* How many items come next, 0: none any more. A negative count is followed by the block's size in bytes. */
static enum err read_block(struct reader *reader, uint64_t *count)
{
    int64_t number, size;
    enum err error = read_long(reader, &number);
    if (error == ERR_OK && number < 0)
        error = read_long(reader, &size);
    *count = number < 0 ? -(uint64_t)number : (uint64_t)number;
    return error == ERR_OK ? count_entries(reader, *count) : error;
}

static enum err read_array(struct reader *reader, const struct avro_type *type, struct value *value)
{
    struct value *items = NULL;
    size_t count = 0, capacity = 0;
    uint64_t block;
    for (;;) {
        enum err error = read_block(reader, &block);
        if (error != ERR_OK)
            return error;
        if (block == 0)
            break;
        while (error == ERR_OK && block-- > 0)
            error = read_value(reader, type->item, ARENA_PUSH(reader->arena, &items, &count, &capacity));
        if (error != ERR_OK)
            return error;
    }
    *value = value_list(items, count);
    return ERR_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return span_compare(value_span(*(const struct value *)a), value_span(*(const struct value *)b));
}

static enum err check_keys(struct reader *reader, const struct value_member *members, size_t count)
{
    struct value *keys = ARENA_ARRAY(reader->arena, struct value, count);
    for (size_t i = 0; i < count; i++)
        keys[i] = members[i].key;
    if (count > 1)
        qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            return fail(reader, ERR_CORRUPT, "a map has a key twice");
    return ERR_OK;
}

static enum err read_map(struct reader *reader, const struct avro_type *type, struct value *value)
{
    struct value_member *members = NULL;
    size_t count = 0, capacity = 0;
    uint64_t block;
    for (;;) {
        enum err error = read_block(reader, &block);
        if (error != ERR_OK)
            return error;
        if (block == 0)
            break;
        while (error == ERR_OK && block-- > 0) {
            struct value_member *member = ARENA_PUSH(reader->arena, &members, &count, &capacity);
            error = read_string(reader, &member->key);
            if (error == ERR_OK)
                error = read_value(reader, type->item, &member->value);
        }
        if (error != ERR_OK)
            return error;
    }
    *value = value_map(members, count);
    return check_keys(reader, members, count);
}

static enum err read_container(struct reader *reader, const struct avro_type *type, struct value *value)
{
    enum err error = enter(reader);
    if (error != ERR_OK)
        return error;
    error = type->kind == AVRO_RECORD  ? read_record(reader, type, value)
            : type->kind == AVRO_ARRAY ? read_array(reader, type, value)
                                       : read_map(reader, type, value);
    reader->depth_left++;
    return error;
}

/* The number of a branch or symbol. */
static enum err read_choice(struct reader *reader, const struct avro_type *type, size_t *choice)
{
    int64_t number;
    enum err error = read_long(reader, &number);
    if (error != ERR_OK)
        return error;
    if (number < 0 || (uint64_t)number >= type->count)
        return fail(reader, ERR_CORRUPT,
                    type->kind == AVRO_ENUM ? "an enum has no such symbol" : "a union has no such branch");
    *choice = (size_t)number;
    return ERR_OK;
}

static enum err read_value(struct reader *reader, const struct avro_type *type, struct value *value)
{
    struct span bytes = {0};
    size_t choice = 0;
    enum err error;
    switch (type->kind) {
    case AVRO_NULL:
        *value = value_null();
        return ERR_OK;
    case AVRO_BOOLEAN:
        error = take(reader, 1, &bytes);
        if (error == ERR_OK)
            *value = value_bool(bytes.data[0] != 0);
        return error;
    case AVRO_INT:
    case AVRO_LONG:
        return read_whole(reader, type, value);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return read_real(reader, type->kind == AVRO_DOUBLE, value);
    case AVRO_BYTES:
        error = read_bytes(reader, &bytes);
        return error == ERR_OK ? as_bytes(reader, type, bytes, value) : error;
    case AVRO_FIXED:
        error = take(reader, type->count, &bytes);
        return error == ERR_OK ? as_bytes(reader, type, bytes, value) : error;
    case AVRO_STRING:
        return read_string(reader, value);
    case AVRO_ENUM:
        error = read_choice(reader, type, &choice);
        if (error == ERR_OK)
            *value = value_string(type->symbols[choice]);
        return error;
    case AVRO_UNION:
        error = read_choice(reader, type, &choice);
        return error == ERR_OK ? read_value(reader, type->branches[choice], value) : error;
    default:
        return read_container(reader, type, value);
    }
}

enum err avro_record_read(struct span bytes, const struct avro_type *type, const struct avro_limits *limits,
                          struct arena *arena, struct value *value, struct diag *diag)
{
    struct reader reader = {.at = bytes.data,
                            .end = bytes.data + bytes.size,
                            .arena = arena,
                            .depth_left = limits->depth,
                            .entries_left = limits->entries,
                            .diag = diag};
    struct value result;
    enum err error = read_value(&reader, type, &result);
    if (error == ERR_OK && reader.at != reader.end)
        error = fail(&reader, ERR_CORRUPT, "bytes are left after the value");
    if (error == ERR_OK)
        *value = result;
    return error;
}

enum err avro_single_object_read(struct span bytes, const struct avro_schemas *schemas,
                                 const struct avro_limits *limits, struct arena *arena, struct value *value,
                                 struct diag *diag)
{
    if (bytes.size < SINGLE_OBJECT_HEADER || memcmp(bytes.data, "\xC3\x01", 2) != 0)
        return diag_set(diag, ERR_SYNTAX, 0, 0, "not an Avro single object: it begins with C3 01");
    uint64_t fingerprint = 0;
    for (size_t i = SINGLE_OBJECT_HEADER; i-- > 2;)
        fingerprint = fingerprint << 8 | (unsigned char)bytes.data[i];
    for (size_t i = 0; i < schemas->count; i++)
        if (schemas->list[i].fingerprint == fingerprint)
            return avro_record_read(span_slice(bytes, SINGLE_OBJECT_HEADER, bytes.size),
                                    schemas->list[i].type, limits, arena, value, diag);
    return diag_set(diag, ERR_NOT_FOUND, 0, 0, "no schema of the source has the fingerprint %016llx",
                    (unsigned long long)fingerprint);
}

enum err avro_numbered_read(struct span bytes, const struct avro_registry_port *registry,
                            const struct avro_limits *limits, struct arena *arena, struct value *value,
                            struct diag *diag)
{
    if (bytes.size < NUMBERED_HEADER || bytes.data[0] != 0)
        return diag_set(diag, ERR_SYNTAX, 0, 0, "not Avro with a schema's id: it begins with 00");
    uint32_t id = 0;
    for (size_t i = 1; i < NUMBERED_HEADER; i++)
        id = id << 8 | (unsigned char)bytes.data[i];
    const struct avro_type *type;
    enum err error = registry->find(registry->self, id, &type, diag);
    return error == ERR_OK ? avro_record_read(span_slice(bytes, NUMBERED_HEADER, bytes.size), type, limits,
                                              arena, value, diag)
                           : error;
}
