#include <stdio.h>
#include <stdlib.h>

#include "app/engine_internal.h"
#include "codec/journal.h"
#include "codec/partition_state.h"
#include "sim/site.h"
#include "sim/start.h"

/* ---- at rest ---- */

static bool folded(const struct site *site, int32_t partition)
{
    const struct sim_log *log = &site->cluster.journal[partition];
    const struct sim_store *store = site->cluster.store;
    int64_t head = STORE_NO_HEAD;
    (void)store->port.heads_read(store->memory, &partition, 1, &head);
    if (head == STORE_NO_HEAD || log->stable != log->count)
        return false;
    for (size_t i = (size_t)head; i < log->count; i++)
        if (log->records[i].state == RECORD_COMMITTED)
            return false;
    return true;
}

/* Nothing that concerns many users is under way. */
static bool no_cursor_is_open(const struct site *site, int32_t partition)
{
    struct arena arena;
    struct store_partition view;
    struct partition_state state;
    const struct sim_store *store = site->cluster.store;
    arena_init(&arena, 0);
    (void)store->port.partition_read(store->memory, partition, &arena, &view);
    bool none = partition_state_decode(view.part, &state) == ERR_OK && state.cursor_count == 0;
    partition_state_free(&state);
    arena_destroy(&arena);
    return none;
}

bool site_is_at_rest(const struct site *site)
{
    const struct sim_store *store = site->cluster.store;
    if (site->planned != 0 || site->cluster.out.stable != site->cluster.out.count ||
        site->cluster.decisions.stable != site->cluster.decisions.count)
        return false;
    for (int32_t p = 0; p < SOURCE_PARTITIONS; p++)
        if (site->cluster.source[p].count != 0 &&
            site->cluster.intakes.offsets[p].offset != (int64_t)site->cluster.source[p].count)
            return false;
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++) {
        int64_t pending = 0;
        (void)store->port.pending_count(store->memory, &p, 1, &pending);
        if (pending != 0 || !folded(site, p) || !no_cursor_is_open(site, p))
            return false;
    }
    return true;
}

/* ---- for the oracle ---- */

/* No value holds a quote. */
void site_member_text(struct span json, const char *name, char text[ORACLE_TEXT])
{
    char pattern[ORACLE_TEXT];
    int size = snprintf(pattern, sizeof pattern, "\"%s\":\"", name);
    const char *found = memmem(json.data, json.size, pattern, (size_t)size);
    text[0] = '\0';
    if (found == NULL)
        return;
    const char *end = json.data + json.size;
    size_t length = 0;
    for (const char *at = found + size; at < end && *at != '"' && length < ORACLE_TEXT - 1; at++)
        text[length++] = *at;
    text[length] = '\0';
}

/* Likewise a time of the simulation's day or the next; 0: none. */
int64_t site_member_time(struct span json, const char *name)
{
    char text[ORACLE_TEXT];
    int day, hours, minutes, seconds, ms;
    site_member_text(json, name, text);
    if (sscanf(text,
               "2026-03-%d"
               "T%d:%d:%d.%dZ",
               &day, &hours, &minutes, &seconds, &ms) != 5)
        return 0;
    return sim_start_ms + ((((day - 2) * 24 + hours) * INT64_C(60) + minutes) * 60 + seconds) * 1000 + ms;
}

static int64_t appended_ms(const struct sim_record *record)
{
    return sim_start_ms + record->at_us / MS;
}

static void text_of(struct span span, char text[ORACLE_TEXT])
{
    snprintf(text, ORACLE_TEXT, "%.*s", SPAN_PRINTF(span));
}

struct capacities {
    size_t events, controls, messages, decisions;
};

static void add_entry(struct oracle_case *run, struct arena *arena, const struct sim_log *log,
                      size_t offset, const struct entry *entry, struct capacities *capacities)
{
    const struct sim_record *record = &log->records[offset];
    if (entry->kind == ENTRY_EVENT || entry->kind == ENTRY_THING) {
        if (site_fan_out_is_entry(entry) || site_crowd_is_user(entry->event.user) ||
            site_variety_is_user(entry->event.user))
            return;
        struct oracle_event *event =
            ARENA_PUSH(arena, (struct oracle_event **)&run->events, &run->event_count, &capacities->events);
        *event = (struct oracle_event){.source_partition = entry->source.partition,
                                       .source_offset = entry->source.offset,
                                       .partition = log->partition,
                                       .offset = (int64_t)offset,
                                       .at_ms = appended_ms(record)};
    } else if (entry->kind == ENTRY_CONTROL && entry->control.kind != CONTROL_POLICY) {
        static const char *const kinds[] = {[CONTROL_CAMPAIGN] = "apply",
                                            [CONTROL_PAUSE] = "pause",
                                            [CONTROL_RESUME] = "resume",
                                            [CONTROL_ARCHIVE] = "archive",
                                            [CONTROL_ERASE] = "erase"};
        struct oracle_control *control = ARENA_PUSH(arena, (struct oracle_control **)&run->controls,
                                                    &run->control_count, &capacities->controls);
        *control = (struct oracle_control){.kind = kinds[entry->control.kind],
                                           .partition = log->partition,
                                           .offset = (int64_t)offset,
                                           .at_ms = appended_ms(record)};
        text_of(entry->control.id, control->campaign);
    }
}

