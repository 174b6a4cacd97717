/* Many users at once: some follow things, now and then something happens to a thing, and the
 * campaign about it may be archived. The judge reads journal, messages and decisions by itself:
 *
 *     who followed when the event was appended to his partition, never ceased to, and whose partition had
 * no archive, gets one message for it; who did not follow then or later gets none; nobody gets two; each
 *     send that was scheduled has one outcome.
 *
 * Between (he ceased or began to follow while the fan-out was under way, the campaign was archived) both
 * are right.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/journal.h"
#include "sim/site.h"
#include "sim/start.h"

#define USERS 14
#define THINGS 2
#define STOCKS_MAX 16

static const char *const users[USERS] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6",
                                         "f7", "f8", "f9", "fa", "fb", "fc", "fd"};
static const char *const things[THINGS] = {"t0", "t1"};

bool site_fan_out_is_entry(const struct entry *entry)
{
    return site_fan_out_is_user(entry->event.user) || span_equal_text(entry->event.name, "stock");
}

bool site_fan_out_is_user(struct span user)
{
    for (size_t i = 0; i < USERS; i++)
        if (span_equal_text(user, users[i]))
            return true;
    return false;
}

size_t site_fan_out_user_count(void)
{
    return USERS;
}

const char *site_fan_out_user(size_t number)
{
    return users[number];
}

/* ---- what happens ---- */

struct happening {
    struct site *site;
    const char *name, *user, *thing; /* user NULL: about the thing */
    int id;
};

static void write_happening(void *self)
{
    const struct happening *h = self;
    struct site *site = h->site;
    struct world *world = &site->world;
    struct sim_log *log = &site->cluster.source[world_below(world, SHOP_PARTITIONS)];
    struct span user =
        h->user == NULL ? span_make(NULL, 0) : arena_printf(&world->arena, "\"user\":\"%s\",", h->user);
    struct span json = arena_printf(&world->arena,
                                    "{\"id\":\"x%d\",%.*s\"name\":\"%s\",\"time\":%lld,"
                                    "\"attributes\":{\"c\":\"%s\",\"n\":%d}}",
                                    h->id, SPAN_PRINTF(user), h->name,
                                    (long long)(sim_start_ms + world->now_us / MS), h->thing, h->id);
    (void)sim_log_append(log, &(struct sim_record){.value = json});
    world_trace(world, "shop: %s of %s (%s), id x%d", h->name, h->user == NULL ? "nobody" : h->user,
                h->thing, h->id);
    site->planned--;
}

static void plan_happening(struct site *site, const char *name, const char *user, const char *thing, int id,
                           int64_t at_us)
{
    struct happening *h = ARENA_NEW(&site->world.arena, struct happening);
    *h = (struct happening){site, name, user, thing, id};
    site->planned++;
    world_ask(&site->world, at_us, write_happening, h);
}

struct archive {
    struct site *site;
    int32_t partition;
};

static void append_archive(void *self)
{
    const struct archive *archive = self;
    const struct control control = {
        .kind = CONTROL_ARCHIVE, .id = SPAN_LITERAL(FAN_OUT_CAMPAIGN), .sequence = 2};
    site_append_control(archive->site, archive->partition, &control);
    world_trace(&archive->site->world, "archive in partition %d", archive->partition);
    archive->site->planned--;
}

void site_fan_out_open(struct site *site)
{
    struct world *world = &site->world;
    int id = 0;
    if (!site_has(site, PART_FAN_OUT, 500))
        return;
    for (size_t i = 0; i < USERS; i++) {
        if (!world_chance(world, 700))
            continue;
        const char *thing = things[world_below(world, THINGS)];
        int64_t at_us = world_between(world, 500 * MS, 25 * SECOND);
        plan_happening(site, "watch", users[i], thing, ++id, at_us);
        if (world_chance(world, 200))
            plan_happening(site, "unwatch", users[i], thing, ++id,
                           at_us + world_between(world, 100 * MS, 40 * SECOND));
    }
    int64_t stocks = world_between(world, 1, 5);
    for (int64_t i = 0; i < stocks; i++) {
        const char *thing = things[world_below(world, THINGS)];
        int64_t at_us = world_between(world, 8 * SECOND, 65 * SECOND);
        plan_happening(site, "stock", NULL, thing, ++id, at_us);
        if (world_chance(world, 150)) /* once more, the same */
            plan_happening(site, "stock", NULL, thing, id, at_us + world_between(world, 0, 10 * SECOND));
    }
    if (!world_chance(world, 250))
        return;
    int64_t archive_us = world_between(world, 10 * SECOND, 70 * SECOND);
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++) {
        struct archive *archive = ARENA_NEW(&world->arena, struct archive);
        *archive = (struct archive){site, p};
        site->planned++;
        world_ask(world, archive_us + world_below(world, SECOND), append_archive, archive);
    }
}

