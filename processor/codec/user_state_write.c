#include "base/hash.h"
#include "codec/user_state_parts.h"

static_assert(NAME_TABLE_SIZE <= UINT8_MAX, "a place in the table of names is a byte");

#define NAME_HEAD_BITS 6

/* Writes ahead of out->size: `at` is where, `end` where the room ends. */
struct writer {
    char *at, *end;
    struct buf *out;
    struct name_table names;
    /* The names in chains by hash: 1 + the place of the latest one, and of each the one before; 0 ends it.
     */
    uint8_t heads[1 << NAME_HEAD_BITS];
    uint8_t before[NAME_TABLE_SIZE];
    int64_t last_ms;
};

static void commit(struct writer *writer)
{
    writer->out->size = (size_t)(writer->at - writer->out->data);
}

/* Takes up what the buffer has, and makes it `more` at least. */
static void take_room(struct writer *writer, size_t more)
{
    writer->at = buf_reserve(writer->out, more);
    writer->end = writer->out->data + writer->out->capacity;
}

static void need(struct writer *writer, size_t more)
{
    if ((size_t)(writer->end - writer->at) < more) {
        commit(writer);
        take_room(writer, more);
    }
}

static void put(struct writer *writer, uint64_t number)
{
    need(writer, VARINT_BYTES);
    writer->at += varint_write(writer->at, number);
}

static void put_signed(struct writer *writer, int64_t number)
{
    put(writer, varint_zigzag(number));
}

static void put_byte(struct writer *writer, uint8_t byte)
{
    need(writer, 1);
    *writer->at++ = (char)byte;
}

static void put_text(struct writer *writer, struct span text)
{
    put(writer, text.size);
    need(writer, text.size);
    span_copy_to(writer->at, text);
    writer->at += text.size;
}

static void put_value(struct writer *writer, struct value value)
{
    commit(writer);
    value_bin_append(writer->out, value);
    take_room(writer, 0);
}

static void put_time(struct writer *writer, int64_t time_ms)
{
    put_signed(writer, (int64_t)((uint64_t)time_ms - (uint64_t)writer->last_ms));
    writer->last_ms = time_ms;
}

static void put_name(struct writer *writer, struct span name)
{
    struct name_table *table = &writer->names;
    uint8_t *head = &writer->heads[hash_name(name) >> (64 - NAME_HEAD_BITS)];
    for (size_t place = *head; place != 0; place = writer->before[place - 1]) {
        if (span_equal(table->names[place - 1], name)) {
            put(writer, place);
            return;
        }
    }
    if (table->count < NAME_TABLE_SIZE) {
        writer->before[table->count] = *head;
        table->names[table->count++] = name;
        *head = (uint8_t)table->count;
    }
    put(writer, 0);
    put_text(writer, name);
}

static void put_trigger(struct writer *writer, const struct trigger_facts *trigger)
{
    bool has_trace = trigger->traceparent.size != 0 || trigger->tracestate.size != 0;
    bool has_day = trigger->kind == TRIGGER_YEARLY || trigger->kind == TRIGGER_DATE;
    put(writer, (uint64_t)trigger->kind | (trigger->has_follow ? TRIGGER_HAS_FOLLOW : 0) |
                    (has_trace ? TRIGGER_HAS_TRACE : 0) | (has_day ? TRIGGER_HAS_DAY : 0) |
                    (trigger->alternative != 0 ? TRIGGER_HAS_ALTERNATIVE : 0));
    if (trigger->alternative != 0)
        put(writer, trigger->alternative);
    if (has_day)
        put_signed(writer, trigger->day);
    put_text(writer, trigger->id);
    put_name(writer, trigger->name);
    put_time(writer, trigger->time_ms);
    put_time(writer, trigger->calendar_ms);
    put_value(writer, trigger->attributes);
    if (trigger->has_follow)
        put_value(writer, trigger->follow);
    if (has_trace) {
        put_text(writer, trigger->traceparent);
        put_text(writer, trigger->tracestate);
    }
}

