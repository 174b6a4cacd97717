/* Users whose campaigns use what the others do not: profiles and their dates, counters, conditions,
 * consent, holdout, every way to meet an open journey, new versions, pauses of every kind, an erasure. What
 * each must come to depends on too much to be said here; the judge asks what holds for all:
 *
 *     every send that was scheduled has one outcome, a message stands for each that is said to be sent and
 *     for no other, and none is sent twice; and the store is what a replay makes of the journal.
 *
 * All that may be pending for ever (next year's day) is archived in the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "codec/journal.h"
#include "sim/site.h"
#include "sim/start.h"

#define USERS 8
#define ERASED "v7"
#define END_US (100 * SECOND)

static const char *const users[USERS] = {"v0", "v1", "v2", "v3", "v4", "v5", "v6", ERASED};

bool site_variety_is_user(struct span user)
{
    for (size_t i = 0; i < USERS; i++)
        if (span_equal_text(user, users[i]))
            return true;
    return false;
}

size_t site_variety_user_count(void)
{
    return USERS;
}

const char *site_variety_user(size_t number)
{
    return users[number];
}

/* ---- what happens ---- */

struct writing {
    struct site *site;
    bool profile;
    struct span user, json; /* json empty: the profile is removed */
};

static void write_it(void *self)
{
    const struct writing *writing = self;
    struct site *site = writing->site;
    struct world *world = &site->world;
    int partition = writing->profile ? SHOP_PARTITIONS : (int)world_below(world, SHOP_PARTITIONS);
    (void)sim_log_append(&site->cluster.source[partition],
                         &(struct sim_record){.key = writing->user, .value = writing->json});
    world_trace(world, "shop: %.*s %.*s", SPAN_PRINTF(writing->user), SPAN_PRINTF(writing->json));
    site->planned--;
}

static void plan_writing(struct site *site, bool profile, const char *user, struct span json, int64_t at_us)
{
    struct writing *writing = ARENA_NEW(&site->world.arena, struct writing);
    *writing = (struct writing){site, profile, span_from_text(user), json};
    site->planned++;
    world_ask(&site->world, at_us, write_it, writing);
}

static void plan_event(struct site *site, int number)
{
    struct world *world = &site->world;
    const char *user = users[world_below(world, USERS)];
    int64_t at_us = world_between(world, SECOND, 70 * SECOND);
    int64_t time_ms = sim_start_ms + at_us / MS - (world_chance(world, 200) ? world_below(world, 8000) : 0);
    struct span json =
        arena_printf(&world->arena,
                     "{\"id\":\"y%d\",\"user\":\"%s\",\"name\":\"%s\",\"time\":%lld,\"attributes\":{\"c\":"
                     "\"%s\",\"n\":%d,"
                     "\"z\":%d,\"when\":%s}}",
                     number, user, world_chance(world, 500) ? "tick" : "tock", (long long)time_ms,
                     world_chance(world, 700) ? "a" : "b", (int)world_below(world, 100),
                     (int)world_below(world, 3), world_chance(world, 700) ? "1772409660000" : "\"never\"");
    plan_writing(site, false, user, json, at_us);
}

static const char *some(struct world *world, const char *const *texts, int64_t count)
{
    return texts[world_below(world, count)];
}

static void plan_profile(struct site *site)
{
    static const char *const born[] = {"1990-03-02", "1984-03-03", "2000-02-29", "soon"};
    static const char *const ends[] = {"\"2026-03-02\"", "\"2026-03-03\"", "\"2026-03-05\"", "null"};
    static const char *const zones[] = {"UTC", "Europe/Paris", "Asia/Tokyo", "Nowhere/Near"};
    struct world *world = &site->world;
    const char *user = users[world_below(world, USERS)];
    int64_t at_us = world_between(world, 200 * MS, 70 * SECOND);
    struct span json = arena_printf(
        &world->arena,
        "{\"user\":\"%s\",\"time\":%lld,\"attributes\":{\"age\":%d,\"born\":\"%s\",\"ends\":%s,"
        "\"time_zone\":\"%s\",\"phone\":%s,\"sms_ok\":%s}}",
        user, (long long)(sim_start_ms + at_us / MS), (int)world_between(world, 12, 60),
        some(world, born, 4), some(world, ends, 4), some(world, zones, 4),
        world_chance(world, 700) ? "\"1234\"" : "null", world_chance(world, 700) ? "true" : "false");
    if (world_chance(world, 60))
        json = span_make(NULL, 0);
    plan_writing(site, true, user, json, at_us);
}

/* ---- the lives of the campaigns ---- */