static void add_block(struct oracle_case *run, struct arena *arena, const struct sim_log *log,
                      size_t offset, struct capacities *capacities)
{
    struct journal_reader reader;
    struct entry entry;
    enum err error = journal_reader_init(&reader, log->records[offset].value, arena);
    while (error == ERR_OK && (error = journal_reader_next(&reader, &entry)) == ERR_OK)
        add_entry(run, arena, log, offset, &entry, capacities);
}

static void add_message(struct oracle_message *message, const struct sim_record *record)
{
    site_member_text(record->value, "send_id", message->send_id);
    site_member_text(record->value, "user", message->user);
    site_member_text(record->value, "campaign", message->campaign);
    site_member_text(record->value, "key", message->key);
    site_member_text(record->value, "step", message->step);
    site_member_text(record->value, "title", message->title);
    site_member_text(record->value, "id",
                     message->trigger); /* the trigger's is the only one of that name */
    message->due_ms = site_member_time(record->value, "due");
    message->decided_ms = site_member_time(record->value, "decided");
    message->at_ms = appended_ms(record);
}

static void add_decision(struct oracle_decision *decision, const struct sim_record *record)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (span_equal_text(record->headers[i].name, "declic-decision-id"))
            snprintf(decision->id, sizeof decision->id, "%.*s", SPAN_PRINTF(record->headers[i].value));
    site_member_text(record->value, "user", decision->user);
    site_member_text(record->value, "campaign", decision->campaign);
    site_member_text(record->value, "key", decision->key);
    site_member_text(record->value, "step", decision->step);
    site_member_text(record->value, "outcome", decision->outcome);
    site_member_text(record->value, "reason", decision->reason);
    site_member_text(record->value, "trigger_id", decision->trigger);
    decision->at_ms = site_member_time(record->value, "at");
    decision->due_ms = site_member_time(record->value, "due");
}

/* What the oracle looks at: committed, and not of the fan-out or the crowd, which have judges of their own.
 */
static bool is_judged(const struct sim_record *record)
{
    char user[ORACLE_TEXT];
    site_member_text(record->value, "user", user);
    return record->state == RECORD_COMMITTED && !site_fan_out_is_user(span_from_text(user)) &&
           !site_crowd_is_user(span_from_text(user)) && !site_variety_is_user(span_from_text(user));
}

static bool judge_by_oracle(const struct site *site, struct arena *arena, char *why, size_t why_bytes)
{
    const struct cluster *cluster = &site->cluster;
    struct oracle_case run = {.slack_ms = site->slack_ms,
                              .partitions = cluster->journal_partitions,
                              .sources = site->sources,
                              .source_count = site->source_count};
    struct capacities capacities = {0};
    for (int32_t p = 0; p < cluster->journal_partitions; p++)
        for (size_t i = 0; i < cluster->journal[p].count; i++)
            if (cluster->journal[p].records[i].state == RECORD_COMMITTED)
                add_block(&run, arena, &cluster->journal[p], i, &capacities);
    for (size_t i = 0; i < cluster->out.count; i++)
        if (cluster->out.records[i].state == RECORD_COMMITTED)
            world_trace(&site->world, "out %zu: %.*s", i, SPAN_PRINTF(cluster->out.records[i].value));
    for (size_t i = 0; i < cluster->out.count; i++)
        if (is_judged(&cluster->out.records[i]))
            add_message(ARENA_PUSH(arena, (struct oracle_message **)&run.messages, &run.message_count,
                                   &capacities.messages),
                        &cluster->out.records[i]);
    for (size_t i = 0; i < cluster->decisions.count; i++)
        if (cluster->decisions.records[i].state == RECORD_COMMITTED)
            world_trace(&site->world, "decision %zu: %.*s", i,
                        SPAN_PRINTF(cluster->decisions.records[i].value));
    for (size_t i = 0; i < cluster->decisions.count; i++)
        if (is_judged(&cluster->decisions.records[i]))
            add_decision(ARENA_PUSH(arena, (struct oracle_decision **)&run.decisions, &run.decision_count,
                                    &capacities.decisions),
                         &cluster->decisions.records[i]);
    return oracle_judge(&run, why, why_bytes);
}

/* ---- against a replay ---- */

/* A site of its own, without faults and sweeps, with this journal, or what is left of it, and an empty
 * store. */
