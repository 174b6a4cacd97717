/* Avro's binary encoding (specification, "Binary Encoding") into `struct value`, bounded.
 *
 * Records and maps become MAPs, arrays LISTs, enums their symbol, a union the value of its branch.
 * Timestamps become TIMESTAMPs (outside the years 0001 to 9999 they stay numbers), dates the text
 * YYYY-MM-DD, decimals doubles (correctly rounded); bytes and fixed stay BYTES. Nobody vouches for the
 * bytes: depth and entries are bounded before anything is kept, so an array of a milliard nulls in five
 * bytes is refused.
 */
#ifndef DECLIC_CODEC_AVRO_RECORD_H
#define DECLIC_CODEC_AVRO_RECORD_H

#include "codec/avro_schema.h"
#include "core/value.h"

/* Inclusive. */
struct avro_limits {
    uint32_t depth; /* lists and maps inside each other */
    size_t entries; /* members and elements, at any depth */
};

/* A schema with what names it in a record. */
struct avro_known_schema {
    uint64_t fingerprint;
    const struct avro_type *type;
};

struct avro_schemas {
    const struct avro_known_schema *list;
    size_t count;
};

/* Whoever knows schemas by number, a Schema Registry. */
struct avro_registry_port {
    void *self;
    /* The schema, valid until the next call. ERR_NOT_FOUND, ERR_INVALID, ERR_LIMIT: there is none that
     * could be read with (diag); ERR_UNREACHABLE: ask again later (diag). */
    enum err (*find)(void *self, uint32_t id, const struct avro_type **type, struct diag *diag);
};

/* Reads one value that takes all of `bytes`; strings point into them. On an error *value is not written.
 * Errors, with a sentence in *diag: ERR_TRUNCATED, ERR_CORRUPT, ERR_SYNTAX (not UTF-8), ERR_OVERFLOW,
 * ERR_LIMIT. */
WARN_UNUSED enum err avro_record_read(struct span bytes, const struct avro_type *type,
                                      const struct avro_limits *limits, struct arena *arena,
                                      struct value *value, struct diag *diag);

/* The same behind the header of a single object ("Single-object encoding"): C3 01, then the fingerprint,
 * least significant byte first, of one of `schemas`. Also ERR_NOT_FOUND: none of them has it. */
WARN_UNUSED enum err avro_single_object_read(struct span bytes, const struct avro_schemas *schemas,
                                             const struct avro_limits *limits, struct arena *arena,
                                             struct value *value, struct diag *diag);

/* The same behind the head of Confluent's wire format: 00, then the schema's number, most significant byte
 * first. Also the registry's errors. */
WARN_UNUSED enum err avro_numbered_read(struct span bytes, const struct avro_registry_port *registry,
                                        const struct avro_limits *limits, struct arena *arena,
                                        struct value *value, struct diag *diag);

#endif