static void plan_control(struct site *site, const char *id, enum control_kind kind, uint32_t version,
                         uint64_t sequence, const char *option, int64_t at_us)
{
    const struct control control = {.kind = kind,
                                    .id = span_from_text(id),
                                    .version = version,
                                    .sequence = sequence,
                                    .option = span_from_text(option),
                                    .definition = kind == CONTROL_CAMPAIGN
                                                      ? site_definition(span_from_text(id), version)
                                                      : span_make(NULL, 0)};
    site_plan_control(site, &control, at_us);
}

static void plan_controls(struct site *site)
{
    static const char *const pendings[] = {"migrate", "cancel", "finish"};
    static const char *const treatments[] = {"shift", "expire", "drain", "hold"};
    struct world *world = &site->world;
    int64_t pause_us = world_between(world, 10 * SECOND, 50 * SECOND);
    if (world_chance(world, 600))
        plan_control(site, "v-tour", CONTROL_CAMPAIGN, 2, 2, some(world, pendings, 3),
                     world_between(world, 10 * SECOND, 60 * SECOND));
    if (world_chance(world, 600))
        plan_control(site, "v-date", CONTROL_CAMPAIGN, 2, 2, some(world, pendings, 3),
                     world_between(world, 10 * SECOND, 60 * SECOND));
    if (world_chance(world, 600)) {
        plan_control(site, "v-held", CONTROL_PAUSE, 1, 2, some(world, treatments, 4), pause_us);
        plan_control(site, "v-held", CONTROL_RESUME, 1, 3, "",
                     pause_us + world_between(world, SECOND, 30 * SECOND));
    }
    if (world_chance(world, 300))
        plan_control(site, ERASED, CONTROL_ERASE, 1, 1, "", world_between(world, 10 * SECOND, 70 * SECOND));
    plan_control(site, "v-date", CONTROL_ARCHIVE, 1, 9, "", END_US);
    plan_control(site, "v-yearly", CONTROL_ARCHIVE, 1, 9, "", END_US);
}

void site_variety_open(struct site *site)
{
    struct world *world = &site->world;
    if (!site_has(site, PART_VARIETY, 200))
        return;
    int events = (int)world_between(world, 5, 60), profiles = (int)world_between(world, 2, 20);
    for (int i = 0; i < events; i++)
        plan_event(site, i);
    for (int i = 0; i < profiles; i++)
        plan_profile(site);
    plan_controls(site);
}

/* ---- what it must come to ---- */

/* One record about one send. */
struct line {
    char send[ORACLE_TEXT * 3]; /* names it */
    char id[ORACLE_TEXT * 2];   /* a decision's; repeats have the same */
    enum { MESSAGE, SCHEDULED, SENT, ENDED } kind;
    bool erased;
};

struct lines {
    struct line *items;
    size_t count;
};

/* False: it is no line of ours. */
static bool read_line(const struct sim_record *record, bool message, struct line *line)
{
    char user[ORACLE_TEXT], campaign[ORACLE_TEXT], key[ORACLE_TEXT], trigger[ORACLE_TEXT];
    char step[ORACLE_TEXT], outcome[ORACLE_TEXT], reason[ORACLE_TEXT];
    struct span json = record->value;
    site_member_text(json, "user", user);
    if (record->state != RECORD_COMMITTED || !site_variety_is_user(span_from_text(user)))
        return false;
    site_member_text(json, "campaign", campaign);
    site_member_text(json, "key", key);
    site_member_text(json, message ? "id" : "trigger_id", trigger);
    site_member_text(json, "step", step);
    site_member_text(json, "outcome", outcome);
    site_member_text(json, "reason", reason);
    *line = (struct line){.erased = strcmp(user, ERASED) == 0};
    snprintf(line->send, sizeof line->send, "%.8s %.20s %.20s %.60s %.20s", user, campaign, key, trigger,
             step);
    if (!message)
        snprintf(line->id, sizeof line->id, "%.*s", SPAN_PRINTF(record->headers[0].value));
    line->kind = message                             ? MESSAGE
                 : strcmp(outcome, "scheduled") == 0 ? SCHEDULED
                 : strcmp(outcome, "sent") == 0      ? SENT
                                                     : ENDED;
    return step[0] != '\0' && strcmp(outcome, "postponed") != 0 &&
           !(strcmp(outcome, "skipped") == 0 && strcmp(reason, "no_date") == 0);
}

static int order_of_lines(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    int order = strcmp(a->send, b->send);
    return order != 0 ? order : strcmp(a->id, b->id);
}

