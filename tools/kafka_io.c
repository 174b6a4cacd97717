/* kafka-io: JSON lines into and out of Kafka, for scripts.
 *
 *   kafka-io create  -b BROKERS -t TOPIC [-n PARTITIONS]     no error when it is there already
 *   kafka-io delete  -b BROKERS -p PREFIX                    every topic whose name begins so
 *   kafka-io produce -b BROKERS -t TOPIC [-k FIELD] [-r RATE] [-q]
 *                                     each line of standard input is a record; its key is the line's
 *                                     top-level string FIELD (default user); RATE lines a second
 *   kafka-io consume -b BROKERS -t TOPIC [-n COUNT] [-i IDLE_MS] [-s SINCE_MS] [-f PATHS]
 *                                     from the beginning, committed records only, one JSON object a
 *                                     line with partition, offset, time, key, headers, value; ends
 *                                     after COUNT records or once nothing has come for IDLE_MS;
 *                                     SINCE_MS leaves out records with an older timestamp; PATHS
 *                                     (value.user,headers.declic-step) prints these, tabs between
 *
 * Exit codes as everywhere in Declic: 0 done, 1 some records failed, 2 wrong usage, 3 no broker.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FOUND = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };
enum { ANSWER_MS = 15000, POLL_MS = 100, PROGRESS_EVERY = 10 };

struct options {
    const char *brokers;
    const char *topic;
    const char *prefix;
    const char *key_field;
    const char *paths;
    long since_ms;
    long count;
    long idle_ms;
    long rate;
    bool quiet;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "kafka-io: %s\n", why);
        exit(EXIT_USAGE);
    }
}

static rd_kafka_t *open_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers)
{
    char why[512];
    set(conf, "bootstrap.servers", brokers);
    set(conf, "log_level", "2");
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        fprintf(stderr, "kafka-io: %s\n", why);
        exit(EXIT_USAGE);
    }
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, NULL, &metadata, ANSWER_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "kafka-io: no Kafka answers at %s: %s\n", brokers, rd_kafka_err2str(err));
        exit(EXIT_UNREACHABLE);
    }
    rd_kafka_metadata_destroy(metadata);
    return client;
}

/* Waits for the answer to one admin request. NULL when none came in time. */
static rd_kafka_event_t *admin_answer(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    if (event == NULL)
        fprintf(stderr, "kafka-io: the broker did not answer\n");
    else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fprintf(stderr, "kafka-io: %s\n", rd_kafka_event_error_string(event));
    return event;
}

static int topic_create(const struct options *options)
{
    char why[512];
    rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), options->brokers);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        options->topic, options->count > 0 ? (int)options->count : 4, -1, why, sizeof why);
    if (topic == NULL) {
        fprintf(stderr, "kafka-io: %s\n", why);
        return EXIT_USAGE;
    }
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = admin_answer(queue);
    int code = event == NULL ? EXIT_UNREACHABLE : 0;
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        for (size_t i = 0; i < count; i++) {
            rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
            if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
                fprintf(stderr, "kafka-io: %s: %s\n", options->topic, rd_kafka_err2str(err));
                code = EXIT_FOUND;
            }
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return code;
}

static int topics_delete(const struct options *options)
{
    rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), options->brokers);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client, 1, NULL, &metadata, ANSWER_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return EXIT_UNREACHABLE;
    size_t count = 0;
    rd_kafka_DeleteTopic_t **topics = calloc((size_t)metadata->topic_cnt + 1, sizeof(*topics));
    for (int i = 0; topics != NULL && i < metadata->topic_cnt; i++)
        if (strncmp(metadata->topics[i].topic, options->prefix, strlen(options->prefix)) == 0)
            topics[count++] = rd_kafka_DeleteTopic_new(metadata->topics[i].topic);
    rd_kafka_metadata_destroy(metadata);
    int code = 0;
    if (count > 0) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_DeleteTopics(client, topics, count, NULL, queue);
        rd_kafka_event_t *event = admin_answer(queue);
        if (event == NULL)
            code = EXIT_UNREACHABLE;
        else
            rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        rd_kafka_DeleteTopic_destroy_array(topics, count);
    }
    free(topics);
    rd_kafka_destroy(client);
    return code;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "kafka-io: not delivered: %s\n", rd_kafka_err2str(message->err));
        ++*(long *)opaque;
    }
}

