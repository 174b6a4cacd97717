/* Decision records of the fold: an idempotent producer that keeps what is not acknowledged.
 *
 * A record stays here until the broker has it: when the client fails for good it is made anew and the
 * record goes again (it may then be in the log twice; its id tells). A record that the broker will never
 * take (too large) is dropped and logged.
 */
#ifndef DECLIC_KAFKA_KAFKA_NOTES_H
#define DECLIC_KAFKA_KAFKA_NOTES_H

#include "kafka/kafka_client.h"
#include "ports/outbox.h"

struct kafka_notes;

/* `properties` live as long as the notes. Errors: ERR_INVALID (diag). */
WARN_UNUSED enum err kafka_notes_open(const struct kafka_properties *properties, const struct log *log,
                                      struct kafka_notes **notes, struct diag *diag);
void kafka_notes_close(struct kafka_notes *notes);
void kafka_notes_add(struct kafka_notes *notes, const struct outbox_record *record);
/* ERR_OK when all are acknowledged; ERR_TIMEOUT. */
WARN_UNUSED enum err kafka_notes_flush(struct kafka_notes *notes, int timeout_ms);

#endif
