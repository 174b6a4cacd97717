/* Base64 with the common alphabet and padding (RFC 4648, section 4). */
#ifndef DECLIC_BASE_BASE64_H
#define DECLIC_BASE_BASE64_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

void base64_append(struct buf *buf, struct span bytes);

/* The bytes lie in `arena`. ERR_SYNTAX: another character, padding that is missing or too much, or cut-off
 * bits that are not zero. */
WARN_UNUSED enum err base64_decode(struct span text, struct arena *arena, struct span *bytes);

#endif
