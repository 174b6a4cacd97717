/* What every Kafka client of ours shares: configuration, words for errors, logging.
 *
 * An operator's properties go to librdkafka as they are; those that the protocol fixes are set after them
 * and win (configuration refuses them earlier, with the reason). Works with librdkafka >= 2.0.2.
 */
#ifndef DECLIC_KAFKA_KAFKA_CLIENT_H
#define DECLIC_KAFKA_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/span.h"

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

/* Which properties are meant for whom: librdkafka logs a warning for a consumer's property on a producer,
 * so those are left out. */
enum kafka_role { KAFKA_ROLE_CONSUMER, KAFKA_ROLE_PRODUCER };

/* A configuration with the operator's properties and then `fixed`, to be given to rd_kafka_new or
 * destroyed. NULL when the client library refuses a property: ERR_INVALID's text is in diag (which may be
 * NULL). */
rd_kafka_conf_t *kafka_client_conf(const struct kafka_properties *properties, enum kafka_role role,
                                   const struct kafka_fixed *fixed, size_t fixed_count, struct diag *diag);

/* Sets one property whose value is made at run time; a refusal is a programming error (asserted). */
void kafka_client_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* Makes a client; takes conf over, also when it fails. NULL: diag says why. */
rd_kafka_t *kafka_client_new(rd_kafka_conf_t *conf, enum kafka_role role, struct diag *diag);

/* A deep copy, to be given back with kafka_properties_free. */
struct kafka_properties *kafka_properties_copy(const struct kafka_properties *properties);
void kafka_properties_free(struct kafka_properties *properties);

/* True for errors that waiting cannot mend: authorisation, unknown topic, unsupported feature. */
bool kafka_error_is_permanent(rd_kafka_resp_err_t error);

/* The sentence for `error` with what to do about it, where something can be said. */
const char *kafka_error_text(rd_kafka_resp_err_t error);

/* A random name for this process, 16 hexadecimal digits and a NUL: transactional ids of two processes never
 * meet. */
#define KAFKA_PROCESS_ID_BYTES 17
void kafka_process_id(char id[KAFKA_PROCESS_ID_BYTES]);

#endif
