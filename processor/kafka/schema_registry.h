/* A Schema Registry (Confluent's HTTP interface) as a reader of Avro asks it: schemas by id, kept once they
 * are known, since an id's schema never changes.
 *
 * Belongs to one thread. Asking blocks, some seconds at most.
 */
#ifndef DECLIC_KAFKA_SCHEMA_REGISTRY_H
#define DECLIC_KAFKA_SCHEMA_REGISTRY_H

#include "codec/avro_record.h"

struct schema_registry;

/* `url`: http:// or https://, with user and password where it needs them; copied. Asks nothing yet. */
struct schema_registry *schema_registry_open(struct span url);
void schema_registry_close(struct schema_registry *registry);

struct avro_registry_port schema_registry_port(struct schema_registry *registry);

/* Enters a schema, or finds it, under a subject. ERR_UNREACHABLE: ask again later; ERR_REFUSED: it does not
 * take it (diag says why). */
WARN_UNUSED enum err schema_registry_enter(struct schema_registry *registry, const char *subject,
                                           struct span schema, uint32_t *id, struct diag *diag);

/* Whether it answers. ERR_UNREACHABLE: diag says why not. */
WARN_UNUSED enum err schema_registry_check(struct schema_registry *registry, struct diag *diag);

#endif
