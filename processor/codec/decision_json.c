#include "codec/decision_json.h"

#include "base/uuid.h"
#include "codec/json.h"

static_assert(SEND_ID_BYTES == UUID_BYTES, "a send id is a UUID");

/* What needs no escape: nothing of it comes from outside. */
static void write_own_text(struct buf *buf, struct span text)
{
    buf_append_byte(buf, '"');
    buf_append(buf, text);
    buf_append_byte(buf, '"');
}

static inline void write_text_member(struct buf *buf, struct span name_and_colon, struct span text)
{
    buf_append(buf, name_and_colon);
    json_write_string(buf, text);
}

/* Left out when empty. */
static inline void write_optional(struct buf *buf, struct span name_and_colon, struct span text)
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
    buf_append(buf, SPAN_LITERAL("{\"at\":"));
    json_write_time(buf, record->at_ms);
    write_text_member(buf, SPAN_LITERAL(",\"user\":"), record->user);
    write_text_member(buf, SPAN_LITERAL(",\"campaign\":"), record->campaign);
    buf_append(buf, SPAN_LITERAL(",\"version\":"));
    json_write_int(buf, record->version);
    write_text_member(buf, SPAN_LITERAL(",\"key\":"), record->key);
    write_optional(buf, SPAN_LITERAL(",\"step\":"), record->step);
    write_optional(buf, SPAN_LITERAL(",\"channel\":"), record->channel);
    buf_append(buf, SPAN_LITERAL(",\"outcome\":"));
    write_own_text(buf, outcome_text(record->outcome));
    write_optional(buf, SPAN_LITERAL(",\"reason\":"), record->reason);
    if (record->has_due) {
        buf_append(buf, SPAN_LITERAL(",\"due\":"));
        json_write_time(buf, record->due_ms);
    }
    write_optional(buf, SPAN_LITERAL(",\"trigger_id\":"), record->trigger_id);
    if (record->has_send_id) {
        char send_id[UUID_TEXT_BYTES];
        uuid_format(record->send_id, send_id);
        buf_append(buf, SPAN_LITERAL(",\"send_id\":"));
        write_own_text(buf, span_make(send_id, sizeof send_id));
    }
    if (record->content != NULL) {
        buf_append(buf, SPAN_LITERAL(",\"message\":"));
        content_json_write(buf, record->content);
    }
    buf_append_byte(buf, '}');
}
