/* All that Declic knows of one user: the value that the fold turns over.
 *
 * Decoded into the batch's arena (codec/user_state_bin), changed there in place by the fold, encoded
 * back. Its size is bounded by struct fold_limits (journeys, remembered ids, cancels, events a counter),
 * so that a state stays under 256 KiB. What has become too old to matter is dropped whenever the user is
 * folded, so a user about whom nothing is left to know has an empty state, which need not be kept.
 *
 * Plain data: the functions here find and drop, the meaning is in fold*.c and decide*.c. Arrays are
 * grown with ARENA_PUSH. Times are ms since the epoch.
 */
#ifndef DECLIC_CORE_USER_STATE_H
#define DECLIC_CORE_USER_STATE_H

#include "core/campaign.h"
#include "core/decision.h"

/* A list that lives in an arena; see ARENA_PUSH. */
#define USER_LIST(type)  \
    struct {             \
        type *items;     \
        size_t count;    \
        size_t capacity; \
    }

/* Persisted: a new one goes to the end. */
enum step_status {
    STEP_PENDING,
    STEP_SENT,
    STEP_OVER, /* skipped, cancelled or without a date */
};

/* One step of an open journey, at the index of the campaign version's step. */
struct step_state {
    enum step_status status;
    bool marked; /* PENDING only: due at once, to be settled as `mark_outcome`, unless it was sent before */
    enum outcome mark_outcome; /* CANCELLED, RESTARTED or SKIPPED */
    struct span mark_reason;
    uint32_t attempt; /* decisions that postponed it */
    int64_t due_ms;   /* PENDING only */
};

/* What made an entry, and all of it that is looked at later. */
struct trigger_facts {
    enum trigger_kind kind;
    uint32_t alternative; /* of the version's triggers */
    int32_t day;          /* YEARLY, DATE: its local day, in days since the epoch */
    struct span id;
    struct span name; /* of the event; empty for YEARLY and DATE */
    int64_t time_ms;
    int64_t calendar_ms;     /* the instant at which it was put in the calendar */
    struct value attributes; /* VALUE_MAP: the kept ones */
    bool has_follow;
    struct value follow; /* VALUE_MAP: the kept ones; THING only */
    struct span traceparent, tracestate;
};

/* A restart that waits until it is known whether a marked send went out. */
struct deferred_restart {
    uint32_t version;
    struct trigger_facts trigger;
    const int64_t *due_ms; /* a due or NO_DUE for each step of the version */
    uint32_t step_count;
    bool
        afresh; /* something went out before: it enters as a new journey once nothing is pending any more */
};
#define NO_DUE INT64_MAX

struct journey {
    struct span campaign;
    uint32_t version;
    struct span key;
    struct trigger_facts trigger;
    bool was_sent; /* at least one of its steps */
    struct step_state *steps;
    uint32_t step_count;
    struct deferred_restart *deferred; /* NULL: none */
};

/* A cancel that may still meet its trigger. */
struct remembered_cancel {
    struct span campaign;
    uint32_t version;
    uint32_t rule; /* index in the version's cancels */
    struct span event_id;
    struct span event_name;
    int64_t time_ms;
    int64_t arrived_ms;
    struct value sides; /* VALUE_LIST: the left side of each match pair */
    /* Only where the rule's `where` names `trigger`: what it is evaluated over. */
    bool has_facts;
    struct value event, profile; /* VALUE_MAP */
};

/* What a count() or last() asks: the times of the events, ascending. */
struct counter {
    struct span name;
    struct span predicate; /* canonical text; empty: every event of that name */
    USER_LIST(int64_t) times;
};

/* The events that an alternative with `times` has counted and not used up, in order of time. */
struct times_event {
    struct span same;
    int64_t time_ms;
};
struct times_counter {
    struct span campaign;
    uint32_t alternative;
    USER_LIST(struct times_event) events;
};

/* An entry, for `cooldown` and `at_most`. */
struct entry_note {
    struct span campaign;
    struct span key;
    int64_t time_ms;
};

/* A message that was sent, for the caps. */
struct sent_note {
    int64_t time_ms;
    struct span channel;
    const struct span *labels;
    size_t label_count;
};

struct seen_id {
    uint64_t hash; /* of the event id */
    int64_t arrived_ms;
};

struct follow_state {
    struct span name; /* of the policy's rule */
    struct span thing;
    int64_t time_ms;         /* of the latest event by which the user follows */
    int64_t expires_ms;      /* INT64_MAX: never */
    struct value attributes; /* VALUE_MAP: the kept ones */
};

/* An occurrence of a date trigger that has entered: it enters once. */
struct date_note {
    struct span campaign;
    struct span key;
    struct span trigger_id;
    int64_t forget_ms; /* from then on it cannot occur again */
};

/* A yearly journey that was over before its day: the next year's enters when the day comes. */
struct date_wake {
    struct span campaign;
    uint32_t alternative;
    int64_t at_ms;
};

/* What became of a send or a trigger, for `explain`. */
struct outcome_note {
    int64_t at_ms;
    struct span campaign;
    uint32_t version;
    struct span key;
    struct span step; /* empty: of the trigger */
    enum outcome outcome;
    struct span reason;
    struct span trigger_id;
    bool has_due;
    int64_t due_ms;
};

struct user_state {
    struct span user;
    int64_t folded_offset; /* of the last journal record that concerned the user; -1: not known */
    uint8_t sweep;         /* the last 7 bits of the number of the last sweep that covers him, see
                              user_state_is_swept */
    bool has_profile;
    struct value profile;                        /* VALUE_MAP, empty without a profile */
    USER_LIST(struct journey) journeys;          /* open ones, in the order in which they entered */
    USER_LIST(struct remembered_cancel) cancels; /* in the order of arrival */
    USER_LIST(struct counter) counters;
    USER_LIST(struct times_counter) times;
    USER_LIST(struct entry_note) entries; /* in the order in which they entered */
    USER_LIST(struct sent_note) sent;     /* in order of time */
    USER_LIST(struct seen_id) seen;       /* in the order of arrival */
    USER_LIST(struct follow_state) follows;
    USER_LIST(struct date_note) dates;
    USER_LIST(struct date_wake) wakes;
    USER_LIST(struct outcome_note) history; /* oldest first */
};

/* A state that knows nothing; `user` must outlive it. */
void user_state_init(struct user_state *state, struct span user);

/* True when nothing is known that matters: the state need not be kept. */
bool user_state_is_empty(const struct user_state *state);

/* Whether a replay that begins at the sweep of this number comes to this state: it holds a valid snapshot
 * of the user, or all that is known of him came after it. */
bool user_state_is_swept(const struct user_state *state, uint64_t sweep);
void user_state_set_swept(struct user_state *state, uint64_t sweep);

/* Removes the item at `index` of a list, keeping the order of the rest. */
#define USER_LIST_REMOVE(list, index) \
    user_list_remove((list)->items, &(list)->count, (index), sizeof(*(list)->items))
void user_list_remove(void *items, size_t *count, size_t index, size_t item_bytes);

/* Pushes a zeroed item and returns it. */
#define USER_LIST_PUSH(arena, list) ARENA_PUSH((arena), &(list)->items, &(list)->count, &(list)->capacity)

bool journey_is_open(const struct journey *journey);

#endif
