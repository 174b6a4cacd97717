/* One transactional producer of a process: the client library and the thread behind it.
 */
#ifndef DECLIC_SIM_PRODUCER_H
#define DECLIC_SIM_PRODUCER_H

#include "ports/outbox.h"
#include "sim/cluster.h"

#define LOGS_MAX (JOURNAL_MAX + 3)

enum producer_phase {
    PRODUCER_NONE,
    PRODUCER_OPEN,     /* records are taken */
    PRODUCER_FLUSHING, /* commit was asked for; deliveries under way */
    PRODUCER_OFFSETS,  /* the offsets request is under way */
    PRODUCER_ENDING,   /* EndTxn is under way */
    PRODUCER_DONE,     /* the outcome waits to be polled */
};

struct sim_message {
    struct sim_log *log;
    struct sim_record record;
    int64_t cookie; /* -1: not a settled record */
    int64_t offset; /* once it was taken */
    struct sim_message *next;
};

struct sim_producer {
    struct process *process;
    struct cluster *cluster;
    struct transactional *t;
    void (*changed)(void *self);
    void *self;
    bool initialised, renewing;
    int64_t epoch;
    uint64_t client; /* counts up with every client made anew: answers to a former one are void */
    enum producer_phase phase;
    uint64_t transaction; /* counts up */
    bool abort_wanted, failed, fenced, undecided;
    struct group_identity metadata;
    struct sim_message *waiting, **waiting_end; /* produced, not sent */
    int under_way;                              /* requests sent, not answered */
    struct sim_log *on_the_way[LOGS_MAX];       /* their logs */
    bool sending;                               /* a send is scheduled */
    int64_t offsets[256];
    size_t offset_count;
    struct outbox_offset heads[JOURNAL_MAX]; /* what the group commits with it */
    size_t head_count;
    int64_t begun_us, ended_us;
    enum outbox_outcome outcome;
    const char *text;
};

void sim_producer_open(struct sim_producer *p, struct process *process, struct cluster *cluster,
                       struct span id, void (*changed)(void *self), void *self);
bool sim_producer_ready(const struct sim_producer *p);
void sim_producer_begin(struct sim_producer *p, struct group_identity metadata);
void sim_producer_produce(struct sim_producer *p, const struct outbox_record *record);
void sim_producer_commit(struct sim_producer *p, const struct outbox_offset *heads, size_t count);
void sim_producer_abort(struct sim_producer *p);
bool sim_producer_poll(struct sim_producer *p, struct outbox_result *result);

/* A copy that lives as long as the world, and the record of a log that it becomes. */
struct outbox_record sim_record_copy(struct cluster *cluster, const struct outbox_record *record);
struct sim_record sim_record_of(struct cluster *cluster, const struct outbox_record *record);

#endif
