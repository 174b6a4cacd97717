/* CloudEvents 1.0 on Kafka (the protocol binding's two content modes) as one form.
 *
 * Structured: the record's value is the event in JSON, and its content type is
 * application/cloudevents+json (or it has no `ce_` headers at all). Binary: attributes are headers
 * `ce_…`, the value is the data. Either becomes the map that the structured form has: id, source, type,
 * specversion, subject, time, datacontenttype, extensions, data.
 */
#ifndef DECLIC_CODEC_CLOUDEVENTS_H
#define DECLIC_CODEC_CLOUDEVENTS_H

#include "codec/json.h"
#include "codec/source_record.h"

/* Reads a record that has a value. In binary mode the data must be JSON where the content type says so or
 * is missing, and is a string otherwise. A version other than 1.x, a missing id, source or type, and
 * the batched mode are refused. Errors as source_record_read_event's, with the reason in *diag. */
WARN_UNUSED enum err cloudevents_read(const struct source_record *record, const struct json_limits *limits,
                                      struct arena *arena, struct value *event, struct diag *diag);

#endif
