#include "codec/user_state_parts.h"

struct reader {
    struct cursor cursor;
    struct arena *arena;
    struct name_table names;
    int64_t last_ms;
};

static uint32_t get(struct reader *reader)
{
    return (uint32_t)cursor_varint_max(&reader->cursor, UINT32_MAX);
}

static struct span get_text(struct reader *reader)
{
    return cursor_span(&reader->cursor);
}

static bool get_bool(struct reader *reader)
{
    uint8_t byte = cursor_byte(&reader->cursor);
    if (byte > 1)
        cursor_fail(&reader->cursor);
    return byte == 1;
}

static int64_t get_time(struct reader *reader)
{
    reader->last_ms =
        (int64_t)((uint64_t)reader->last_ms + (uint64_t)cursor_varint_signed(&reader->cursor));
    return reader->last_ms;
}

static struct span get_name(struct reader *reader)
{
    struct name_table *table = &reader->names;
    uint32_t place = (uint32_t)cursor_varint_max(&reader->cursor, table->count);
    if (place != 0)
        return table->names[place - 1];
    struct span name = get_text(reader);
    if (table->count < NAME_TABLE_SIZE)
        table->names[table->count++] = name;
    return name;
}

/* A number of items that take at least a byte each. */
static uint32_t get_count(struct reader *reader)
{
    uint32_t count = get(reader);
    if (count > cursor_left(&reader->cursor)) {
        cursor_fail(&reader->cursor);
        return 0;
    }
    return count;
}

/* Room for the items, which are not cleared: each is set as a whole. */
#define GET_ITEMS(reader, item_type, count) \
    ((item_type *)arena_alloc_aligned((reader)->arena, (count) * sizeof(item_type), alignof(item_type)))
#define GET_LIST(reader, list, item_type)                              \
    do {                                                               \
        (list)->count = (list)->capacity = get_count(reader);          \
        (list)->items = GET_ITEMS((reader), item_type, (list)->count); \
    } while (0)

static struct value get_kind(struct reader *reader, enum value_kind kind)
{
    struct cursor cursor = reader->cursor; /* see user_state_decode */
    struct value value = value_bin_read(&cursor, reader->arena);
    reader->cursor = cursor;
    if (value.kind == kind)
        return value;
    cursor_fail(&reader->cursor);
    return kind == VALUE_MAP ? value_map(NULL, 0) : value_list(NULL, 0);
}

static struct value get_map(struct reader *reader)
{
    struct value map = get_kind(reader, VALUE_MAP);
    for (uint32_t i = 0; i < map.size; i++) {
        if (map.members[i].key.kind != VALUE_STRING) {
            cursor_fail(&reader->cursor);
            return value_map(NULL, 0);
        }
    }
    return map;
}

static enum outcome get_outcome(struct reader *reader)
{
    return (enum outcome)cursor_varint_max(&reader->cursor, OUTCOME_COUNT - 1);
}

static void get_trigger(struct reader *reader, struct trigger_facts *trigger)
{
    uint32_t flags = (uint32_t)cursor_varint_max(&reader->cursor, 63);
    bool has_trace = (flags & TRIGGER_HAS_TRACE) != 0;
    trigger->kind = (enum trigger_kind)(flags & 3);
    trigger->has_follow = (flags & TRIGGER_HAS_FOLLOW) != 0;
    trigger->alternative = (flags & TRIGGER_HAS_ALTERNATIVE) != 0 ? get(reader) : 0;
    trigger->day = (flags & TRIGGER_HAS_DAY) != 0 ? (int32_t)cursor_varint_signed(&reader->cursor) : 0;
    trigger->id = get_text(reader);
    trigger->name = get_name(reader);
    trigger->time_ms = get_time(reader);
    trigger->calendar_ms = get_time(reader);
    trigger->attributes = get_map(reader);
    trigger->follow = trigger->has_follow ? get_map(reader) : value_map(NULL, 0);
    trigger->traceparent = has_trace ? get_text(reader) : span_make(NULL, 0);
    trigger->tracestate = has_trace ? get_text(reader) : span_make(NULL, 0);
}

