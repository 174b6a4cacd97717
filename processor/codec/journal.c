#include "codec/journal.h"

#include "base/varint.h"
#include "codec/value_bin.h"

#define JOURNAL_VERSION 1

enum {
    FLAG_SOURCE = 1,
    EVENT_TRACEPARENT = 2,
    EVENT_TRACESTATE = 4,
    PROFILE_TOMBSTONE = 2,
    SLICE_LAST = 1,
    SNAPSHOT_LAST = 1,
};

/* A row of journal_writer.rows. The topic is found again in the encoded lives, which may move. */
struct written_life {
    size_t topic_at;
    size_t topic_size;
    uint64_t incarnation;
    int32_t partition;
    int64_t floor;
};

/* Differences wrap: any two int64 have one that leads back. */
static int64_t wrapping_difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t wrapping_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* ---- writing ---- */

void journal_writer_free(struct journal_writer *writer)
{
    buf_free(&writer->lives);
    buf_free(&writer->rows);
    buf_free(&writer->entries);
    buf_free(&writer->body);
    *writer = (struct journal_writer){0};
}

static size_t life_count(const struct journal_writer *writer)
{
    return writer->rows.size / sizeof(struct written_life);
}

static void append_life(struct journal_writer *writer, const struct source_position *source)
{
    varint_append(&writer->lives, source->topic.size);
    struct written_life life = {writer->lives.size, source->topic.size, source->incarnation,
                                source->partition, source->floor};
    buf_append(&writer->lives, source->topic);
    for (int i = 0; i < 8; i++)
        buf_append_byte(&writer->lives, (char)(source->incarnation >> 8 * i));
    varint_append(&writer->lives, (uint32_t)source->partition);
    varint_append_signed(&writer->lives, source->floor);
    buf_append(&writer->rows, span_make(&life, sizeof life));
}

/* The index of the source's life, added when it is new to this block. Looked for from the end: runs of
 * entries come from one source partition. */
static size_t find_life(struct journal_writer *writer, const struct source_position *source)
{
    const struct written_life *lives = (const struct written_life *)(const void *)writer->rows.data;
    for (size_t i = life_count(writer); i-- > 0;) {
        struct span topic = span_make(writer->lives.data + lives[i].topic_at, lives[i].topic_size);
        if (lives[i].partition == source->partition && lives[i].floor == source->floor &&
            lives[i].incarnation == source->incarnation && span_equal(topic, source->topic))
            return i;
    }
    append_life(writer, source);
    return life_count(writer) - 1;
}

static void append_source(struct journal_writer *writer, const struct entry *entry)
{
    if (!entry->has_source)
        return;
    assert(entry->source.partition >= 0);
    varint_append(&writer->body, find_life(writer, &entry->source));
    varint_append_signed(&writer->body, wrapping_difference(entry->source.offset, entry->source.floor));
    varint_append(&writer->body, entry->source.index);
}

static void append_times(struct journal_writer *writer, int64_t arrived_ms, int64_t time_ms)
{
    varint_append_signed(&writer->body, wrapping_difference(arrived_ms, writer->base_ms));
    varint_append_signed(&writer->body, wrapping_difference(time_ms, arrived_ms));
}

static void append_event(struct journal_writer *writer, const struct entry *entry)
{
    const struct event *event = &entry->event;
    struct buf *body = &writer->body;
    int flags = (entry->has_source ? FLAG_SOURCE : 0) |
                (event->traceparent.size != 0 ? EVENT_TRACEPARENT : 0) |
                (event->tracestate.size != 0 ? EVENT_TRACESTATE : 0);
    buf_append_byte(body, (char)flags);
    append_source(writer, entry);
    append_times(writer, event->arrived_ms, event->time_ms);
    varint_append_span(body, event->id);
    varint_append_span(body, event->user);
    varint_append_span(body, event->name);
    value_bin_append(body, event->attributes);
    if (event->traceparent.size != 0)
        varint_append_span(body, event->traceparent);
    if (event->tracestate.size != 0)
        varint_append_span(body, event->tracestate);
}

