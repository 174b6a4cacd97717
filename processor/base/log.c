#include "base/log.h"

#include <time.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/utf8.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

enum err log_parse_level(struct span text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (span_equal_text(text, level_names[i])) {
            *level = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_SYNTAX;
}

struct log_field log_text(const char *key, const char *text)
{
    return log_span(key, span_from_text(text));
}

struct log_field log_span(const char *key, struct span text)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .text = text};
}

struct log_field log_number(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_NUMBER, .number = number};
}

static bool needs_quotes(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte <= ' ' || byte == '"' || byte == '\\' || byte == '=' || byte >= 0x7F)
            return true;
    }
    return text.size == 0;
}

/* Control characters and bytes that are not UTF-8 are escaped: a value can neither end its line nor
 * speak to a terminal. */
static void append_quoted(struct buf *buf, struct span text)
{
    const char *end = text.data + text.size;
    buf_append_byte(buf, '"');
    for (const char *at = text.data; at < end;) {
        size_t size = utf8_sequence(at, end);
        unsigned char byte = (unsigned char)*at;
        bool c1 = size == 2 && byte == 0xC2 && (unsigned char)at[1] < 0xA0;
        if (byte == '"' || byte == '\\')
            buf_append_byte(buf, '\\');
        if (byte == '\n')
            buf_append_text(buf, "\\n");
        else if (size == 0 || byte < ' ' || byte == 0x7F || c1)
            buf_printf(buf, "\\x%02x", c1 ? (unsigned char)at[1] : byte);
        else
            buf_append(buf, span_make(at, size));
        at += size == 0 ? 1 : size;
    }
    buf_append_byte(buf, '"');
}

static void append_text(struct buf *buf, struct span text)
{
    if (needs_quotes(text))
        append_quoted(buf, text);
    else
        buf_append(buf, text);
}

void log_format(struct buf *buf, int64_t now_ms, enum log_level level, const char *message,
                const struct log_field *fields, size_t count)
{
    char time[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(now_ms, time);
    buf_printf(buf, "ts=%.*s level=%s msg=", (int)size, time, level_names[level]);
    append_text(buf, span_from_text(message));
    for (size_t i = 0; i < count; i++) {
        buf_printf(buf, " %s=", fields[i].key);
        if (fields[i].kind == LOG_FIELD_NUMBER)
            buf_printf(buf, "%lld", (long long)fields[i].number);
        else
            append_text(buf, fields[i].text);
    }
    buf_append_byte(buf, '\n');
}

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count)
{
    if (level < log->level)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct buf line = {0};
    log_format(&line, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, level, message, fields, count);
    /* Nowhere is left to say that the log cannot be written. */
    ssize_t written = write(log->fd, line.data, line.size);
    (void)written;
    buf_free(&line);
}

bool log_repeat_due(struct log_repeat *repeat, int64_t now_ms, uint64_t *times)
{
    repeat->unsaid++;
    if (repeat->active && now_ms - repeat->said_ms < LOG_REPEAT_MS)
        return false;
    *times = repeat->unsaid;
    *repeat = (struct log_repeat){.said_ms = now_ms, .active = true};
    return true;
}

bool log_repeat_end(struct log_repeat *repeat)
{
    bool was_active = repeat->active;
    *repeat = (struct log_repeat){0};
    return was_active;
}