static bool produce_line(rd_kafka_t *client, const struct options *options, const char *line, size_t length)
{
    json_error_t error;
    json_t *object = json_loadb(line, length, 0, &error);
    if (object == NULL) {
        fprintf(stderr, "kafka-io: no JSON: %s\n", error.text);
        return false;
    }
    json_t *key = json_object_get(object, options->key_field);
    rd_kafka_resp_err_t err;
    do {
        err = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(options->topic),
                                RD_KAFKA_V_KEY(json_string_value(key), json_string_length(key)),
                                RD_KAFKA_V_VALUE((void *)(uintptr_t)line, length),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        rd_kafka_poll(client, err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? POLL_MS : 0);
    } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && !interrupted);
    json_decref(object);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        fprintf(stderr, "kafka-io: %s\n", rd_kafka_err2str(err));
    return err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A poll ends with the first report, so one is not enough. */
static void poll_until(rd_kafka_t *client, int64_t until_ms)
{
    int64_t left_ms;
    while (!interrupted && (left_ms = until_ms - clock_ms()) > 0)
        rd_kafka_poll(client, (int)left_ms);
}

static int produce(const struct options *options)
{
    long failed = 0, sent = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "5");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, &failed);
    rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, conf, options->brokers);
    bool progress = !options->quiet && isatty(STDERR_FILENO);
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int64_t begun_ms = clock_ms();
    while (!interrupted && (length = getline(&line, &size, stdin)) > 0) {
        if (line[length - 1] == '\n')
            length--;
        if (length == 0)
            continue;
        if (produce_line(client, options, line, (size_t)length))
            sent++;
        else
            failed++;
        poll_until(client, options->rate > 0 ? begun_ms + sent * 1000 / options->rate : 0);
        if (progress && sent % PROGRESS_EVERY == 0)
            fprintf(stderr, "\r%ld events sent", sent);
    }
    free(line);
    rd_kafka_flush(client, ANSWER_MS);
    failed += rd_kafka_outq_len(client);
    if (!options->quiet)
        fprintf(stderr, "%s%ld events sent to %s\n", progress ? "\r" : "", sent, options->topic);
    rd_kafka_destroy(client);
    return failed == 0 ? 0 : EXIT_FOUND;
}

/* JSON when the bytes are JSON, else a string; what is no UTF-8 prints as null. */
static json_t *value_json(const void *bytes, size_t length)
{
    if (bytes == NULL)
        return json_null();
    json_t *parsed = json_loadb(bytes, length, JSON_DECODE_ANY, NULL);
    if (parsed == NULL)
        parsed = json_stringn(bytes, length);
    return parsed != NULL ? parsed : json_null();
}

static json_t *text_json(const void *bytes, size_t length)
{
    json_t *text = bytes == NULL ? NULL : json_stringn(bytes, length);
    return text != NULL ? text : json_null();
}

/* The member that a path such as value.content.title leads to, NULL when there is none. */
static const json_t *find_path(const json_t *from, const char *path, size_t length)
{
    while (from != NULL && length > 0) {
        const char *dot = memchr(path, '.', length);
        size_t name_length = dot == NULL ? length : (size_t)(dot - path);
        from = json_object_getn(from, path, name_length);
        size_t used = dot == NULL ? length : name_length + 1;
        path += used;
        length -= used;
    }
    return from;
}

