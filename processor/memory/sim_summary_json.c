#include "codec/json.h"
#include "memory/sim_tally.h"

static void write_count(struct buf *out, const char *name, uint64_t count)
{
    buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)count);
}

static void write_reasons(struct buf *out, const struct tally *tally, enum outcome outcome)
{
    buf_printf(out, ",\"%.*s_reasons\":{", SPAN_PRINTF(outcome_text(outcome)));
    const char *before = "";
    for (int i = 1; i < REASON_COUNT; i++) {
        if (tally->reasons[outcome][i] == 0)
            continue;
        buf_printf(out, "%s\"%.*s\":%llu", before, SPAN_PRINTF(reason_text((enum reason)i)),
                   (unsigned long long)tally->reasons[outcome][i]);
        before = ",";
    }
    buf_append_byte(out, '}');
}

static void write_hours(struct buf *out, const uint64_t hours[HOURS])
{
    buf_append_text(out, ",\"sent_by_hour\":");
    for (int i = 0; i < HOURS; i++)
        buf_printf(out, "%c%llu", i == 0 ? '[' : ',', (unsigned long long)hours[i]);
    buf_append_byte(out, ']');
}

static void write_tally(struct buf *out, const struct tally *tally)
{
    write_count(out, "entered", tally->entered);
    write_count(out, "restarted_entries", tally->restarted_entries);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        buf_printf(out, ",\"%.*s\":%llu", SPAN_PRINTF(outcome_text((enum outcome)i)),
                   (unsigned long long)tally->outcomes[i]);
    write_reasons(out, tally, OUTCOME_POSTPONED);
    write_reasons(out, tally, OUTCOME_SKIPPED);
    write_reasons(out, tally, OUTCOME_IGNORED);
    write_hours(out, tally->hours);
}

static void add(struct tally *sum, const struct tally *tally)
{
    sum->entered += tally->entered;
    sum->restarted_entries += tally->restarted_entries;
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        sum->outcomes[i] += tally->outcomes[i];
        for (int j = 0; j < REASON_COUNT; j++)
            sum->reasons[i][j] += tally->reasons[i][j];
    }
    for (int i = 0; i < HOURS; i++)
        sum->hours[i] += tally->hours[i];
}

static void write_top_users(struct buf *out, const struct sim_summary *summary)
{
    const struct sim_user *top[TOP_USERS];
    size_t count = sim_summary_top_users(summary, top);
    buf_append_text(out, ",\"top_users\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_text(out, i == 0 ? "{\"user\":" : ",{\"user\":");
        json_write_string(out, top[i]->id);
        buf_printf(out, ",\"sent\":%zu}", top[i]->state.size);
    }
    buf_append_byte(out, ']');
}

void sim_summary_json(const struct sim_summary *summary, size_t users, struct buf *out)
{
    struct tally all = {0};
    for (size_t i = 0; i < summary->campaigns->slot_count; i++) {
        const struct tally *tally = &summary->tallies[i];
        buf_append_text(out, i == 0 ? "[{\"campaign\":" : "},\n {\"campaign\":");
        json_write_string(out, tally->id);
        write_tally(out, tally);
        write_count(out, "users", users);
        write_count(out, "users_reached", tally->users_reached);
        add(&all, tally);
    }
    buf_append_text(out, summary->campaigns->slot_count == 0 ? "[{\"campaign\":null"
                                                             : "},\n {\"campaign\":null");
    write_tally(out, &all);
    write_count(out, "users", users);
    write_count(out, "users_reached", summary->users.count);
    write_top_users(out, summary);
    buf_append_text(out, "}]\n");
}
