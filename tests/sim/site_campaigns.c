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
    {"sale", "campaign: sale\n" COMMON
             "trigger: {event: sale}\nsteps:\n  - {id: only, send: {after: 12s}, " MESSAGE},
    {"held", "campaign: held\n" COMMON
             "trigger: {event: held}\nsteps:\n  - {id: only, send: {after: 7s}, " MESSAGE},
    {"late", "campaign: late\n" COMMON
             "trigger: {event: late}\nsteps:\n  - {id: only, send: {after: 3s}, " MESSAGE},
    {FAN_OUT_CAMPAIGN, "campaign: " FAN_OUT_CAMPAIGN "\ntype: event\n"
                       "late: {tolerance: 1d, then: skip}\n"
                       "entry: {when_pending: parallel}\n"
                       "trigger: {event: stock, thing: event.c, followers: watches}\nsteps:\n"
                       "  - {id: only, send: {after: 2s}, " MESSAGE},
    {CROWD_CAMPAIGN,
     "campaign: " CROWD_CAMPAIGN "\ntype: event\nlate: {tolerance: 1d, then: skip}\n"
     "trigger: {event: crowd}\ncancel: [{event: crowdless}]\nsteps:\n"
     "  - {id: soon, send: {after: 3s}, " MESSAGE "  - {id: then, send: {after: 14s}, " MESSAGE
     "  - {id: last, send: {after: 41s}, " MESSAGE},
    {"", "follows:\n  favourites: {on: {event: follow, thing: event.c}, "
         "off: {event: unfollow, thing: event.c}}\n"
         "  watches: {on: {event: watch, thing: event.c}, off: {event: unwatch, thing: event.c}}\n"
         "caps:\n  - {labels: [promo], at_most: 1, within: 12s, then: postpone}\n"
         "  - {labels: [rare], at_most: 1, within: 20s, then: skip}\n"
         "addresses: {sms: profile.phone}\nconsent: {sms: profile.sms_ok}\n"},
};
#define TEXTS (sizeof texts / sizeof *texts)

struct span site_definition(struct span id, uint32_t version)
{
    size_t count;
    const struct site_variety_text *variety = site_variety_texts(&count);
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(id, variety[i].id) && variety[i].version == version)
            return span_from_text(variety[i].text);
    for (size_t i = 0; i < TEXTS; i++)
        if (span_equal_text(id, texts[i].id))
            return span_from_text(texts[i].text);
    return (struct span){NULL, 0};
}