static void get_step(struct reader *reader, struct step_state *step)
{
    *step = (struct step_state){0};
    uint32_t flags = (uint32_t)cursor_varint_max(&reader->cursor, 15);
    if ((flags & 3) > STEP_OVER || ((flags & STEP_IS_MARKED) && (flags & 3) != STEP_PENDING))
        cursor_fail(&reader->cursor);
    step->status = (enum step_status)(flags & 3);
    step->marked = (flags & STEP_IS_MARKED) != 0;
    if (step->status == STEP_PENDING)
        step->due_ms = get_time(reader);
    if (flags & STEP_HAS_ATTEMPT)
        step->attempt = get(reader);
    if (step->marked) {
        step->mark_outcome = get_outcome(reader);
        step->mark_reason = get_text(reader);
    }
}

static struct deferred_restart *get_deferred(struct reader *reader)
{
    struct deferred_restart *deferred = ARENA_NEW(reader->arena, struct deferred_restart);
    deferred->version = get(reader);
    get_trigger(reader, &deferred->trigger);
    deferred->step_count = get_count(reader);
    int64_t *dues = GET_ITEMS(reader, int64_t, deferred->step_count);
    for (uint32_t i = 0; i < deferred->step_count; i++)
        dues[i] = get_bool(reader) ? get_time(reader) : NO_DUE;
    deferred->due_ms = dues;
    return deferred;
}

static void get_journey(struct reader *reader, struct journey *journey)
{
    uint32_t flags = (uint32_t)cursor_varint_max(&reader->cursor, 7);
    journey->was_sent = (flags & JOURNEY_WAS_SENT) != 0;
    journey->campaign = get_name(reader);
    journey->version = get(reader);
    journey->key = get_text(reader);
    get_trigger(reader, &journey->trigger);
    journey->step_count = get_count(reader);
    journey->steps = GET_ITEMS(reader, struct step_state, journey->step_count);
    for (uint32_t i = 0; i < journey->step_count; i++)
        get_step(reader, &journey->steps[i]);
    journey->deferred = NULL;
    if (flags & JOURNEY_HAS_DEFERRED) {
        journey->deferred = get_deferred(reader);
        journey->deferred->afresh = (flags & JOURNEY_DEFERRED_AFRESH) != 0;
    }
}

static void get_cancel(struct reader *reader, struct remembered_cancel *cancel)
{
    *cancel = (struct remembered_cancel){0};
    cancel->campaign = get_name(reader);
    cancel->version = get(reader);
    cancel->rule = get(reader);
    cancel->event_id = get_text(reader);
    cancel->event_name = get_name(reader);
    cancel->time_ms = get_time(reader);
    cancel->arrived_ms = get_time(reader);
    cancel->sides = get_kind(reader, VALUE_LIST);
    cancel->has_facts = get_bool(reader);
    cancel->event = cancel->has_facts ? get_map(reader) : value_map(NULL, 0);
    cancel->profile = cancel->has_facts ? get_map(reader) : value_map(NULL, 0);
}

static void get_counter(struct reader *reader, struct counter *counter)
{
    *counter = (struct counter){0};
    counter->name = get_name(reader);
    counter->predicate = get_name(reader);
    GET_LIST(reader, &counter->times, int64_t);
    for (size_t i = 0; i < counter->times.count; i++)
        counter->times.items[i] = get_time(reader);
}

static void get_times(struct reader *reader, struct times_counter *counter)
{
    *counter = (struct times_counter){0};
    counter->campaign = get_name(reader);
    counter->alternative = get(reader);
    GET_LIST(reader, &counter->events, struct times_event);
    for (size_t i = 0; i < counter->events.count; i++) {
        counter->events.items[i].same = get_name(reader);
        counter->events.items[i].time_ms = get_time(reader);
    }
}

static void get_entry(struct reader *reader, struct entry_note *entry)
{
    *entry = (struct entry_note){0};
    entry->campaign = get_name(reader);
    entry->key = get_text(reader);
    entry->time_ms = get_time(reader);
}

static void get_sent(struct reader *reader, struct sent_note *sent)
{
    *sent = (struct sent_note){0};
    sent->time_ms = get_time(reader);
    sent->channel = get_name(reader);
    sent->label_count = get_count(reader);
    struct span *labels = GET_ITEMS(reader, struct span, sent->label_count);
    for (size_t i = 0; i < sent->label_count; i++)
        labels[i] = get_name(reader);
    sent->labels = labels;
}

static void get_seen(struct reader *reader, struct seen_id *seen)
{
    *seen = (struct seen_id){0};
    struct span bytes = cursor_bytes(&reader->cursor, 8);
    for (size_t i = 0; i < bytes.size; i++)
        seen->hash |= (uint64_t)(unsigned char)bytes.data[i] << 8 * i;
    seen->arrived_ms = get_time(reader);
}

