/* A refused record on its way to the dead-letter topic.
 *
 * Key, value and headers stay as they came. What is added are the headers that Kafka Connect adds
 * (KIP-298, `errors.deadletterqueue.context.headers.enable`), all of them text, so that tools that
 * know Connect's dead letters know ours.
 */
#ifndef DECLIC_APP_DEAD_LETTER_H
#define DECLIC_APP_DEAD_LETTER_H

#include "base/arena.h"
#include "ports/appender.h"
#include "ports/source.h"

#define DEAD_LETTER_PREFIX "__connect.errors."
#define DEAD_LETTER_HEADERS 10 /* that are added */

/* Where it was refused, and why. */
struct dead_letter_reason {
    struct span topic;     /* of the source */
    struct span connector; /* who refused it: PREFIX + intake */
    int task;              /* its worker */
    const char *stage;     /* Connect's name of it: VALUE_CONVERTER, TRANSFORMATION */
    enum err error;
    const char *message; /* names fields, never their values */
};

/* The record to append; cookie and partition are the caller's to set. Everything lives in `arena` or
 * points into `message`. */
struct appender_record dead_letter_make(const struct source_message *message,
                                        const struct dead_letter_reason *reason, struct arena *arena);

#endif