static bool find_definition(void *self, struct span id, uint32_t version,
                            struct campaign_definition *definition)
{
    (void)self;
    *definition = (struct campaign_definition){.text = site_definition(id, version)};
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
    arena_init(&shared->arena, 0);
    must(icu_locale_open(&shared->locale), "ICU");
    struct definition_source source = {.find = find_definition};
    shared->definitions = definitions_new(&source, &silent);
    for (size_t set = 0; set < 2; set++) {
        shared->interests[set] = interest_new();
        for (size_t i = 0; i < LATE_CAMPAIGN + set; i++) {
            const struct campaign *campaign;
            must(definitions_campaign(shared->definitions, span_from_text(texts[i].id), 1, &campaign),
                 texts[i].id);
            interest_add_campaign(shared->interests[set], campaign);
        }
        for (size_t i = LATE_CAMPAIGN + 1; i < TEXTS - 1; i++) {
            const struct campaign *campaign;
            must(definitions_campaign(shared->definitions, span_from_text(texts[i].id), 1, &campaign),
                 texts[i].id);
            interest_add_campaign(shared->interests[set], campaign);
        }
        size_t variety_count;
        const struct site_variety_text *variety = site_variety_texts(&variety_count);
        for (size_t i = 0; i < variety_count; i++) {
            const struct campaign *campaign;
            must(definitions_campaign(shared->definitions, span_from_text(variety[i].id),
                                      variety[i].version, &campaign),
                 variety[i].id);
            interest_add_campaign(shared->interests[set], campaign);
        }
        const struct policy *policy;
        must(definitions_policy(shared->definitions, 1, &policy), "policy");
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

struct control_append {
    struct site *site;
    int32_t partition;
    struct control control;
};

static void append_control(void *self)
{
    const struct control_append *append = self;
    site_append_control(append->site, append->partition, &append->control);
}

/* Into every partition: one after the other, as acknowledgements come. */
static void append_everywhere(struct site *site, const struct control *control, int64_t within_us)
{
    struct world *world = &site->world;
    /* Whoever does not know whether it is there writes it once more. */
    bool again = within_us != 0 && world_chance(world, 100);
    for (int32_t p = 0; p < site->cluster.journal_partitions; p++) {
        struct control_append *append = ARENA_NEW(&world->arena, struct control_append);
        *append = (struct control_append){site, p, *control};
        if (within_us == 0)
            append_control(append);
        else
            world_ask(world, world_below(world, within_us), append_control, append);
        if (again)
            world_ask(world, within_us + world_below(world, 20 * SECOND), append_control, append);
    }
}

static struct control definition_control(size_t index)
{
    bool policy = texts[index].id[0] == '\0';
    return (struct control){.kind = policy ? CONTROL_POLICY : CONTROL_CAMPAIGN,
                            .id = span_from_text(texts[index].id),
                            .version = 1,
                            .sequence = 1,
                            .definition = span_from_text(texts[index].text)};
}

void site_apply_first(struct site *site)
{
    for (size_t i = 0; i < TEXTS; i++) {
        const struct control control = definition_control(i);
        if (i != LATE_CAMPAIGN)
            append_everywhere(site, &control, 0);
    }
    size_t count;
    const struct site_variety_text *variety = site_variety_texts(&count);
    for (size_t i = 0; i < count; i++) {
        const struct control control = {.kind = CONTROL_CAMPAIGN,
                                        .id = span_from_text(variety[i].id),
                                        .version = 1,
                                        .sequence = 1,
                                        .definition = span_from_text(variety[i].text)};
        if (variety[i].version == 1)
            append_everywhere(site, &control, 0);
    }
    site->topic = (struct sim_topic){.world = &site->world,
                                     .sets = {site->shared->interests[0], site->shared->interests[1]}};
}

void site_apply_late(void *self)
{
    struct site *site = self;
    const struct control control = definition_control(LATE_CAMPAIGN);
    world_trace(&site->world, "apply: the campaign late is published");
    site->topic.published = 1;
    append_everywhere(site, &control, SECOND);
}

struct planned_control {
    struct site *site;
    struct control control;
};

static void append_planned(void *self)
{
    const struct planned_control *planned = self;
    append_everywhere(planned->site, &planned->control, SECOND);
    planned->site->planned--;
}

void site_plan_control(struct site *site, const struct control *control, int64_t at_us)
{
    struct planned_control *planned = ARENA_NEW(&site->world.arena, struct planned_control);
    *planned = (struct planned_control){site, *control};
    site->planned++;
    world_call(&site->world, at_us, NULL, append_planned, planned);
}

/* ---- the lives of two others ---- */

static void change_life(struct site *site, const char *id, enum control_kind kind, uint64_t sequence)
{
    const struct control control = {
        .kind = kind, .id = span_from_text(id), .version = 1, .sequence = sequence};
    static const char *const names[] = {
        [CONTROL_PAUSE] = "paused", [CONTROL_RESUME] = "resumed", [CONTROL_ARCHIVE] = "archived"};
    world_trace(&site->world, "%s is %s", id, names[kind]);
    append_everywhere(site, &control, SECOND);
}

static void archive_sale(void *self)
{
    change_life(self, "sale", CONTROL_ARCHIVE, 2);
}

static void pause_held(void *self)
{
    change_life(self, "held", CONTROL_PAUSE, 2);
}

static void resume_held(void *self)
{
    change_life(self, "held", CONTROL_RESUME, 3);
}

void site_plan_lives(struct site *site)
{
    struct world *world = &site->world;
    int64_t pause_us = world_between(world, 10 * SECOND, 40 * SECOND);
    world_call(world, world_between(world, 10 * SECOND, 60 * SECOND), NULL, archive_sale, site);
    world_call(world, pause_us, NULL, pause_held, site);
    world_call(world, pause_us + world_between(world, 1100 * MS, 40 * SECOND), NULL, resume_held, site);
}
