#include "core/event.h"

#define EVERY_BYTE(byte) ((uint64_t)0x0101010101010101u * (byte))

/* How many bytes, in steps of eight, are surely printable ASCII. */
static size_t skip_printable(struct span text)
{
    size_t at = 0;
    for (; text.size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        uint64_t delete = word ^ EVERY_BYTE(0x7F);
        if (((word | (word - EVERY_BYTE(0x20)) | (delete - EVERY_BYTE(1))) & EVERY_BYTE(0x80)) != 0)
            break;
    }
    return at;
}

/* Cc of Unicode: U+0000-001F, U+007F-009F. The text is UTF-8, where the latter begin with C2. */
static bool has_control(struct span text)
{
    for (size_t i = skip_printable(text); i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7F)
            return true;
        if (byte == 0xC2 && i + 1 < text.size && (unsigned char)text.data[i + 1] < 0xA0)
            return true;
    }
    return false;
}

static enum err check_text(struct span text, size_t most, const char *field, struct diag *diag)
{
    if (text.size == 0)
        return diag_set(diag, ERR_INVALID, 0, 0, "%s: is empty", field);
    if (text.size > most)
        return diag_set(diag, ERR_INVALID, 0, 0, "%s: is longer than %zu bytes", field, most);
    if (has_control(text))
        return diag_set(diag, ERR_INVALID, 0, 0, "%s: has a control character", field);
    return ERR_OK;
}

enum err event_check_id(struct span id, struct diag *diag)
{
    return check_text(id, EVENT_ID_BYTES, "id", diag);
}

enum err event_check_user(struct span user, struct diag *diag)
{
    return check_text(user, EVENT_USER_BYTES, "user", diag);
}

enum err event_check_name(struct span name, struct diag *diag)
{
    static const bool allowed[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true,
        ['.'] = true,         [':'] = true,         ['-'] = true};
    bool fine = name.size >= 1 && name.size <= EVENT_NAME_BYTES;
    for (size_t i = 0; i < name.size && fine; i++)
        fine = allowed[(unsigned char)name.data[i]];
    if (!fine)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "name: must be 1 to %d of the characters A-Z a-z 0-9 _ . : -", EVENT_NAME_BYTES);
    return ERR_OK;
}

enum err event_check_age(const struct event *event, int64_t max_age_ms, int64_t max_future_ms,
                         struct diag *diag)
{
    int64_t age_ms = event->arrived_ms - event->time_ms;
    if (age_ms > max_age_ms)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "time: is %lld s before the event's arrival (intake.max_age is %lld s)",
                        (long long)age_ms / 1000, (long long)max_age_ms / 1000);
    if (-age_ms > max_future_ms)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "time: is %lld s ahead of the event's arrival (intake.max_future is %lld s)",
                        (long long)-age_ms / 1000, (long long)max_future_ms / 1000);
    return ERR_OK;
}

/* ---- attributes ---- */

struct checker {
    const struct attribute_limits *limits;
    size_t entries_left;
    enum err error;
    struct diag *diag;
};

static bool refuse(struct checker *checker, const char *what, size_t limit)
{
    checker->error = diag_set(checker->diag, ERR_LIMIT, 0, 0, "attributes: more than %zu %s", limit, what);
    return false;
}

static bool check_container(struct checker *checker, const struct value *container, uint32_t depth_left);

static inline bool check_value(struct checker *checker, const struct value *value, uint32_t depth_left)
{
    if (value->kind == VALUE_STRING || value->kind == VALUE_BYTES)
        return value->size <= checker->limits->string_bytes ||
               refuse(checker, "bytes in a string", checker->limits->string_bytes);
    if (value->kind == VALUE_LIST || value->kind == VALUE_MAP)
        return check_container(checker, value, depth_left);
    return true;
}

static bool check_container(struct checker *checker, const struct value *container, uint32_t depth_left)
{
    if (depth_left == 0)
        return refuse(checker, "levels of lists and maps", checker->limits->depth);
    if (container->size > checker->entries_left)
        return refuse(checker, "entries (members and elements at any depth)", checker->limits->entries);
    checker->entries_left -= container->size;
    bool fine = true;
    for (uint32_t i = 0; i < container->size && fine; i++) {
        if (container->kind == VALUE_LIST)
            fine = check_value(checker, &container->items[i], depth_left - 1);
        else
            fine = check_value(checker, &container->members[i].key, depth_left - 1) &&
                   check_value(checker, &container->members[i].value, depth_left - 1);
    }
    return fine;
}

enum err event_check_attributes(struct value attributes, const struct attribute_limits *limits,
                                struct diag *diag)
{
    if (attributes.kind != VALUE_MAP)
        return diag_set(diag, ERR_TYPE, 0, 0, "attributes: must be a map");
    struct checker checker = {.limits = limits, .entries_left = limits->entries, .diag = diag};
    check_container(&checker, &attributes, limits->depth);
    return checker.error;
}
