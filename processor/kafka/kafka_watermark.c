#include "kafka/kafka_watermark.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/thread.h"

#define REQUESTS_KEPT 32
#define ANSWER_TIMEOUT_MS 2000
#define TIMESTAMP_LATEST (-1)
#define TIMESTAMP_EARLIEST (-2)

struct request {
    int64_t tag_ms;
    bool with_last_stable;
    size_t count;
    int32_t partitions[];
};

struct answers {
    struct journal_event *list;
    size_t count, capacity, taken;
};

struct kafka_watermark {
    struct kafka_watch watch; /* first: the opaque of both clients */
    rd_kafka_t *uncommitted, *committed;
    /* Without a handle of the topic a client looks for its partitions' leaders once, and not again when
     * they have moved. */
    rd_kafka_topic_t *handles[2];
    char *topic;
    void (*wake)(void *context);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool closing;
    struct request *requests[REQUESTS_KEPT]; /* oldest first */
    size_t request_count;
    struct answers answers;
    int64_t *low; /* by partition; -1: to be asked */
    size_t low_count;
};

static void low_grow(struct kafka_watermark *w, int32_t partition)
{
    size_t need = (size_t)partition + 1;
    if (need <= w->low_count)
        return;
    w->low = memory_checked(realloc(w->low, need * sizeof(*w->low)));
    while (w->low_count < need)
        w->low[w->low_count++] = -1;
}

static void answer_add(struct answers *answers, struct journal_event event)
{
    if (answers->count == answers->capacity) {
        answers->capacity = answers->capacity == 0 ? 64 : answers->capacity * 2;
        answers->list = memory_checked(realloc(answers->list, answers->capacity * sizeof(event)));
    }
    answers->list[answers->count++] = event;
}

static rd_kafka_topic_partition_list_t *list_make(const struct kafka_watermark *w,
                                                  const struct request *request)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)request->count);
    for (size_t i = 0; i < request->count; i++)
        rd_kafka_topic_partition_list_add(list, w->topic, request->partitions[i]);
    return list;
}

/* Asks the leaders; offsets[i] of list[i] are set to -1 where there is no answer. */
static bool list_ask(struct kafka_watermark *w, rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                     int64_t timestamp)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = timestamp;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client, list, ANSWER_TIMEOUT_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_watch_error(&w->watch, error, "asking for watermarks");
        return false;
    }
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            list->elems[i].offset = -1;
    }
    return true;
}

/* True when some partition's log start is to be asked for. */
static bool low_wanted(struct kafka_watermark *w, const struct request *request)
{
    bool wanted = request->with_last_stable;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < request->count; i++) {
        low_grow(w, request->partitions[i]);
        wanted = wanted || w->low[request->partitions[i]] < 0;
    }
    pthread_mutex_unlock(&w->lock);
    return wanted;
}

static void low_keep(struct kafka_watermark *w, const rd_kafka_topic_partition_list_t *low)
{
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < low->cnt; i++)
        w->low[low->elems[i].partition] = low->elems[i].offset;
    pthread_mutex_unlock(&w->lock);
}

/* The order of the lists is the request's: offsets_for_times keeps it. */
static void answers_publish(struct kafka_watermark *w, const struct request *request,
                            const rd_kafka_topic_partition_list_t *high,
                            const rd_kafka_topic_partition_list_t *stable)
{
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < high->cnt; i++) {
        int32_t partition = high->elems[i].partition;
        bool complete = high->elems[i].offset >= 0 && w->low[partition] >= 0 &&
                        (stable == NULL || stable->elems[i].offset >= 0);
        if (complete)
            answer_add(&w->answers,
                       (struct journal_event){.kind = JOURNAL_WATERMARK,
                                              .partition = partition,
                                              .offset = high->elems[i].offset,
                                              .low = w->low[partition],
                                              .last_stable = stable == NULL ? -1 : stable->elems[i].offset,
                                              .requested_ms = request->tag_ms});
    }
    pthread_mutex_unlock(&w->lock);
    w->wake(w->context);
}

/* The last stable offset is asked after the high watermark: a lag between the two is then never an effect
 * of the order, only of transactions that are open. */
static void request_serve(struct kafka_watermark *w, const struct request *request)
{
    rd_kafka_topic_partition_list_t *high = list_make(w, request), *low = NULL, *stable = NULL;
    bool good = list_ask(w, w->uncommitted, high, TIMESTAMP_LATEST);
    if (good && request->with_last_stable) {
        stable = list_make(w, request);
        good = list_ask(w, w->committed, stable, TIMESTAMP_LATEST);
    }
    if (good && low_wanted(w, request)) {
        low = list_make(w, request);
        good = list_ask(w, w->uncommitted, low, TIMESTAMP_EARLIEST);
        if (good)
            low_keep(w, low);
    }
    if (good)
        answers_publish(w, request, high, stable);
    rd_kafka_topic_partition_list_destroy(high);
    if (low != NULL)
        rd_kafka_topic_partition_list_destroy(low);
    if (stable != NULL)
        rd_kafka_topic_partition_list_destroy(stable);
}

