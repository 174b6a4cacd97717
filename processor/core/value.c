#include "core/value.h"

struct value value_timestamp_from_ms(int64_t ms)
{
    int64_t seconds = ms / 1000;
    int64_t rest_ms = ms % 1000;
    if (rest_ms < 0) {
        rest_ms += 1000;
        seconds -= 1;
    }
    return (struct value){
        .kind = VALUE_TIMESTAMP, .size = (uint32_t)(rest_ms * 1000000), .integer = seconds};
}

int64_t value_to_ms(struct value value)
{
    assert(value.kind == VALUE_TIMESTAMP || value.kind == VALUE_DURATION);
    return value.integer * 1000 + value.size / 1000000;
}

const struct value *value_member_find(struct value map, struct span key)
{
    assert(map.kind == VALUE_MAP);
    char first = key.size == 0 ? '\0' : key.data[0];
    for (uint32_t i = 0; i < map.size; i++) {
        const struct value_member *member = &map.members[i];
        /* The first byte spares most of the calls: this is looked up for every field of every event. */
        if (member->key.size != key.size || member->key.kind != VALUE_STRING)
            continue;
        if (key.size == 0 ||
            (member->key.bytes[0] == first && memcmp(member->key.bytes, key.data, key.size) == 0))
            return &member->value;
    }
    return NULL;
}

static bool maps_equal(struct value a, struct value b)
{
    if (a.size != b.size)
        return false;
    for (uint32_t i = 0; i < a.size; i++) {
        bool found = false;
        for (uint32_t j = 0; j < b.size && !found; j++)
            found = value_equal(a.members[i].key, b.members[j].key) &&
                    value_equal(a.members[i].value, b.members[j].value);
        if (!found)
            return false;
    }
    return true;
}

bool value_equal(struct value a, struct value b)
{
    if (a.kind != b.kind)
        return false;
    switch ((enum value_kind)a.kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a.boolean == b.boolean;
    case VALUE_INT:
    case VALUE_UINT:
        return a.integer == b.integer;
    case VALUE_DOUBLE:
        return a.real == b.real;
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_TYPE:
        return span_equal(value_span(a), value_span(b));
    case VALUE_LIST:
        if (a.size != b.size)
            return false;
        for (uint32_t i = 0; i < a.size; i++)
            if (!value_equal(a.items[i], b.items[i]))
                return false;
        return true;
    case VALUE_MAP:
        return maps_equal(a, b);
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        return a.integer == b.integer && a.size == b.size;
    case VALUE_KIND_COUNT:
        break;
    }
    assert(!"a value of no kind");
    return false;
}

struct value value_copy(struct arena *arena, struct value value)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_TYPE:
        value.bytes = arena_copy(arena, value_span(value)).data;
        return value;
    case VALUE_LIST: {
        struct value *items = ARENA_ARRAY(arena, struct value, value.size);
        for (uint32_t i = 0; i < value.size; i++)
            items[i] = value_copy(arena, value.items[i]);
        value.items = items;
        return value;
    }
    case VALUE_MAP: {
        struct value_member *members = ARENA_ARRAY(arena, struct value_member, value.size);
        for (uint32_t i = 0; i < value.size; i++) {
            members[i].key = value_copy(arena, value.members[i].key);
            members[i].value = value_copy(arena, value.members[i].value);
        }
        value.members = members;
        return value;
    }
    default:
        return value;
    }
}