static void append_profile(struct journal_writer *writer, const struct entry *entry)
{
    const struct profile_update *profile = &entry->profile;
    buf_append_byte(&writer->body, (char)((entry->has_source ? FLAG_SOURCE : 0) |
                                          (profile->tombstone ? PROFILE_TOMBSTONE : 0)));
    append_source(writer, entry);
    append_times(writer, profile->arrived_ms, profile->time_ms);
    varint_append_span(&writer->body, profile->user);
    value_bin_append(&writer->body, profile->attributes);
}

static void append_settled(struct buf *body, const struct settled *settled)
{
    varint_append_span(body, settled->user);
    varint_append_span(body, settled->campaign);
    varint_append(body, settled->version);
    varint_append_span(body, settled->key);
    varint_append_span(body, settled->trigger_id);
    varint_append_span(body, settled->step);
    varint_append(body, settled->attempt);
    buf_append_byte(body, (char)settled->outcome);
    varint_append_span(body, settled->reason);
    varint_append_signed(body, settled->due_ms);
    varint_append_signed(body, wrapping_difference(settled->new_due_ms, settled->due_ms));
    varint_append_signed(body, wrapping_difference(settled->at_ms, settled->due_ms));
}

static void append_control(struct buf *body, const struct control *control)
{
    buf_append_byte(body, (char)control->kind);
    varint_append_span(body, control->id);
    varint_append(body, control->version);
    varint_append(body, control->sequence);
    varint_append_span(body, control->option);
    varint_append_span(body, control->definition);
    varint_append_span(body, control->snippets);
    varint_append_signed(body, control->at_ms);
}

static void append_slice(struct buf *body, const struct slice *slice)
{
    buf_append_byte(body, slice->last ? SLICE_LAST : 0);
    varint_append(body, slice->cursor);
    varint_append_span(body, slice->after);
    varint_append(body, slice->user_count);
    for (size_t i = 0; i < slice->user_count; i++)
        varint_append_span(body, slice->users[i]);
}

static void append_users(struct buf *body, const struct snapshot_user *users, size_t count)
{
    varint_append(body, count);
    for (size_t i = 0; i < count; i++) {
        varint_append_span(body, users[i].user);
        varint_append_span(body, users[i].state);
    }
}

static void append_snapshot(struct buf *body, const struct snapshot *snapshot)
{
    buf_append_byte(body, snapshot->last ? SNAPSHOT_LAST : 0);
    varint_append(body, snapshot->sweep);
    varint_append_signed(body, snapshot->after);
    varint_append_signed(body, snapshot->taken);
    append_users(body, snapshot->users, snapshot->user_count);
}

static void append_partition_snapshot(struct buf *body, const struct partition_snapshot *snapshot)
{
    varint_append(body, snapshot->sweep);
    varint_append_signed(body, snapshot->taken);
    varint_append_span(body, snapshot->part);
    varint_append(body, snapshot->definition_count);
    for (size_t i = 0; i < snapshot->definition_count; i++) {
        const struct snapshot_definition *definition = &snapshot->definitions[i];
        varint_append_span(body, definition->id);
        varint_append(body, definition->version);
        varint_append_span(body, definition->text);
        varint_append_span(body, definition->snippets);
    }
    append_users(body, snapshot->users, snapshot->user_count);
}

static int64_t arrival_of(const struct entry *entry)
{
    switch (entry->kind) {
    case ENTRY_EVENT:
    case ENTRY_THING:
        return entry->event.arrived_ms;
    case ENTRY_PROFILE:
        return entry->profile.arrived_ms;
    default:
        return 0;
    }
}

