/* `declic eval`: a line of JSON in, a line of JSON out.
 *
 *     {"expr": "x + 1", "vars": {"x": 41}}   ->   {"value":42}
 *     {"expr": "1 / 0"}                      ->   {"error":"1:3: division by zero"}
 *
 * Values are JSON: null, booleans, strings, lists; an int is a number without fraction and exponent, a
 * double one with either. What JSON lacks stands in an object with one member: {"$double": "NaN" |
 * "Infinity" |
 * "-Infinity"}, {"$uint": 5}, {"$bytes": "padded base64"}, {"$timestamp": "RFC 3339 with Z, 0-9 fraction
 * digits"},
 * {"$duration": "-3.5s"}, {"$type": "int"}, {"$map": [[key, value], …]} for a map with keys that are no
 * strings.
 */
#ifndef DECLIC_CODEC_EVAL_JSON_H
#define DECLIC_CODEC_EVAL_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/value.h"
#include "ports/locale.h"

/* Answers one line (without its line end, and whatever it holds) with exactly one line, newline included.
 * The expression is not checked before it runs. `locale` serves the time zones and may be NULL. `arena` is
 * scratch. */
void eval_json_line(struct span line, const struct locale_port *locale, struct arena *arena,
                    struct buf *out);

/* The value that `json`, as json_parse with uints read it, stands for. ERR_INVALID with a sentence in *diag
 * for a malformed wrapper. */
WARN_UNUSED enum err eval_json_decode(struct value json, struct arena *arena, struct value *value,
                                      struct diag *diag);
void eval_json_encode(struct value value, struct buf *out);

#endif
