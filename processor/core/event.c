#include "core/event.h"

/* Cc of Unicode: U+0000-001F, U+007F-009F. The text is UTF-8, where the latter begin with C2. */
static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
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

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '.' || byte == ':' || byte == '-';
}

enum err event_check_name(struct span name, struct diag *diag)
{
    bool fine = name.size >= 1 && name.size <= EVENT_NAME_BYTES;
    for (size_t i = 0; i < name.size && fine; i++)
        fine = is_name_byte(name.data[i]);
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

static bool check_string(struct checker *checker, struct value string)
{
    return string.size <= checker->limits->string_bytes ||
           refuse(checker, "bytes in a string", checker->limits->string_bytes);
}

static bool check_value(struct checker *checker, struct value value, uint32_t depth_left);

static bool check_container(struct checker *checker, struct value container, uint32_t depth_left)
{
    if (depth_left == 0)
        return refuse(checker, "levels of lists and maps", checker->limits->depth);
    if (container.size > checker->entries_left)
        return refuse(checker, "entries (members and elements at any depth)", checker->limits->entries);
    checker->entries_left -= container.size;
    bool fine = true;
    for (uint32_t i = 0; i < container.size && fine; i++) {
        if (container.kind == VALUE_LIST)
            fine = check_value(checker, container.items[i], depth_left - 1);
        else
            fine = check_string(checker, container.members[i].key) &&
                   check_value(checker, container.members[i].value, depth_left - 1);
    }
    return fine;
}

static bool check_value(struct checker *checker, struct value value, uint32_t depth_left)
{
    switch (value.kind) {
    case VALUE_STRING:
    case VALUE_BYTES:
        return check_string(checker, value);
    case VALUE_LIST:
    case VALUE_MAP:
        return check_container(checker, value, depth_left);
    default:
        return true;
    }
}

enum err event_check_attributes(struct value attributes, const struct attribute_limits *limits,
                                struct diag *diag)
{
    if (attributes.kind != VALUE_MAP)
        return diag_set(diag, ERR_TYPE, 0, 0, "attributes: must be a map");
    struct checker checker = {.limits = limits, .entries_left = limits->entries, .diag = diag};
    check_container(&checker, attributes, limits->depth);
    return checker.error;
}
