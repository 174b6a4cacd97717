/* What the two halves of a producer share; nobody else includes it. kafka_producer.c is the worker's half,
 * kafka_producer_thread.c the inner thread's.
 */
#ifndef DECLIC_KAFKA_KAFKA_PRODUCER_INTERNAL_H
#define DECLIC_KAFKA_KAFKA_PRODUCER_INTERNAL_H

#include "base/arena.h"
#include "kafka/kafka_producer.h"
#include "kafka/kafka_send.h"

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

static inline bool kafka_producer_is_transactional(const struct kafka_producer *p)
{
    return p->id != NULL;
}

/* The transaction cannot be committed any more; the first reason is kept. */
void kafka_producer_fail(struct kafka_producer *p, const char *doing, const char *why);
/* The same, takes the error over. True when the client is of no use any more. */
bool kafka_producer_fail_by(struct kafka_producer *p, const char *doing, rd_kafka_error_t *error);

/* The client, with delivery reports going to `p`. NULL: diag. */
rd_kafka_t *kafka_producer_client_of(struct kafka_producer *p, struct diag *diag);
void kafka_producer_client_drop(struct kafka_producer *p);
/* Ends what is open; true when the client must be made anew. Inner thread, or once that has ended. */
bool kafka_producer_abort_now(struct kafka_producer *p);
void *kafka_producer_thread(void *producer);

#endif
