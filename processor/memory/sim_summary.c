#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "core/zone.h"
#include "memory/sim_tally.h"

struct sim_summary *sim_summary_new(const struct campaign_set *campaigns, const struct locale_port *locale)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct sim_summary *summary = ARENA_NEW(&arena, struct sim_summary);
    summary->campaigns = campaigns;
    summary->locale = locale;
    struct span zone = campaigns->policy->time_zone;
    summary->zone = zone.size == 0 ? NULL : locale->zone_find(locale->self, zone);
    summary->tallies = ARENA_ARRAY(&arena, struct tally, campaigns->slot_count);
    for (size_t i = 0; i < campaigns->slot_count; i++)
        summary->tallies[i].id = campaigns->slots[i].current->id;
    summary->arena = arena;
    return summary;
}

void sim_summary_free(struct sim_summary *summary)
{
    if (summary == NULL)
        return;
    free(summary->users.slots);
    struct arena arena = summary->arena; /* the summary itself lies in it */
    arena_destroy(&arena);
}

/* --- taking
 * ------------------------------------------------------------------------------------------------ */

static enum reason reason_named(struct span text)
{
    for (int i = 0; text.size != 0 && i < REASON_COUNT; i++) {
        if (span_equal(reason_text((enum reason)i), text))
            return (enum reason)i;
    }
    return REASON_NONE;
}

static uint64_t entry_hash(const struct decision_record *record, struct span trigger_id)
{
    uint64_t hash = hash_bytes(record->campaign, (uint64_t)record->at_ms);
    return hash_bytes(trigger_id, hash_bytes(record->key, hash_bytes(record->user, hash)));
}

/* Counts entries: the records of one follow each other, after those of the steps that a restart replaces.
 */
static void take_entry(struct sim_summary *summary, struct tally *tally,
                       const struct decision_record *record)
{
    bool restart = record->outcome == OUTCOME_RESTARTED;
    bool step =
        record->outcome == OUTCOME_SCHEDULED || (record->outcome == OUTCOME_SKIPPED && !record->has_due);
    if (!restart && !step) {
        summary->last_entry = 0;
        return;
    }
    uint64_t entry = entry_hash(record, restart ? record->reason : record->trigger_id);
    if (step && (entry != summary->last_entry || summary->last_was_restart)) {
        if (entry == summary->last_entry)
            tally->restarted_entries += 1;
        else
            tally->entered += 1;
    }
    summary->last_entry = entry;
    summary->last_was_restart = restart;
}

/* The user got a message of the campaign in that place: true for the first. */
static bool reach(struct sim_summary *summary, struct span id, size_t campaign)
{
    struct sim_user *user = sim_users_get(&summary->users, &summary->arena, id);
    if (user->state.data == NULL)
        user->state.data = arena_zalloc(&summary->arena, summary->campaigns->slot_count / 8 + 1);
    user->state.size += 1;
    char *byte = (char *)user->state.data + campaign / 8;
    char bit = (char)(1 << campaign % 8);
    bool first = (*byte & bit) == 0;
    *byte |= bit;
    return first;
}

static void take_sent(struct sim_summary *summary, struct tally *tally,
                      const struct decision_record *record)
{
    int64_t local_ms = zone_local_ms(summary->locale, summary->zone, record->at_ms);
    tally->hours[(local_ms - local_day(local_ms) * DAY_MS) / (60 * MINUTE_MS)] += 1;
    if (reach(summary, record->user, (size_t)(tally - summary->tallies)))
        tally->users_reached += 1;
}

static struct tally *tally_of(const struct sim_summary *summary, struct span campaign)
{
    const struct campaign_slot *slot = campaign_set_find(summary->campaigns, campaign);
    return slot == NULL ? NULL : &summary->tallies[slot - summary->campaigns->slots];
}

void sim_summary_take(struct sim_summary *summary, const struct decision_record *record)
{
    struct tally *tally = tally_of(summary, record->campaign);
    if (tally == NULL)
        return;
    tally->outcomes[record->outcome] += 1;
    tally->reasons[record->outcome][reason_named(record->reason)] += 1;
    take_entry(summary, tally, record);
    if (record->outcome == OUTCOME_SENT)
        take_sent(summary, tally, record);
}

/* --- printing
 * ---------------------------------------------------------------------------------------------- */

static void print_chart(const uint64_t hours[HOURS], struct buf *out)
{
    static const char *const bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    uint64_t most = 1;
    for (int i = 0; i < HOURS; i++)
        most = hours[i] > most ? hours[i] : most;
    for (int i = 0; i < HOURS; i++)
        buf_append_text(out, hours[i] == 0 ? "\u00b7" : bars[(hours[i] * 8 - 1) / most]);
}

static void print_reasons(const struct tally *tally, enum outcome outcome, struct buf *out)
{
    const char *before = " (";
    for (int i = 1; i < REASON_COUNT; i++) {
        uint64_t count = tally->reasons[outcome][i];
        if (count == 0)
            continue;
        buf_printf(out, "%s%.*s %llu", before, SPAN_PRINTF(reason_text((enum reason)i)),
                   (unsigned long long)count);
        before = ", ";
    }
    buf_append_text(out, before[0] == ',' ? ")" : "");
}

static void print_outcome(const struct tally *tally, enum outcome outcome, bool reasons, struct buf *out)
{
    if (tally->outcomes[outcome] == 0)
        return;
    buf_printf(out, "  %-10.*s %9llu", SPAN_PRINTF(outcome_text(outcome)),
               (unsigned long long)tally->outcomes[outcome]);
    if (reasons)
        print_reasons(tally, outcome, out);
    buf_append_byte(out, '\n');
}

