#include "codec/outbound_avro.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "base/uuid.h"
#include "codec/avro_schema.h"
#include "codec/json.h"

/* Numbers of the unions' branches, in the schema's order. */
enum { CONTENT_STRING, CONTENT_STRUCTURE };
enum {
    VALUE_IS_NULL,
    VALUE_IS_BOOLEAN,
    VALUE_IS_LONG,
    VALUE_IS_DOUBLE,
    VALUE_IS_STRING,
    VALUE_IS_ARRAY,
    VALUE_IS_MEMBERS
};

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"Outbound\",\"namespace\":\"declic\",\"fields\":["
    "{\"name\":\"send_id\",\"type\":\"string\"},"
    "{\"name\":\"campaign\",\"type\":\"string\"},"
    "{\"name\":\"version\",\"type\":\"long\"},"
    "{\"name\":\"step\",\"type\":\"string\"},"
    "{\"name\":\"channel\",\"type\":\"string\"},"
    "{\"name\":\"user\",\"type\":\"string\"},"
    "{\"name\":\"key\",\"type\":\"string\"},"
    "{\"name\":\"address\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"locale\",\"type\":\"string\"},"
    "{\"name\":\"variant\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"due\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"decided\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"trigger\",\"type\":{\"type\":\"record\",\"name\":\"Trigger\",\"fields\":[{\"name\":\"id"
    "\",\"type\":\"string\"},{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"time\",\"type\":{\"type\""
    ":\"long\",\"logicalType\":\"timestamp-millis\"}}]}},"
    "{\"name\":\"content\",\"type\":{\"type\":\"map\",\"values\":[\"string\",{\"type\":\"record\",\"name"
    "\":\"Structure\",\"fields\":[{\"name\":\"value\",\"type\":[\"null\",\"boolean\",\"long\",\"double\""
    ",\"string\",{\"type\":\"array\",\"items\":\"Structure\"},{\"type\":\"record\",\"name\":\"Members\","
    "\"fields\":[{\"name\":\"members\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
    "\"name\":"
    "\"Member\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"value\",\"type\":"
    "\"Structure\"}]}}}]}]}]}]}}]}";

struct span outbound_avro_schema(void)
{
    return span_make(schema, sizeof schema - 1);
}

struct span outbound_avro_head_of_id(uint32_t id, struct arena *arena)
{
    const char head[] = {0, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id};
    return arena_copy(arena, span_make(head, sizeof head));
}

struct span outbound_avro_head_of_fingerprint(struct arena *arena)
{
    const struct avro_type *type;
    char head[10] = "\xC3\x01";
    if (avro_schema_read(outbound_avro_schema(), arena, &type, NULL) != ERR_OK)
        abort();
    uint64_t fingerprint = avro_schema_fingerprint(type);
    for (size_t i = 0; i < 8; i++)
        head[2 + i] = (char)(fingerprint >> (8 * i));
    return arena_copy(arena, span_make(head, sizeof head));
}

/* ---- the encoding ---- */

static void write_long(struct buf *buf, int64_t number)
{
    uint64_t bits = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
    for (; bits >= 0x80; bits >>= 7)
        buf_append_byte(buf, (char)(bits | 0x80));
    buf_append_byte(buf, (char)bits);
}

/* With U+FFFD for each byte that is no UTF-8, as in JSON: what a template prints of bytes may have some,
 * and readers refuse a record with such a string as a whole. */
static void write_repaired(struct buf *buf, struct span text)
{
    struct buf repaired = {0};
    for (const char *at = text.data, *end = text.data + text.size; at < end;) {
        size_t size = utf8_sequence(at, end);
        buf_append(&repaired, size == 0 ? SPAN_LITERAL("\xEF\xBF\xBD") : span_make(at, size));
        at += size == 0 ? 1 : size;
    }
    write_long(buf, (int64_t)repaired.size);
    buf_append(buf, buf_span(&repaired));
    buf_free(&repaired);
}

static void write_string(struct buf *buf, struct span text)
{
    if (!utf8_valid(text)) {
        write_repaired(buf, text);
        return;
    }
    write_long(buf, (int64_t)text.size);
    buf_append(buf, text);
}

