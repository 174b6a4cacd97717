#include <stdio.h>

#include "app/dead_letter.h"
#include "app/intake_parts.h"
#include "base/hash.h"

#define SCHEMA_AGAIN_MS 500

/* Why a record was refused. */
struct refusal {
    const char *stage;
    struct diag diag;
};

static enum err refuse(struct intake *intake, const struct slot *slot, const struct source_message *message,
                       enum err error, const struct refusal *refusal)
{
    struct dead_letter_reason reason = {.topic = intake->settings.sources[slot->topic].topic,
                                        .connector = intake->settings.connector,
                                        .task = intake->settings.worker,
                                        .stage = refusal->stage,
                                        .error = error,
                                        .message = refusal->diag.text};
    struct appender_record record = dead_letter_make(message, &reason, &intake->arena);
    intake->stats.refused++;
    return intake_blocks_append(&intake->blocks, &record);
}

/* The record as the codec wants it. */
static struct source_record record_of(struct intake *intake, const struct slot *slot,
                                      const struct source_message *message, int64_t arrived_ms)
{
    struct record_header *headers = NULL;
    if (message->header_count > 0) {
        headers = ARENA_ARRAY(&intake->arena, struct record_header, message->header_count);
        for (size_t i = 0; i < message->header_count; i++)
            headers[i] = (struct record_header){message->headers[i].name, message->headers[i].value};
    }
    return (struct source_record){
        .topic = intake->settings.sources[slot->topic].topic,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = message->timestamp_ms >= 0 ? message->timestamp_ms : arrived_ms,
        .has_value = message->has_value,
        .value = message->value,
        .key = message->has_key ? message->key : (struct span){0},
        .headers = headers,
        .header_count = message->header_count,
    };
}

/* Only what the fold keeps travels; names are few, so the map is looked through once for each member. */
static void profile_narrow(const struct name_set *kept, struct profile_update *profile, struct arena *arena)
{
    struct value from = profile->attributes;
    if (kept == NULL || kept->all || from.kind != VALUE_MAP)
        return;
    struct value_member *members = ARENA_ARRAY(arena, struct value_member, from.size);
    size_t count = 0;
    for (uint32_t i = 0; i < from.size; i++)
        if (name_set_has(kept, value_span(from.members[i].key)))
            members[count++] = from.members[i];
    profile->attributes = value_map(members, count);
}

static enum err event_read(struct intake *intake, const struct slot *slot,
                           const struct source_record *record, int64_t arrived_ms, struct event *event,
                           struct refusal *refusal)
{
    enum err error =
        source_record_read_event(record, &intake->settings.sources[slot->topic].mapping,
                                 &intake->settings.limits, &intake->arena, event, &refusal->diag);
    if (error != ERR_OK)
        return error;
    refusal->stage = "TRANSFORMATION";
    event->arrived_ms = arrived_ms;
    return event_check_age(event, intake->settings.max_age_ms, intake->settings.max_future_ms,
                           &refusal->diag);
}

static enum err profile_read(struct intake *intake, const struct slot *slot,
                             const struct source_record *record, int64_t arrived_ms,
                             struct profile_update *profile, struct refusal *refusal)
{
    enum err error =
        source_record_read_profile(record, &intake->settings.sources[slot->topic].mapping,
                                   &intake->settings.limits, &intake->arena, profile, &refusal->diag);
    if (error != ERR_OK)
        return error;
    profile->arrived_ms = arrived_ms;
    profile_narrow(intake->settings.profile_attributes, profile, &intake->arena);
    return ERR_OK;
}

/* Reads the record into *entry. *wanted is false for what nothing needs. */
static enum err entry_read(struct intake *intake, const struct slot *slot,
                           const struct source_message *message, const struct interest *interest,
                           int64_t arrived_ms, struct entry *entry, bool *wanted, struct refusal *refusal)
{
    struct source_record record = record_of(intake, slot, message, arrived_ms);
    *wanted = true;
    if (intake->settings.sources[slot->topic].profiles) {
        entry->kind = ENTRY_PROFILE;
        return profile_read(intake, slot, &record, arrived_ms, &entry->profile, refusal);
    }
    entry->kind = ENTRY_EVENT;
    enum err error = event_read(intake, slot, &record, arrived_ms, &entry->event, refusal);
    if (error != ERR_OK)
        return error;
    if (entry->event.user.size == 0) {
        if (!interest_wants_thing(interest, entry->event.name))
            return diag_set(&refusal->diag, ERR_NOT_FOUND, 0, 0,
                            "the event has no user, and no campaign's trigger takes its name for an event "
                            "about a thing");
        entry->kind = ENTRY_THING;
        return ERR_OK;
    }
    *wanted = interest_wants(interest, entry->event.name);
    return ERR_OK;
}

/* An event about a thing concerns followers everywhere: it goes to every partition. */
static enum err add_everywhere(struct intake *intake, const struct entry *entry, size_t record_bytes,
                               int64_t now_ms)
{
    enum err error = ERR_OK;
    for (int32_t p = 0; error == ERR_OK && p < intake->settings.partitions; p++) {
        error = intake_blocks_add(&intake->blocks, p, entry, record_bytes, now_ms);
        intake->stats.entries += error == ERR_OK;
    }
    return error;
}

static enum err entry_add(struct intake *intake, const struct entry *entry, size_t record_bytes,
                          int64_t now_ms)
{
    if (entry->kind == ENTRY_THING)
        return add_everywhere(intake, entry, record_bytes, now_ms);
    struct span user = entry->kind == ENTRY_EVENT ? entry->event.user : entry->profile.user;
    int32_t partition = (int32_t)hash_partition(user, (uint32_t)intake->settings.partitions);
    enum err error = intake_blocks_add(&intake->blocks, partition, entry, record_bytes, now_ms);
    intake->stats.entries += error == ERR_OK;
    return error;
}

enum err intake_take(struct intake *intake, struct slot *slot, const struct source_message *message,
                     const struct interest *interest, int64_t arrived_ms, int64_t now_ms)
{
    struct entry entry;
    struct refusal refusal;
    bool wanted = false;
    refusal.stage = "VALUE_CONVERTER";
    refusal.diag.text[0] = 0;
    entry.has_source = true;
    entry.source = (struct source_position){.topic = intake->settings.sources[slot->topic].topic,
                                            .incarnation = slot->incarnation,
                                            .partition = slot->partition,
                                            .floor = slot->floor,
                                            .offset = message->offset};
    arena_reset(&intake->arena);
    progress_touch(&intake->progress);
    intake->stats.records++;
    enum err error = entry_read(intake, slot, message, interest, arrived_ms, &entry, &wanted, &refusal);
    if (error == ERR_UNREACHABLE) { /* the Schema Registry is away: the record is taken later */
        intake->stats.records--;
        intake->schema_after_ms = now_ms + SCHEMA_AGAIN_MS;
        snprintf(intake->schema_trouble, sizeof intake->schema_trouble, "%.200s", refusal.diag.text);
        return ERR_OK;
    }
    if (error == ERR_OK && !wanted) {
        intake->stats.dropped++;
        return ERR_OK;
    }
    if (error == ERR_OK) {
        error = entry_add(intake, &entry, message->value.size, now_ms);
        if (error != ERR_LIMIT)
            return error;
        snprintf(refusal.diag.text, sizeof(refusal.diag.text), "the record does not fit a journal block");
    }
    return refuse(intake, slot, message, error, &refusal);
}
