/* Where the fields of an event lie in the records of a source.
 *
 * Made once from the configuration, then read for every record. A place is a JSON Pointer (RFC 6901),
 * where "" and "/" are the whole record, or a constant. Places that the configuration leaves out
 * are those of the format: /id /user /name /time /attributes, for CloudEvents /id /subject /type /time
 * /data.
 */
#ifndef DECLIC_CODEC_MAPPING_H
#define DECLIC_CODEC_MAPPING_H

#include "codec/avro_record.h"

enum mapping_format { MAPPING_JSON, MAPPING_CLOUDEVENTS, MAPPING_AVRO, MAPPING_AVRO_SINGLE_OBJECT };

/* One place as somebody wrote it. */
struct mapping_place {
    bool given; /* false: the format's default */
    bool constant;
    struct span text; /* the constant itself (without a leading "="), or the pointer */
};

struct mapping_spec {
    enum mapping_format format;
    struct avro_schemas schemas; /* AVRO_SINGLE_OBJECT: those its records may have; outlive the mapping */
    struct mapping_place id, user, name, time, attributes;
};

/* A compiled place. */
struct mapping_field {
    bool given; /* by the configuration: no default of the format */
    bool constant;
    struct span text;         /* the constant or the pointer, as written: for messages */
    const struct span *steps; /* the pointer's reference tokens, unescaped; none: the whole record */
    size_t step_count;
    int64_t time_ms; /* a constant time */
};

enum mapping_field_name {
    MAPPING_ID,
    MAPPING_USER,
    MAPPING_NAME,
    MAPPING_TIME,
    MAPPING_ATTRIBUTES,
    MAPPING_FIELD_COUNT
};

struct mapping {
    enum mapping_format format;
    struct avro_schemas schemas;
    const struct avro_registry_port *registry; /* AVRO: set by who opens it, before records are read */
    /* Where no pointer has more than one step: which field a member may be (1 + its number, 0: none), by
     * a mark of the member's name. */
    bool flat;
    uint8_t marks[64];
    struct mapping_field fields[MAPPING_FIELD_COUNT];
};

/* Compiles; texts are copied into `arena`, which the mapping lives in.
 * ERR_INVALID with a sentence in *diag: a malformed pointer, a constant that can be no such field (a
 * constant id or attributes never can). */
WARN_UNUSED enum err mapping_compile(const struct mapping_spec *spec, struct arena *arena,
                                     struct mapping *mapping, struct diag *diag);

/* The values at all places, NULL where the record has none and for constants. */
void mapping_find(const struct mapping *mapping, const struct value *record,
                  const struct value *found[MAPPING_FIELD_COUNT]);

#endif
