/* The fold: user state, entry -> user state, decision records.
 *
 * Pure and deterministic: no clock, no randomness, no I/O. The same entries in the same order give
 * the same states and records, which is what makes recovery, replay and simulation one thing.
 */
#ifndef DECLIC_CORE_FOLD_H
#define DECLIC_CORE_FOLD_H

#include "core/entry.h"

struct campaign_set;
struct campaign_slot;
struct name_set;
struct policy;
struct trigger;
struct locale_port;
struct user_state;

struct fold_limits {
    uint32_t journeys;   /* open ones a user; 1,000 */
    uint32_t remembered; /* ids, cancels, events a counter; 1,000 */
    uint32_t history;    /* outcomes kept for `explain`; 0: none */
    int64_t dedupe_ms;
    int64_t lateness_ms;
    int64_t max_age_ms; /* how much older than its arrival an event can be */
};
/* The contract's defaults: 1,000, 1,000, 20, 1 h, 1 h, 7 d. */
extern const struct fold_limits fold_limits_default;

/* What the fold and the decisions count; plain sums, for the metrics. */
struct fold_counts {
    uint64_t expression_errors; /* expressions that had no value because they erred */
    uint64_t forgotten;         /* ids, cancels, counted events dropped because there were too many */
};

struct fold {
    const struct campaign_set *campaigns; /* as of this point of the partition's journal */
    const struct policy *policy;          /* never NULL; an empty one where none was applied */
    const struct fold_limits *limits;
    const struct locale_port *locale;
    /* The profile attributes that are kept; NULL: all are. */
    const struct name_set *profile_attributes;
    struct arena *arena; /* states and records live here until the batch is committed */
    struct decision_sink decisions;
    struct fold_counts *counts; /* may be NULL */
    /* A cancel or restart whose append time is later than due - window only marks the send: another
     * owner may be sending it. 1,000 live; 0 where there is one owner (simulate, tests). */
    int64_t mark_window_ms;
    /* The next year of a yearly trigger is not entered when this one's journey is over: for a simulation
     * that runs to its end. */
    bool no_further_year;
};

/* After any of these the state may point into what it was given (event, update, settled): encode it
 * before that goes.
 *
 * `append_ms`: the running maximum of append times in the partition; in simulate, the clock. */
void fold_event(struct fold *fold, struct user_state *state, const struct event *event, int64_t append_ms);
void fold_profile(struct fold *fold, struct user_state *state, const struct profile_update *update,
                  int64_t append_ms);
/* No record is made for what the settled entry itself says (the due loop gave that with the
 * message); only for what follows from it. An entry that names no pending send, or another attempt,
 * has no effect. */
void fold_settled(struct fold *fold, struct user_state *state, const struct settled *settled,
                  int64_t append_ms);

/* An event about a thing, for one user and one campaign: he enters if he follows the thing. Whoever
 * calls goes through the campaigns that campaign_set_interest names and, in each, the followers in order
 * of user id. `duplicate`: the event's id was seen before (things' ids are told apart by id alone). */
void fold_thing(struct fold *fold, struct user_state *state, const struct campaign_slot *slot,
                const struct event *event, bool duplicate, int64_t append_ms);

/* The thing that an event is about for a trigger of kind THING, printed as keys are; false when the trigger
 * is of another kind or name, or the expression has no value. Lives in fold->arena or the event. */
bool fold_thing_name(const struct fold *fold, const struct trigger *trigger, const struct event *event,
                     struct span *thing);

/* Whether an event about a thing repeats one that arrived less than `intake.dedupe` before; else it is
 * remembered. `state` is no user's: it serves as the memory of such ids. */
bool fold_thing_repeats(struct fold *fold, struct user_state *state, const struct event *event);

/* Drops everything that cannot matter at `now_ms` or later. */
void fold_forget_old(const struct fold *fold, struct user_state *state, int64_t now_ms);

/* --- what a control record means for one user; called for every user, by a cursor ------------------ */

/* The campaign's date triggers are looked at: a new version, or a new campaign. */
void fold_campaign_changed(struct fold *fold, struct user_state *state, const struct campaign_slot *slot,
                           int64_t at_ms, int64_t append_ms);
/* The open journeys that a control is about: those that were there when it was folded, which may be a
 * while before its cursor comes to the user. */
struct journey_range {
    struct span campaign;
    uint32_t before_version; /* on older versions; UINT32_MAX: on any */
    int64_t entered_upto_ms; /* put in the calendar no later; INT64_MAX: whenever */
};
/* Whether the user has such a journey, or waits for the campaign's next year. */
bool fold_range_has(const struct user_state *state, const struct journey_range *range);
/* Every pending send of theirs becomes `skipped` with this reason (ended: archive and --pending cancel;
 * paused: a pause that expires). */
void fold_campaign_end(struct fold *fold, struct user_state *state, const struct journey_range *range,
                       enum reason reason, int64_t at_ms, int64_t append_ms);
/* Resume after a pause with `shift`: their pending sends move by `by_ms`, without a record. */
void fold_campaign_shift(struct user_state *state, const struct journey_range *range, int64_t by_ms);
/* Journeys on older versions go on with the current one: steps are matched by id; those that are new
 * are scheduled, those that are gone are skipped (ended). */
void fold_campaign_migrate(struct fold *fold, struct user_state *state, const struct campaign_slot *slot,
                           int64_t at_ms, int64_t append_ms);
/* The user is erased: what was pending is `skipped` (erased), the state becomes empty. A send that may be
 * under way is forgotten with the rest. */
void fold_erase(struct fold *fold, struct user_state *state, int64_t at_ms);

#endif