/* ---- what it must come to ---- */

/* One user and one event about a thing, as the journal of the user's partition has them. */
struct claim {
    bool followed;  /* when the event came */
    bool follows;   /* at some time from then on */
    bool unfollows; /* later */
};

struct stock {
    char id[16], thing[8];
    struct claim claims[USERS];
};

/* One journal partition, read in order. */
struct reading {
    struct arena arena;
    struct place {
        int32_t partition;
        int64_t offset;
    } * seen;
    size_t seen_count, seen_capacity;
    bool following[USERS][THINGS];
    struct stock stocks[STOCKS_MAX];
    size_t stock_count;
    bool archived;
    bool lives[USERS]; /* has an entry here: it is his partition */
};

static bool is_new(struct reading *reading, const struct source_position *source)
{
    for (size_t i = 0; i < reading->seen_count; i++)
        if (reading->seen[i].partition == source->partition && reading->seen[i].offset == source->offset)
            return false;
    *ARENA_PUSH(&reading->arena, &reading->seen, &reading->seen_count, &reading->seen_capacity) =
        (struct place){source->partition, source->offset};
    return true;
}

static size_t index_of(const char *const *names, size_t count, struct span name)
{
    size_t i = 0;
    while (i < count && !span_equal_text(name, names[i]))
        i++;
    return i;
}

static size_t thing_of(const struct event *event)
{
    const struct value *thing = value_member_find(event->attributes, SPAN_LITERAL("c"));
    return thing == NULL ? THINGS : index_of(things, THINGS, value_span(*thing));
}

static void read_follow(struct reading *reading, const struct event *event)
{
    size_t user = index_of(users, USERS, event->user), thing = thing_of(event);
    bool on = span_equal_text(event->name, "watch");
    if (user == USERS || thing == THINGS)
        return;
    reading->lives[user] = true;
    reading->following[user][thing] = on;
    for (size_t i = 0; i < reading->stock_count; i++) {
        if (strcmp(reading->stocks[i].thing, things[thing]) != 0)
            continue;
        reading->stocks[i].claims[user].follows |= on;
        reading->stocks[i].claims[user].unfollows |= !on;
    }
}

static void read_stock(struct reading *reading, const struct event *event)
{
    size_t thing = thing_of(event);
    for (size_t i = 0; i < reading->stock_count; i++)
        if (span_equal_text(event->id, reading->stocks[i].id))
            return; /* a duplicate */
    if (thing == THINGS || reading->archived || reading->stock_count == STOCKS_MAX)
        return;
    struct stock *stock = &reading->stocks[reading->stock_count++];
    snprintf(stock->id, sizeof stock->id, "%.*s", SPAN_PRINTF(event->id));
    snprintf(stock->thing, sizeof stock->thing, "%s", things[thing]);
    for (size_t user = 0; user < USERS; user++)
        stock->claims[user].followed = stock->claims[user].follows = reading->following[user][thing];
}

static void read_entry(struct reading *reading, const struct entry *entry)
{
    if (entry->kind == ENTRY_CONTROL && entry->control.kind == CONTROL_ARCHIVE &&
        span_equal_text(entry->control.id, FAN_OUT_CAMPAIGN))
        reading->archived = true;
    if (entry->kind == ENTRY_EVENT && site_fan_out_is_user(entry->event.user) &&
        is_new(reading, &entry->source))
        read_follow(reading, &entry->event);
    if (entry->kind == ENTRY_THING && site_fan_out_is_entry(entry) && is_new(reading, &entry->source))
        read_stock(reading, &entry->event);
}

