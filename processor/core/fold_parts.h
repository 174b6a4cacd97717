/* What the files of the fold share: one entry being folded for one user. Not for others. */
#ifndef DECLIC_CORE_FOLD_PARTS_H
#define DECLIC_CORE_FOLD_PARTS_H

#include "core/campaign_set.h"
#include "core/scope.h"

struct fold_pass {
    struct fold *fold;
    struct user_state *state;
    int64_t at_ms; /* the instant that records name: the entry's arrival or decision */
    int64_t append_ms;
    const struct event *event; /* NULL: not an event */
    /* Yearly journeys that were over, whose next year is entered when the cancels are done: a cancel must
     * not meet the journey that follows from it. */
    USER_LIST(struct journey) over;
};

/* --- fold_record.c: saying what happened ---------------------------------------------------------- */

void fold_record_step(struct fold_pass *pass, const struct journey *journey, const struct step *step,
                      enum outcome outcome, struct span reason, const int64_t *due_ms);
void fold_record_ignored(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                         struct span trigger_id, enum reason reason);
/* Adds to the history that `explain` reads. */
void fold_note_outcome(struct fold *fold, struct user_state *state, const struct outcome_note *note);

/* --- fold_memory.c: what is remembered, and for how long -------------------------------------------- */

bool fold_id_is_seen(const struct fold_pass *pass, struct span id);
void fold_id_remember(struct fold_pass *pass, struct span id);
void fold_count_event(struct fold_pass *pass, const struct event_interest *interest);
/* Counts the event for an alternative with `times`; true when that reaches at_least, and the events that
 * made it are then used up. */
bool fold_times_reached(struct fold_pass *pass, const struct campaign *campaign, uint32_t alternative,
                        struct span same, int64_t time_ms);
void fold_note_sent(struct fold_pass *pass, const struct campaign *campaign, const struct step *step,
                    int64_t sent_ms);
/* The time of the last entry of (campaign, key). */
struct entry_note *fold_last_entry(const struct user_state *state, struct span campaign, struct span key);
void fold_note_entry(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                     int64_t time_ms, bool restart);
void fold_forgot(const struct fold *fold, uint64_t count);
/* The members that one of the sets names. */
struct value fold_keep_members(struct arena *arena, struct value map, const struct name_set *a,
                               const struct name_set *b);

/* --- fold_enter.c: a trigger becomes a journey, or not --------------------------------------------- */

struct entering {
    const struct campaign_slot *slot;
    struct scope *scope; /* event (or profile) as the trigger sees it */
    struct span key;
    struct trigger_facts trigger;
    bool duplicate;
    bool date_changed; /* replaces what is open, whichever is earlier */
};
void fold_enter(struct fold_pass *pass, struct entering *entering);
/* Looks after a journey one of whose steps has just come to `outcome`: carries out or gives up its deferred
 * restart, and removes it when nothing is pending. True when it was removed. */
bool fold_journey_after(struct fold_pass *pass, size_t index, enum outcome outcome);
/* A pending step ends so: now, or by a mark when it may be under way. */
void fold_end_step(struct fold_pass *pass, const struct campaign *campaign, struct journey *journey,
                   uint32_t step, enum outcome outcome, struct span reason);

/* --- fold_cancel.c ------------------------------------------------------------------------------------ */

void fold_cancel(struct fold_pass *pass, const struct campaign_slot *slot);
/* Whether a remembered cancel hits the entry. */
bool fold_was_cancelled(struct fold_pass *pass, const struct entering *entering);

/* --- fold_date.c ---------------------------------------------------------------------------------------
 */

void fold_dates(struct fold_pass *pass, const struct campaign_slot *slot);
/* Enters what follows upon the yearly journeys in pass->over. */
void fold_dates_over(struct fold_pass *pass);
/* The day that a wake waited for has come. */
void fold_date_woken(struct fold_pass *pass, struct span campaign, uint32_t alternative);
void fold_date_note(struct fold_pass *pass, struct span campaign, struct span key,
                    const struct trigger_facts *trigger);
/* A restart is about to replace the journey: what was replaced before anything of it was sent has not
 * entered, so that a date that is corrected and corrected back is honoured. */
void fold_date_replaced(struct fold_pass *pass, const struct journey *journey);

/* --- fold_follow.c --------------------------------------------------------------------------------------
 */

void fold_follow_event(struct fold_pass *pass, const struct event_interest *interest);
const struct follow_state *fold_follow_find(const struct user_state *state, struct span rule,
                                            struct span thing, int64_t at_ms);

#endif
