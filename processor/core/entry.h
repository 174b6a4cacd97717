/* An entry of the journal: the only input of the fold.
 *
 * A Kafka record of the journal is a block of entries (codec/journal); record offset and index in
 * the block name an entry. Every time that the fold needs stands in the entry.
 */
#ifndef DECLIC_CORE_ENTRY_H
#define DECLIC_CORE_ENTRY_H

#include "core/decision.h"
#include "core/event.h"

enum entry_kind {
    ENTRY_EVENT = 1,
    ENTRY_PROFILE = 2,
    ENTRY_SETTLED = 3,
    ENTRY_CONTROL = 4,
    ENTRY_SNAPSHOT = 5,           /* users' states */
    ENTRY_PARTITION_SNAPSHOT = 6, /* the partition's own state; begins a sweep */
    ENTRY_THING = 7,              /* an event about a thing; in every partition */
    ENTRY_SLICE = 8,
};

/* Where an intake entry came from; what tells a repeat. (source, incarnation, partition) name one
 * life of one source partition; everything below `floor` was delivered to the journal before. */
struct source_position {
    struct span topic;
    uint64_t incarnation;
    int32_t partition;
    int64_t floor;
    int64_t offset;
    uint32_t index; /* within the record, where one record makes several entries */
};

/* A send was decided. Names the send by journey and step; `attempt` counts decisions of one send
 * from 0, so that a repeated or outdated record has no effect. */
struct settled {
    struct span user;
    struct span campaign;
    uint32_t version;
    struct span key;
    struct span trigger_id;
    struct span step;
    uint32_t attempt;
    enum outcome outcome; /* SENT, CANCELLED, RESTARTED, POSTPONED or SKIPPED */
    struct span reason;   /* as in the decision record */
    int64_t due_ms;       /* the due it was decided for */
    int64_t new_due_ms;   /* POSTPONED: the new one */
    int64_t at_ms;        /* the instant of decision */
};

enum control_kind {
    CONTROL_CAMPAIGN = 1, /* a version of a campaign takes effect; definition = its YAML text */
    CONTROL_POLICY = 2,   /* a version of the policy; id is empty */
    CONTROL_PAUSE = 3,
    CONTROL_RESUME = 4,
    CONTROL_ARCHIVE = 5,
    CONTROL_ERASE = 6, /* id = the user */
};

/* Written to every partition (ERASE: to the user's). Idempotent: deduplicated by kind, id and
 * `version` for definitions, by `sequence` for the others. */
struct control {
    enum control_kind kind;
    struct span id;
    uint32_t version;
    uint64_t sequence;      /* grows with each control record of one id */
    struct span option;     /* --pending's choice, the pause's treatment; empty: the default */
    struct span definition; /* YAML text */
    struct span snippets;   /* of the definition: a JSON object of name and text */
    int64_t at_ms;
};

/* The next users of a partition whom something concerns that concerns many (codec/partition_state: a
 * cursor). Written by engines, any of them, also one that no longer owns the partition: it counts only when
 * the cursor stands where it says. */
struct slice {
    uint64_t cursor;
    struct span after;        /* the last user done before; empty: none */
    const struct span *users; /* in order of their bytes, all beyond `after` */
    size_t user_count;
    bool last; /* nobody comes after them */
};

/* A user's state as codec/user_state_bin writes it; no bytes: nothing is known of him, he can go. */
struct snapshot_user {
    struct span user;
    struct span state;
};

/* Users' states as they stood at one head. They are the next of a sweep, which re-appends all that a
 * partition knows so that what lies before it can be trimmed. Written by engines, any of them, as slices
 * are: it counts only when the sweep stands where it says. A user's state in it is valid when nothing of
 * him was folded at or after `taken`. */
struct snapshot {
    uint64_t sweep; /* its number */
    int64_t after;  /* journal offset of the sweep's last record that counted */
    int64_t taken;  /* the head at which the states were read */
    const struct snapshot_user *users;
    size_t user_count;
    bool last; /* every user of the partition had a valid snapshot at `taken`: the sweep is over */
};

struct snapshot_definition {
    struct span id; /* empty: the policy */
    uint32_t version;
    struct span text;     /* YAML */
    struct span snippets; /* as in struct control */
};

/* Begins a sweep: the partition's own state (codec/partition_state) as it stood at the head `taken`, from
 * which a replay can begin, with the definitions in force and those users who belong to the partition
 * rather than to somebody. */
struct partition_snapshot {
    uint64_t sweep;
    int64_t taken;
    struct span part;
    const struct snapshot_definition *definitions;
    size_t definition_count;
    const struct snapshot_user *users;
    size_t user_count;
};

struct entry {
    enum entry_kind kind;
    bool has_source; /* EVENT, THING and PROFILE from a source topic */
    struct source_position source;
    union {
        struct event event; /* EVENT, and THING without a user */
        struct profile_update profile;
        struct settled settled;
        struct control control;
        struct slice slice;
        struct snapshot snapshot;
        struct partition_snapshot partition_snapshot;
    };
};

#endif
