#include "kafka/kafka_fence.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/thread.h"
#include "kafka/kafka_producer.h"

#define FENCE_TIMEOUT_MS 10000
#define FENCE_STEP_MS 1000

struct fence_id {
    struct fence_id *next;
    char text[];
};

struct kafka_fence {
    struct kafka_watch watch; /* first: the clients' opaque */
    const struct kafka_properties *properties;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool running;
    bool closing;
    struct fence_id *waiting; /* the first one is being worked on while it is here */
};

struct kafka_fence *kafka_fence_open(const struct kafka_properties *properties, const struct log *log)
{
    struct kafka_fence *fence = memory_checked(calloc(1, sizeof(*fence)));
    kafka_watch_init(&fence->watch, log, "fence");
    fence->properties = properties;
    pthread_mutex_init(&fence->lock, NULL);
    pthread_cond_init(&fence->changed, NULL);
    return fence;
}

static bool is_closing(struct kafka_fence *fence)
{
    pthread_mutex_lock(&fence->lock);
    bool closing = fence->closing;
    pthread_mutex_unlock(&fence->lock);
    return closing;
}

static void id_end(struct kafka_fence *fence, const char *id)
{
    bool done = false;
    int64_t until_us = kafka_now_us() + FENCE_TIMEOUT_MS * 1000;
    rd_kafka_t *client = kafka_producer_client(fence->properties, id, &fence->watch, NULL, NULL);
    while (client != NULL && !done && kafka_now_us() < until_us && !is_closing(fence)) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(client, FENCE_STEP_MS);
        done = error == NULL || rd_kafka_error_is_retriable(error) == 0;
        if (error != NULL) {
            kafka_watch_error(&fence->watch, rd_kafka_error_code(error), rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
        }
        rd_kafka_poll(client, 0);
    }
    if (client != NULL)
        rd_kafka_destroy(client);
    if (fence->watch.log != NULL)
        log_line(fence->watch.log, LOG_INFO, "ended a former owner's transaction", log_text("id", id),
                 log_text("done", done ? "yes" : "no"));
}

static void *fence_thread(void *argument)
{
    struct kafka_fence *fence = argument;
    pthread_mutex_lock(&fence->lock);
    while (!fence->closing) {
        struct fence_id *id = fence->waiting;
        if (id == NULL) {
            pthread_cond_wait(&fence->changed, &fence->lock);
            continue;
        }
        pthread_mutex_unlock(&fence->lock);
        id_end(fence, id->text);
        pthread_mutex_lock(&fence->lock);
        fence->waiting = id->next;
        free(id);
    }
    pthread_mutex_unlock(&fence->lock);
    return NULL;
}

static void id_add(struct kafka_fence *fence, struct span id)
{
    struct fence_id **at = &fence->waiting;
    for (; *at != NULL; at = &(*at)->next) {
        if (span_equal_text(id, (*at)->text))
            return;
    }
    struct fence_id *added = memory_checked(calloc(1, sizeof(*added) + id.size + 1));
    memcpy(added->text, id.data, id.size);
    *at = added;
}

void kafka_fence_add(struct kafka_fence *fence, struct span ids)
{
    pthread_mutex_lock(&fence->lock);
    for (size_t from = 0, to; from < ids.size; from = to + 1) {
        for (to = from; to < ids.size && ids.data[to] != ' ';)
            to++;
        if (to > from)
            id_add(fence, span_slice(ids, from, to));
    }
    if (!fence->running && fence->waiting != NULL) {
        thread_start(&fence->thread, fence_thread, fence);
        fence->running = true;
    }
    pthread_cond_signal(&fence->changed);
    pthread_mutex_unlock(&fence->lock);
}

bool kafka_fence_busy(struct kafka_fence *fence)
{
    pthread_mutex_lock(&fence->lock);
    bool busy = fence->waiting != NULL;
    pthread_mutex_unlock(&fence->lock);
    return busy;
}

void kafka_fence_close(struct kafka_fence *fence)
{
    pthread_mutex_lock(&fence->lock);
    fence->closing = true;
    pthread_cond_signal(&fence->changed);
    pthread_mutex_unlock(&fence->lock);
    if (fence->running)
        pthread_join(fence->thread, NULL);
    while (fence->waiting != NULL) {
        struct fence_id *id = fence->waiting;
        fence->waiting = id->next;
        free(id);
    }
    pthread_cond_destroy(&fence->changed);
    pthread_mutex_destroy(&fence->lock);
    kafka_watch_destroy(&fence->watch);
    free(fence);
}
