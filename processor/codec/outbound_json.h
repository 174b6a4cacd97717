/* Outbound records in JSON: value and headers of what a channel's worker consumes. */
#ifndef DECLIC_CODEC_OUTBOUND_JSON_H
#define DECLIC_CODEC_OUTBOUND_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/outbound.h"
#include "ports/outbox.h"

/* Appends the record's value: one object, in the order send_id, campaign, version, step, channel, user,
 * key, address, locale, variant, due, decided, trigger, content. */
void outbound_json_write(struct buf *buf, const struct outbound_message *message);

#define OUTBOUND_HEADERS_MAX 8
/* The record's headers: declic-send-id, declic-campaign, declic-version, declic-step, declic-due (ms),
 * content-type (as given), and traceparent and tracestate when there are any; numbers in decimal. Returns
 * how many; texts lie in `arena` or are the message's. */
size_t outbound_headers(const struct outbound_message *message, const char *content_type,
                        struct arena *arena, struct outbox_header headers[OUTBOUND_HEADERS_MAX]);

#endif
