/* One producer of the outbox and its thread: a transaction from begin to its known outcome.
 *
 * The worker's thread begins, produces and asks for the end; the inner thread flushes, sends the offsets,
 * commits or aborts, and makes the client (first, and anew after anything that leaves doubt). What is
 * certain when: COMMITTED   commit_transaction answered success. ABORTED     abort_transaction answered
 * success; or the transaction never reached the broker. UNKNOWN     everything else: reported once
 * init_transactions with the same id has succeeded, since only then can nothing change any more. Being
 * fenced is no exception. Without transactions (at least once) SETTLED records are kept back until the
 * OUTBOUND ones are acknowledged.
 */
#ifndef DECLIC_KAFKA_KAFKA_PRODUCER_H
#define DECLIC_KAFKA_KAFKA_PRODUCER_H

#include "kafka/kafka_client.h"
#include "ports/outbox.h"

struct kafka_producer;

/* What the producers of one worker share: something happened. */
struct kafka_signal {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t count;
    void (*wake)(void *context); /* NULL: nobody */
    void *context;
};

struct kafka_producer_options {
    const struct kafka_properties *properties; /* live as long as the producer */
    const char *transactional_id;              /* copied; NULL: at least once */
    const char *journal_topic;                 /* lives as long as the producer */
    const struct log *log;                     /* NULL: silent */
    struct kafka_signal *signal;
};

/* Errors: ERR_INVALID (diag), the properties are refused. */
WARN_UNUSED enum err kafka_producer_open(const struct kafka_producer_options *options,
                                         struct kafka_producer **producer, struct diag *diag);
/* Aborts what is open; waits for the thread, which gives up making clients. */
void kafka_producer_close(struct kafka_producer *producer);

/* The functions of outbox_port, for one producer. */
bool kafka_producer_ready(struct kafka_producer *producer);
/* `metadata` is copied; NULL only without transactions. */
void kafka_producer_begin(struct kafka_producer *producer,
                          const rd_kafka_consumer_group_metadata_t *metadata);
void kafka_producer_produce(struct kafka_producer *producer, const struct outbox_record *record);
void kafka_producer_commit(struct kafka_producer *producer, const struct outbox_offset *offsets,
                           size_t count);
void kafka_producer_abort(struct kafka_producer *producer);
bool kafka_producer_poll(struct kafka_producer *producer, struct outbox_result *result);

/* A copy; group metadata is opaque, so through its serialised form. */
rd_kafka_consumer_group_metadata_t *kafka_metadata_copy(const rd_kafka_consumer_group_metadata_t *metadata);

/* A transactional client whose init_transactions has not run yet; used for fencing too. */
rd_kafka_t *kafka_producer_client(const struct kafka_properties *properties, const char *transactional_id,
                                  struct kafka_watch *watch,
                                  void (*on_delivery)(rd_kafka_t *, const rd_kafka_message_t *, void *),
                                  struct diag *diag);

#endif
