/* Outbound records in Avro: the value that a channel's worker consumes when `outbound.format` is avro.
 *
 * The schema is schemas/outbound.avsc. A field of the message is a string; one that the campaign gives as a
 * list or map is a Structure, a value of any kind in itself. A map in a Structure is a list of its members:
 * a schema that names itself through an Avro map is one that some registries cannot take (Apicurio 3.0
 * overflows its stack).
 */
#ifndef DECLIC_CODEC_OUTBOUND_AVRO_H
#define DECLIC_CODEC_OUTBOUND_AVRO_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/outbound.h"

/* Its JSON. */
struct span outbound_avro_schema(void);

/* What comes before each value: with a Schema Registry 00 and the schema's id there (Confluent's wire
 * format). */
struct span outbound_avro_head_of_id(uint32_t id, struct arena *arena);
/* Without: C3 01 and the schema's fingerprint (Avro's single-object encoding). */
struct span outbound_avro_head_of_fingerprint(struct arena *arena);

/* Appends the value, in Avro's binary encoding. */
void outbound_avro_write(struct buf *buf, const struct outbound_message *message);

#endif
