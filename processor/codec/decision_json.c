#include "codec/decision_json.h"

#include "base/uuid.h"
#include "codec/json.h"

static_assert(SEND_ID_BYTES == UUID_BYTES, "a send id is a UUID");

static void write_text_member(struct buf *buf, const char *name_and_colon, struct span text)
{
    buf_append_text(buf, name_and_colon);
    json_write_string(buf, text);
}

/* Left out when empty. */
static void write_optional(struct buf *buf, const char *name_and_colon, struct span text)
{
    if (text.size != 0)
        write_text_member(buf, name_and_colon, text);
}

void content_json_write(struct buf *buf, const struct content *content)
{
    buf_append_byte(buf, '{');
    for (size_t i = 0; i < content->count; i++) {
        if (i != 0)
            buf_append_byte(buf, ',');
        json_write_string(buf, content->fields[i].name);
        buf_append_byte(buf, ':');
        json_write_value(buf, content->fields[i].value);
    }
    buf_append_byte(buf, '}');
}

void decision_json_write(struct buf *buf, const struct decision_record *record)
{
    buf_append_text(buf, "{\"at\":");
    json_write_time(buf, record->at_ms);
    write_text_member(buf, ",\"user\":", record->user);
    write_text_member(buf, ",\"campaign\":", record->campaign);
    buf_append_text(buf, ",\"version\":");
    json_write_int(buf, record->version);
    write_text_member(buf, ",\"key\":", record->key);
    write_optional(buf, ",\"step\":", record->step);
    write_optional(buf, ",\"channel\":", record->channel);
    write_text_member(buf, ",\"outcome\":", outcome_text(record->outcome));
    write_optional(buf, ",\"reason\":", record->reason);
    if (record->has_due) {
        buf_append_text(buf, ",\"due\":");
        json_write_time(buf, record->due_ms);
    }
    write_optional(buf, ",\"trigger_id\":", record->trigger_id);
    if (record->has_send_id) {
        char send_id[UUID_TEXT_BYTES];
        uuid_format(record->send_id, send_id);
        write_text_member(buf, ",\"send_id\":", span_make(send_id, sizeof send_id));
    }
    if (record->content != NULL) {
        buf_append_text(buf, ",\"message\":");
        content_json_write(buf, record->content);
    }
    buf_append_byte(buf, '}');
}
