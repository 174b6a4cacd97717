/* Deciding a send that is due: everything between "due" and "sent" or "not sent, because".
 *
 * Pure: the instant of decision is an argument. Decides on the state as it is; whoever decides two
 * sends of one user in a row folds the first one's `settled` into the state before the second.
 */
#ifndef DECLIC_CORE_DECIDE_H
#define DECLIC_CORE_DECIDE_H

#include "core/fold.h"
#include "core/outbound.h"
#include "core/user_state.h"

/* A pending send. It stands for the same send while others of the user are folded as settled, though the
 * journeys change their places in the state meanwhile: `steps` is where the journey's steps lie, which
 * they keep, `journey` only where the journey was last.
 *
 * With step DUE_WAKE it is no send but a day that has come (a yearly trigger whose journey was over
 * before its day): settled like a send, so that the fold enters the next year's, without a record. */
struct due_send {
    int64_t due_ms;
    int priority;
    unsigned char send_id[SEND_ID_BYTES]; /* zeros for a wake */
    uint32_t journey;
    uint32_t step;
    const struct step_state *steps;
    struct date_wake wake; /* with DUE_WAKE */
    uint32_t attempt;
    bool marked; /* due at once, to be settled as cancelled, restarted or skipped */
};
#define DUE_WAKE UINT32_MAX

struct decided {
    struct settled settled; /* for the journal */
    bool has_record;
    struct decision_record record; /* for the decisions topic */
    bool has_message;
    struct outbound_message message;
};

/* The earliest instant at which this user needs the due loop: the least due of his pending sends,
 * INT64_MIN when one is marked, INT64_MAX when there is none. Sends of a paused campaign count too, so
 * that the calendar need not change when it is resumed: a user for whom decide_collect then finds
 * nothing is to be left alone until decide_next_free, or until the campaign set changes. */
int64_t decide_next_due(const struct user_state *state);

/* The least due of those that are not held now; INT64_MAX when there is none. */
int64_t decide_next_free(const struct fold *fold, const struct user_state *state);

/* All pending sends with due <= upto_ms, and the marked ones, in order of due, then priority (high
 * first), then send_id; not those of a campaign that is paused with hold or shift, unless marked. The
 * array lives in `arena`. Marked sends are to be decided only when no send of this user is under way. */
size_t decide_collect(const struct fold *fold, const struct user_state *state, int64_t upto_ms,
                      struct arena *arena, struct due_send **sends);

/* Whether it is still to be decided after others of the user were folded as settled: the end of one send
 * can carry out a restart that waited for it, which replaces the rest of the journey. */
bool decide_stands(const struct user_state *state, const struct due_send *send);

/* The outcome of one send, which stands, at now_ms; everything in *decided lives in fold->arena or the
 * state. */
void decide_send(const struct fold *fold, const struct user_state *state, const struct due_send *send,
                 int64_t now_ms, struct decided *decided);

#endif
