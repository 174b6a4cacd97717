#include "kafka/kafka_outbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "kafka/kafka_fence.h"
#include "kafka/kafka_notes.h"
#include "kafka/kafka_producer.h"

#define ID_BYTES 192

struct kafka_outbox {
    struct kafka_properties *properties;
    char *journal_topic;
    bool transactional;
    struct kafka_signal signal;
    uint64_t seen; /* of signal.count, by `wait` */
    struct kafka_producer *producers[KAFKA_OUTBOX_PRODUCERS];
    char ids[KAFKA_OUTBOX_PRODUCERS * ID_BYTES];
    struct kafka_fence *fence;
    struct kafka_notes *notes;
    rd_kafka_consumer_group_metadata_t *metadata; /* a copy; NULL: no valid generation */
};

static bool outbox_ready(void *self, int producer)
{
    struct kafka_outbox *outbox = self;
    if (outbox->transactional && outbox->metadata == NULL)
        return false;
    return kafka_producer_ready(outbox->producers[producer]);
}

static void outbox_begin(void *self, int producer)
{
    struct kafka_outbox *outbox = self;
    kafka_producer_begin(outbox->producers[producer], outbox->metadata);
}

static void outbox_produce(void *self, int producer, const struct outbox_record *record)
{
    struct kafka_outbox *outbox = self;
    kafka_producer_produce(outbox->producers[producer], record);
}

static void outbox_commit(void *self, int producer, const struct outbox_offset *offsets, size_t count)
{
    struct kafka_outbox *outbox = self;
    kafka_producer_commit(outbox->producers[producer], offsets, count);
}

static void outbox_abort(void *self, int producer)
{
    struct kafka_outbox *outbox = self;
    kafka_producer_abort(outbox->producers[producer]);
}

static void outbox_set_group_metadata(void *self, const void *group_metadata)
{
    struct kafka_outbox *outbox = self;
    if (outbox->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(outbox->metadata);
    outbox->metadata = group_metadata == NULL ? NULL : kafka_metadata_copy(group_metadata);
}

static bool outbox_poll(void *self, int producer, struct outbox_result *result)
{
    struct kafka_outbox *outbox = self;
    return kafka_producer_poll(outbox->producers[producer], result);
}

static void outbox_wait(void *self, int timeout_ms)
{
    struct kafka_outbox *outbox = self;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&outbox->signal.lock);
    int result = 0;
    while (result == 0 && outbox->signal.count == outbox->seen)
        result = pthread_cond_timedwait(&outbox->signal.changed, &outbox->signal.lock, &until);
    outbox->seen = outbox->signal.count;
    pthread_mutex_unlock(&outbox->signal.lock);
}

static struct span outbox_ids(void *self)
{
    const struct kafka_outbox *outbox = self;
    return span_from_text(outbox->ids);
}

static void outbox_fence(void *self, struct span ids)
{
    struct kafka_outbox *outbox = self;
    assert(!span_equal_text(ids, outbox->ids));
    if (outbox->transactional)
        kafka_fence_add(outbox->fence, ids);
}

static bool outbox_fencing(void *self)
{
    struct kafka_outbox *outbox = self;
    return kafka_fence_busy(outbox->fence);
}

static void outbox_note(void *self, const struct outbox_record *record)
{
    struct kafka_outbox *outbox = self;
    kafka_notes_add(outbox->notes, record);
}

static enum err outbox_notes_flush(void *self, int timeout_ms)
{
    struct kafka_outbox *outbox = self;
    return kafka_notes_flush(outbox->notes, timeout_ms);
}

static void signal_init(struct kafka_signal *signal, void (*wake)(void *context), void *context)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&signal->lock, NULL);
    pthread_cond_init(&signal->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    signal->wake = wake;
    signal->context = context;
}

static enum err producers_open(struct kafka_outbox *outbox, const struct kafka_outbox_options *options,
                               struct diag *diag)
{
    size_t used = 0;
    for (int i = 0; i < KAFKA_OUTBOX_PRODUCERS; i++) {
        char id[ID_BYTES];
        int size = snprintf(id, sizeof(id), "%stx-%s-%d-%d", options->prefix, options->process_id,
                            options->worker, i);
        if (size < 0 || (size_t)size >= sizeof(id) - 1)
            return diag_set(diag, ERR_INVALID, 0, 0, "topics.prefix is too long");
        if (options->transactional)
            used += (size_t)snprintf(outbox->ids + used, sizeof(outbox->ids) - used, "%s%s",
                                     i > 0 ? " " : "", id);
        const struct kafka_producer_options producer = {
            .properties = outbox->properties,
            .transactional_id = options->transactional ? id : NULL,
            .journal_topic = outbox->journal_topic,
            .log = options->log,
            .signal = &outbox->signal,
        };
        enum err error = kafka_producer_open(&producer, &outbox->producers[i], diag);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

enum err kafka_outbox_open(const struct kafka_outbox_options *options, struct kafka_outbox **result,
                           struct diag *diag)
{
    struct kafka_outbox *outbox = memory_checked(calloc(1, sizeof(*outbox)));
    outbox->properties = kafka_properties_copy(options->properties);
    outbox->journal_topic = memory_checked(strdup(options->journal_topic));
    outbox->transactional = options->transactional;
    signal_init(&outbox->signal, options->wake, options->wake_context);
    outbox->fence = kafka_fence_open(outbox->properties, options->log);
    enum err error = producers_open(outbox, options, diag);
    if (error == ERR_OK)
        error = kafka_notes_open(outbox->properties, options->log, &outbox->notes, diag);
    if (error != ERR_OK) {
        kafka_outbox_destroy(outbox);
        return error;
    }
    *result = outbox;
    return ERR_OK;
}

void kafka_outbox_destroy(struct kafka_outbox *outbox)
{
    for (int i = 0; i < KAFKA_OUTBOX_PRODUCERS; i++) {
        if (outbox->producers[i] != NULL)
            kafka_producer_close(outbox->producers[i]);
    }
    if (outbox->notes != NULL)
        kafka_notes_close(outbox->notes);
    kafka_fence_close(outbox->fence);
    if (outbox->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(outbox->metadata);
    pthread_cond_destroy(&outbox->signal.changed);
    pthread_mutex_destroy(&outbox->signal.lock);
    free(outbox->journal_topic);
    kafka_properties_free(outbox->properties);
    free(outbox);
}

struct outbox_port kafka_outbox_port(struct kafka_outbox *outbox)
{
    return (struct outbox_port){
        .self = outbox,
        .producers = KAFKA_OUTBOX_PRODUCERS,
        .ready = outbox_ready,
        .begin = outbox_begin,
        .produce = outbox_produce,
        .commit = outbox_commit,
        .abort = outbox_abort,
        .set_group_metadata = outbox_set_group_metadata,
        .poll = outbox_poll,
        .wait = outbox_wait,
        .ids = outbox_ids,
        .fence = outbox_fence,
        .fencing = outbox_fencing,
        .note = outbox_note,
        .notes_flush = outbox_notes_flush,
    };
}