static void get_follow(struct reader *reader, struct follow_state *follow)
{
    *follow = (struct follow_state){0};
    follow->name = get_name(reader);
    follow->thing = get_text(reader);
    follow->time_ms = get_time(reader);
    follow->expires_ms = get_bool(reader) ? get_time(reader) : INT64_MAX;
    follow->attributes = get_map(reader);
}

static void get_date(struct reader *reader, struct date_note *date)
{
    *date = (struct date_note){0};
    date->campaign = get_name(reader);
    date->key = get_text(reader);
    date->trigger_id = get_text(reader);
    date->forget_ms = get_time(reader);
}

static void get_wake(struct reader *reader, struct date_wake *wake)
{
    *wake = (struct date_wake){0};
    wake->campaign = get_name(reader);
    wake->alternative = get(reader);
    wake->at_ms = get_time(reader);
}

static void get_note(struct reader *reader, struct outcome_note *note)
{
    *note = (struct outcome_note){0};
    uint32_t head = (uint32_t)cursor_varint_max(&reader->cursor, 2 * OUTCOME_COUNT - 1);
    note->outcome = (enum outcome)(head >> 1);
    note->has_due = head & 1;
    note->at_ms = get_time(reader);
    note->campaign = get_name(reader);
    note->version = get(reader);
    note->key = get_text(reader);
    note->step = get_name(reader);
    note->reason = get_name(reader);
    note->trigger_id = get_text(reader);
    if (note->has_due)
        note->due_ms = get_time(reader);
}

#define GET_SECTION(reader, sections, section, list, item_type, get_item)      \
    do {                                                                       \
        if ((sections) >> (section)&1) {                                       \
            GET_LIST((reader), (list), item_type);                             \
            size_t read_ = 0;                                                  \
            for (; read_ < (list)->count && !(reader)->cursor.failed; read_++) \
                get_item((reader), &(list)->items[read_]);                     \
            (list)->count = read_;                                             \
        }                                                                      \
    } while (0)

/* All that is above in one function, whose reader then lies in registers: its address goes nowhere else. A
 * state is decoded for each event and each send. */
__attribute__((flatten)) enum err user_state_decode(struct span bytes, struct span user,
                                                    struct arena *arena, struct user_state *state)
{
    user_state_init(state, user);
    if (bytes.size == 0)
        return ERR_OK;
    struct reader reader;
    reader.cursor = cursor_make(bytes);
    reader.arena = arena;
    reader.names.count = 0;
    reader.last_ms = 0;
    if (cursor_byte(&reader.cursor) != USER_STATE_VERSION)
        return ERR_VERSION;
    uint64_t sections = cursor_varint_max(&reader.cursor, (1u << SECTION_COUNT) - 1);
    if (sections >> SECTION_PROFILE & 1) {
        state->has_profile = true;
        state->profile = get_map(&reader);
    }
    GET_SECTION(&reader, sections, SECTION_JOURNEYS, &state->journeys, struct journey, get_journey);
    GET_SECTION(&reader, sections, SECTION_CANCELS, &state->cancels, struct remembered_cancel, get_cancel);
    GET_SECTION(&reader, sections, SECTION_COUNTERS, &state->counters, struct counter, get_counter);
    GET_SECTION(&reader, sections, SECTION_TIMES, &state->times, struct times_counter, get_times);
    GET_SECTION(&reader, sections, SECTION_ENTRIES, &state->entries, struct entry_note, get_entry);
    GET_SECTION(&reader, sections, SECTION_SENT, &state->sent, struct sent_note, get_sent);
    GET_SECTION(&reader, sections, SECTION_SEEN, &state->seen, struct seen_id, get_seen);
    GET_SECTION(&reader, sections, SECTION_FOLLOWS, &state->follows, struct follow_state, get_follow);
    GET_SECTION(&reader, sections, SECTION_DATES, &state->dates, struct date_note, get_date);
    GET_SECTION(&reader, sections, SECTION_WAKES, &state->wakes, struct date_wake, get_wake);
    GET_SECTION(&reader, sections, SECTION_HISTORY, &state->history, struct outcome_note, get_note);
    if (sections >> SECTION_PLACE & 1) {
        state->folded_offset = (int64_t)cursor_varint_max(&reader.cursor, INT64_MAX);
        state->sweep = cursor_byte(&reader.cursor);
    }
    return reader.cursor.failed || cursor_left(&reader.cursor) != 0 ? ERR_TRUNCATED : ERR_OK;
}