static struct site *replay_open(const struct site *site, bool trimmed)
{
    struct site *replay = calloc(1, sizeof *replay);
    if (replay == NULL)
        abort();
    replay->shared = site->shared;
    replay->crowd = site->crowd;
    world_init(&replay->world, site->world.seed, false);
    replay->world.now_us = site->world.now_us;
    replay->world.sheltered = 1; /* nobody would begin anew here */
    cluster_init(&replay->cluster, &replay->world, site->cluster.journal_partitions);
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++) {
        const struct sim_log *log = &site->cluster.journal[p];
        replay->cluster.journal[p].records = log->records;
        replay->cluster.journal[p].count = log->count;
        replay->cluster.journal[p].capacity = log->capacity;
        replay->cluster.journal[p].stable = log->stable;
        replay->cluster.journal[p].start = trimmed ? log->start : 0;
    }
    replay->cluster.store = sim_store_new(&replay->world);
    replay->topic = (struct sim_topic){.world = &replay->world,
                                       .sets = {site->shared->interests[0], site->shared->interests[1]}};
    site_node_start(replay);
    return replay;
}

static bool same_user(const struct site *site, const struct site *replay, int32_t partition,
                      struct span user)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct store_read reads[2];
    for (int i = 0; i < 2; i++) {
        const struct sim_store *store = i == 0 ? site->cluster.store : replay->cluster.store;
        reads[i] = (struct store_read){.partition = partition, .users = &user, .count = 1};
        (void)store->port.fire_read(store->memory, &reads[i], 1, &arena);
    }
    bool same = span_equal(reads[0].states[0], reads[1].states[0]);
    arena_destroy(&arena);
    return same;
}

static bool same_partition(const struct site *site, const struct site *replay, int32_t partition, char *why,
                           size_t why_bytes)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct store_partition ours, theirs;
    const struct sim_store *a = site->cluster.store, *b = replay->cluster.store;
    (void)a->port.partition_read(a->memory, partition, &arena, &ours);
    (void)b->port.partition_read(b->memory, partition, &arena, &theirs);
    bool same = ours.head == theirs.head && span_equal(ours.part, theirs.part);
    if (!same)
        snprintf(why, why_bytes, "STORE DIFFERS from a replay: partition %d, head %ld and %ld", partition,
                 (long)ours.head, (long)theirs.head);
    for (size_t i = 0; i < SLICES_MEMORIES && same; i++) {
        same = same_user(site, replay, partition, slices_memory(i));
        if (!same)
            snprintf(why, why_bytes, "STORE DIFFERS from a replay: a memory of events in partition %d",
                     partition);
    }
    for (size_t i = 0; i < site->source_count && same; i++) {
        same = same_user(site, replay, partition, span_from_text(site->sources[i].user));
        if (!same)
            snprintf(why, why_bytes, "STORE DIFFERS from a replay: %s in partition %d",
                     site->sources[i].user, partition);
    }
    for (size_t i = 0; i < site_fan_out_user_count() && same; i++) {
        same = same_user(site, replay, partition, span_from_text(site_fan_out_user(i)));
        if (!same)
            snprintf(why, why_bytes, "STORE DIFFERS from a replay: %s in partition %d",
                     site_fan_out_user(i), partition);
    }
    for (size_t i = 0; i < site_variety_user_count() && same; i++) {
        same = same_user(site, replay, partition, span_from_text(site_variety_user(i)));
        if (!same)
            snprintf(why, why_bytes, "STORE DIFFERS from a replay: %s in partition %d",
                     site_variety_user(i), partition);
    }
    for (int i = 0; i < site->crowd && same; i++) {
        char user[ORACLE_TEXT];
        snprintf(user, sizeof user, "u%d", i);
        same = same_user(site, replay, partition, span_from_text(user));
        if (!same)
            snprintf(why, why_bytes, "STORE DIFFERS from a replay: %s in partition %d", user, partition);
    }
    arena_destroy(&arena);
    return same;
}

static bool is_trimmed(const struct site *site)
{
    bool trimmed = false;
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++)
        trimmed |= site->cluster.journal[p].start != 0;
    return trimmed;
}

static bool judge_by_replay(struct site *site, bool trimmed, char *why, size_t why_bytes)
{
    struct site *replay = replay_open(site, trimmed);
    int64_t until_us = replay->world.now_us + 60 * SECOND;
    bool kept = true;
    while (!site_is_at_rest(replay) && replay->world.now_us < until_us) {
        int64_t step_us = replay->world.now_us + SECOND;
        while (world_turn(&replay->world, step_us)) {
        }
    }
    if (!site_is_at_rest(replay)) {
        snprintf(why, why_bytes, "REPLAY does not come to rest");
        kept = false;
    }
    for (int32_t p = 0; p < site->cluster.journal_partitions && kept; p++)
        kept = same_partition(site, replay, p, why, why_bytes);
    sim_store_free(replay->cluster.store);
    world_free(&replay->world);
    free(replay);
    return kept;
}

bool site_judge(struct site *site, char *why, size_t why_bytes)
{
    struct arena arena;
    arena_init(&arena, 0);
    bool kept = judge_by_oracle(site, &arena, why, why_bytes);
    arena_destroy(&arena);
    return kept && site_fan_out_judge(site, why, why_bytes) && site_crowd_judge(site, why, why_bytes) &&
           site_variety_judge(site, why, why_bytes) && judge_by_replay(site, false, why, why_bytes) &&
           (!is_trimmed(site) || judge_by_replay(site, true, why, why_bytes));
}
