/* What the fold keeps of a journal partition itself, beside the users' states.
 *
 * Moves with the head. Holds the fold's time (running maximum of append times), what tells a
 * repeated intake entry (rule: below the floor of its source life, or in the set of offsets seen at
 * or above it), which campaign versions and policy are in force at this point of the journal, and the
 * cursors: what concerns many users of the partition and is done in slices.
 * Lives on the heap with its partition; encoded with every commit.
 */
#ifndef DECLIC_CODEC_PARTITION_STATE_H
#define DECLIC_CODEC_PARTITION_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/campaign_set.h"
#include "core/entry.h"

/* One life (incarnation) of one partition of one source topic. */
struct source_life {
    struct span topic; /* owned */
    uint64_t incarnation;
    int32_t partition;
    int64_t floor;
    struct source_place {
        int64_t offset;
        uint32_t index;
    } * seen; /* ascending, all with offset >= floor; owned */
    size_t seen_count, seen_capacity;
    uint64_t touched; /* counts up with use: the least is forgotten when there are too many lives */
};

struct live_campaign {
    struct span id; /* owned */
    uint32_t version;
    enum campaign_status status;
    uint64_t sequence;              /* of the last pause, resume or archive folded */
    int64_t paused_at_ms;           /* PAUSED: when */
    int64_t paused_arrived_ms;      /* PAUSED: nothing that is pending was put in the calendar later */
    enum pause_treatment treatment; /* PAUSED */
};

/* Persisted: a new one goes to the end. */
enum cursor_kind {
    CURSOR_THING,   /* an event about a thing: its followers enter */
    CURSOR_DATES,   /* a campaign's date triggers changed: who has a profile is looked at */
    CURSOR_END,     /* what is pending is skipped: archive, --pending cancel, a pause that expires */
    CURSOR_SHIFT,   /* resume after a pause with shift: dues move */
    CURSOR_MIGRATE, /* --pending migrate */
};

/* Something that concerns many users, one campaign at a time. Opened by folding the entry that says it,
 * moved and closed by folding slices; its number counts the cursors of the partition, so that a replay
 * gives it the same. */
struct partition_cursor {
    uint64_t id;
    enum cursor_kind kind;
    struct span campaign; /* owned */
    struct span after;    /* the last user done; owned; empty: none */
    int64_t at_ms;        /* of the control */
    /* END, SHIFT, MIGRATE: journeys on versions before this, put in the calendar no later than that. */
    uint32_t before_version;
    int64_t entered_upto_ms;
    enum reason reason; /* END */
    int64_t by_ms;      /* SHIFT */
    struct span event;  /* THING: a journal block of that one entry; owned */
    bool duplicate;     /* THING: its id was seen before */
};

/* Where the sweep stands that re-appends all users' states (core/entry.h: struct snapshot), and what can
 * be trimmed. */
struct sweep_state {
    uint64_t number; /* of sweeps begun, the one that is open included */
    bool open;
    int64_t taken;      /* OPEN: the head that its partition snapshot was taken at */
    int64_t at;         /* OPEN: journal offset of its last record that counted */
    int64_t begun_ms;   /* append time of its partition snapshot; before the first, of the first record */
    bool behind;        /* something other than a sweep's records came since the last one began */
    int64_t keep_from;  /* nothing below this journal offset is needed */
    uint64_t restoring; /* this state was begun from the partition snapshot of that sweep, and its end is
                           not folded yet: not every user's state is complete; 0: they all are */
};

struct partition_state {
    int64_t append_max_ms;
    int64_t arrived_max_ms;
    uint32_t policy_version; /* 0: none applied */
    struct source_life *lives;
    size_t life_count, life_capacity;
    struct live_campaign *campaigns; /* in order of id bytes */
    size_t campaign_count, campaign_capacity;
    uint64_t uses;
    struct partition_cursor *cursors; /* the open ones, in order of id */
    size_t cursor_count, cursor_capacity;
    uint64_t cursors_opened; /* ever: the last id given */
    struct sweep_state sweep;
};

void partition_state_init(struct partition_state *state);
void partition_state_free(struct partition_state *state);

/* True when this place was not seen before; it then is. Raises the life's floor to position->floor. */
bool partition_state_take(struct partition_state *state, const struct source_position *position);

/* The live campaign of this id, or NULL; ..._put finds or adds it. */
struct live_campaign *partition_state_campaign(struct partition_state *state, struct span id);
struct live_campaign *partition_state_put_campaign(struct partition_state *state, struct span id);

/* Opens a cursor: the spans are copied, the id is given here, `after` is empty. */
void partition_state_open_cursor(struct partition_state *state, const struct partition_cursor *cursor);
/* NULL when there is no such open cursor. */
struct partition_cursor *partition_state_cursor(struct partition_state *state, uint64_t id);
/* The cursor moves behind `after`, which is copied. */
void partition_cursor_move(struct partition_cursor *cursor, struct span after);
void partition_state_close_cursor(struct partition_state *state, uint64_t id);

/* Versioned binary form; it stands in the view and, for as long as the log is not trimmed past it, in
 * partition snapshots: what one version wrote later ones read. Decoding initialises *state (free it also
 * after an error). Errors: ERR_VERSION, ERR_TRUNCATED, ERR_CORRUPT. */
void partition_state_encode(const struct partition_state *state, struct buf *out);
WARN_UNUSED enum err partition_state_decode(struct span bytes, struct partition_state *state);

#endif
