/* What an operator can see in numbers: counters, gauges, histograms, outcomes by campaign.
 *
 * One struct metrics for the process, guarded by a mutex. Threads gather in a struct metrics_batch
 * of their own and merge it once a turn, so nothing is locked for each event. Gauges are set per
 * worker and summed when written.
 */
#ifndef DECLIC_APP_METRICS_H
#define DECLIC_APP_METRICS_H

#include "base/buf.h"
#include "core/decision.h"

enum metric {
#define METRIC(kind, NAME, name, unit, help) METRIC_##NAME,
#include "app/metrics.def"
#undef METRIC
    METRIC_COUNT
};

enum histogram {
    HISTOGRAM_LATENESS,    /* commit - due of a sent message, seconds */
    HISTOGRAM_TRANSACTION, /* begin to outcome, seconds */
    HISTOGRAM_COUNT
};
#define HISTOGRAM_BUCKETS 16

struct metrics;

struct metrics_outcome {
    struct span campaign; /* copied when merged */
    enum outcome outcome;
    struct span reason; /* of outcome.def only: an event's id is no label */
    int64_t count;
};

struct metrics_batch {
    int64_t values[METRIC_COUNT];
    int64_t histograms[HISTOGRAM_COUNT][HISTOGRAM_BUCKETS + 1];
    int64_t histogram_sums_us[HISTOGRAM_COUNT];
    struct metrics_outcome *outcomes;
    size_t outcome_count, outcome_capacity;
    struct arena names; /* of outcomes gathered since the last merge */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

void metrics_batch_init(struct metrics_batch *batch);
void metrics_batch_free(struct metrics_batch *batch);
static inline void metrics_count(struct metrics_batch *batch, enum metric metric, int64_t more)
{
    batch->values[metric] += more;
}
void metrics_observe_us(struct metrics_batch *batch, enum histogram histogram, int64_t microseconds);
void metrics_outcome(struct metrics_batch *batch, const struct decision_record *record);
/* Adds the batch's counters and histograms to the whole and empties it; gauges replace this slot's
 * former ones. `slot` names the thread (0..255). */
void metrics_merge(struct metrics *metrics, struct metrics_batch *batch, int slot);

int64_t metrics_value(struct metrics *metrics, enum metric metric);
/* The OpenMetrics text exposition, ended by "# EOF". */
void metrics_write(struct metrics *metrics, struct buf *out);

#endif