void journal_writer_add(struct journal_writer *writer, const struct entry *entry)
{
    if (writer->base_ms == 0)
        writer->base_ms = arrival_of(entry);
    buf_clear(&writer->body);
    switch (entry->kind) {
    case ENTRY_EVENT:
    case ENTRY_THING:
        append_event(writer, entry);
        break;
    case ENTRY_PROFILE:
        append_profile(writer, entry);
        break;
    case ENTRY_SETTLED:
        append_settled(&writer->body, &entry->settled);
        break;
    case ENTRY_CONTROL:
        append_control(&writer->body, &entry->control);
        break;
    case ENTRY_SLICE:
        append_slice(&writer->body, &entry->slice);
        break;
    case ENTRY_SNAPSHOT:
        append_snapshot(&writer->body, &entry->snapshot);
        break;
    case ENTRY_PARTITION_SNAPSHOT:
        append_partition_snapshot(&writer->body, &entry->partition_snapshot);
        break;
    }
    buf_append_byte(&writer->entries, (char)entry->kind);
    varint_append_span(&writer->entries, buf_span(&writer->body));
    writer->count++;
}

size_t journal_writer_bytes(const struct journal_writer *writer)
{
    return 1 + 2 * VARINT_BYTES + writer->lives.size + writer->entries.size;
}

void journal_writer_finish(struct journal_writer *writer, struct buf *block)
{
    buf_append_byte(block, JOURNAL_VERSION);
    varint_append_signed(block, writer->base_ms);
    varint_append(block, life_count(writer));
    buf_append(block, buf_span(&writer->lives));
    buf_append(block, buf_span(&writer->entries));
    buf_clear(&writer->lives);
    buf_clear(&writer->rows);
    buf_clear(&writer->entries);
    writer->base_ms = 0;
    writer->count = 0;
}

/* ---- reading ---- */

#define LIFE_BYTES_MIN 11 /* no topic, incarnation, partition, floor */

static struct journal_life read_life(struct cursor *cursor)
{
    struct journal_life life = {.topic = cursor_span(cursor)};
    struct span incarnation = cursor_bytes(cursor, 8);
    for (size_t i = 0; i < incarnation.size; i++)
        life.incarnation |= (uint64_t)(unsigned char)incarnation.data[i] << 8 * i;
    life.partition = (int32_t)cursor_varint_max(cursor, INT32_MAX);
    life.floor = cursor_varint_signed(cursor);
    return life;
}

enum err journal_reader_init(struct journal_reader *reader, struct span block, struct arena *arena)
{
    struct cursor cursor = cursor_make(block);
    uint8_t version = cursor_byte(&cursor);
    if (cursor.failed)
        return ERR_CORRUPT;
    if (version != JOURNAL_VERSION)
        return ERR_VERSION;
    int64_t base_ms = cursor_varint_signed(&cursor);
    uint64_t count = cursor_varint(&cursor);
    if (cursor.failed || count > cursor_left(&cursor) / LIFE_BYTES_MIN)
        return ERR_CORRUPT;
    struct journal_life *lives = ARENA_ARRAY(arena, struct journal_life, count);
    for (uint64_t i = 0; i < count; i++)
        lives[i] = read_life(&cursor);
    if (cursor.failed)
        return ERR_CORRUPT;
    *reader = (struct journal_reader){.at = cursor.at,
                                      .end = cursor.end,
                                      .arena = arena,
                                      .lives = lives,
                                      .life_count = count,
                                      .base_ms = base_ms};
    return ERR_OK;
}

static void read_source(const struct journal_reader *reader, struct cursor *body, struct entry *entry)
{
    uint64_t index = cursor_varint(body);
    if (index >= reader->life_count) {
        cursor_fail(body);
        return;
    }
    const struct journal_life *life = &reader->lives[index];
    entry->has_source = true;
    entry->source = (struct source_position){.topic = life->topic,
                                             .incarnation = life->incarnation,
                                             .partition = life->partition,
                                             .floor = life->floor};
    entry->source.offset = wrapping_sum(life->floor, cursor_varint_signed(body));
    entry->source.index = (uint32_t)cursor_varint_max(body, UINT32_MAX);
}

