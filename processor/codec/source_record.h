/* A source record becomes an event or a profile update, or is refused with a reason.
 *
 * The reason goes to the dead-letter topic, beside the unchanged record: it names the field and what
 * was wrong with it, and never repeats a value. Spans of the result point into the record, the
 * mapping or the arena, which must outlive it.
 */
#ifndef DECLIC_CODEC_SOURCE_RECORD_H
#define DECLIC_CODEC_SOURCE_RECORD_H

#include "codec/mapping.h"
#include "core/event.h"

struct record_header {
    struct span name;
    struct span value;
};

/* As it was consumed. */
struct source_record {
    struct span topic; /* topic, partition and offset make the default id */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* the record's own: the default time; negative: it has none */
    bool has_value;       /* false: a tombstone */
    struct span value;
    struct span key; /* empty: none */
    const struct record_header *headers;
    size_t header_count;
};

/* What a record may hold: all of `record_bytes` of it, and the attributes as they came. */
struct record_limits {
    size_t record_bytes;
    struct attribute_limits attributes;
};

/* 64 KiB, 4 KiB a string, 128 entries, depth 5. */
extern const struct record_limits record_limits_default;

/* Reads an event. `user` stays empty where the record has none (an event about a thing; who knows of no
 * such thing refuses it); id and time default to the record's. arrived_ms is the caller's to set.
 * Errors, all meaning "refuse this record" with the reason in *diag: ERR_SYNTAX, ERR_OVERFLOW, ERR_LIMIT,
 * ERR_TYPE, ERR_INVALID, ERR_NOT_FOUND and others; but ERR_UNREACHABLE: the Schema Registry is away, try
 * again. */
WARN_UNUSED enum err source_record_read_event(const struct source_record *record,
                                              const struct mapping *mapping,
                                              const struct record_limits *limits, struct arena *arena,
                                              struct event *event, struct diag *diag);

/* Reads a profile update; a record without a value is a tombstone of the user named by its key. The
 * mapping's id and name are not looked at. Errors as above. */
WARN_UNUSED enum err source_record_read_profile(const struct source_record *record,
                                                const struct mapping *mapping,
                                                const struct record_limits *limits, struct arena *arena,
                                                struct profile_update *profile, struct diag *diag);

/* The same for a record that is a value already (a simulation's input line, an HTTP request's
 * element); record->value is not looked at. With `null_removes`, attributes that are there and
 * null are a tombstone. */
WARN_UNUSED enum err source_value_read_event(const struct source_record *record, struct value value,
                                             const struct mapping *mapping,
                                             const struct attribute_limits *limits, struct arena *arena,
                                             struct event *event, struct diag *diag);
WARN_UNUSED enum err source_value_read_profile(struct value value, int64_t timestamp_ms, bool null_removes,
                                               const struct mapping *mapping,
                                               const struct attribute_limits *limits, struct arena *arena,
                                               struct profile_update *profile, struct diag *diag);

#endif
