#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "kafka/kafka_producer_internal.h"

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

static void signal_raise(struct kafka_signal *signal)
{
    pthread_mutex_lock(&signal->lock);
    signal->count++;
    pthread_cond_broadcast(&signal->changed);
    pthread_mutex_unlock(&signal->lock);
    if (signal->wake != NULL)
        signal->wake(signal->context);
}

void kafka_producer_fail(struct kafka_producer *p, const char *doing, const char *why)
{
    if (p->failed)
        return;
    p->failed = true;
    snprintf(p->text, sizeof(p->text), "%s: %s", doing, why);
}

bool kafka_producer_fail_by(struct kafka_producer *p, const char *doing, rd_kafka_error_t *error)
{
    bool fatal = rd_kafka_error_is_fatal(error) != 0;
    kafka_producer_fail(p, doing, rd_kafka_error_string(error));
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
        kafka_producer_fail(p, doing, rd_kafka_err2str(message->err));
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

rd_kafka_t *kafka_producer_client_of(struct kafka_producer *p, struct diag *diag)
{
    return kafka_producer_client(p->options.properties, p->id, &p->watch, on_delivery, diag);
}

void kafka_producer_client_drop(struct kafka_producer *p)
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
        p->client = kafka_producer_client_of(p, &diag);
    if (p->client == NULL) {
        kafka_watch_error(&p->watch, RD_KAFKA_RESP_ERR__INVALID_ARG, diag.text);
        return false;
    }
    while (kafka_producer_is_transactional(p)) {
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
        kafka_producer_client_drop(p);
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
        if (kafka_send_push(p->client, &p->topics, FLUSH_STEP_MS))
            return;
        if (kafka_now_us() > until_us)
            kafka_producer_fail(p, "flush", "the brokers did not acknowledge in time");
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

bool kafka_producer_abort_now(struct kafka_producer *p)
{
    int64_t since_us = kafka_now_us();
    unsigned troubles = atomic_load(&p->watch.troubles);
    rd_kafka_error_t *error = rd_kafka_abort_transaction(p->client, ABORT_TIMEOUT_MS);
    p->outcome = OUTBOX_ABORTED;
    if (error == NULL)
        return is_doubtful(p, since_us, troubles);
    (void)kafka_producer_fail_by(p, "abort", error);
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
        if (error != NULL && kafka_producer_fail_by(p, "offsets", error)) {
            p->outcome = OUTBOX_UNKNOWN;
            return true;
        }
    }
    if (p->failed || atomic_load(&p->abort_wanted))
        return kafka_producer_abort_now(p);
    int64_t since_us = kafka_now_us();
    rd_kafka_poll(p->client, 0); /* errors of earlier count as earlier */
    unsigned troubles = atomic_load(&p->watch.troubles);
    rd_kafka_error_t *error = rd_kafka_commit_transaction(p->client, COMMIT_TIMEOUT_MS);
    if (error == NULL) {
        p->outcome = OUTBOX_COMMITTED;
        return is_doubtful(p, since_us, troubles);
    }
    (void)kafka_producer_fail_by(p, "commit", error);
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
            kafka_producer_fail(p, "produce", rd_kafka_err2str(error));
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
        return kafka_producer_is_transactional(p) ? kafka_producer_abort_now(p) : drop_unsent(p);
    return kafka_producer_is_transactional(p) ? commit_transaction(p) : commit_at_least_once(p);
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
        kafka_producer_client_drop(p);
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

void *kafka_producer_thread(void *argument)
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
