/* Intake: source records in, journal entries and dead letters out.
 *
 * One intake belongs to one thread and turns over without waiting for anything but its source:
 *
 *     source -> decode -> check -> sieve -> block of its journal partition -> append
 *
 * It is not transactional. Source offsets are committed only after everything before them is
 * acknowledged, so a crash repeats records and loses none; each entry says where it came from and the
 * block says below which offset all was delivered, so that the fold tells a repeat (rule and reason in
 * processor/README.md). That only holds within one life of a source partition, its incarnation: a
 * random number that stands in the metadata of the committed offset, made anew where there is no
 * such offset or one beyond the log's end, and established by a commit before the first record of it
 * is appended.
 *
 * Memory in flight is bounded. A record that Declic cannot take goes to the dead letters, and the
 * stream goes on.
 */
#ifndef DECLIC_APP_INTAKE_H
#define DECLIC_APP_INTAKE_H

#include "app/interest.h"
#include "codec/source_record.h"
#include "ports/appender.h"
#include "ports/clock.h"
#include "ports/source.h"

struct intake;

struct intake_source {
    struct span topic;
    bool profiles; /* its records are profile updates, not events */
    struct mapping mapping;
};

struct intake_settings {
    const struct intake_source *sources; /* in the order of the source port's topics */
    size_t source_count;
    int32_t partitions;    /* of the journal */
    struct span connector; /* PREFIX + intake, for dead letters' headers */
    int worker;
    struct record_limits limits;
    int64_t max_age_ms, max_future_ms;
    const struct name_set *profile_attributes; /* what is kept of profiles; NULL: everything */
    uint64_t (*random)(void);                  /* for incarnations */
    /* How it turns; intake_settings_turn sets what is good in a running system. */
    int64_t linger_ms;        /* a block waits no longer for more entries */
    size_t block_bytes;       /* nor for more than these */
    size_t in_flight_bytes;   /* appended and not acknowledged, before reading pauses */
    int64_t commit_every_ms;  /* pause between commits of progress */
    int64_t give_up_after_ms; /* how long a revoke waits for what is in flight */
};

void intake_settings_turn(struct intake_settings *settings);

struct intake_ports {
    struct source_port source;
    struct appender_port appender;
    struct interest_port interest;
    struct clock_port clock;
};

/* What it did since it began; for metrics. */
struct intake_stats {
    uint64_t records;   /* read */
    uint64_t entries;   /* appended to the journal */
    uint64_t dropped;   /* that nothing needs */
    uint64_t refused;   /* to the dead letters */
    uint64_t blocks;    /* journal records */
    uint64_t bytes;     /* of them */
    uint64_t commits;   /* acknowledged */
    int64_t in_flight;  /* bytes now */
    int64_t assigned;   /* source partitions now */
    int64_t arrived_ms; /* of the last record read */
};

struct intake *intake_new(const struct intake_settings *settings, const struct intake_ports *ports);
/* Gives its memory back; commits nothing. */
void intake_free(struct intake *intake);

/* One turn, waiting up to timeout_ms for something to do. ERR_OK; anything else means that this intake
 * cannot go on (an append failed for good, the source refuses): free it, close the ports and begin
 * again from what was committed; intake_trouble says why. */
WARN_UNUSED enum err intake_step(struct intake *intake, int timeout_ms);

/* No records are taken until false; the group membership stays. For a store that is nearly full. */
void intake_hold(struct intake *intake, bool held);
/* Flush, commit and leave the group in order; go on stepping until intake_stopped. */
void intake_stop(struct intake *intake);
bool intake_stopped(const struct intake *intake);

const struct intake_stats *intake_stats(const struct intake *intake);
/* Why it waits or ended, for a person; empty when all is well. Valid until the next step. */
struct span intake_trouble(struct intake *intake);

#endif
