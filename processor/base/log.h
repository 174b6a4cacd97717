/* What the program tells its operator: one logfmt line an event, to standard error.
 *
 *     ts=2026-12-01T08:30:00.000Z level=warn msg="Redis cannot be reached" url=redis://…  again=12
 *
 * The message is a fixed text without values; values are `key=value` pairs, quoted when they need it.
 * Never personal data: no attribute, address or rendered text. A line is one write(2), so lines of
 * threads do not mix. No state but what is passed.
 */
#ifndef DECLIC_BASE_LOG_H
#define DECLIC_BASE_LOG_H

#include "base/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    enum log_level level; /* lines below it are not written */
    int fd;               /* where to; 2 is standard error */
};

/* `debug`, `info`, `warn`, `error`; ERR_SYNTAX otherwise. */
WARN_UNUSED enum err log_parse_level(struct span text, enum log_level *level);

/* One value of a line. Make them with the functions below. */
struct log_field {
    const char *key; /* NULL ends a list of fields */
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER } kind;
    struct span text;
    int64_t number;
};

struct log_field log_text(const char *key, const char *text);
struct log_field log_span(const char *key, struct span text);
struct log_field log_number(const char *key, int64_t number);

/* Appends the line (with its line feed) to `buf`; for tests and other destinations. */
void log_format(struct buf *buf, int64_t now_ms, enum log_level level, const char *message,
                const struct log_field *fields, size_t count);

/* Writes a line stamped with the system's clock, if its level is high enough. */
void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count);

/* log_line(log, LOG_WARN, "fenced", log_number("partition", 3)); the fields may be left out. */
#define log_line(log, level, message, ...)                                                             \
    log_write((log), (level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){NULL}}, \
              sizeof((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){NULL}}) /                   \
                      sizeof(struct log_field) -                                                       \
                  1)

/* Something that lasts and is to be said at once, then every few seconds while it goes on. One for each
 * thing that is said; zero-initialise. */
struct log_repeat {
    int64_t said_ms; /* when it was last said, by the caller's clock */
    uint64_t unsaid; /* times it was not said since */
    bool active;
};

#define LOG_REPEAT_MS 5000

/* Whether to say it now. *times counts how often it happened since it was last said, this time
 * included. `now_ms` is any clock in ms that does not go back. */
bool log_repeat_due(struct log_repeat *repeat, int64_t now_ms, uint64_t *times);

/* It is over: true when it had been said, so that the end can be told too. */
bool log_repeat_end(struct log_repeat *repeat);

#endif
