#include "app/campaign_json.h"

#include "codec/json.h"

void campaign_json_write(struct buf *out, const struct campaign_item *item, uint32_t version,
                         const struct campaign_definition *definition)
{
    buf_append_text(out, "{\"campaign\":");
    json_write_string(out, item->id);
    buf_printf(out, ",\"version\":%u,\"current\":%u,\"status\":\"%s\",\"applied\":%s,\"at\":", version,
               item->version, campaign_status_name(item->status), item->applied ? "true" : "false");
    json_write_time(out, item->at_ms);
    buf_append_text(out, ",\"versions\":[");
    for (size_t i = 0; i < item->version_count; i++)
        buf_printf(out, "%s%u", i == 0 ? "" : ",", item->versions[i].version);
    buf_append_text(out, "],\"definition\":");
    json_write_string(out, definition->text);
    buf_append_byte(out, '}');
}