static void write_nullable(struct buf *buf, struct span text)
{
    write_long(buf, text.size == 0 ? 0 : 1);
    if (text.size != 0)
        write_string(buf, text);
}

static void write_double(struct buf *buf, double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    for (int i = 0; i < 8; i++)
        buf_append_byte(buf, (char)(bits >> (8 * i)));
}

/* As JSON writes it: times, bytes and the like. */
static void write_as_text(struct buf *buf, struct value value)
{
    struct buf text = {0};
    json_write_value(&text, value);
    size_t quote = text.data[0] == '"' ? 1 : 0;
    write_string(buf, span_slice(buf_span(&text), quote, text.size - quote));
    buf_free(&text);
}

static void write_structure(struct buf *buf, struct value value);

static void write_list(struct buf *buf, struct value list)
{
    if (list.size != 0)
        write_long(buf, list.size);
    for (uint32_t i = 0; i < list.size; i++)
        write_structure(buf, list.items[i]);
    write_long(buf, 0);
}

static void write_map(struct buf *buf, struct value map)
{
    if (map.size != 0)
        write_long(buf, map.size);
    for (uint32_t i = 0; i < map.size; i++) {
        if (map.members[i].key.kind == VALUE_STRING)
            write_string(buf, value_span(map.members[i].key));
        else
            write_as_text(buf, map.members[i].key);
        write_structure(buf, map.members[i].value);
    }
    write_long(buf, 0);
}

static void write_structure(struct buf *buf, struct value value)
{
    switch (value.kind) {
    case VALUE_NULL:
        write_long(buf, VALUE_IS_NULL);
        break;
    case VALUE_BOOL:
        write_long(buf, VALUE_IS_BOOLEAN);
        buf_append_byte(buf, value.boolean ? 1 : 0);
        break;
    case VALUE_INT:
        write_long(buf, VALUE_IS_LONG);
        write_long(buf, value.integer);
        break;
    case VALUE_UINT:
        write_long(buf, VALUE_IS_DOUBLE);
        write_double(buf, (double)value.natural);
        break;
    case VALUE_DOUBLE:
        write_long(buf, VALUE_IS_DOUBLE);
        write_double(buf, value.real);
        break;
    case VALUE_STRING:
        write_long(buf, VALUE_IS_STRING);
        write_string(buf, value_span(value));
        break;
    case VALUE_LIST:
        write_long(buf, VALUE_IS_ARRAY);
        write_list(buf, value);
        break;
    case VALUE_MAP:
        write_long(buf, VALUE_IS_MEMBERS);
        write_map(buf, value);
        break;
    default:
        write_long(buf, VALUE_IS_STRING);
        write_as_text(buf, value);
        break;
    }
}

static void write_content(struct buf *buf, const struct content *content)
{
    if (content->count != 0)
        write_long(buf, (int64_t)content->count);
    for (size_t i = 0; i < content->count; i++) {
        const struct content_field *field = &content->fields[i];
        write_string(buf, field->name);
        if (field->value.kind == VALUE_STRING) {
            write_long(buf, CONTENT_STRING);
            write_string(buf, value_span(field->value));
        } else {
            write_long(buf, CONTENT_STRUCTURE);
            write_structure(buf, field->value);
        }
    }
    write_long(buf, 0);
}

void outbound_avro_write(struct buf *buf, const struct outbound_message *message)
{
    char send_id[UUID_TEXT_BYTES];
    uuid_format(message->send_id, send_id);
    write_string(buf, span_make(send_id, sizeof send_id));
    write_string(buf, message->campaign);
    write_long(buf, message->version);
    write_string(buf, message->step);
    write_string(buf, message->channel);
    write_string(buf, message->user);
    write_string(buf, message->key);
    write_nullable(buf, message->address);
    write_string(buf, message->locale);
    write_nullable(buf, message->variant);
    write_long(buf, message->due_ms);
    write_long(buf, message->decided_ms);
    write_string(buf, message->trigger_id);
    write_string(buf, message->trigger_name);
    write_long(buf, message->trigger_time_ms);
    write_content(buf, message->content);
}
