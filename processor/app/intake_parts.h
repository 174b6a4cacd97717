/* What the files of intake share; nobody else's business.
 *
 *     intake.c        the turn: polls, batches, flushes, what the header says
 *     intake_group.c  partitions come and go: incarnations, commits, giving up
 *     intake_take.c   one source record becomes an entry, a dead letter, or nothing
 */
#ifndef DECLIC_APP_INTAKE_PARTS_H
#define DECLIC_APP_INTAKE_PARTS_H

#include "app/intake.h"
#include "app/intake_blocks.h"
#include "app/intake_progress.h"
#include "app/steady_clock.h"

#define INTAKE_BATCHES 4 /* read and not yet taken */
#define INCARNATION_TEXT_BYTES 32

enum slot_state {
    SLOT_FREE,
    SLOT_ESTABLISHING, /* its incarnation stands in no acknowledged commit yet */
    SLOT_LIVE,
    SLOT_GIVING_UP, /* revoked; nothing more is taken from it */
};

/* A source partition that is this member's. */
struct slot {
    enum slot_state state;
    bool started;         /* the source was told to read it */
    uint64_t first_batch; /* what was read earlier is of a former tenure */
    uint32_t topic;
    int32_t partition;
    uint64_t incarnation;
    char metadata_text[INCARNATION_TEXT_BYTES]; /* "declic 1 INCARNATION" */
    int64_t start;                              /* where reading begins */
    int64_t next;                               /* the offset after the last one taken */
    int64_t floor;                              /* the acknowledged commit */
    int64_t pending;                            /* to be committed; -1: nothing */
    int64_t sent;                               /* in the commit under way; -1: not in it */
    struct progress_marks marks;
};

struct batch {
    uint64_t number; /* counts up */
    const struct source_message *messages;
    size_t count, taken;
    void *handle;
    uint64_t ticket; /* the sieve may be used once this is passed */
    int64_t arrived_ms;
};

enum intake_phase {
    PHASE_RUNNING,
    PHASE_GIVING_UP, /* a revoke stands: flush, commit, serve */
    PHASE_STOPPED,
};

/* How many entries came lately, and what that makes of the linger. */
struct rate_window {
    int64_t since_ms;
    uint64_t entries; /* stats.entries at its begin */
    int64_t linger_ms;
};

struct intake {
    struct intake_settings settings;
    struct intake_ports ports;
    struct intake_stats stats;
    struct progress progress;
    struct intake_blocks blocks;
    struct arena arena; /* of the record being taken */
    enum intake_phase phase;
    bool stopping, held;

    struct slot *slots;
    size_t slot_count;
    int32_t **by_partition; /* [topic][partition]: index into slots, or -1 */
    int32_t *by_partition_counts;

    struct batch batches[INTAKE_BATCHES]; /* a ring */
    size_t batch_first, batch_count;
    uint64_t batches_read;

    uint64_t commit_tag; /* of the commit under way; 0: none */
    uint64_t last_tag;
    int64_t commit_not_before_ms;
    int64_t give_up_deadline_ms;
    struct steady_clock clock;
    int64_t wall_max_ms;     /* the clock never goes back here */
    int64_t schema_after_ms; /* a record waits for the Schema Registry, which is asked again then; 0: none
                                does */
    int64_t stuck_since_ms;  /* since when batches wait for the sieve; 0: they do not */
    struct rate_window window;
    char trouble[256];
    char schema_trouble[256];
};

/* intake_group.c */
struct slot *intake_slot(struct intake *intake, uint32_t topic, int32_t partition);
void intake_assigned(struct intake *intake, const struct source_event *event);
void intake_revoked(struct intake *intake, const struct source_event *event, int64_t now_ms);
void intake_lost(struct intake *intake, const struct source_event *event);
void intake_committed(struct intake *intake, const struct source_event *event, int64_t now_ms);
/* Closes the epoch, sends a commit where there is something to commit and none is under way. */
void intake_commit(struct intake *intake, int64_t now_ms);
/* PHASE_GIVING_UP: serves the revoke when all is committed, or the time is over. */
void intake_give_up(struct intake *intake, int64_t now_ms);

/* intake_take.c. Errors are final. */
WARN_UNUSED enum err intake_take(struct intake *intake, struct slot *slot,
                                 const struct source_message *message, const struct interest *interest,
                                 int64_t arrived_ms, int64_t now_ms);

#endif