static void print_paths(const json_t *record, const char *paths)
{
    for (const char *path = paths; *path != '\0';) {
        size_t length = strcspn(path, ",");
        const json_t *found = find_path(record, path, length);
        if (path != paths)
            putchar('\t');
        if (json_is_string(found))
            fputs(json_string_value(found), stdout);
        else if (found != NULL)
            json_dumpf(found, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        path += length;
        path += *path == ',';
    }
}

static void print_record(const rd_kafka_message_t *message, const char *paths)
{
    json_t *headers = json_object();
    rd_kafka_headers_t *found;
    if (rd_kafka_message_headers(message, &found) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *name;
        const void *bytes;
        size_t length;
        for (size_t i = 0; rd_kafka_header_get_all(found, i, &name, &bytes, &length) == 0; i++)
            json_object_set_new(headers, name, text_json(bytes, length));
    }
    json_t *line = json_pack("{s:i, s:I, s:I, s:o, s:o, s:o}", "partition", (int)message->partition,
                             "offset", (json_int_t)message->offset, "time",
                             (json_int_t)rd_kafka_message_timestamp(message, NULL), "key",
                             text_json(message->key, message->key_len), "headers", headers, "value",
                             value_json(message->payload, message->len));
    if (paths != NULL)
        print_paths(line, paths);
    else
        json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void assign_all(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, handle, &metadata, ANSWER_MS);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt == 0)
        err = metadata->topics[0].err;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "kafka-io: %s: %s\n", topic, rd_kafka_err2str(err));
        exit(EXIT_FOUND);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}

static int consume(const struct options *options)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", "kafka-io");
    set(conf, "enable.auto.commit", "false");
    set(conf, "isolation.level", "read_committed");
    rd_kafka_t *client = open_client(RD_KAFKA_CONSUMER, conf, options->brokers);
    rd_kafka_poll_set_consumer(client);
    assign_all(client, options->topic);
    long left = options->count > 0 ? options->count : -1;
    int64_t last_ms = clock_ms();
    while (!interrupted && left != 0 &&
           (options->idle_ms <= 0 || clock_ms() - last_ms < options->idle_ms)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, POLL_MS);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            last_ms = clock_ms();
            if (rd_kafka_message_timestamp(message, NULL) >= options->since_ms) {
                print_record(message, options->paths);
                left -= left > 0;
            }
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return 0;
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: kafka-io create  -b BROKERS -t TOPIC [-n PARTITIONS]\n"
        "       kafka-io delete  -b BROKERS -p PREFIX\n"
        "       kafka-io produce -b BROKERS -t TOPIC [-k FIELD] [-r RATE] [-q] < LINES\n"
        "       kafka-io consume -b BROKERS -t TOPIC [-n COUNT] [-i IDLE_MS] [-s SINCE_MS] [-f PATHS]\n");
    return EXIT_USAGE;
}

static bool read_number(const char *text, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= 0;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    int letter;
    while ((letter = getopt(argc, argv, "b:t:p:k:n:i:r:s:f:q")) != -1) {
        bool good = true;
        switch (letter) {
        case 'b':
            options->brokers = optarg;
            break;
        case 't':
            options->topic = optarg;
            break;
        case 'p':
            options->prefix = optarg;
            break;
        case 'k':
            options->key_field = optarg;
            break;
        case 'n':
            good = read_number(optarg, &options->count);
            break;
        case 'i':
            good = read_number(optarg, &options->idle_ms);
            break;
        case 'r':
            good = read_number(optarg, &options->rate);
            break;
        case 's':
            good = read_number(optarg, &options->since_ms);
            break;
        case 'f':
            options->paths = optarg;
            break;
        case 'q':
            options->quiet = true;
            break;
        default:
            good = false;
        }
        if (!good)
            return false;
    }
    return optind == argc && options->brokers != NULL;
}

int main(int argc, char **argv)
{
    struct options options = {.key_field = "user"};
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (argc < 2 || !read_options(argc - 1, argv + 1, &options))
        return usage();
    if (strcmp(argv[1], "delete") == 0 && options.prefix != NULL && options.prefix[0] != '\0')
        return topics_delete(&options);
    if (options.topic == NULL)
        return usage();
    if (strcmp(argv[1], "create") == 0)
        return topic_create(&options);
    if (strcmp(argv[1], "produce") == 0)
        return produce(&options);
    if (strcmp(argv[1], "consume") == 0)
        return consume(&options);
    return usage();
}
