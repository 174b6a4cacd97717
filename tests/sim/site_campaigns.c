#include <stdio.h>
#include <stdlib.h>

#include "app/campaign_compile.h"
#include "codec/journal.h"
#include "icu/icu_locale.h"
#include "sim/site.h"
#include "sim/start.h"

/* Known to the oracle by their meaning: keep both alike. */
#define COMMON                                                \
    "type: behavioural\n"                                     \
    "late: {tolerance: 1d, then: skip}\n"                     \
    "cancel: [{event: order, match: {event.c: trigger.c}}]\n" \
    "entry: {key: event.c}\n"
#define MESSAGE "channel: push, message: {title: \"n{{ event.n }}\"}}\n"

static const struct {
    const char *id, *text;
} texts[] = {
    {"cart", "campaign: cart\n" COMMON "trigger: {event: cart}\nsteps:\n"
             "  - {id: first, send: {after: 6s}, " MESSAGE "  - {id: second, send: {after: 15s}, " MESSAGE},
    {"offer", "campaign: offer\nlabels: [promo]\n" COMMON "trigger: {event: offer}\nsteps:\n"
              "  - {id: only, send: {after: 4s}, " MESSAGE},
    {"night", "campaign: night\nquiet: {from: \"00:01\", to: \"00:02\"}\n" COMMON
              "trigger: {event: night}\nsteps:\n  - {id: only, send: {after: 5s}, " MESSAGE},
    {"drop", "campaign: drop\ntype: behavioural\nlate: {tolerance: 1d, then: skip}\n"
             "cancel: [{event: order, match: {event.c: trigger.c}}]\n"
             "trigger: {event: drop, thing: event.c, followers: favourites}\nsteps:\n"
             "  - {id: only, send: {after: 5s}, " MESSAGE},
    {"late", "campaign: late\n" COMMON
             "trigger: {event: late}\nsteps:\n  - {id: only, send: {after: 3s}, " MESSAGE},
    {FAN_OUT_CAMPAIGN, "campaign: " FAN_OUT_CAMPAIGN "\ntype: event\n"
                       "late: {tolerance: 1d, then: skip}\n"
                       "entry: {when_pending: parallel}\n"
                       "trigger: {event: stock, thing: event.c, followers: watches}\nsteps:\n"
                       "  - {id: only, send: {after: 2s}, " MESSAGE},
    {"", "follows:\n  favourites: {on: {event: follow, thing: event.c}, "
         "off: {event: unfollow, thing: event.c}}\n"
         "  watches: {on: {event: watch, thing: event.c}, off: {event: unwatch, thing: event.c}}\n"
         "caps:\n  - {labels: [promo], at_most: 1, within: 12s, then: postpone}\n"},
};
#define TEXTS (sizeof texts / sizeof *texts)

struct span site_definition(struct span id)
{
    for (size_t i = 0; i < TEXTS; i++)
        if (span_equal_text(id, texts[i].id))
            return span_from_text(texts[i].text);
    return (struct span){NULL, 0};
}

static bool find_definition(void *self, struct span id, uint32_t version,
                            struct campaign_definition *definition)
{
    (void)self;
    (void)version;
    *definition = (struct campaign_definition){.text = site_definition(id)};
    return definition->text.size != 0;
}

static void must(enum err error, const char *what)
{
    if (error == ERR_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, err_sentence(error));
    exit(2);
}

void shared_open(struct shared *shared)
{
    static const struct log silent = {LOG_ERROR + 1, 2};
    *shared = (struct shared){0};
    arena_init(&shared->arena, 0);
    must(icu_locale_open(&shared->locale), "ICU");
    struct definition_source source = {.find = find_definition};
    shared->definitions = definitions_new(&source, &silent);
    shared->metrics = metrics_new();
    for (size_t set = 0; set < 2; set++) {
        shared->interests[set] = interest_new();
        for (size_t i = 0; i < LATE_CAMPAIGN + set; i++) {
            const struct campaign *campaign;
            must(definitions_campaign(shared->definitions, span_from_text(texts[i].id), 1, &campaign),
                 texts[i].id);
            interest_add_campaign(shared->interests[set], campaign);
        }
        const struct campaign *fan_out;
        const struct policy *policy;
        must(definitions_campaign(shared->definitions, SPAN_LITERAL(FAN_OUT_CAMPAIGN), 1, &fan_out),
             FAN_OUT_CAMPAIGN);
        must(definitions_policy(shared->definitions, 1, &policy), "policy");
        interest_add_campaign(shared->interests[set], fan_out);
        interest_add_policy(shared->interests[set], policy);
    }
    struct diag diag = {0};
    must(mapping_compile(&(struct mapping_spec){.format = MAPPING_JSON}, &shared->arena, &shared->mapping,
                         &diag),
         diag.text);
}

/* ---- control records ---- */

void site_append_control(struct site *site, int32_t partition, const struct control *control)
{
    struct entry entry = {.kind = ENTRY_CONTROL, .control = *control};
    entry.control.at_ms = sim_start_ms + site->world.now_us / MS;
    struct journal_writer writer = {0};
    struct buf block = {0};
    journal_writer_add(&writer, &entry);
    journal_writer_finish(&writer, &block);
    (void)sim_log_append(&site->cluster.journal[partition],
                         &(struct sim_record){.value = buf_span(&block)});
    journal_writer_free(&writer);
    buf_free(&block);
}

static void append_definition(struct site *site, int32_t partition, size_t index)
{
    bool policy = texts[index].id[0] == '\0';
    const struct control control = {.kind = policy ? CONTROL_POLICY : CONTROL_CAMPAIGN,
                                    .id = span_from_text(texts[index].id),
                                    .version = 1,
                                    .sequence = 1,
                                    .definition = span_from_text(texts[index].text)};
    site_append_control(site, partition, &control);
}

void site_apply_first(struct site *site)
{
    for (size_t i = 0; i < TEXTS; i++)
        for (int32_t p = 0; p < site->cluster.journal_partitions && i != LATE_CAMPAIGN; p++)
            append_definition(site, p, i);
    site->topic = (struct sim_topic){.world = &site->world,
                                     .sets = {site->shared->interests[0], site->shared->interests[1]}};
}

struct late_append {
    struct site *site;
    int32_t partition;
};

static void append_late(void *self)
{
    struct late_append *append = self;
    append_definition(append->site, append->partition, LATE_CAMPAIGN);
    append->site->late_since_us = append->site->world.now_us;
}

void site_apply_late(void *self)
{
    struct site *site = self;
    struct world *world = &site->world;
    world_trace(world, "apply: the campaign late is published");
    site->topic.published = 1;
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++) {
        struct late_append *append = ARENA_NEW(&world->arena, struct late_append);
        *append = (struct late_append){site, p};
        world_call(world, world_below(world, SECOND), NULL, append_late, append);
    }
}
