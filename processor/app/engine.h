/* The engine: owns journal partitions, folds them, fires what is due.
 *
 * One engine belongs to one worker thread and is driven by engine_turn. It is written against ports
 * alone (journal, outbox, store, clock), so that the same code runs on Kafka and Redis and in a
 * simulator. processor/README.md tells the protocol; the files are
 *   engine.c            the turn, rebalances, housekeeping
 *   engine_attach.c     from "assigned" to "firing": one path for start, take-over and recovery
 *   engine_fold.c       journal records -> users' states, in one atomic step with the head
 *   engine_control.c    campaigns and the policy as their records change them
 *   engine_slices.c     what concerns many users of a partition, as it is folded: cursors
 *   engine_cursors.c    the next slices of open cursors
 *   engine_walk.c       all users of a partition in order of id, a scan at a time
 *   engine_snapshot.c   snapshots as they are folded, and a replay that begins at one
 *   engine_sweep.c      writing them, and trimming the journal
 *   engine_fire.c       due sends -> one transaction
 *   engine_flight.c     what becomes of it
 *   engine_records.c    decision records, as the fold and the firing write them
 *   engine_partition.c  what is known of one partition
 */
#ifndef DECLIC_APP_ENGINE_H
#define DECLIC_APP_ENGINE_H

#include "app/definitions.h"
#include "app/metrics.h"
#include "base/err.h"
#include "base/log.h"
#include "core/campaign.h"
#include "core/fold.h"
#include "ports/clock.h"
#include "ports/journal.h"
#include "ports/locale.h"
#include "ports/outbox.h"
#include "ports/store.h"

enum engine_decisions { ENGINE_DECISIONS_ALL, ENGINE_DECISIONS_FINAL, ENGINE_DECISIONS_OFF };

/* How much is taken at a time; engine_bounds_live in a running system, less in a simulation. */
struct engine_bounds {
    int64_t horizon_ms;        /* how far ahead sends are held in memory */
    int64_t horizon_refill_ms; /* loaded again when less than this is left */
    size_t horizon_load;       /* at most, in one read */
    size_t batch_records;      /* journal records a fold batch takes, over all partitions */
    size_t batch_bytes;
    size_t batch_users; /* read for a fold batch, about */
    size_t fire_users;  /* in one transaction */
    size_t block_bytes; /* of settled entries, about */
    size_t slice_users; /* in one slice, at most */
    size_t walk_users;  /* ids kept of a scan over all users; twice as many during it */
    size_t sweep_users; /* in one record of a sweep, at most */
    size_t sweep_bytes; /* and about */
    int sweep_rest; /* after each record a sweep rests this many times as long as the record took, within
                       reason */
};
extern const struct engine_bounds engine_bounds_live;

struct engine_options {
    struct engine_bounds bounds;
    const struct log *log;
    struct span prefix;        /* of topics */
    struct span journal_topic; /* spans live as long as the engine */
    struct span decisions_topic;
    /* The outbound topic of a channel; the answer lives as long as the engine. */
    struct span (*outbound_topic)(void *self, struct span channel);
    void *outbound_topic_self;
    struct span avro_head; /* of outbound values in Avro, see codec/outbound_avro.h; empty: they are JSON */
    enum engine_decisions decisions;
    struct fold_limits limits;
    const struct name_set *profile_attributes; /* what is kept of profiles; NULL: all */
    int64_t mark_window_ms;                    /* ENGINE_MARK_WINDOW_MS live */
    int64_t sweep_every_ms;                    /* from the beginning of one to that of the next; 0: never */
    int worker;                                /* for messages */
};

#define ENGINE_MARK_WINDOW_MS 1000

struct engine_ports {
    const struct journal_port *journal;
    const struct outbox_port *outbox;
    const struct store_port *store;
    struct clock_port clock;
    const struct locale_port *locale;
};

struct engine;

struct engine *engine_new(const struct engine_options *options, const struct engine_ports *ports,
                          struct definitions *definitions, struct metrics *metrics);
void engine_free(struct engine *engine);

/* One turn of the loop: takes what the journal has, folds it, fires what is due, looks after
 * transactions and rebalances. Waits at most max_wait_ms when there is nothing to do. An error is
 * one that waiting cannot mend (text in diag). */
WARN_UNUSED enum err engine_turn(struct engine *engine, int max_wait_ms, struct diag *diag);

/* Asks for an orderly end: no new transaction begins, open ones are finished, partitions are given
 * back. engine_turn must go on being called until engine_stopped. */
void engine_stop(struct engine *engine);
bool engine_stopped(const struct engine *engine);

/* How many partitions it owns, and how many of them fire. */
struct engine_status {
    int owned;
    int attached;
    bool assigned_once; /* the group has given this member an assignment (maybe an empty one) */
    bool store_away;
};
struct engine_status engine_status(const struct engine *engine);

#endif
