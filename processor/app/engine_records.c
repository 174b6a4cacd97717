#include <stdio.h>

#include "app/engine_internal.h"
#include "base/uuid.h"
#include "codec/decision_json.h"

struct span decision_id_of_send(const struct decision_record *record, uint32_t attempt,
                                char text[DECISION_ID_BYTES])
{
    uuid_format(record->send_id, text);
    int size =
        snprintf(text + UUID_TEXT_BYTES, DECISION_ID_BYTES - UUID_TEXT_BYTES, "/%u/%lld/%.*s", attempt,
                 (long long)record->calendar_ms, SPAN_PRINTF(outcome_text(record->outcome)));
    return span_make(text, UUID_TEXT_BYTES + (size_t)size);
}

struct outbox_record engine_decision_record(struct engine *engine, const struct decision_record *record,
                                            struct outbox_header *header)
{
    buf_clear(&engine->record_text);
    decision_json_write(&engine->record_text, record);
    *header = (struct outbox_header){.name = "declic-decision-id"};
    return (struct outbox_record){
        .topic = engine->options.decisions_topic,
        .partition = -1,
        .key = record->user,
        .value = buf_span(&engine->record_text),
        .headers = header,
        .header_count = 1,
    };
}

void engine_note_decision(struct engine *engine, const struct partition *partition, int64_t offset,
                          uint32_t index, uint32_t number, const struct decision_record *record)
{
    /* A replay that began at a snapshot goes over what was told before, and from states that are not
     * complete yet. */
    if (offset < partition->noted_until || partition->state.sweep.restoring != 0)
        return;
    metrics_outcome(&engine->numbers, record);
    if (engine->options.decisions == ENGINE_DECISIONS_OFF ||
        (engine->options.decisions == ENGINE_DECISIONS_FINAL && record->outcome == OUTCOME_SCHEDULED))
        return;
    struct outbox_header header;
    struct outbox_record out = engine_decision_record(engine, record, &header);
    char id[DECISION_ID_BYTES];
    int size = snprintf(id, sizeof id, "%d/%lld/%u/%u", partition->id, (long long)offset, index, number);
    header.value = span_make(id, (size_t)size);
    const struct outbox_port *outbox = engine->ports.outbox;
    outbox->note(outbox->self, &out);
}