/* The flags, and the source when they say so. Flags beyond `known` are from a layout that is not this. */
static uint8_t read_flags(const struct journal_reader *reader, struct cursor *body, uint8_t known,
                          struct entry *entry)
{
    uint8_t flags = cursor_byte(body);
    if ((flags & ~known) != 0)
        cursor_fail(body);
    else if ((flags & FLAG_SOURCE) != 0)
        read_source(reader, body, entry);
    return flags;
}

static void read_times(const struct journal_reader *reader, struct cursor *body, int64_t *arrived_ms,
                       int64_t *time_ms)
{
    *arrived_ms = wrapping_sum(reader->base_ms, cursor_varint_signed(body));
    *time_ms = wrapping_sum(*arrived_ms, cursor_varint_signed(body));
}

static struct value read_attributes(const struct journal_reader *reader, struct cursor *body)
{
    struct value attributes = value_bin_read(body, reader->arena);
    if (attributes.kind != VALUE_MAP)
        cursor_fail(body);
    return attributes;
}

static void read_event(const struct journal_reader *reader, struct cursor *body, struct entry *entry)
{
    struct event *event = &entry->event;
    uint8_t flags = read_flags(reader, body, FLAG_SOURCE | EVENT_TRACEPARENT | EVENT_TRACESTATE, entry);
    read_times(reader, body, &event->arrived_ms, &event->time_ms);
    event->id = cursor_span(body);
    event->user = cursor_span(body);
    event->name = cursor_span(body);
    event->attributes = read_attributes(reader, body);
    event->traceparent = (flags & EVENT_TRACEPARENT) != 0 ? cursor_span(body) : span_make(NULL, 0);
    event->tracestate = (flags & EVENT_TRACESTATE) != 0 ? cursor_span(body) : span_make(NULL, 0);
}

static void read_profile(const struct journal_reader *reader, struct cursor *body, struct entry *entry)
{
    struct profile_update *profile = &entry->profile;
    uint8_t flags = read_flags(reader, body, FLAG_SOURCE | PROFILE_TOMBSTONE, entry);
    profile->tombstone = (flags & PROFILE_TOMBSTONE) != 0;
    read_times(reader, body, &profile->arrived_ms, &profile->time_ms);
    profile->user = cursor_span(body);
    profile->attributes = read_attributes(reader, body);
}

static void read_settled(struct cursor *body, struct settled *settled)
{
    settled->user = cursor_span(body);
    settled->campaign = cursor_span(body);
    settled->version = (uint32_t)cursor_varint_max(body, UINT32_MAX);
    settled->key = cursor_span(body);
    settled->trigger_id = cursor_span(body);
    settled->step = cursor_span(body);
    settled->attempt = (uint32_t)cursor_varint_max(body, UINT32_MAX);
    uint8_t outcome = cursor_byte(body);
    if (outcome >= OUTCOME_COUNT)
        cursor_fail(body);
    settled->outcome = (enum outcome)outcome;
    settled->reason = cursor_span(body);
    settled->due_ms = cursor_varint_signed(body);
    settled->new_due_ms = wrapping_sum(settled->due_ms, cursor_varint_signed(body));
    settled->at_ms = wrapping_sum(settled->due_ms, cursor_varint_signed(body));
}

static void read_control(struct cursor *body, struct control *control)
{
    uint8_t kind = cursor_byte(body);
    if (kind < CONTROL_CAMPAIGN || kind > CONTROL_ERASE)
        cursor_fail(body);
    control->kind = (enum control_kind)kind;
    control->id = cursor_span(body);
    control->version = (uint32_t)cursor_varint_max(body, UINT32_MAX);
    control->sequence = cursor_varint(body);
    control->option = cursor_span(body);
    control->definition = cursor_span(body);
    control->snippets = cursor_span(body);
    control->at_ms = cursor_varint_signed(body);
}