static struct lines read_lines(const struct site *site)
{
    const struct sim_log *out = &site->cluster.out, *decisions = &site->cluster.decisions;
    struct lines lines = {calloc(out->count + decisions->count + 1, sizeof(struct line)), 0};
    if (lines.items == NULL)
        abort();
    for (size_t i = 0; i < out->count; i++)
        lines.count += read_line(&out->records[i], true, &lines.items[lines.count]);
    for (size_t i = 0; i < decisions->count; i++)
        lines.count += read_line(&decisions->records[i], false, &lines.items[lines.count]);
    if (lines.count > 0)
        qsort(lines.items, lines.count, sizeof *lines.items, order_of_lines);
    return lines;
}

/* The lines about one send; false when they do not go together. */
static bool judge_send(const struct line *lines, size_t count, char *why, size_t why_bytes)
{
    size_t of_kind[4] = {0};
    for (size_t i = 0; i < count; i++)
        if (lines[i].kind == MESSAGE || i == 0 || strcmp(lines[i].id, lines[i - 1].id) != 0)
            of_kind[lines[i].kind]++;
    const char *what = NULL;
    if (lines[0].erased) /* who was forgotten may come anew, with a send under way besides */
        return true;
    if (of_kind[MESSAGE] != of_kind[SENT])
        what = "CONTRADICTION";
    else if (of_kind[MESSAGE] > 1)
        what = "REPEATED";
    else if (of_kind[SCHEDULED] != of_kind[SENT] + of_kind[ENDED])
        what = "OUTCOME: not one for each send";
    if (what != NULL)
        snprintf(why, why_bytes,
                 "VARIETY %s: %s: %zu messages, %zu scheduled, %zu sent, %zu ended otherwise", what,
                 lines[0].send, of_kind[MESSAGE], of_kind[SCHEDULED], of_kind[SENT], of_kind[ENDED]);
    return what == NULL;
}

/* ---- versions whose journeys were to end ---- */

struct ending {
    char campaign[ORACLE_TEXT];
    int64_t at_ms[JOURNAL_MAX]; /* when the control reached the partition; 0: it did not */
};

/* The first control of a second version that cancels what the first has pending. */
static void read_endings(const struct site *site, int32_t partition, struct ending *endings, size_t count)
{
    const struct sim_log *log = &site->cluster.journal[partition];
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < log->count; i++) {
        struct journal_reader reader;
        struct entry entry;
        arena_reset(&arena);
        if (log->records[i].state != RECORD_COMMITTED ||
            journal_reader_init(&reader, log->records[i].value, &arena) != ERR_OK)
            continue;
        while (journal_reader_next(&reader, &entry) == ERR_OK)
            for (size_t k = 0; k < count && entry.kind == ENTRY_CONTROL; k++)
                if (entry.control.version == 2 && endings[k].at_ms[partition] == 0 &&
                    span_equal_text(entry.control.option, "cancel") &&
                    span_equal_text(entry.control.id, endings[k].campaign))
                    endings[k].at_ms[partition] = sim_start_ms + log->records[i].at_us / MS;
    }
    arena_destroy(&arena);
}

/* No message of the first version that fell due when the control had reached its partition. */
static bool judge_endings(const struct site *site, char *why, size_t why_bytes)
{
    struct ending endings[] = {{.campaign = "v-tour"}, {.campaign = "v-date"}};
    const struct sim_log *out = &site->cluster.out;
    int32_t partitions = site->cluster.journal_partitions;
    for (int32_t p = 0; p < partitions; p++)
        read_endings(site, p, endings, 2);
    for (size_t i = 0; i < out->count; i++) {
        const struct sim_record *record = &out->records[i];
        char user[ORACLE_TEXT], campaign[ORACLE_TEXT];
        site_member_text(record->value, "user", user);
        site_member_text(record->value, "campaign", campaign);
        int32_t p = (int32_t)hash_partition(span_from_text(user), (uint32_t)partitions);
        for (size_t k = 0; k < 2 && record->state == RECORD_COMMITTED; k++) {
            if (strcmp(campaign, endings[k].campaign) != 0 || endings[k].at_ms[p] == 0 ||
                memmem(record->value.data, record->value.size, "\"version\":1,", 12) == NULL ||
                site_member_time(record->value, "due") < endings[k].at_ms[p] + site->slack_ms)
                continue;
            snprintf(why, why_bytes, "VARIETY ENDED: %s to %s was sent though a new version had ended it",
                     campaign, user);
            return false;
        }
    }
    return true;
}

bool site_variety_judge(const struct site *site, char *why, size_t why_bytes)
{
    struct lines lines = read_lines(site);
    bool kept = judge_endings(site, why, why_bytes);
    for (size_t from = 0, to; from < lines.count && kept; from = to) {
        for (to = from; to < lines.count && strcmp(lines.items[to].send, lines.items[from].send) == 0;
             to++) {
        }
        kept = judge_send(&lines.items[from], to - from, why, why_bytes);
    }
    free(lines.items);
    return kept;
}
