#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/thread.h"
#include "kafka/kafka_producer_internal.h"

bool kafka_producer_ready(struct kafka_producer *p)
{
    pthread_mutex_lock(&p->lock);
    bool ready = p->client_ready && p->transaction == TRANSACTION_NONE;
    pthread_mutex_unlock(&p->lock);
    return ready;
}

rd_kafka_consumer_group_metadata_t *kafka_metadata_copy(const rd_kafka_consumer_group_metadata_t *metadata)
{
    void *bytes = NULL;
    size_t size = 0;
    rd_kafka_consumer_group_metadata_t *copy = NULL;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    if (error == NULL)
        error = rd_kafka_consumer_group_metadata_read(&copy, bytes, size);
    assert(error == NULL); /* only out of memory, or not metadata at all */
    rd_kafka_mem_free(NULL, bytes);
    return copy;
}

void kafka_producer_begin(struct kafka_producer *p, const rd_kafka_consumer_group_metadata_t *metadata)
{
    pthread_mutex_lock(&p->lock);
    assert(p->client_ready && p->transaction == TRANSACTION_NONE);
    p->transaction = TRANSACTION_OPEN;
    pthread_mutex_unlock(&p->lock);
    atomic_store(&p->abort_wanted, false);
    p->failed = false;
    p->text[0] = '\0';
    p->offset_count = 0;
    p->kept = NULL;
    p->kept_count = p->kept_capacity = 0;
    arena_reset(&p->arena);
    p->begun_us = kafka_now_us();
    if (!kafka_producer_is_transactional(p))
        return;
    assert(metadata != NULL);
    if (p->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(p->metadata);
    p->metadata = kafka_metadata_copy(metadata);
    rd_kafka_error_t *error = rd_kafka_begin_transaction(p->client);
    if (error != NULL)
        (void)kafka_producer_fail_by(p, "begin", error);
}

static void *cookie_mark(struct kafka_producer *p, const struct outbox_record *record)
{
    if (record->phase != OUTBOX_SETTLED)
        return NULL;
    size_t need = (size_t)record->cookie + 1;
    if (need > p->offset_capacity) {
        p->offset_capacity = need * 2;
        p->offsets = memory_checked(realloc(p->offsets, p->offset_capacity * sizeof(*p->offsets)));
    }
    while (p->offset_count < need)
        p->offsets[p->offset_count++] = -1;
    return (void *)(uintptr_t)need; // NOLINT: a number in a pointer's place
}

static void keep_back(struct kafka_producer *p, const struct outbox_record *record)
{
    struct outbox_record *kept = ARENA_PUSH(&p->arena, &p->kept, &p->kept_count, &p->kept_capacity);
    struct outbox_header *headers = ARENA_ARRAY(&p->arena, struct outbox_header, record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        headers[i] = (struct outbox_header){record->headers[i].name,
                                            arena_copy(&p->arena, record->headers[i].value)};
    *kept = *record;
    kept->topic = arena_copy(&p->arena, record->topic);
    kept->key = arena_copy(&p->arena, record->key);
    kept->value = arena_copy(&p->arena, record->value);
    kept->headers = headers;
}

void kafka_producer_produce(struct kafka_producer *p, const struct outbox_record *record)
{
    assert(p->transaction == TRANSACTION_OPEN);
    void *mark = cookie_mark(p, record);
    if (p->failed)
        return;
    if (!kafka_producer_is_transactional(p) && record->phase == OUTBOX_SETTLED) {
        keep_back(p, record);
        return;
    }
    rd_kafka_resp_err_t error = kafka_send(p->client, &p->topics, record, mark);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_producer_fail(p, "produce", rd_kafka_err2str(error));
}

static void command_give(struct kafka_producer *p, enum command command)
{
    pthread_mutex_lock(&p->lock);
    assert(p->transaction == TRANSACTION_OPEN);
    p->transaction = TRANSACTION_ENDING;
    p->command = command;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void kafka_producer_commit(struct kafka_producer *p, const struct outbox_offset *offsets, size_t count)
{
    assert(count >= 1);
    if (count > p->head_capacity) {
        p->head_capacity = count * 2;
        p->heads = memory_checked(realloc(p->heads, p->head_capacity * sizeof(*p->heads)));
    }
    for (size_t i = 0; i < count; i++) {
        assert(offsets[i].offset >= 0);
        p->heads[i] = offsets[i];
    }
    p->head_count = count;
    command_give(p, COMMAND_COMMIT);
}

void kafka_producer_abort(struct kafka_producer *p)
{
    pthread_mutex_lock(&p->lock);
    bool open = p->transaction == TRANSACTION_OPEN;
    pthread_mutex_unlock(&p->lock);
    if (open)
        command_give(p, COMMAND_ABORT);
    else
        atomic_store(&p->abort_wanted, true);
}

bool kafka_producer_poll(struct kafka_producer *p, struct outbox_result *result)
{
    pthread_mutex_lock(&p->lock);
    bool done = p->transaction == TRANSACTION_DONE;
    if (done)
        p->transaction = TRANSACTION_NONE;
    pthread_mutex_unlock(&p->lock);
    if (done)
        *result = (struct outbox_result){
            .outcome = p->outcome,
            .offsets = p->offsets,
            .offset_count = p->offset_count,
            .elapsed_us = p->ended_us - p->begun_us,
            .text = p->text,
        };
    return done;
}

/* ---- opening and closing ---- */

static void producer_free(struct kafka_producer *p)
{
    kafka_producer_client_drop(p);
    if (p->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(p->metadata);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    arena_destroy(&p->arena);
    kafka_watch_destroy(&p->watch);
    free(p->offsets);
    free(p->heads);
    free(p->id);
    free(p);
}

enum err kafka_producer_open(const struct kafka_producer_options *options, struct kafka_producer **producer,
                             struct diag *diag)
{
    pthread_condattr_t monotonic;
    struct kafka_producer *p = memory_checked(calloc(1, sizeof(*p)));
    p->options = *options;
    p->signal = options->signal;
    p->id = options->transactional_id == NULL ? NULL : memory_checked(strdup(options->transactional_id));
    snprintf(p->name, sizeof(p->name), "%s", p->id == NULL ? "producer" : p->id);
    kafka_watch_init(&p->watch, options->log, p->name);
    arena_init(&p->arena, 0);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    p->client = kafka_producer_client_of(p, diag);
    if (p->client == NULL) {
        producer_free(p);
        return ERR_INVALID;
    }
    thread_start(&p->thread, kafka_producer_thread, p);
    *producer = p;
    return ERR_OK;
}

void kafka_producer_close(struct kafka_producer *p)
{
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    bool open = p->transaction == TRANSACTION_OPEN || p->transaction == TRANSACTION_ENDING;
    if (open && p->client_ready && kafka_producer_is_transactional(p))
        (void)kafka_producer_abort_now(p);
    producer_free(p);
}