static void *watermark_thread(void *argument)
{
    struct kafka_watermark *w = argument;
    pthread_mutex_lock(&w->lock);
    while (!w->closing) {
        if (w->request_count == 0) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        struct request *request = w->requests[0];
        w->request_count--;
        memmove(w->requests, w->requests + 1, w->request_count * sizeof(*w->requests));
        pthread_mutex_unlock(&w->lock);
        request_serve(w, request);
        free(request);
        rd_kafka_poll(w->uncommitted, 0); /* serves error callbacks */
        rd_kafka_poll(w->committed, 0);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static rd_kafka_t *client_open(struct kafka_watermark *w, const struct kafka_properties *properties,
                               const char *isolation, struct diag *diag)
{
    const struct kafka_fixed fixed[] = {
        {"isolation.level", isolation},       {"allow.auto.create.topics", "false"},
        {"socket.timeout.ms", "2500"},        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"}, {"log.connection.close", "false"},
        {"socket.nagle.disable", "true"},
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(properties, fixed, sizeof(fixed) / sizeof(fixed[0]), &w->watch, diag);
    return conf == NULL ? NULL : kafka_client_new(conf, RD_KAFKA_CONSUMER, diag);
}

static void watermark_free(struct kafka_watermark *w)
{
    for (size_t i = 0; i < 2; i++)
        if (w->handles[i] != NULL)
            rd_kafka_topic_destroy(w->handles[i]);
    if (w->uncommitted != NULL)
        rd_kafka_destroy(w->uncommitted);
    if (w->committed != NULL)
        rd_kafka_destroy(w->committed);
    for (size_t i = 0; i < w->request_count; i++)
        free(w->requests[i]);
    free(w->answers.list);
    free(w->low);
    free(w->topic);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    kafka_watch_destroy(&w->watch);
    free(w);
}

enum err kafka_watermark_open(const struct kafka_properties *properties, const char *topic,
                              const struct log *log, void (*wake)(void *context), void *context,
                              struct kafka_watermark **watermark, struct diag *diag)
{
    struct kafka_watermark *w = memory_checked(calloc(1, sizeof(*w)));
    kafka_watch_init(&w->watch, log, "watermarks");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->topic = memory_checked(strdup(topic));
    w->wake = wake;
    w->context = context;
    w->uncommitted = client_open(w, properties, "read_uncommitted", diag);
    if (w->uncommitted != NULL)
        w->committed = client_open(w, properties, "read_committed", diag);
    if (w->committed == NULL) {
        watermark_free(w);
        return ERR_INVALID;
    }
    w->handles[0] = memory_checked(rd_kafka_topic_new(w->uncommitted, w->topic, NULL));
    w->handles[1] = memory_checked(rd_kafka_topic_new(w->committed, w->topic, NULL));
    thread_start(&w->thread, watermark_thread, w);
    *watermark = w;
    return ERR_OK;
}

void kafka_watermark_close(struct kafka_watermark *w)
{
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    watermark_free(w);
}

void kafka_watermark_request(struct kafka_watermark *w, const int32_t *partitions, size_t count,
                             bool with_last_stable, int64_t tag_ms)
{
    if (count == 0)
        return;
    struct request *request = memory_checked(malloc(sizeof(*request) + count * sizeof(*partitions)));
    *request = (struct request){.tag_ms = tag_ms, .with_last_stable = with_last_stable, .count = count};
    memcpy(request->partitions, partitions, count * sizeof(*partitions));
    pthread_mutex_lock(&w->lock);
    if (w->request_count == REQUESTS_KEPT) {
        free(w->requests[0]);
        w->request_count--;
        memmove(w->requests, w->requests + 1, w->request_count * sizeof(*w->requests));
    }
    w->requests[w->request_count++] = request;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void kafka_watermark_forget_low(struct kafka_watermark *w, int32_t partition)
{
    pthread_mutex_lock(&w->lock);
    low_grow(w, partition);
    w->low[partition] = -1;
    pthread_mutex_unlock(&w->lock);
}

bool kafka_watermark_take(struct kafka_watermark *w, struct journal_event *event)
{
    bool taken = false;
    pthread_mutex_lock(&w->lock);
    struct answers *answers = &w->answers;
    if (answers->taken < answers->count) {
        *event = answers->list[answers->taken++];
        taken = true;
        if (answers->taken == answers->count)
            answers->taken = answers->count = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}
