/* The fold: user state, entry -> user state, decision records.
 *
 * Pure and deterministic: no clock, no randomness, no I/O. The same entries in the same order give
 * the same states and records, which is what makes recovery, replay and simulation one thing.
 */
#ifndef DECLIC_CORE_FOLD_H
#define DECLIC_CORE_FOLD_H

#include "core/entry.h"

struct campaign_set;
struct policy;
struct locale_port;
struct user_state;

struct fold_limits {
    uint32_t journeys;   /* open ones a user; 1,000 */
    uint32_t remembered; /* ids, cancels, events a counter; 1,000 */
    int64_t dedupe_ms;
    int64_t lateness_ms;
};

struct fold {
    const struct campaign_set *campaigns; /* as of this point of the partition's journal */
    const struct policy *policy;          /* never NULL; an empty one where none was applied */
    const struct fold_limits *limits;
    const struct locale_port *locale;
    struct arena *arena; /* states and records live here until the batch is committed */
    struct decision_sink decisions;
    /* A cancel or restart whose append time is later than due - window only marks the send: another
     * owner may be sending it. 1,000 live; 0 where there is one owner (simulate, tests). */
    int64_t mark_window_ms;
};

/* `append_ms`: the running maximum of append times in the partition; in simulate, the clock. */
void fold_event(struct fold *fold, struct user_state *state, const struct event *event, int64_t append_ms);
void fold_profile(struct fold *fold, struct user_state *state, const struct profile_update *update,
                  int64_t append_ms);
/* No record is made for what the settled entry itself says (the due loop gave that with the
 * message); only for what follows from it. An entry that names no pending send, or another attempt,
 * has no effect. */
void fold_settled(struct fold *fold, struct user_state *state, const struct settled *settled,
                  int64_t append_ms);

#endif
