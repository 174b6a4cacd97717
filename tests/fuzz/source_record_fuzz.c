#include "codec/journal.h"
#include "codec/source_record.h"
#include "fuzz.h"

static const struct record_header headers[] = {{SPAN_LITERAL("ce_id"), SPAN_LITERAL("e1")},
                                               {SPAN_LITERAL("ce_source"), SPAN_LITERAL("/s")},
                                               {SPAN_LITERAL("ce_type"), SPAN_LITERAL("t")},
                                               {SPAN_LITERAL("ce_specversion"), SPAN_LITERAL("1.0")},
                                               {SPAN_LITERAL("traceparent"), SPAN_LITERAL("00-a")}};

/* What is taken keeps the rules and survives the journal. */
static void check_event(const struct event *event, struct arena *arena)
{
    struct diag diag;
    MUST(event_check_id(event->id, &diag) == ERR_OK);
    MUST(event_check_name(event->name, &diag) == ERR_OK);
    MUST(event->user.size == 0 || event_check_user(event->user, &diag) == ERR_OK);
    MUST(event_check_attributes(event->attributes, &record_limits_default.attributes, &diag) == ERR_OK);
    struct entry entry = {.kind = ENTRY_EVENT, .event = *event};
    struct journal_writer writer = {0};
    struct buf block = {0};
    journal_writer_add(&writer, &entry);
    journal_writer_finish(&writer, &block);
    struct journal_reader reader;
    MUST(journal_reader_init(&reader, buf_span(&block), arena) == ERR_OK);
    MUST(journal_reader_next(&reader, &entry) == ERR_OK);
    MUST(value_equal(entry.event.attributes, event->attributes));
    MUST(entry.event.time_ms == event->time_ms);
    journal_writer_free(&writer);
    buf_free(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mapping_spec specs[] = {
        {.format = MAPPING_JSON},
        {.format = MAPPING_JSON,
         .attributes = {.given = true},
         .id = {.given = true, .text = {"/a/0/b", 6}}},
        {.format = MAPPING_CLOUDEVENTS},
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        for (size_t header_count = 0; header_count <= 5; header_count += 5) {
            struct mapping mapping;
            struct diag diag;
            struct source_record record = {.topic = SPAN_LITERAL("t"),
                                           .has_value = true,
                                           .value = span_make(data, size),
                                           .key = span_make(data, size),
                                           .headers = headers,
                                           .header_count = header_count};
            struct event event;
            struct profile_update profile;
            MUST(mapping_compile(&specs[i], &arena, &mapping, &diag) == ERR_OK);
            if (source_record_read_event(&record, &mapping, &record_limits_default, &arena, &event,
                                         &diag) == ERR_OK)
                check_event(&event, &arena);
            record.has_value = size % 7 != 0;
            if (source_record_read_profile(&record, &mapping, &record_limits_default, &arena, &profile,
                                           &diag) == ERR_OK)
                MUST(event_check_user(profile.user, &diag) == ERR_OK);
            arena_reset(&arena);
        }
    }
    arena_destroy(&arena);
    return 0;
}
