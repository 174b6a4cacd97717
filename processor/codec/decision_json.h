/* Decision records as JSON: for the decisions topic, `simulate` and `explain`. */
#ifndef DECLIC_CODEC_DECISION_JSON_H
#define DECLIC_CODEC_DECISION_JSON_H

#include "base/buf.h"
#include "core/decision.h"

/* Appends one object, in the order at, user, campaign, version, key, step, channel, outcome, reason, due,
 * trigger_id, send_id, message, without what the record lacks (`key` is always there) and without a
 * line feed. */
void decision_json_write(struct buf *buf, const struct decision_record *record);

/* Appends a rendered message as one object, field by field. */
void content_json_write(struct buf *buf, const struct content *content);

#endif