static void read_partition(struct reading *reading, const struct sim_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        struct journal_reader reader;
        struct entry entry;
        if (log->records[i].state != RECORD_COMMITTED ||
            journal_reader_init(&reader, log->records[i].value, &reading->arena) != ERR_OK)
            continue;
        while (journal_reader_next(&reader, &entry) == ERR_OK)
            read_entry(reading, &entry);
    }
}

static bool holds(struct span json, const char *name, const char *text)
{
    char member[64];
    int size = snprintf(member, sizeof member, "\"%s\":\"%s\"", name, text);
    return memmem(json.data, json.size, member, (size_t)size) != NULL;
}

static size_t messages_of(const struct site *site, const char *user, const char *id)
{
    const struct sim_log *out = &site->cluster.out;
    size_t count = 0;
    for (size_t i = 0; i < out->count; i++)
        count += out->records[i].state == RECORD_COMMITTED && holds(out->records[i].value, "user", user) &&
                 holds(out->records[i].value, "id", id);
    return count;
}

/* True for a decision that repeats an earlier one. */
static bool is_repeat(const struct sim_log *decisions, size_t index)
{
    const struct sim_record *record = &decisions->records[index];
    for (size_t i = 0; i < index; i++)
        if (decisions->records[i].state == RECORD_COMMITTED &&
            span_equal(decisions->records[i].headers[0].value, record->headers[0].value))
            return true;
    return false;
}

static size_t decisions_of(const struct site *site, const char *user, const char *id, const char *outcome)
{
    const struct sim_log *decisions = &site->cluster.decisions;
    size_t count = 0;
    for (size_t i = 0; i < decisions->count; i++)
        count += decisions->records[i].state == RECORD_COMMITTED &&
                 holds(decisions->records[i].value, "user", user) &&
                 holds(decisions->records[i].value, "trigger_id", id) &&
                 holds(decisions->records[i].value, "outcome", outcome) && !is_repeat(decisions, i);
    return count;
}

static bool judge_claim(const struct site *site, const struct reading *reading, const struct stock *stock,
                        size_t user, char *why, size_t why_bytes)
{
    const struct claim *claim = &stock->claims[user];
    size_t messages = messages_of(site, users[user], stock->id);
    size_t scheduled = decisions_of(site, users[user], stock->id, "scheduled");
    size_t skipped = decisions_of(site, users[user], stock->id, "skipped");
    size_t sent = decisions_of(site, users[user], stock->id, "sent");
    const char *what = NULL;
    if (claim->followed && !claim->unfollows && !reading->archived && messages == 0)
        what = "LOST: no message";
    else if (!claim->follows && (messages != 0 || scheduled != 0))
        what = "INVENTED: a message for one who does not follow";
    else if (messages > 1 || scheduled > 1)
        what = "REPEATED";
    else if (sent != messages)
        what = "CONTRADICTION: sent is not what was sent";
    else if (scheduled != sent + skipped)
        what = "OUTCOME: not one for each send";
    else if (skipped != 0 && !reading->archived)
        what = "SKIPPED though nothing ended";
    if (what == NULL)
        return true;
    snprintf(why, why_bytes,
             "FAN-OUT %s: %s and the event %s about %s: %zu messages, %zu scheduled, %zu sent, %zu skipped",
             what, users[user], stock->id, stock->thing, messages, scheduled, sent, skipped);
    return false;
}

bool site_fan_out_judge(const struct site *site, char *why, size_t why_bytes)
{
    bool kept = true;
    for (int32_t p = 0; p < site->cluster.journal_partitions && kept; p++) {
        struct reading *reading = calloc(1, sizeof *reading);
        if (reading == NULL)
            abort();
        arena_init(&reading->arena, 0);
        read_partition(reading, &site->cluster.journal[p]);
        for (size_t i = 0; i < reading->stock_count; i++)
            for (size_t user = 0; user < USERS && kept; user++)
                kept = !reading->lives[user] ||
                       judge_claim(site, reading, &reading->stocks[i], user, why, why_bytes);
        arena_destroy(&reading->arena);
        free(reading);
    }
    return kept;
}
