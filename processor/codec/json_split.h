/* The elements of `{"NAME": [...]}` as bytes, without reading them.
 *
 * A request with many elements is taken apart first, so that each can be judged by itself, by the very
 * reader that a consumer of it will use, and goes on byte for byte as it came. Only the frame is checked
 * here, strictly; elements are told apart by brackets and quotes, and whether one is JSON is up to who
 * parses it.
 */
#ifndef DECLIC_CODEC_JSON_SPLIT_H
#define DECLIC_CODEC_JSON_SPLIT_H

#include "base/err.h"
#include "base/span.h"

/* Writes up to `capacity` elements (white space around them left out; they point into `text`) and how many
 * there are. Errors, with a sentence in *diag: ERR_SYNTAX (no JSON, or an element is empty); ERR_TYPE (not
 * an object with that one member, or the member is no list); ERR_LIMIT (more than `capacity`). */
WARN_UNUSED enum err json_split_list(struct span text, struct span name, struct span *elements,
                                     size_t capacity, size_t *count, struct diag *diag);

#endif
