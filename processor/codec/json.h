/* JSON (RFC 8259) into `struct value`, and back.
 *
 * The reader is the door for bytes nobody vouches for, and the hottest code of the intake: one pass,
 * strict, bounded before anything is kept. Text must be valid UTF-8; of two members with one name
 * the last value counts, at the first one's place. A number without fraction and exponent is an INT
 * (an error beyond int64), any other a DOUBLE, correctly rounded (an error when it would be
 * infinite). Other JSON types are what they look like; nothing becomes a timestamp here.
 */
#ifndef DECLIC_CODEC_JSON_H
#define DECLIC_CODEC_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/value.h"

/* The reader recurses once a level; this bounds its stack whatever the limits say. */
#define JSON_DEPTH_MAX 512

/* What a text may hold. All are inclusive. */
struct json_limits {
    size_t bytes;        /* of the whole text */
    uint32_t depth;      /* lists and maps inside each other, `[]` is 1; at most JSON_DEPTH_MAX */
    size_t entries;      /* members and elements, at any depth */
    size_t string_bytes; /* of one string or name, as it came (escapes count in full) */
    bool uints;          /* a whole number above int64 that fits uint64 is a UINT instead of an error */
};

/* For documents of our own users (configuration, a command's input): 64 MiB, depth 64. */
extern const struct json_limits json_limits_document;

/* Parses the whole text; white space may surround the one value. `limits` may be NULL
 * (json_limits_document).
 *
 * Ownership: everything lies in `arena`, strings without escapes in one copy of the text; `text` may go.
 * On an error *value is not written.
 *
 * Errors, with line, column and a sentence in *diag (which may be NULL): ERR_SYNTAX (not JSON, not
 * UTF-8, a lone surrogate in \u escapes), ERR_OVERFLOW (a number that does not fit), ERR_LIMIT (the
 * sentence says which). */
WARN_UNUSED enum err json_parse(struct span text, const struct json_limits *limits, struct arena *arena,
                                struct value *value, struct diag *diag);

/* Appends the value as JSON without white space. UINT is a number; a DOUBLE is the shortest text that
 * reads back as the same double and always has a fraction or an exponent; NaN and the infinities,
 * which JSON lacks, are the strings "NaN", "Infinity", "-Infinity"; a TIMESTAMP is RFC 3339 with
 * milliseconds and Z; a DURATION is seconds with an "s" ("-3.5s"); BYTES are padded base64; a TYPE is its
 * name. A map key that is no string is written as the string of its JSON text. Recurses as deep as the
 * value is. */
void json_write_value(struct buf *buf, struct value value);

/* Appends a quoted JSON string. Bytes that are not UTF-8 become U+FFFD, so the result is always JSON. */
void json_write_string(struct buf *buf, struct span text);

/* Appends a decimal integer. */
void json_write_int(struct buf *buf, int64_t integer);

/* Appends ms since the epoch as a quoted RFC 3339 string with milliseconds and Z. */
void json_write_time(struct buf *buf, int64_t ms);

/* Room for any double as json_write_value prints it. */
#define JSON_DOUBLE_BYTES 32
/* The number's text as above (NaN and infinities without quotes); returns its length. */
size_t json_format_double(double real, char text[JSON_DOUBLE_BYTES]);

#endif
