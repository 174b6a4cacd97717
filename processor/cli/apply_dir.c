#include "cli/apply_dir.h"

#include <stdio.h>

#include "app/campaign_compile.h"
#include "app/system_clock.h"
#include "cli/service.h"
#include "codec/json.h"
#include "core/cel/cel.h"

int apply_dir_read(const struct cli_call *call, struct apply_dir *apply)
{
    struct diag_list diags = {.arena = call->arena};
    struct config *config;
    *apply = (struct apply_dir){0};
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    apply->config = config;
    enum err error = campaign_dir_read(call->arguments[0], config->policy, &config->profile_attributes,
                                       call->arena, &apply->dir, &diags);
    cli_print_diags(&diags);
    return error == ERR_OK ? CLI_DONE : error == ERR_IO ? CLI_USAGE : CLI_WRONG;
}

void apply_dir_close(struct apply_dir *apply)
{
    campaign_dir_close(&apply->dir);
}

static struct span snippets_of(const struct apply_dir *apply, struct span text, struct arena *arena)
{
    if (!definition_may_render(text))
        return (struct span){0};
    return snippets_write(apply->dir.snippets, apply->dir.snippet_count, arena);
}

void apply_dir_plan(struct apply_dir *apply, const struct campaign_log *log, struct span pending,
                    struct arena *arena)
{
    int64_t now_ms = system_clock_wall_ms();
    apply->changes = ARENA_ARRAY(arena, struct change, apply->dir.count + 1);
    apply->count = 0;
    if (apply->dir.policy_path.size > 0) {
        struct campaign_definition policy = {.text = apply->dir.policy->definition};
        apply->changes[apply->count++] =
            change_define(log, (struct span){0}, &policy, pending, now_ms, arena);
    }
    for (size_t i = 0; i < apply->dir.count; i++) {
        struct span text = apply->dir.files[i].text;
        struct campaign_definition definition = {text, snippets_of(apply, text, arena)};
        apply->changes[apply->count++] =
            change_define(log, apply->dir.files[i].campaign->id, &definition, pending, now_ms, arena);
    }
}

size_t apply_dir_changed(const struct apply_dir *apply)
{
    size_t changed = 0;
    for (size_t i = 0; i < apply->count; i++)
        changed += apply->changes[i].action != CHANGE_NONE;
    return changed;
}

static bool is_in_dir(const struct apply_dir *apply, struct span id)
{
    for (size_t i = 0; i < apply->count; i++)
        if (span_equal(apply->changes[i].item.id, id))
            return true;
    return false;
}

static void print_json(const struct apply_dir *apply)
{
    struct buf out = {0};
    buf_append_byte(&out, '[');
    for (size_t i = 0; i < apply->count; i++) {
        const struct change *change = &apply->changes[i];
        bool is_policy = change->item.id.size == 0;
        buf_printf(&out, "%s{\"kind\":\"%s\",", i == 0 ? "" : ",", is_policy ? "policy" : "campaign");
        if (!is_policy)
            buf_printf(&out, "\"campaign\":\"%.*s\",", SPAN_PRINTF(change->item.id));
        buf_printf(&out, "\"action\":\"%s\",\"version\":%u", change_action_name(change->action),
                   change->item.version);
        if (change->from_version != 0)
            buf_printf(&out, ",\"from\":%u", change->from_version);
        buf_append_byte(&out, '}');
    }
    buf_append_text(&out, "]\n");
    cli_print(&out);
}

static void print_row(const char *action, struct span name, uint32_t from, uint32_t version,
                      const char *note)
{
    char versions[32];
    if (from != 0 && from != version)
        snprintf(versions, sizeof(versions), "%u -> %u", from, version);
    else
        snprintf(versions, sizeof(versions), "%u", version);
    printf("%-10s %-32.*s %-12s%s\n", action, SPAN_PRINTF(name), versions, note);
}

void apply_dir_print(const struct cli_call *call, const struct apply_dir *apply,
                     const struct campaign_log *log)
{
    if (cli_flag(call, "json") != NULL) {
        print_json(apply);
        return;
    }
    printf("%-10s %-32s %s\n", "ACTION", "CAMPAIGN", "VERSION");
    for (size_t i = 0; i < apply->count; i++) {
        const struct change *change = &apply->changes[i];
        bool is_policy = change->item.id.size == 0;
        print_row(change_action_name(change->action),
                  is_policy ? SPAN_LITERAL("(policy)") : change->item.id, change->from_version,
                  change->item.version, change->item.status == CAMPAIGN_PAUSED ? " stays paused" : "");
    }
    for (size_t i = 0; i < log->count; i++)
        if (log->items[i].status != CAMPAIGN_ARCHIVED && !is_in_dir(apply, log->items[i].id))
            print_row("-", log->items[i].id, 0, log->items[i].version, " not in the directory; goes on");
    if (apply->dir.policy_path.size == 0 && log->policy.version != 0)
        print_row("-", SPAN_LITERAL("(policy)"), 0, log->policy.version, " no policy file; stays in force");
}

/* ---- counters ---- */

struct counted {
    struct span name, predicate;
};

struct counted_list {
    struct counted *items;
    size_t count, capacity;
    struct arena *arena;
};

static bool counted_has(const struct counted_list *list, struct counted wanted)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_equal(list->items[i].name, wanted.name) &&
            span_equal(list->items[i].predicate, wanted.predicate))
            return true;
    return false;
}

/* Adds what the campaign counts; with `say`, tells of what was not in the list. */
static void counted_add(struct counted_list *list, const struct campaign *campaign, bool say)
{
    for (size_t p = 0; p < campaign->program_count; p++) {
        size_t count;
        const struct cel_counter *counters = cel_counters(campaign->programs[p], &count);
        for (size_t c = 0; c < count; c++) {
            struct counted counted = {counters[c].name, counters[c].predicate_text};
            if (counted_has(list, counted))
                continue;
            if (say)
                fprintf(stderr, "note: %.*s counts \"%.*s\"%s: counting begins with this apply\n",
                        SPAN_PRINTF(campaign->id), SPAN_PRINTF(counted.name),
                        counted.predicate.size > 0 ? " under a condition" : "");
            counted.name = arena_copy(list->arena, counted.name);
            counted.predicate = arena_copy(list->arena, counted.predicate);
            *ARENA_PUSH(list->arena, &list->items, &list->count, &list->capacity) = counted;
        }
    }
}

static void counted_add_item(struct counted_list *list, const struct campaign_item *item)
{
    for (size_t v = 0; v < item->version_count; v++) {
        struct diag_list diags = {.arena = list->arena};
        struct campaign *campaign;
        if (campaign_definition_compile(&item->versions[v].definition, item->id, item->versions[v].version,
                                        list->arena, &campaign, &diags) != ERR_OK)
            continue;
        counted_add(list, campaign, false);
        campaign_close(campaign);
    }
}

void apply_dir_note_counters(const struct apply_dir *apply, const struct campaign_log *log,
                             struct arena *arena)
{
    struct counted_list list = {.arena = arena};
    for (size_t i = 0; i < log->count; i++)
        if (log->items[i].status != CAMPAIGN_ARCHIVED)
            counted_add_item(&list, &log->items[i]);
    for (size_t i = 0; i < apply->dir.count; i++)
        counted_add(&list, apply->dir.files[i].campaign, true);
}
