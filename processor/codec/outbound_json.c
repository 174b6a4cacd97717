#include "codec/outbound_json.h"

#include "base/uuid.h"
#include "codec/decision_json.h"
#include "codec/json.h"

static void write_text_member(struct buf *buf, const char *name_and_colon, struct span text)
{
    buf_append_text(buf, name_and_colon);
    json_write_string(buf, text);
}

/* Null when empty. */
static void write_nullable(struct buf *buf, const char *name_and_colon, struct span text)
{
    if (text.size != 0) {
        write_text_member(buf, name_and_colon, text);
        return;
    }
    buf_append_text(buf, name_and_colon);
    buf_append_text(buf, "null");
}

static void write_time_member(struct buf *buf, const char *name_and_colon, int64_t ms)
{
    buf_append_text(buf, name_and_colon);
    json_write_time(buf, ms);
}

void outbound_json_write(struct buf *buf, const struct outbound_message *message)
{
    char send_id[UUID_TEXT_BYTES];
    uuid_format(message->send_id, send_id);
    write_text_member(buf, "{\"send_id\":", span_make(send_id, sizeof send_id));
    write_text_member(buf, ",\"campaign\":", message->campaign);
    buf_append_text(buf, ",\"version\":");
    json_write_int(buf, message->version);
    write_text_member(buf, ",\"step\":", message->step);
    write_text_member(buf, ",\"channel\":", message->channel);
    write_text_member(buf, ",\"user\":", message->user);
    write_text_member(buf, ",\"key\":", message->key);
    write_nullable(buf, ",\"address\":", message->address);
    write_text_member(buf, ",\"locale\":", message->locale);
    write_nullable(buf, ",\"variant\":", message->variant);
    write_time_member(buf, ",\"due\":", message->due_ms);
    write_time_member(buf, ",\"decided\":", message->decided_ms);
    write_text_member(buf, ",\"trigger\":{\"id\":", message->trigger_id);
    write_text_member(buf, ",\"name\":", message->trigger_name);
    write_time_member(buf, ",\"time\":", message->trigger_time_ms);
    buf_append_text(buf, "},\"content\":");
    content_json_write(buf, message->content);
    buf_append_byte(buf, '}');
}

size_t outbound_headers(const struct outbound_message *message, const char *content_type,
                        struct arena *arena, struct outbox_header headers[OUTBOUND_HEADERS_MAX])
{
    char send_id[UUID_TEXT_BYTES];
    uuid_format(message->send_id, send_id);
    size_t count = 0;
    headers[count++] =
        (struct outbox_header){"declic-send-id", arena_copy(arena, span_make(send_id, sizeof send_id))};
    headers[count++] = (struct outbox_header){"declic-campaign", message->campaign};
    headers[count++] =
        (struct outbox_header){"declic-version", arena_printf(arena, "%u", message->version)};
    headers[count++] = (struct outbox_header){"declic-step", message->step};
    headers[count++] =
        (struct outbox_header){"declic-due", arena_printf(arena, "%lld", (long long)message->due_ms)};
    headers[count++] = (struct outbox_header){"content-type", span_from_text(content_type)};
    if (message->traceparent.size != 0)
        headers[count++] = (struct outbox_header){"traceparent", message->traceparent};
    if (message->tracestate.size != 0)
        headers[count++] = (struct outbox_header){"tracestate", message->tracestate};
    return count;
}
