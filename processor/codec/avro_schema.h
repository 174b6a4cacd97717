/* Avro schemas (Avro 1.12 specification, "Schema Declaration"), as the reader of records walks them.
 *
 * Made once from a schema's JSON. What says how a writer's records resolve to a reader's (defaults,
 * aliases, order) is passed over: records are read as they were written.
 */
#ifndef DECLIC_CODEC_AVRO_SCHEMA_H
#define DECLIC_CODEC_AVRO_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define AVRO_SCHEMA_BYTES ((size_t)1024 * 1024)

enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_FIXED
};

/* What else a value means. Others (uuid, time of day, local timestamps, durations) are read as plain
 * values. */
enum avro_logical {
    AVRO_PLAIN,
    AVRO_DATE,             /* of an INT */
    AVRO_TIMESTAMP_MILLIS, /* these of a LONG */
    AVRO_TIMESTAMP_MICROS,
    AVRO_TIMESTAMP_NANOS,
    AVRO_DECIMAL /* of BYTES and FIXED, with `scale` */
};

struct avro_type;

struct avro_field {
    struct span name;
    const struct avro_type *type;
};

struct avro_type {
    enum avro_kind kind;
    enum avro_logical logical;
    struct span name; /* RECORD, ENUM, FIXED: the full name */
    int64_t scale;    /* DECIMAL */
    size_t count;     /* fields, symbols, branches; FIXED: its bytes */
    union {
        const struct avro_field *fields;
        const struct span *symbols;
        const struct avro_type *const *branches;
        const struct avro_type *item; /* ARRAY, MAP */
    };
};

/* Reads the schema's JSON; all of it lies in `arena`.
 * Errors, with a sentence in *diag (and the place, where it is no JSON): ERR_SYNTAX, ERR_INVALID,
 * ERR_LIMIT. */
WARN_UNUSED enum err avro_schema_read(struct span json, struct arena *arena, const struct avro_type **type,
                                      struct diag *diag);

/* The last of several texts, each of which may name what those before it define. */
WARN_UNUSED enum err avro_schema_read_all(const struct span *texts, size_t count, struct arena *arena,
                                          const struct avro_type **type, struct diag *diag);

/* Appends the Parsing Canonical Form ("Transforming into Parsing Canonical Form"). */
void avro_schema_write_canonical(struct buf *buf, const struct avro_type *type);

/* CRC-64-AVRO ("Schema Fingerprints") of that form, which names a schema in a single object. */
uint64_t avro_schema_fingerprint(const struct avro_type *type);

#endif
