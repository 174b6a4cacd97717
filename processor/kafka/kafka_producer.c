#include "kafka/kafka_producer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "kafka/kafka_send.h"

/* Shorter than transaction.timeout.ms, so that a slow commit is noticed before the coordinator ends it. */
#define SOCKET_TIMEOUT_MS 2500
#define COMMIT_TIMEOUT_MS 5000
#define ABORT_TIMEOUT_MS 5000
#define FLUSH_STEP_MS 50
#define FLUSH_TIMEOUT_MS 4500
#define INIT_TIMEOUT_MS 2000
#define RENEW_PAUSE_MIN_MS 50
#define RENEW_PAUSE_MAX_MS 1000
#define IDLE_POLL_MS 500

enum transaction {
    TRANSACTION_NONE,
    TRANSACTION_OPEN,
    TRANSACTION_ENDING, /* the inner thread has it */
    TRANSACTION_DONE,   /* the outcome waits to be polled */
};

enum command { COMMAND_NONE, COMMAND_COMMIT, COMMAND_ABORT };

struct kafka_producer {
    struct kafka_watch watch; /* first: the client's opaque */
    struct kafka_producer_options options;
    char *id; /* NULL: at least once */
    char name[48];
    rd_kafka_t *client; /* the worker uses it while a transaction is OPEN, the inner thread otherwise */
    struct kafka_topics topics;
    struct kafka_signal *signal;
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows, up to the blank line */
    pthread_cond_t changed;
    bool closing;
    bool client_ready; /* made and initialised */
    enum transaction transaction;
    enum command command;

    /* Of the transaction; owned by the worker while OPEN, by the inner thread while ENDING. */
    atomic_bool abort_wanted;
    bool failed; /* it cannot be committed; text says why */
    bool commit_asked;
    struct arena arena; /* at least once: the SETTLED records kept back */
    struct outbox_record *kept;
    size_t kept_count, kept_capacity;
    rd_kafka_consumer_group_metadata_t *metadata;
    struct outbox_offset *heads;
    size_t head_count, head_capacity;
    int64_t *offsets; /* by cookie */
    size_t offset_count, offset_capacity;
    int64_t begun_us, ended_us;
    enum outbox_outcome outcome;
    char text[256];
};

static void *checked(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static bool is_transactional(const struct kafka_producer *p)
{
    return p->id != NULL;
}

static void signal_raise(struct kafka_signal *signal)
{
    pthread_mutex_lock(&signal->lock);
    signal->count++;
    pthread_cond_broadcast(&signal->changed);
    pthread_mutex_unlock(&signal->lock);
    if (signal->wake != NULL)
        signal->wake(signal->context);
}

static void fail(struct kafka_producer *p, const char *doing, const char *why)
{
    if (p->failed)
        return;
    p->failed = true;
    snprintf(p->text, sizeof(p->text), "%s: %s", doing, why);
}

/* Notes why the transaction cannot be committed and gives the error back. True when it was fatal. */
static bool fail_by(struct kafka_producer *p, const char *doing, rd_kafka_error_t *error)
{
    bool fatal = rd_kafka_error_is_fatal(error) != 0;
    fail(p, doing, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return fatal;
}

/* ---- clients ---- */

/* _private of a message: 0 for an outbound record, cookie + 1 for a settled one. */
static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_producer *p = opaque;
    uintptr_t mark = (uintptr_t)message->_private;
    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char doing[160];
        snprintf(doing, sizeof(doing), "delivering to %s[%d]", rd_kafka_topic_name(message->rkt),
                 (int)message->partition);
        fail(p, doing, rd_kafka_err2str(message->err));
    } else if (mark > 0 && mark - 1 < p->offset_count) {
        p->offsets[mark - 1] = message->offset >= 0 ? message->offset : -1;
    }
}