static void put_step(struct writer *writer, const struct step_state *step)
{
    put(writer, (uint64_t)step->status | (step->marked ? STEP_IS_MARKED : 0) |
                    (step->attempt != 0 ? STEP_HAS_ATTEMPT : 0));
    if (step->status == STEP_PENDING)
        put_time(writer, step->due_ms);
    if (step->attempt != 0)
        put(writer, step->attempt);
    if (step->marked) {
        put(writer, step->mark_outcome);
        put_text(writer, step->mark_reason);
    }
}

static void put_deferred(struct writer *writer, const struct deferred_restart *deferred)
{
    put(writer, deferred->version);
    put_trigger(writer, &deferred->trigger);
    put(writer, deferred->step_count);
    for (uint32_t i = 0; i < deferred->step_count; i++) {
        bool has_due = deferred->due_ms[i] != NO_DUE;
        put_byte(writer, has_due);
        if (has_due)
            put_time(writer, deferred->due_ms[i]);
    }
}

static void put_journey(struct writer *writer, const struct journey *journey)
{
    put(writer,
        (journey->was_sent ? JOURNEY_WAS_SENT : 0u) |
            (journey->deferred != NULL ? JOURNEY_HAS_DEFERRED : 0u) |
            (journey->deferred != NULL && journey->deferred->afresh ? JOURNEY_DEFERRED_AFRESH : 0u));
    put_name(writer, journey->campaign);
    put(writer, journey->version);
    put_text(writer, journey->key);
    put_trigger(writer, &journey->trigger);
    put(writer, journey->step_count);
    for (uint32_t i = 0; i < journey->step_count; i++)
        put_step(writer, &journey->steps[i]);
    if (journey->deferred != NULL)
        put_deferred(writer, journey->deferred);
}

static void put_cancel(struct writer *writer, const struct remembered_cancel *cancel)
{
    put_name(writer, cancel->campaign);
    put(writer, cancel->version);
    put(writer, cancel->rule);
    put_text(writer, cancel->event_id);
    put_name(writer, cancel->event_name);
    put_time(writer, cancel->time_ms);
    put_time(writer, cancel->arrived_ms);
    put_value(writer, cancel->sides);
    put_byte(writer, cancel->has_facts);
    if (cancel->has_facts) {
        put_value(writer, cancel->event);
        put_value(writer, cancel->profile);
    }
}

static void put_counter(struct writer *writer, const struct counter *counter)
{
    put_name(writer, counter->name);
    put_name(writer, counter->predicate);
    put(writer, counter->times.count);
    for (size_t i = 0; i < counter->times.count; i++)
        put_time(writer, counter->times.items[i]);
}

static void put_times(struct writer *writer, const struct times_counter *counter)
{
    put_name(writer, counter->campaign);
    put(writer, counter->alternative);
    put(writer, counter->events.count);
    for (size_t i = 0; i < counter->events.count; i++) {
        put_name(writer, counter->events.items[i].same);
        put_time(writer, counter->events.items[i].time_ms);
    }
}

static void put_entry(struct writer *writer, const struct entry_note *entry)
{
    put_name(writer, entry->campaign);
    put_text(writer, entry->key);
    put_time(writer, entry->time_ms);
}

static void put_sent(struct writer *writer, const struct sent_note *sent)
{
    put_time(writer, sent->time_ms);
    put_name(writer, sent->channel);
    put(writer, sent->label_count);
    for (size_t i = 0; i < sent->label_count; i++)
        put_name(writer, sent->labels[i]);
}

static void put_seen(struct writer *writer, const struct seen_id *seen)
{
    for (int i = 0; i < 8; i++)
        put_byte(writer, (uint8_t)(seen->hash >> 8 * i));
    put_time(writer, seen->arrived_ms);
}

