/* What every Kafka client of ours shares: configuration, words for errors, logging.
 *
 * An operator's properties go to librdkafka as they are; those that the protocol fixes are set after them
 * and win (configuration refuses them earlier, with the reason). Works with librdkafka >= 2.0.2.
 */
#ifndef DECLIC_KAFKA_KAFKA_CLIENT_H
#define DECLIC_KAFKA_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"

struct kafka_property {
    struct span name;
    struct span value;
};

/* What the operator wrote below `kafka:`, bootstrap.servers among it. */
struct kafka_properties {
    const struct kafka_property *list;
    size_t count;
};

/* A property of our own; both live as long as the program. */
struct kafka_fixed {
    const char *name;
    const char *value;
};

/* How long the group waits for a member that does not rejoin, and a member for the group's answer. Longer
 * than any turn of a worker takes. With Kafka 4.1 it bounds an outage, too: a broker that is started after
 * a crash may be elected the group's coordinator twice at once, and then gives the members from before it
 * no session time-out, so that everybody waits this long for them (5 minutes by the client's default). */
#define KAFKA_REBALANCE_TIMEOUT_MS "20000"

/* Listens to one client. The opaque that librdkafka hands to callbacks is a pointer to this, so a client's
 * own structure begins with it. Zero-initialise, then kafka_watch_init; destroy after the client. */
struct kafka_watch {
    const struct log *log; /* NULL: silent */
    const char *name;      /* which client, for logs; lives as long as the watch */
    atomic_uint troubles;  /* lost connections and time-outs so far */
    /* A consumer with `debug` "cgrp" is joining its group, or about to: what it would commit now is
     * refused. Always false where the client does not tell. */
    atomic_bool joining;
    pthread_mutex_t lock; /* of what follows: callbacks come on several threads */
    struct log_repeat errors;
    struct log_repeat lines;
    char last_error[200];
};

void kafka_watch_init(struct kafka_watch *watch, const struct log *log, const char *name);
void kafka_watch_destroy(struct kafka_watch *watch);
/* Notes an error that the client reported, and logs it, at most every few seconds. */
void kafka_watch_error(struct kafka_watch *watch, rd_kafka_resp_err_t error, const char *text);
/* The last error noted, "" when none was; copied to `text`. */
void kafka_watch_last_error(struct kafka_watch *watch, char *text, size_t size);

/* A configuration with our defaults, the operator's properties and then `fixed`, errors and log lines going
 * to the watch, which is also the opaque. To be given to kafka_client_new. NULL when the client library
 * refuses a property: diag (which may be NULL) says which and why. */
rd_kafka_conf_t *kafka_client_conf(const struct kafka_properties *properties,
                                   const struct kafka_fixed *fixed, size_t fixed_count,
                                   struct kafka_watch *watch, struct diag *diag);

/* Sets one property whose value is made at run time; a refusal is a programming error (asserted). */
void kafka_client_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* Makes a client; takes conf over, also when it fails. NULL: diag says why. */
rd_kafka_t *kafka_client_new(rd_kafka_conf_t *conf, rd_kafka_type_t type, struct diag *diag);

/* To be called before a consumer that has no partitions is closed: it would not tell the group (librdkafka
 * 2.0.2), which would wait for it at its next rebalance until its session is over. */
void kafka_consumer_leave(rd_kafka_t *client);

/* Destroys a consumer that subscribed and was closed. librdkafka before 2.3.0 aborts the program when the
 * group has answered a join but not yet handed out an assignment, so there a consumer that was never told
 * of one is left as it is. So is, before 2.4.0, one that could not leave: destroying it may never end.
 * False: it was left; its watch must stay, and the process must end by _exit. */
WARN_UNUSED bool kafka_consumer_destroy(rd_kafka_t *client, bool was_assigned);

/* A deep copy, to be given back with kafka_properties_free. */
struct kafka_properties *kafka_properties_copy(const struct kafka_properties *properties);
void kafka_properties_free(struct kafka_properties *properties);

/* True for errors that waiting cannot mend: authorisation, a topic that is not there, an old broker. */
bool kafka_error_is_permanent(rd_kafka_resp_err_t error);

/* A random name for this process, 16 hexadecimal digits and a NUL: transactional ids of two processes never
 * meet. */
#define KAFKA_PROCESS_ID_BYTES 17
void kafka_process_id(char id[KAFKA_PROCESS_ID_BYTES]);

/* Moves partitions to the offsets in the list; each element's `err` says how it went. Waits for the
 * client's thread (no round trip), up to timeout_ms: after that what was read ahead is dropped. */
void kafka_seek(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int timeout_ms);

/* CLOCK_MONOTONIC in microseconds. */
int64_t kafka_now_us(void);

#endif
