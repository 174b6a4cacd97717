#include "app/journal_control.h"

#include <stdlib.h>
#include <time.h>

#include "app/own_topics.h"
#include "base/hash.h"
#include "base/memory.h"
#include "codec/journal.h"
#include "kafka/kafka_appender.h"

#define BLOCK_BYTES (500 * 1000) /* a block is closed when it is larger */

struct journal_control {
    struct kafka_appender *appender;
    struct appender_port port;
    struct arena arena;
    int32_t partitions;
    int timeout_ms;
    size_t in_flight;
};

/* The journal's partitions must be as many as configured: users are spread by that number. */
static enum err partitions_check(struct journal_control *journal, const struct config *config,
                                 struct diag *diag)
{
    int32_t found = kafka_appender_partitions(journal->appender, journal->timeout_ms);
    journal->partitions = (int32_t)config->journal_partitions;
    if (found == KAFKA_APPENDER_MISSING)
        return diag_set(diag, ERR_NOT_FOUND, 0, 0,
                        "the topic %.*sjournal is missing: `declic topics create` makes it",
                        SPAN_PRINTF(config->topics_prefix));
    if (found < 0)
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "Kafka does not answer about the journal");
    if (found != journal->partitions)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "the topic %.*sjournal has %d partitions, journal.partitions says %d: set it to %d",
                        SPAN_PRINTF(config->topics_prefix), found, journal->partitions, found);
    return ERR_OK;
}

enum err journal_control_open(const struct config *config, const struct log *log, int timeout_ms,
                              struct journal_control **journal, struct diag *diag)
{
    struct journal_control *j = memory_checked(calloc(1, sizeof(*j)));
    arena_init(&j->arena, 0);
    j->timeout_ms = timeout_ms;
    struct kafka_properties properties = own_kafka_properties(config, &j->arena);
    struct kafka_appender_options options = {
        .properties = &properties,
        .log = log,
        .journal_topic = config_topic(config, "journal", &j->arena).data,
        .dead_letter_topic = config_topic(config, "dlq", &j->arena).data,
        .name = "declic-control",
    };
    enum err error = kafka_appender_open(&options, &j->appender, diag);
    if (error == ERR_OK) {
        j->port = kafka_appender_port(j->appender);
        error = partitions_check(j, config, diag);
    }
    if (error != ERR_OK)
        journal_control_close(j);
    else
        *journal = j;
    return error;
}

void journal_control_close(struct journal_control *journal)
{
    if (journal == NULL)
        return;
    kafka_appender_destroy(journal->appender);
    arena_destroy(&journal->arena);
    free(journal);
}

static enum err block_append(struct journal_control *journal, struct journal_writer *writer,
                             struct buf *block, int32_t partition)
{
    buf_clear(block);
    journal_writer_finish(writer, block);
    struct appender_record record = {
        .target = APPENDER_JOURNAL, .partition = partition, .has_value = true, .value = buf_span(block)};
    enum err error = journal->port.append(journal->port.self, &record);
    journal->in_flight += error == ERR_OK;
    return error;
}

static bool concerns(const struct journal_control *journal, const struct control *control,
                     int32_t partition)
{
    return control->kind != CONTROL_ERASE ||
           (int32_t)hash_partition(control->id, (uint32_t)journal->partitions) == partition;
}

static enum err partition_append(struct journal_control *journal, const struct control *controls,
                                 size_t count, int32_t partition)
{
    struct journal_writer writer = {0};
    struct buf block = {0};
    enum err error = ERR_OK;
    for (size_t i = 0; error == ERR_OK && i < count; i++) {
        if (!concerns(journal, &controls[i], partition))
            continue;
        struct entry entry = {.kind = ENTRY_CONTROL, .control = controls[i]};
        size_t bytes = controls[i].definition.size + controls[i].snippets.size;
        if (writer.count > 0 && journal_writer_bytes(&writer) + bytes > BLOCK_BYTES)
            error = block_append(journal, &writer, &block, partition);
        journal_writer_add(&writer, &entry);
    }
    if (error == ERR_OK && writer.count > 0)
        error = block_append(journal, &writer, &block, partition);
    journal_writer_free(&writer);
    buf_free(&block);
    return error;
}

static enum err explain(const struct journal_control *journal, enum err error, struct diag *diag)
{
    struct span trouble = journal->port.trouble(journal->port.self);
    return diag_set(diag, error, 0, 0, "the journal: %.*s", SPAN_PRINTF(trouble));
}

static enum err reports_wait(struct journal_control *journal, struct diag *diag)
{
    struct appender_report reports[64];
    int64_t until_us = kafka_now_us() + (int64_t)journal->timeout_ms * 1000;
    while (journal->in_flight > 0) {
        size_t count = journal->port.poll(journal->port.self, reports, 64);
        for (size_t i = 0; i < count; i++)
            if (reports[i].error != ERR_OK)
                return explain(journal, reports[i].error, diag);
        journal->in_flight -= count;
        if (count > 0)
            continue;
        if (kafka_now_us() > until_us)
            return diag_set(
                diag, ERR_UNREACHABLE, 0, 0,
                "%zu journal partitions do not acknowledge; run the command again to complete it",
                journal->in_flight);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return ERR_OK;
}

enum err journal_control_write(struct journal_control *journal, const struct control *controls,
                               size_t count, struct diag *diag)
{
    for (int32_t p = 0; p < journal->partitions; p++) {
        enum err error = partition_append(journal, controls, count, p);
        if (error != ERR_OK)
            return explain(journal, error, diag);
    }
    return reports_wait(journal, diag);
}
