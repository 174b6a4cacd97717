#include "app/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define SLOTS 256 /* threads that report gauges */

enum metric_kind { COUNTER, GAUGE };

static const struct metric_row {
    enum metric_kind kind;
    const char *name, *unit, *help;
} rows[METRIC_COUNT] = {
#define METRIC(kind, NAME, name, unit, help) {kind, name, unit, help},
#include "app/metrics.def"
#undef METRIC
};

/* Upper bounds in microseconds; the last bucket is +Inf. */
static const int64_t bounds_us[HISTOGRAM_BUCKETS] = {
    1000,   2000,    5000,    10000,   20000,    50000,    100000,   200000,
    500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000, 300000000};
static const struct {
    const char *name, *help;
} histogram_rows[HISTOGRAM_COUNT] = {
    {"lateness_seconds", "From a sent message's due instant to its transaction's commit."},
    {"transaction_seconds", "From a transaction's begin to its outcome."},
};

struct metrics {
    pthread_mutex_t lock;
    int64_t counters[METRIC_COUNT];
    int64_t gauges[METRIC_COUNT][SLOTS];
    int64_t histograms[HISTOGRAM_COUNT][HISTOGRAM_BUCKETS + 1];
    int64_t histogram_sums_us[HISTOGRAM_COUNT];
    struct metrics_outcome *outcomes; /* names owned */
    size_t outcome_count, outcome_capacity;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = memory_checked(calloc(1, sizeof *metrics));
    pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->outcome_count; i++)
        free((char *)metrics->outcomes[i].campaign.data);
    free(metrics->outcomes);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

void metrics_batch_init(struct metrics_batch *batch)
{
    *batch = (struct metrics_batch){0};
    arena_init(&batch->names, 4096);
}

void metrics_batch_free(struct metrics_batch *batch)
{
    free(batch->outcomes);
    arena_destroy(&batch->names);
}

void metrics_observe_us(struct metrics_batch *batch, enum histogram histogram, int64_t microseconds)
{
    int bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS && microseconds > bounds_us[bucket])
        bucket++;
    batch->histograms[histogram][bucket]++;
    batch->histogram_sums_us[histogram] += microseconds;
}

/* The row of these labels, NULL when there is none. Few: linear. */
static struct metrics_outcome *find_outcome(struct metrics_outcome *outcomes, size_t count,
                                            const struct metrics_outcome *like)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].outcome == like->outcome && span_equal(outcomes[i].campaign, like->campaign) &&
            span_equal(outcomes[i].reason, like->reason))
            return &outcomes[i];
    return NULL;
}

static struct metrics_outcome *add_outcome(struct metrics_outcome **outcomes, size_t *count,
                                           size_t *capacity)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 16 : *capacity * 2;
        *outcomes = memory_checked(realloc(*outcomes, *capacity * sizeof **outcomes));
    }
    return &(*outcomes)[(*count)++];
}

/* `cancelled` and `restarted` have an event's id as reason, which is no label: their reason is left out. */
static struct span label_reason(const struct decision_record *record)
{
    if (record->outcome == OUTCOME_CANCELLED || record->outcome == OUTCOME_RESTARTED)
        return (struct span){"", 0};
    return record->reason;
}

void metrics_outcome(struct metrics_batch *batch, const struct decision_record *record)
{
    struct metrics_outcome like = {.campaign = record->campaign,
                                   .outcome = record->outcome,
                                   .reason = label_reason(record),
                                   .count = 1};
    struct metrics_outcome *row = find_outcome(batch->outcomes, batch->outcome_count, &like);
    if (row != NULL) {
        row->count++;
        return;
    }
    row = add_outcome(&batch->outcomes, &batch->outcome_count, &batch->outcome_capacity);
    *row = like;
    row->campaign = arena_copy(&batch->names, like.campaign);
    row->reason = arena_copy(&batch->names, like.reason);
}

static void merge_outcomes(struct metrics *metrics, struct metrics_batch *batch)
{
    for (size_t i = 0; i < batch->outcome_count; i++) {
        const struct metrics_outcome *more = &batch->outcomes[i];
        struct metrics_outcome *row = find_outcome(metrics->outcomes, metrics->outcome_count, more);
        if (row != NULL) {
            row->count += more->count;
            continue;
        }
        row = add_outcome(&metrics->outcomes, &metrics->outcome_count, &metrics->outcome_capacity);
        *row = *more;
        size_t size = more->campaign.size + more->reason.size;
        char *names = memory_checked(malloc(size + 1));
        memcpy(names, more->campaign.data, more->campaign.size);
        memcpy(names + more->campaign.size, more->reason.data, more->reason.size);
        row->campaign.data = names;
        row->reason.data = names + more->campaign.size;
    }
    batch->outcome_count = 0;
    arena_reset(&batch->names);
}

