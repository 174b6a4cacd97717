#include "core/fold_parts.h"
#include "core/send_id.h"

static void emit(struct fold_pass *pass, const struct decision_record *record)
{
    if (pass->fold->decisions.record != NULL)
        pass->fold->decisions.record(pass->fold->decisions.self, record);
    if (record->outcome == OUTCOME_SCHEDULED)
        return;
    fold_note_outcome(pass->fold, pass->state,
                      &(struct outcome_note){
                          .at_ms = record->at_ms,
                          .campaign = record->campaign,
                          .version = record->version,
                          .key = record->key,
                          .step = record->step,
                          .outcome = record->outcome,
                          .reason = record->reason,
                          .trigger_id = record->trigger_id,
                          .has_due = record->has_due,
                          .due_ms = record->due_ms,
                      });
}

void fold_record_step(struct fold_pass *pass, const struct journey *journey, const struct step *step,
                      enum outcome outcome, struct span reason, const int64_t *due_ms)
{
    struct decision_record record = {
        .at_ms = pass->at_ms,
        .user = pass->state->user,
        .campaign = journey->campaign,
        .version = journey->version,
        .key = journey->key,
        .step = step->id,
        .channel = step->channel,
        .outcome = outcome,
        .reason = reason,
        .has_due = due_ms != NULL,
        .due_ms = due_ms == NULL ? 0 : *due_ms,
        .trigger_id = journey->trigger.id,
        .has_send_id = true,
    };
    send_id_make(journey->campaign, pass->state->user, journey->key, journey->trigger.id, step->id,
                 record.send_id);
    emit(pass, &record);
}

void fold_record_ignored(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                         struct span trigger_id, enum reason reason)
{
    const struct decision_record record = {
        .at_ms = pass->at_ms,
        .user = pass->state->user,
        .campaign = campaign->id,
        .version = campaign->version,
        .key = key,
        .outcome = OUTCOME_IGNORED,
        .reason = reason_text(reason),
        .trigger_id = trigger_id,
    };
    emit(pass, &record);
}

void fold_note_outcome(struct fold *fold, struct user_state *state, const struct outcome_note *note)
{
    uint32_t limit = fold->limits->history;
    if (limit == 0)
        return;
    while (state->history.count >= limit)
        USER_LIST_REMOVE(&state->history, 0);
    *USER_LIST_PUSH(fold->arena, &state->history) = *note;
}