rd_kafka_t *kafka_producer_client(const struct kafka_properties *properties, const char *transactional_id,
                                  struct kafka_watch *watch,
                                  void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *),
                                  struct diag *diag)
{
    static const struct kafka_fixed timeouts[] = {
        {"socket.timeout.ms", "2500"},
        {"transaction.timeout.ms", "4000"},
        {"message.timeout.ms", "3500"},
    };
    rd_kafka_conf_t *conf =
        kafka_client_conf(properties, kafka_send_fixed, kafka_send_fixed_count, watch, diag);
    if (conf == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
        kafka_client_set(conf, timeouts[i].name, timeouts[i].value);
    if (transactional_id != NULL)
        kafka_client_set(conf, "transactional.id", transactional_id);
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    return kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
}

static void client_drop(struct kafka_producer *p)
{
    if (p->client == NULL)
        return;
    kafka_topics_clear(&p->topics);
    rd_kafka_destroy(p->client);
    p->client = NULL;
}

static bool is_closing(struct kafka_producer *p)
{
    pthread_mutex_lock(&p->lock);
    bool closing = p->closing;
    pthread_mutex_unlock(&p->lock);
    return closing;
}

/* Waits for a signal, with the lock held; true when the time passed without one. */
static bool wait_locked(struct kafka_producer *p, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(&p->changed, &p->lock, &until) == ETIMEDOUT;
}

static void pause_ms(struct kafka_producer *p, int64_t ms)
{
    pthread_mutex_lock(&p->lock);
    if (!p->closing)
        (void)wait_locked(p, ms);
    pthread_mutex_unlock(&p->lock);
}

/* One client and its init_transactions, as long as it can still succeed with this one. */
static bool client_try(struct kafka_producer *p)
{
    struct diag diag = {0};
    if (p->client == NULL)
        p->client = kafka_producer_client(p->options.properties, p->id, &p->watch, on_delivery, &diag);
    if (p->client == NULL) {
        kafka_watch_error(&p->watch, RD_KAFKA_RESP_ERR__INVALID_ARG, diag.text);
        return false;
    }
    while (is_transactional(p)) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(p->client, INIT_TIMEOUT_MS);
        if (error == NULL)
            break;
        bool again = rd_kafka_error_is_retriable(error) != 0 && !is_closing(p);
        kafka_watch_error(&p->watch, rd_kafka_error_code(error), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (!again)
            return false;
        rd_kafka_poll(p->client, 0);
    }
    return true;
}

/* Until it works or the outbox is closed. */
static void client_make(struct kafka_producer *p)
{
    int64_t pause = RENEW_PAUSE_MIN_MS;
    while (!is_closing(p)) {
        if (client_try(p))
            return;
        client_drop(p);
        pause_ms(p, pause);
        pause = pause * 2 > RENEW_PAUSE_MAX_MS ? RENEW_PAUSE_MAX_MS : pause * 2;
    }
}

/* ---- ending a transaction (inner thread) ---- */

/* Waits until everything produced is acknowledged. */
static void flush(struct kafka_producer *p)
{
    int64_t until_us = kafka_now_us() + FLUSH_TIMEOUT_MS * 1000;
    while (!p->failed && !atomic_load(&p->abort_wanted)) {
        if (rd_kafka_flush(p->client, FLUSH_STEP_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        if (kafka_now_us() > until_us)
            fail(p, "flush", "the brokers did not acknowledge in time");
    }
}

/* Librdkafka repeats a request by itself when its answer does not come: a repetition may be under way
 * still, with an epoch that the next transaction would share. */
static bool is_doubtful(struct kafka_producer *p, int64_t since_us, unsigned troubles)
{
    rd_kafka_poll(p->client, 0);
    return kafka_now_us() - since_us > SOCKET_TIMEOUT_MS * 1000 ||
           atomic_load(&p->watch.troubles) != troubles;
}

/* Returns true when the client must be made anew. */
static bool abort_transaction(struct kafka_producer *p)
{
    int64_t since_us = kafka_now_us();
    unsigned troubles = atomic_load(&p->watch.troubles);
    rd_kafka_error_t *error = rd_kafka_abort_transaction(p->client, ABORT_TIMEOUT_MS);
    p->outcome = OUTBOX_ABORTED;
    if (error == NULL)
        return is_doubtful(p, since_us, troubles);
    (void)fail_by(p, "abort", error);
    p->outcome = OUTBOX_UNKNOWN;
    return true;
}

static rd_kafka_error_t *offsets_send(struct kafka_producer *p)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)p->head_count);
    for (size_t i = 0; i < p->head_count; i++)
        rd_kafka_topic_partition_list_add(list, p->options.journal_topic, p->heads[i].partition)->offset =
            p->heads[i].offset;
    rd_kafka_error_t *error =
        rd_kafka_send_offsets_to_transaction(p->client, list, p->metadata, COMMIT_TIMEOUT_MS);
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

static bool commit_transaction(struct kafka_producer *p)
{
    flush(p);
    if (!p->failed && !atomic_load(&p->abort_wanted)) {
        rd_kafka_error_t *error = offsets_send(p);
        if (error != NULL && fail_by(p, "offsets", error)) {
            p->outcome = OUTBOX_UNKNOWN;
            return true;
        }
    }
    if (p->failed || atomic_load(&p->abort_wanted))
        return abort_transaction(p);
    int64_t since_us = kafka_now_us();
    rd_kafka_poll(p->client, 0); /* errors of earlier count as earlier */
    unsigned troubles = atomic_load(&p->watch.troubles);
    rd_kafka_error_t *error = rd_kafka_commit_transaction(p->client, COMMIT_TIMEOUT_MS);
    if (error == NULL) {
        p->outcome = OUTBOX_COMMITTED;
        return is_doubtful(p, since_us, troubles);
    }
    (void)fail_by(p, "commit", error);
    p->outcome = OUTBOX_UNKNOWN;
    return true;
}

/* What was acknowledged before stays: at least once. */
static bool drop_unsent(struct kafka_producer *p)
{
    (void)rd_kafka_purge(p->client, RD_KAFKA_PURGE_F_QUEUE);
    p->outcome = OUTBOX_ABORTED;
    return rd_kafka_flush(p->client, FLUSH_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool commit_at_least_once(struct kafka_producer *p)
{
    flush(p);
    if (p->failed || atomic_load(&p->abort_wanted))
        return drop_unsent(p);
    for (size_t i = 0; i < p->kept_count && !p->failed; i++) {
        void *mark = (void *)((uintptr_t)p->kept[i].cookie + 1); // NOLINT: a number in a pointer's place
        rd_kafka_resp_err_t error = kafka_send(p->client, &p->topics, &p->kept[i], mark);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail(p, "produce", rd_kafka_err2str(error));
    }
    atomic_store(&p->abort_wanted, false); /* too late: some may be in the log */
    flush(p);
    p->outcome = p->failed ? OUTBOX_UNKNOWN : OUTBOX_COMMITTED;
    return p->failed;
}

/* Runs the end that was asked for. Returns true when the client must be made anew. */
static bool transaction_end(struct kafka_producer *p, enum command command)
{
    if (command == COMMAND_ABORT)
        return is_transactional(p) ? abort_transaction(p) : drop_unsent(p);
    return is_transactional(p) ? commit_transaction(p) : commit_at_least_once(p);
}

static void outcome_publish(struct kafka_producer *p)
{
    p->ended_us = kafka_now_us();
    if (p->text[0] == '\0' && p->outcome != OUTBOX_COMMITTED)
        snprintf(p->text, sizeof(p->text), "abort was asked for");
    pthread_mutex_lock(&p->lock);
    p->transaction = TRANSACTION_DONE;
    pthread_mutex_unlock(&p->lock);
    signal_raise(p->signal);
}

static void command_run(struct kafka_producer *p, enum command command)
{
    bool renew = transaction_end(p, command);
    if (renew) {
        pthread_mutex_lock(&p->lock);
        p->client_ready = false;
        pthread_mutex_unlock(&p->lock);
    }
    if (p->outcome != OUTBOX_UNKNOWN)
        outcome_publish(p); /* known already, though the client may have to be made anew */
    if (renew)
        client_drop(p);
}

static void renew_run(struct kafka_producer *p)
{
    client_make(p);
    pthread_mutex_lock(&p->lock);
    bool undecided = p->transaction == TRANSACTION_ENDING;
    p->client_ready = !p->closing;
    pthread_mutex_unlock(&p->lock);
    if (undecided)
        outcome_publish(p);
    else
        signal_raise(p->signal);
}

/* Errors that an idle client reports are served, so that they are not taken for the next commit's. */
static void idle(struct kafka_producer *p)
{
    if (wait_locked(p, IDLE_POLL_MS) && p->transaction == TRANSACTION_NONE && p->client_ready)
        rd_kafka_poll(p->client, 0);
}

static void *producer_thread(void *argument)
{
    struct kafka_producer *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->closing) {
        enum command command = p->command;
        bool ready = p->client_ready;
        p->command = COMMAND_NONE;
        if (command == COMMAND_NONE && ready) {
            idle(p);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        if (command != COMMAND_NONE)
            command_run(p, command);
        else
            renew_run(p);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- the worker's side ---- */

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
    if (!is_transactional(p))
        return;
    assert(metadata != NULL);
    if (p->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(p->metadata);
    p->metadata = kafka_metadata_copy(metadata);
    rd_kafka_error_t *error = rd_kafka_begin_transaction(p->client);
    if (error != NULL)
        (void)fail_by(p, "begin", error);
}

static void *cookie_mark(struct kafka_producer *p, const struct outbox_record *record)
{
    if (record->phase != OUTBOX_SETTLED)
        return NULL;
    size_t need = (size_t)record->cookie + 1;
    if (need > p->offset_capacity) {
        p->offset_capacity = need * 2;
        p->offsets = checked(realloc(p->offsets, p->offset_capacity * sizeof(*p->offsets)));
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
    if (!is_transactional(p) && record->phase == OUTBOX_SETTLED) {
        keep_back(p, record);
        return;
    }
    rd_kafka_resp_err_t error = kafka_send(p->client, &p->topics, record, mark);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(p, "produce", rd_kafka_err2str(error));
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
        p->heads = checked(realloc(p->heads, p->head_capacity * sizeof(*p->heads)));
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
    client_drop(p);
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
    struct kafka_producer *p = checked(calloc(1, sizeof(*p)));
    p->options = *options;
    p->signal = options->signal;
    p->id = options->transactional_id == NULL ? NULL : checked(strdup(options->transactional_id));
    snprintf(p->name, sizeof(p->name), "%s", p->id == NULL ? "producer" : p->id);
    kafka_watch_init(&p->watch, options->log, p->name);
    arena_init(&p->arena, 0);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    p->client = kafka_producer_client(options->properties, p->id, &p->watch, on_delivery, diag);
    if (p->client == NULL) {
        producer_free(p);
        return ERR_INVALID;
    }
    if (pthread_create(&p->thread, NULL, producer_thread, p) != 0)
        abort();
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
    if (open && p->client_ready && is_transactional(p))
        (void)abort_transaction(p);
    producer_free(p);
}
