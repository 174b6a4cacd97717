#include "icu/tzif.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "icu/tzif_rule.h"

#define MAX_FILE_BYTES ((size_t)256 * 1024)
#define HEADER_BYTES 44
#define TYPE_BYTES 6

struct local_type {
    int32_t offset_s;
    bool is_summer;
    char abbreviation[TZIF_ABBREVIATION_BYTES];
};

struct tzif_zone {
    int64_t *transitions; /* ascending */
    uint8_t *types;       /* of the time from each transition on */
    size_t transition_count;
    struct local_type *locals;
    size_t local_count;
    bool has_rule; /* for the time after the last transition */
    struct tzif_rule rule;
};

/* The counts in a header, in the order in which they stand there. */
struct header {
    uint32_t ut_count, standard_count, leap_count, transition_count, type_count, character_count;
};

static uint32_t read_u32(const char *bytes)
{
    const uint8_t *at = (const uint8_t *)bytes;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t read_i64(const char *bytes)
{
    return (int64_t)((uint64_t)read_u32(bytes) << 32 | read_u32(bytes + 4));
}

static bool read_header(struct span bytes, struct header *header)
{
    if (bytes.size < HEADER_BYTES || memcmp(bytes.data, "TZif", 4) != 0 || bytes.data[4] < '2')
        return false;
    uint32_t *counts[] = {&header->ut_count,         &header->standard_count, &header->leap_count,
                          &header->transition_count, &header->type_count,     &header->character_count};
    for (size_t i = 0; i < 6; i++) {
        *counts[i] = read_u32(bytes.data + 20 + 4 * i);
        if (*counts[i] > MAX_FILE_BYTES)
            return false;
    }
    return header->type_count >= 1 && header->type_count <= 256 && header->character_count >= 1;
}

static size_t data_bytes(const struct header *header, size_t time_bytes)
{
    return header->transition_count * (time_bytes + 1) + header->type_count * TYPE_BYTES +
           header->character_count + header->leap_count * (time_bytes + 4) + header->standard_count +
           header->ut_count;
}

static bool read_types(struct tzif_zone *zone, const struct header *header, const char *types,
                       const char *characters)
{
    for (size_t i = 0; i < header->type_count; i++) {
        const char *type = types + i * TYPE_BYTES;
        struct local_type *local = &zone->locals[i];
        uint8_t from = (uint8_t)type[5];
        local->offset_s = (int32_t)read_u32(type);
        local->is_summer = type[4] != 0;
        if (from >= header->character_count || local->offset_s < -86400 || local->offset_s > 86400)
            return false;
        size_t size = strnlen(characters + from, header->character_count - from);
        if (size >= sizeof local->abbreviation)
            return false;
        memcpy(local->abbreviation, characters + from, size);
    }
    return true;
}

static bool read_transitions(struct tzif_zone *zone, const struct header *header, const char *times)
{
    const char *indexes = times + (size_t)header->transition_count * 8;
    for (size_t i = 0; i < header->transition_count; i++) {
        zone->transitions[i] = read_i64(times + 8 * i);
        zone->types[i] = (uint8_t)indexes[i];
        if (zone->types[i] >= header->type_count)
            return false;
        if (i > 0 && zone->transitions[i] <= zone->transitions[i - 1])
            return false;
    }
    return true;
}

/* Reads the second block, whose times have eight bytes, and the rule behind it. */
static bool read_block(struct tzif_zone *zone, struct span bytes)
{
    struct header header;
    if (!read_header(bytes, &header) || data_bytes(&header, 8) > bytes.size - HEADER_BYTES)
        return false;
    zone->transition_count = header.transition_count;
    zone->local_count = header.type_count;
    zone->transitions = memory_checked(calloc(header.transition_count + 1, sizeof *zone->transitions));
    zone->types = memory_checked(calloc(header.transition_count + 1, 1));
    zone->locals = memory_checked(calloc(header.type_count, sizeof *zone->locals));
    const char *times = bytes.data + HEADER_BYTES;
    const char *types = times + (size_t)header.transition_count * 9;
    if (!read_transitions(zone, &header, times) ||
        !read_types(zone, &header, types, types + (size_t)header.type_count * TYPE_BYTES))
        return false;
    struct span footer = span_slice(bytes, HEADER_BYTES + data_bytes(&header, 8), bytes.size);
    if (footer.size < 2 || footer.data[0] != '\n' || footer.data[footer.size - 1] != '\n')
        return false;
    footer = span_slice(footer, 1, footer.size - 1);
    zone->has_rule = footer.size > 0;
    return footer.size == 0 || tzif_rule_parse(footer, &zone->rule) == ERR_OK;
}

struct tzif_zone *tzif_parse(struct span bytes)
{
    struct header first;
    if (!read_header(bytes, &first) || data_bytes(&first, 4) > bytes.size - HEADER_BYTES)
        return NULL;
    struct tzif_zone *zone = memory_checked(calloc(1, sizeof *zone));
    if (!read_block(zone, span_slice(bytes, HEADER_BYTES + data_bytes(&first, 4), bytes.size))) {
        tzif_close(zone);
        return NULL;
    }
    return zone;
}

/* Letters, digits and `_+-/`, no part of the path empty: nothing leads out of the folder. */
static bool is_file_name(const char *name)
{
    if (name[0] == '\0' || strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0)
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        bool is_other = (*c >= '0' && *c <= '9') || *c == '_' || *c == '+' || *c == '-';
        bool is_slash = *c == '/' && c != name && c[-1] != '/' && c[1] != '\0';
        if (!is_letter && !is_other && !is_slash)
            return false;
    }
    return strcmp(name, "localtime") != 0 && strcmp(name, "posixrules") != 0;
}

struct tzif_zone *tzif_open(const char *folder, const char *name)
{
    char path[256];
    if (!is_file_name(name) || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char *bytes = memory_checked(malloc(MAX_FILE_BYTES));
    size_t size = fread(bytes, 1, MAX_FILE_BYTES, file);
    fclose(file);
    struct tzif_zone *zone = size == MAX_FILE_BYTES ? NULL : tzif_parse(span_make(bytes, size));
    free(bytes);
    return zone;
}

void tzif_close(struct tzif_zone *zone)
{
    if (zone == NULL)
        return;
    free(zone->transitions);
    free(zone->types);
    free(zone->locals);
    free(zone);
}

/* The number of transitions at or before the instant. */
static size_t count_until(const struct tzif_zone *zone, int64_t instant_s)
{
    size_t low = 0;
    size_t high = zone->transition_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle] <= instant_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct tzif_period make_period(const struct local_type *local, int64_t from_s, int64_t to_s)
{
    struct tzif_period period = {from_s, to_s, local->offset_s, local->is_summer, ""};
    memcpy(period.abbreviation, local->abbreviation, sizeof period.abbreviation);
    return period;
}

struct tzif_period tzif_find(const struct tzif_zone *zone, int64_t instant_s)
{
    size_t count = count_until(zone, instant_s);
    size_t last = zone->transition_count;
    int64_t from_s = count == 0 ? -TZIF_FOREVER_S : zone->transitions[count - 1];
    if (count < last || !zone->has_rule) {
        const struct local_type *local = &zone->locals[count == 0 ? 0 : zone->types[count - 1]];
        return make_period(local, from_s, count == last ? TZIF_FOREVER_S : zone->transitions[count]);
    }
    struct tzif_period period = tzif_rule_find(&zone->rule, instant_s);
    if (period.from_s < from_s)
        period.from_s = from_s;
    return period;
}