static void read_slice(const struct journal_reader *reader, struct cursor *body, struct slice *slice)
{
    uint8_t flags = cursor_byte(body);
    if ((flags & ~SLICE_LAST) != 0)
        cursor_fail(body);
    slice->last = (flags & SLICE_LAST) != 0;
    slice->cursor = cursor_varint(body);
    slice->after = cursor_span(body);
    slice->user_count = cursor_varint_max(body, cursor_left(body));
    struct span *users = ARENA_ARRAY(reader->arena, struct span, slice->user_count);
    for (size_t i = 0; i < slice->user_count; i++)
        users[i] = cursor_span(body);
    slice->users = users;
}

static const struct snapshot_user *read_users(const struct journal_reader *reader, struct cursor *body,
                                              size_t *count)
{
    *count = cursor_varint_max(body, cursor_left(body) / 2);
    struct snapshot_user *users = ARENA_ARRAY(reader->arena, struct snapshot_user, *count);
    for (size_t i = 0; i < *count; i++) {
        users[i].user = cursor_span(body);
        users[i].state = cursor_span(body);
    }
    return users;
}

static void read_snapshot(const struct journal_reader *reader, struct cursor *body,
                          struct snapshot *snapshot)
{
    uint8_t flags = cursor_byte(body);
    if ((flags & ~SNAPSHOT_LAST) != 0)
        cursor_fail(body);
    snapshot->last = (flags & SNAPSHOT_LAST) != 0;
    snapshot->sweep = cursor_varint(body);
    snapshot->after = cursor_varint_signed(body);
    snapshot->taken = cursor_varint_signed(body);
    snapshot->users = read_users(reader, body, &snapshot->user_count);
}

static void read_partition_snapshot(const struct journal_reader *reader, struct cursor *body,
                                    struct partition_snapshot *snapshot)
{
    snapshot->sweep = cursor_varint(body);
    snapshot->taken = cursor_varint_signed(body);
    snapshot->part = cursor_span(body);
    snapshot->definition_count = cursor_varint_max(body, cursor_left(body) / 4);
    struct snapshot_definition *definitions =
        ARENA_ARRAY(reader->arena, struct snapshot_definition, snapshot->definition_count);
    for (size_t i = 0; i < snapshot->definition_count; i++) {
        definitions[i].id = cursor_span(body);
        definitions[i].version = (uint32_t)cursor_varint_max(body, UINT32_MAX);
        definitions[i].text = cursor_span(body);
        definitions[i].snippets = cursor_span(body);
    }
    snapshot->definitions = definitions;
    snapshot->users = read_users(reader, body, &snapshot->user_count);
}

enum err journal_reader_next(struct journal_reader *reader, struct entry *entry)
{
    if (reader->at == reader->end)
        return ERR_NOT_FOUND;
    struct cursor cursor = {.at = reader->at, .end = reader->end};
    uint8_t kind = cursor_byte(&cursor);
    struct cursor body = cursor_make(cursor_span(&cursor));
    if (cursor.failed)
        return ERR_CORRUPT;
    *entry = (struct entry){.kind = (enum entry_kind)kind};
    switch (kind) {
    case ENTRY_EVENT:
    case ENTRY_THING:
        read_event(reader, &body, entry);
        break;
    case ENTRY_PROFILE:
        read_profile(reader, &body, entry);
        break;
    case ENTRY_SETTLED:
        read_settled(&body, &entry->settled);
        break;
    case ENTRY_CONTROL:
        read_control(&body, &entry->control);
        break;
    case ENTRY_SLICE:
        read_slice(reader, &body, &entry->slice);
        break;
    case ENTRY_SNAPSHOT:
        read_snapshot(reader, &body, &entry->snapshot);
        break;
    case ENTRY_PARTITION_SNAPSHOT:
        read_partition_snapshot(reader, &body, &entry->partition_snapshot);
        break;
    default:
        return ERR_VERSION;
    }
    if (body.failed || body.at != body.end)
        return ERR_CORRUPT;
    reader->at = cursor.at;
    reader->index++;
    return ERR_OK;
}
