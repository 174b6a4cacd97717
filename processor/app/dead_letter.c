#include "app/dead_letter.h"

#include <ctype.h>

/* SYNTAX -> declic.SyntaxError, in the shape of a class name. */
static struct span exception_class(enum err error, struct arena *arena)
{
    static const char *const names[] = {
#define ERR(name, sentence) #name,
#include "base/err.def"
#undef ERR
    };
    char text[64];
    size_t size = 0;
    bool start = true;
    for (const char *at = names[error]; *at != 0 && size < sizeof(text) - 1; at++) {
        if (*at == '_') {
            start = true;
            continue;
        }
        text[size++] = (char)(start ? *at : tolower((unsigned char)*at));
        start = false;
    }
    return arena_printf(arena, "declic.errors.%.*sException", (int)size, text);
}

struct appender_record dead_letter_make(const struct source_message *message,
                                        const struct dead_letter_reason *reason, struct arena *arena)
{
    size_t count = message->header_count;
    struct appender_header *headers =
        ARENA_ARRAY(arena, struct appender_header, count + DEAD_LETTER_HEADERS);
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct appender_header){message->headers[i].name, message->headers[i].value,
                                              message->headers[i].has_value};
    struct span class = exception_class(reason->error, arena);
    const struct {
        const char *name;
        struct span value;
    } added[DEAD_LETTER_HEADERS] = {
        {DEAD_LETTER_PREFIX "topic", reason->topic},
        {DEAD_LETTER_PREFIX "partition", arena_printf(arena, "%d", message->partition)},
        {DEAD_LETTER_PREFIX "offset", arena_printf(arena, "%lld", (long long)message->offset)},
        {DEAD_LETTER_PREFIX "connector.name", reason->connector},
        {DEAD_LETTER_PREFIX "task.id", arena_printf(arena, "%d", reason->task)},
        {DEAD_LETTER_PREFIX "stage", span_from_text(reason->stage)},
        {DEAD_LETTER_PREFIX "class.name", SPAN_LITERAL("declic.intake")},
        {DEAD_LETTER_PREFIX "exception.class.name", class},
        {DEAD_LETTER_PREFIX "exception.message", span_from_text(reason->message)},
        {DEAD_LETTER_PREFIX "exception.stacktrace",
         arena_printf(arena, "%.*s: %s\n\tat declic.intake(%.*s/%d/%lld)\n", SPAN_PRINTF(class),
                      reason->message, SPAN_PRINTF(reason->topic), message->partition,
                      (long long)message->offset)},
    };
    for (size_t i = 0; i < DEAD_LETTER_HEADERS; i++)
        headers[count++] = (struct appender_header){span_from_text(added[i].name),
                                                    arena_copy(arena, added[i].value), true};
    return (struct appender_record){.target = APPENDER_DEAD_LETTERS,
                                    .partition = -1,
                                    .has_key = message->has_key,
                                    .has_value = message->has_value,
                                    .key = message->key,
                                    .value = message->value,
                                    .timestamp_ms = message->timestamp_ms > 0 ? message->timestamp_ms : 0,
                                    .headers = headers,
                                    .header_count = count};
}
