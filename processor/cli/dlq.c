#include <stdio.h>
#include <stdlib.h>

#include "app/dead_letter.h"
#include "app/own_topics.h"
#include "base/civil.h"
#include "cli/service.h"
#include "codec/json.h"
#include "kafka/kafka_log.h"
#include "kafka/kafka_replay.h"

/* One dead letter: where it came from, by its headers. */
struct letter {
    int32_t dlq_partition;
    const struct kafka_log_record *record;
    struct span topic, partition, offset, reason;
};

/* What is looked for; empty: everything. */
struct filter {
    struct span topic;
    int64_t limit; /* letters; -1: no limit */
};

struct walk {
    const struct cli_call *call;
    const struct config *config;
    struct span dlq;
    struct kafka_properties properties;
    struct filter filter;
    int64_t seen;
    enum err (*visit)(struct walk *walk, const struct letter *letter, struct diag *diag);
    struct buf out;
    struct kafka_replay *replay;
};

static struct span header(const struct kafka_log_record *record, const char *name)
{
    /* The last one counts: a letter that was replayed and refused again has older ones before it. */
    for (size_t i = record->header_count; i-- > 0;)
        if (strcmp(record->headers[i].name, name) == 0)
            return record->headers[i].value;
    return (struct span){0};
}

/* A decimal number; -1 when it is none. */
static int64_t number_of(struct span digits)
{
    int64_t number = 0;
    for (size_t i = 0; i < digits.size && i < 19; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return -1;
        number = number * 10 + (digits.data[i] - '0');
    }
    return digits.size > 0 && digits.size < 19 ? number : -1;
}

static struct letter letter_of(int32_t partition, const struct kafka_log_record *record)
{
    return (struct letter){
        .dlq_partition = partition,
        .record = record,
        .topic = header(record, DEAD_LETTER_PREFIX "topic"),
        .partition = header(record, DEAD_LETTER_PREFIX "partition"),
        .offset = header(record, DEAD_LETTER_PREFIX "offset"),
        .reason = header(record, DEAD_LETTER_PREFIX "exception.message"),
    };
}

/* One partition of the dead letters, and where it ended when the command began. */
struct shelf {
    struct kafka_log *log;
    int64_t end;
};

static enum err shelf_open(const struct walk *walk, int32_t partition, struct shelf *shelf,
                           struct diag *diag)
{
    struct kafka_log_options options = {.properties = &walk->properties,
                                        .topic = walk->dlq.data,
                                        .partition = partition,
                                        .committed = true};
    enum err error = kafka_log_open(&options, &shelf->log, diag);
    return error == ERR_OK ? kafka_log_end(shelf->log, SERVICE_TIMEOUT_MS, NULL, &shelf->end, diag) : error;
}

/* Visits the letters of one partition, up to its end. */
static enum err shelf_walk(struct walk *walk, int32_t partition, const struct shelf *shelf,
                           struct diag *diag)
{
    int64_t until_us = kafka_now_us() + SERVICE_TIMEOUT_MS * 1000LL;
    enum err error = ERR_OK;
    while (error == ERR_OK && kafka_log_position(shelf->log) < shelf->end &&
           walk->seen != walk->filter.limit) {
        struct kafka_log_record record;
        if (kafka_log_next(shelf->log, 100, &record) != ERR_OK) {
            if (kafka_now_us() > until_us)
                error = diag_set(diag, ERR_TIMEOUT, 0, 0, "the dead letters do not come");
            continue;
        }
        until_us = kafka_now_us() + SERVICE_TIMEOUT_MS * 1000LL;
        struct letter letter = letter_of(partition, &record);
        if (record.offset >= shelf->end ||
            (walk->filter.topic.size > 0 && !span_equal(letter.topic, walk->filter.topic)))
            continue;
        walk->seen++;
        error = walk->visit(walk, &letter, diag);
    }
    return error;
}

/* All ends are known before the first letter is visited: what a replay sends may be refused again at once,
 * and is not to be met in a later partition. */
static enum err walk_all(struct walk *walk, struct diag *diag)
{
    int32_t partitions = 0;
    enum err error =
        service_partitions_count(&walk->properties, walk->dlq, walk->call->arena, &partitions, diag);
    if (error == ERR_NOT_FOUND)
        return diag_set(diag, error, 0, 0, "topic %.*s is missing: `declic topics create` makes it",
                        SPAN_PRINTF(walk->dlq));
    if (error != ERR_OK)
        return error;
    struct shelf *shelves = ARENA_ARRAY(walk->call->arena, struct shelf, (size_t)partitions);
    for (int32_t p = 0; error == ERR_OK && p < partitions; p++)
        error = shelf_open(walk, p, &shelves[p], diag);
    for (int32_t p = 0; error == ERR_OK && p < partitions; p++)
        error = shelf_walk(walk, p, &shelves[p], diag);
    for (int32_t p = 0; p < partitions; p++)
        if (shelves[p].log != NULL)
            kafka_log_close(shelves[p].log);
    return error;
}