static void print_share(uint64_t part, uint64_t whole, struct buf *out)
{
    buf_printf(out, "%llu of %llu users (%.1f %%)", (unsigned long long)part, (unsigned long long)whole,
               whole == 0 ? 0.0 : (double)part * 100.0 / (double)whole);
}

static void print_tally(const struct tally *tally, size_t users, struct buf *out)
{
    buf_printf(out, "%.*s\n", SPAN_PRINTF(tally->id));
    buf_printf(out, "  entered    %9llu", (unsigned long long)tally->entered);
    if (tally->restarted_entries != 0)
        buf_printf(out, ", and %llu by restart", (unsigned long long)tally->restarted_entries);
    buf_append_byte(out, '\n');
    print_outcome(tally, OUTCOME_SCHEDULED, false, out);
    print_outcome(tally, OUTCOME_SENT, false, out);
    print_outcome(tally, OUTCOME_CANCELLED, false, out);
    print_outcome(tally, OUTCOME_RESTARTED, false, out);
    print_outcome(tally, OUTCOME_POSTPONED, true, out);
    print_outcome(tally, OUTCOME_SKIPPED, true, out);
    print_outcome(tally, OUTCOME_IGNORED, true, out);
    buf_append_text(out, "  reached    ");
    print_share(tally->users_reached, users, out);
    buf_append_text(out, "\n  by hour    0h ");
    print_chart(tally->hours, out);
    buf_append_text(out, " 23h\n");
}

size_t sim_summary_top_users(const struct sim_summary *summary, const struct sim_user *top[TOP_USERS])
{
    size_t count = 0;
    for (size_t i = 0; i < summary->users.size; i++) {
        const struct sim_user *user = summary->users.slots[i].user;
        if (user == NULL)
            continue;
        size_t at = count;
        while (at > 0 && (top[at - 1]->state.size < user->state.size ||
                          (top[at - 1]->state.size == user->state.size &&
                           span_compare(top[at - 1]->id, user->id) > 0)))
            at--;
        if (at == TOP_USERS)
            continue;
        count += count < TOP_USERS;
        memmove(&top[at + 1], &top[at], (count - at - 1) * sizeof *top);
        top[at] = user;
    }
    return count;
}

void sim_summary_print(const struct sim_summary *summary, size_t users, struct buf *out)
{
    uint64_t hours[HOURS] = {0}, sent = 0;
    for (size_t i = 0; i < summary->campaigns->slot_count; i++) {
        const struct tally *tally = &summary->tallies[i];
        print_tally(tally, users, out);
        buf_append_byte(out, '\n');
        sent += tally->outcomes[OUTCOME_SENT];
        for (int hour = 0; hour < HOURS; hour++)
            hours[hour] += tally->hours[hour];
    }
    buf_printf(out, "all campaigns\n  sent       %9llu\n  reached    ", (unsigned long long)sent);
    print_share(summary->users.count, users, out);
    buf_append_text(out, "\n  by hour    0h ");
    print_chart(hours, out);
    buf_append_text(out, " 23h\n");
    const struct sim_user *top[TOP_USERS];
    size_t count = sim_summary_top_users(summary, top);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%.*s (%zu)", i == 0 ? "  most       " : ", ", SPAN_PRINTF(top[i]->id),
                   top[i]->state.size);
    buf_append_text(out, count == 0 ? "" : "\n");
}

/* --- comparing
 * --------------------------------------------------------------------------------------------- */

static void print_change(const char *what, uint64_t before, uint64_t after, struct buf *out)
{
    if (before == after)
        return;
    buf_printf(out, "  %-22s %9llu -> %-9llu (%+lld)\n", what, (unsigned long long)before,
               (unsigned long long)after, (long long)(after - before));
}

static void compare_tallies(const struct tally *before, const struct tally *after, struct buf *out)
{
    print_change("entered", before->entered, after->entered, out);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        char what[64];
        struct span outcome = outcome_text((enum outcome)i);
        snprintf(what, sizeof what, "%.*s", SPAN_PRINTF(outcome));
        print_change(what, before->outcomes[i], after->outcomes[i], out);
        for (int j = 1; j < REASON_COUNT; j++) {
            struct span reason = reason_text((enum reason)j);
            snprintf(what, sizeof what, "  %.*s", SPAN_PRINTF(reason));
            print_change(what, before->reasons[i][j], after->reasons[i][j], out);
        }
    }
    print_change("users reached", before->users_reached, after->users_reached, out);
}

void sim_summary_compare(const struct sim_summary *before, const struct sim_summary *after, struct buf *out)
{
    static const struct tally nothing;
    size_t left = 0, right = 0;
    while (left < before->campaigns->slot_count || right < after->campaigns->slot_count) {
        const struct tally *a = left < before->campaigns->slot_count ? &before->tallies[left] : NULL;
        const struct tally *b = right < after->campaigns->slot_count ? &after->tallies[right] : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : span_compare(a->id, b->id);
        const struct tally *old = order <= 0 ? a : &nothing, *new = order >= 0 ? b : &nothing;
        size_t size = out->size;
        buf_printf(out, "%.*s%s\n", SPAN_PRINTF(order <= 0 ? a->id : b->id),
                   order < 0   ? " (only before)"
                   : order > 0 ? " (only after)"
                               : "");
        size_t head = out->size;
        compare_tallies(old, new, out);
        if (out->size == head && order == 0)
            out->size = size; /* nothing differs */
        left += order <= 0;
        right += order >= 0;
    }
}