static void put_follow(struct writer *writer, const struct follow_state *follow)
{
    put_name(writer, follow->name);
    put_text(writer, follow->thing);
    put_time(writer, follow->time_ms);
    bool expires = follow->expires_ms != INT64_MAX;
    put_byte(writer, expires);
    if (expires)
        put_time(writer, follow->expires_ms);
    put_value(writer, follow->attributes);
}

static void put_date(struct writer *writer, const struct date_note *date)
{
    put_name(writer, date->campaign);
    put_text(writer, date->key);
    put_text(writer, date->trigger_id);
    put_time(writer, date->forget_ms);
}

static void put_wake(struct writer *writer, const struct date_wake *wake)
{
    put_name(writer, wake->campaign);
    put(writer, wake->alternative);
    put_time(writer, wake->at_ms);
}

static void put_note(struct writer *writer, const struct outcome_note *note)
{
    put(writer, (uint64_t)note->outcome << 1 | (note->has_due ? 1 : 0));
    put_time(writer, note->at_ms);
    put_name(writer, note->campaign);
    put(writer, note->version);
    put_text(writer, note->key);
    put_name(writer, note->step);
    put_name(writer, note->reason);
    put_text(writer, note->trigger_id);
    if (note->has_due)
        put_time(writer, note->due_ms);
}

#define PUT_SECTION(writer, list, put_item)               \
    do {                                                  \
        if ((list)->count != 0) {                         \
            put((writer), (list)->count);                 \
            for (size_t i_ = 0; i_ < (list)->count; i_++) \
                put_item((writer), &(list)->items[i_]);   \
        }                                                 \
    } while (0)

static uint64_t sections_of(const struct user_state *state)
{
    const size_t counts[SECTION_COUNT] = {
        [SECTION_PROFILE] = state->has_profile,      [SECTION_JOURNEYS] = state->journeys.count,
        [SECTION_CANCELS] = state->cancels.count,    [SECTION_COUNTERS] = state->counters.count,
        [SECTION_TIMES] = state->times.count,        [SECTION_ENTRIES] = state->entries.count,
        [SECTION_SENT] = state->sent.count,          [SECTION_SEEN] = state->seen.count,
        [SECTION_FOLLOWS] = state->follows.count,    [SECTION_DATES] = state->dates.count,
        [SECTION_WAKES] = state->wakes.count,        [SECTION_HISTORY] = state->history.count,
        [SECTION_PLACE] = state->folded_offset >= 0,
    };
    uint64_t sections = 0;
    for (int i = 0; i < SECTION_COUNT; i++)
        sections |= (uint64_t)(counts[i] != 0) << i;
    return sections;
}

/* All that is above in one function, as in user_state_decode. */
__attribute__((flatten)) void user_state_encode(const struct user_state *state, struct buf *out)
{
    uint64_t sections = sections_of(state);
    if (sections == 0)
        return;
    struct writer writer;
    writer.out = out;
    writer.names.count = 0;
    memset(writer.heads, 0, sizeof writer.heads);
    writer.last_ms = 0;
    take_room(&writer, 0);
    put_byte(&writer, USER_STATE_VERSION);
    put(&writer, sections);
    if (state->has_profile)
        put_value(&writer, state->profile);
    PUT_SECTION(&writer, &state->journeys, put_journey);
    PUT_SECTION(&writer, &state->cancels, put_cancel);
    PUT_SECTION(&writer, &state->counters, put_counter);
    PUT_SECTION(&writer, &state->times, put_times);
    PUT_SECTION(&writer, &state->entries, put_entry);
    PUT_SECTION(&writer, &state->sent, put_sent);
    PUT_SECTION(&writer, &state->seen, put_seen);
    PUT_SECTION(&writer, &state->follows, put_follow);
    PUT_SECTION(&writer, &state->dates, put_date);
    PUT_SECTION(&writer, &state->wakes, put_wake);
    PUT_SECTION(&writer, &state->history, put_note);
    if (state->folded_offset >= 0) {
        put(&writer, (uint64_t)state->folded_offset);
        put_byte(&writer, state->sweep);
    }
    commit(&writer);
}