/* CLI_DONE, or CLI_USAGE. */
static int walk_begin(const struct cli_call *call, struct walk *walk)
{
    struct config *config;
    const char *limit = cli_flag(call, "limit"), *topic = cli_flag(call, "topic");
    *walk = (struct walk){.call = call, .filter.limit = -1};
    if (limit != NULL) {
        char *end;
        walk->filter.limit = strtoll(limit, &end, 10);
        if (*end != 0 || limit[0] == 0 || walk->filter.limit < 1)
            return cli_usage(call, "--limit needs a number from 1");
    }
    if (topic != NULL)
        walk->filter.topic = span_from_text(topic);
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    walk->config = config;
    walk->dlq = config_topic(config, "dlq", call->arena);
    walk->properties = own_kafka_properties(config, call->arena);
    return CLI_DONE;
}

/* ---- list ---- */

/* Headers hold decimal numbers; what is none is left out. */
static void write_number(struct buf *out, const char *name, struct span digits)
{
    int64_t number = number_of(digits);
    if (number >= 0)
        buf_printf(out, ",\"%s\":%lld", name, (long long)number);
}

static enum err list_json(struct walk *walk, const struct letter *letter, struct diag *diag)
{
    (void)diag;
    struct buf *out = &walk->out;
    buf_append_text(out, walk->seen == 1 ? "{\"topic\":" : ",{\"topic\":");
    json_write_string(out, letter->topic);
    write_number(out, "partition", letter->partition);
    write_number(out, "offset", letter->offset);
    buf_append_text(out, ",\"reason\":");
    json_write_string(out, letter->reason);
    buf_append_text(out, ",\"key\":");
    if (letter->record->has_key)
        json_write_string(out, letter->record->key);
    else
        buf_append_text(out, "null");
    buf_printf(out, ",\"dlq_partition\":%d,\"dlq_offset\":%lld,\"at\":", letter->dlq_partition,
               (long long)letter->record->offset);
    json_write_time(out, letter->record->timestamp_ms);
    buf_append_byte(out, '}');
    return ERR_OK;
}

static enum err list_row(struct walk *walk, const struct letter *letter, struct diag *diag)
{
    (void)diag;
    char at[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(letter->record->timestamp_ms, at);
    if (walk->seen == 1)
        printf("%-24s %-32s %s\n", "AT", "RECORD", "REASON");
    struct span place = arena_printf(walk->call->arena, "%.*s/%.*s/%.*s", SPAN_PRINTF(letter->topic),
                                     SPAN_PRINTF(letter->partition), SPAN_PRINTF(letter->offset));
    printf("%-24.*s %-32.*s %.*s\n", (int)size, at, SPAN_PRINTF(place), SPAN_PRINTF(letter->reason));
    return ERR_OK;
}

static int run_list(const struct cli_call *call)
{
    struct walk walk;
    struct diag diag = {0};
    int code = walk_begin(call, &walk);
    if (code != CLI_DONE)
        return code;
    bool json = cli_flag(call, "json") != NULL;
    walk.visit = json ? list_json : list_row;
    enum err error = walk_all(&walk, &diag);
    if (error != ERR_OK)
        code = service_fail(call, error, &diag);
    else if (json)
        printf("[%.*s]\n", (int)walk.out.size, walk.out.size == 0 ? "" : walk.out.data);
    buf_free(&walk.out);
    return code;
}

/* ---- replay ---- */

static enum err replay_one(struct walk *walk, const struct letter *letter, struct diag *diag)
{
    if (letter->topic.size == 0)
        return diag_set(diag, ERR_CORRUPT, 0, 0, "the dead letter %d/%lld does not say where it came from",
                        letter->dlq_partition, (long long)letter->record->offset);
    int64_t partition = number_of(letter->partition);
    if (partition > INT32_MAX)
        partition = -1;
    return kafka_replay_send(walk->replay, letter->topic, (int32_t)partition, letter->record,
                             DEAD_LETTER_PREFIX, diag);
}

static int run_replay(const struct cli_call *call)
{
    struct walk walk;
    struct diag diag = {0};
    int code = walk_begin(call, &walk);
    if (code != CLI_DONE)
        return code;
    if (!service_confirm(call, "Dead letters go back to the topics that they came from. Go on?"))
        return CLI_WRONG;
    walk.visit = replay_one;
    enum err error = kafka_replay_open(&walk.properties, &walk.replay, &diag);
    if (error == ERR_OK)
        error = walk_all(&walk, &diag);
    if (error == ERR_OK)
        error = kafka_replay_flush(walk.replay, SERVICE_TIMEOUT_MS, &diag);
    kafka_replay_close(walk.replay);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    printf("%lld sent again\n", (long long)walk.seen);
    return CLI_DONE;
}

static const struct cli_flag list_flags[] = {
    {"topic", "TOPIC", "only those that came from this source"},
    {"limit", "N", "at most so many"},
    {"json", NULL, "print an array of objects"},
    {0},
};
static const struct cli_flag replay_flags[] = {
    {"topic", "TOPIC", "only those that came from this source"},
    {"limit", "N", "at most so many"},
    {"yes", NULL, "do not ask"},
    {0},
};

const struct cli_command cli_dlq_list = {
    .name = "dlq list",
    .arguments = "",
    .summary = "List the records that were refused, and why.",
    .flags = list_flags,
    .takes_config = true,
    .run = run_list,
};

const struct cli_command cli_dlq_replay = {
    .name = "dlq replay",
    .arguments = "",
    .summary = "Send refused records to their sources again, as they came.",
    .help = "Key, value, headers and partition are the original ones; what was added to them\n"
            "is left out. They stay in the dead-letter topic too. Mend the cause first: what is\n"
            "refused again comes back.",
    .flags = replay_flags,
    .takes_config = true,
    .run = run_replay,
};
