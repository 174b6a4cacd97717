#include "app/user_json.h"

#include <stdlib.h>

#include "base/uuid.h"
#include "codec/decision_json.h"
#include "codec/json.h"
#include "core/send_id.h"

static int by_due(const void *a, const void *b)
{
    const struct pending_send *left = a, *right = b;
    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms ? -1 : 1;
    return memcmp(left->send_id, right->send_id, SEND_ID_BYTES);
}

const struct pending_send *user_pending_list(struct user_view *view, struct arena *arena, size_t *count)
{
    const struct user_state *state = user_view_state(view);
    struct pending_send *list = NULL;
    size_t capacity = 0;
    *count = 0;
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        for (uint32_t k = 0; k < journey->step_count; k++) {
            if (journey->steps[k].status != STEP_PENDING)
                continue;
            struct pending_send *one = ARENA_PUSH(arena, &list, count, &capacity);
            *one =
                (struct pending_send){.campaign = journey->campaign,
                                      .key = journey->key,
                                      .step = user_view_step(view, journey->campaign, journey->version, k),
                                      .version = journey->version,
                                      .due_ms = journey->steps[k].due_ms};
            send_id_make(journey->campaign, state->user, journey->key, journey->trigger.id, one->step,
                         one->send_id);
        }
    }
    if (*count != 0)
        qsort(list, *count, sizeof *list, by_due);
    return list;
}

void user_pending_write_json(struct buf *out, const struct pending_send *list, size_t count)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        char id[UUID_TEXT_BYTES];
        uuid_format(list[i].send_id, id);
        buf_append_text(out, i == 0 ? "\n {\"campaign\":" : ",\n {\"campaign\":");
        json_write_string(out, list[i].campaign);
        buf_printf(out, ",\"version\":%u,\"key\":", list[i].version);
        json_write_string(out, list[i].key);
        buf_append_text(out, ",\"step\":");
        json_write_string(out, list[i].step);
        buf_append_text(out, ",\"due\":");
        json_write_time(out, list[i].due_ms);
        buf_printf(out, ",\"send_id\":\"%.*s\"}", UUID_TEXT_BYTES, id);
    }
    buf_append_text(out, count == 0 ? "]\n" : "\n]\n");
}

static struct outcome_note planned(struct user_view *view, const struct journey *journey, uint32_t step)
{
    return (struct outcome_note){.at_ms = journey->trigger.calendar_ms,
                                 .campaign = journey->campaign,
                                 .version = journey->version,
                                 .key = journey->key,
                                 .step = user_view_step(view, journey->campaign, journey->version, step),
                                 .outcome = OUTCOME_SCHEDULED,
                                 .trigger_id = journey->trigger.id,
                                 .has_due = true,
                                 .due_ms = journey->steps[step].due_ms};
}

/* Behind all that is not later. */
static void insert_note(struct outcome_note *list, size_t count, struct outcome_note note)
{
    size_t at = count;
    for (; at > 0 && list[at - 1].at_ms > note.at_ms; at--)
        list[at] = list[at - 1];
    list[at] = note;
}

const struct outcome_note *user_history_list(struct user_view *view, struct arena *arena, size_t *count)
{
    const struct user_state *state = user_view_state(view);
    size_t most = state->history.count;
    for (size_t i = 0; i < state->journeys.count; i++)
        most += state->journeys.items[i].step_count;
    struct outcome_note *list = ARENA_ARRAY(arena, struct outcome_note, most);
    *count = 0;
    for (size_t i = 0; i < state->history.count; i++)
        insert_note(list, (*count)++, state->history.items[i]);
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        for (uint32_t k = 0; k < journey->step_count; k++)
            if (journey->steps[k].status == STEP_PENDING && journey->steps[k].attempt == 0)
                insert_note(list, (*count)++, planned(view, journey, k));
    }
    return list;
}

static struct decision_record as_record(struct user_view *view, const struct outcome_note *note)
{
    const struct user_state *state = user_view_state(view);
    struct decision_record record = {
        .at_ms = note->at_ms,
        .user = state->user,
        .campaign = note->campaign,
        .version = note->version,
        .key = note->key,
        .step = note->step,
        .outcome = note->outcome,
        .reason = note->reason,
        .has_due = note->has_due,
        .due_ms = note->due_ms,
        .trigger_id = note->trigger_id,
        .has_send_id = note->step.size != 0,
    };
    if (record.has_send_id) {
        record.channel = user_view_channel(view, note->campaign, note->version, note->step);
        send_id_make(note->campaign, state->user, note->key, note->trigger_id, note->step, record.send_id);
    }
    return record;
}

void user_history_write_json(struct buf *out, struct user_view *view, struct span campaign,
                             struct arena *arena)
{
    size_t count;
    const struct outcome_note *list = user_history_list(view, arena, &count);
    bool first = true;
    buf_append_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct outcome_note *note = &list[i];
        if (campaign.data != NULL && !span_equal(note->campaign, campaign))
            continue;
        struct decision_record record = as_record(view, note);
        buf_append_text(out, first ? "\n " : ",\n ");
        decision_json_write(out, &record);
        first = false;
    }
    buf_append_text(out, first ? "]\n" : "\n]\n");
}