void metrics_merge(struct metrics *metrics, struct metrics_batch *batch, int slot)
{
    assert(slot >= 0 && slot < SLOTS);
    pthread_mutex_lock(&metrics->lock);
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (rows[i].kind == GAUGE) {
            metrics->gauges[i][slot] = batch->values[i];
        } else {
            metrics->counters[i] += batch->values[i];
            batch->values[i] = 0;
        }
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        for (int k = 0; k <= HISTOGRAM_BUCKETS; k++)
            metrics->histograms[i][k] += batch->histograms[i][k];
        metrics->histogram_sums_us[i] += batch->histogram_sums_us[i];
    }
    memset(batch->histograms, 0, sizeof batch->histograms);
    memset(batch->histogram_sums_us, 0, sizeof batch->histogram_sums_us);
    merge_outcomes(metrics, batch);
    pthread_mutex_unlock(&metrics->lock);
}

static int64_t value_locked(const struct metrics *metrics, int metric)
{
    if (rows[metric].kind == COUNTER)
        return metrics->counters[metric];
    int64_t sum = 0;
    for (int slot = 0; slot < SLOTS; slot++)
        sum += metrics->gauges[metric][slot];
    return sum;
}

int64_t metrics_value(struct metrics *metrics, enum metric metric)
{
    pthread_mutex_lock(&metrics->lock);
    int64_t value = value_locked(metrics, metric);
    pthread_mutex_unlock(&metrics->lock);
    return value;
}

static void write_head(struct buf *out, const char *name, const char *type, const char *unit,
                       const char *help)
{
    buf_printf(out, "# TYPE declic_%s %s\n", name, type);
    if (unit[0] != '\0')
        buf_printf(out, "# UNIT declic_%s %s\n", name, unit);
    buf_printf(out, "# HELP declic_%s %s\n", name, help);
}

static void write_histogram(const struct metrics *metrics, int histogram, struct buf *out)
{
    const char *name = histogram_rows[histogram].name;
    write_head(out, name, "histogram", "seconds", histogram_rows[histogram].help);
    int64_t sum = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += metrics->histograms[histogram][i];
        buf_printf(out, "declic_%s_bucket{le=\"%g\"} %lld\n", name, (double)bounds_us[i] / 1e6,
                   (long long)sum);
    }
    sum += metrics->histograms[histogram][HISTOGRAM_BUCKETS];
    buf_printf(out, "declic_%s_bucket{le=\"+Inf\"} %lld\n", name, (long long)sum);
    buf_printf(out, "declic_%s_count %lld\n", name, (long long)sum);
    buf_printf(out, "declic_%s_sum %.6f\n", name, (double)metrics->histogram_sums_us[histogram] / 1e6);
}

void metrics_write(struct metrics *metrics, struct buf *out)
{
    pthread_mutex_lock(&metrics->lock);
    for (int i = 0; i < METRIC_COUNT; i++) {
        char name[64];
        bool counter = rows[i].kind == COUNTER;
        snprintf(name, sizeof name, "%s%s%s", rows[i].name, rows[i].unit[0] == '\0' ? "" : "_",
                 rows[i].unit);
        write_head(out, name, counter ? "counter" : "gauge", rows[i].unit, rows[i].help);
        buf_printf(out, "declic_%s%s %lld\n", name, counter ? "_total" : "",
                   (long long)value_locked(metrics, i));
    }
    write_head(out, "outcomes", "counter", "", "Decision records by campaign, outcome and reason.");
    for (size_t i = 0; i < metrics->outcome_count; i++) {
        const struct metrics_outcome *row = &metrics->outcomes[i];
        buf_printf(out, "declic_outcomes_total{campaign=\"%.*s\",outcome=\"%.*s\",reason=\"%.*s\"} %lld\n",
                   SPAN_PRINTF(row->campaign), SPAN_PRINTF(outcome_text(row->outcome)),
                   SPAN_PRINTF(row->reason), (long long)row->count);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        write_histogram(metrics, i, out);
    buf_append_text(out, "# EOF\n");
    pthread_mutex_unlock(&metrics->lock);
}
