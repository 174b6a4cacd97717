/* The floor of tools/bench: the least that any such engine must do, and nothing more.
 *
 *   bench-floor BOOTSTRAP TOPIC OUT REDIS_HOST REDIS_PORT DUE_MS EVENTS SENDS
 *
 * No journal, no logic, no duplicates told, no recovery: consumes the same records, finds the fields by
 * looking for their names, keeps pending sends with plain variadic commands (ZADD + HSET, ZREM + HDEL),
 * pops what is due and produces messages of the same size. It stops after EVENTS events and SENDS messages.
 * What it costs is what `declic run` is compared with.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 500
#define TEXT 64

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench-floor: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        die(name, text);
}

/* The text behind `"name":"`, up to the next quote. */
static size_t find(const char *json, size_t size, const char *name, char out[TEXT])
{
    const char *at = memmem(json, size, name, strlen(name));
    if (at == NULL)
        die("field", name);
    at += strlen(name);
    const char *end = memchr(at, '"', size - (size_t)(at - json));
    if (end == NULL || end - at >= TEXT)
        die("field", name);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return (size_t)(end - at);
}

struct batch {
    const char *arguments[2 + 2 * BATCH];
    size_t sizes[2 + 2 * BATCH];
    int count;
    char texts[BATCH][TEXT], values[BATCH][128];
    size_t used;
};

static void begin(struct batch *batch, const char *command, const char *key)
{
    batch->arguments[0] = command;
    batch->arguments[1] = key;
    batch->sizes[0] = strlen(command);
    batch->sizes[1] = strlen(key);
    batch->count = 2;
}

static void push(struct batch *batch, const char *text, size_t size)
{
    batch->arguments[batch->count] = text;
    batch->sizes[batch->count++] = size;
}

/* Sends variadic commands for what was gathered and reads the answers. */
static void append(redisContext *redis, struct batch *batch)
{
    redisAppendCommandArgv(redis, batch->count, batch->arguments, batch->sizes);
}

static void answer(redisContext *redis)
{
    redisReply *reply;
    if (redisGetReply(redis, (void **)&reply) != REDIS_OK || reply->type == REDIS_REPLY_ERROR)
        die("redis", redis->errstr);
    freeReplyObject(reply);
}

static void write_triggers(redisContext *redis, struct batch *batch, const char *due)
{
    if (batch->used == 0)
        return;
    begin(batch, "ZADD", "floor:due");
    for (size_t i = 0; i < batch->used; i++) {
        push(batch, due, strlen(due));
        push(batch, batch->texts[i], strlen(batch->texts[i]));
    }
    append(redis, batch);
    begin(batch, "HSET", "floor:user");
    for (size_t i = 0; i < batch->used; i++) {
        push(batch, batch->texts[i], strlen(batch->texts[i]));
        push(batch, batch->values[i], 100);
    }
    append(redis, batch);
    answer(redis);
    answer(redis);
    batch->used = 0;
}

static void remove_users(redisContext *redis, struct batch *batch)
{
    if (batch->used == 0)
        return;
    const char *commands[][2] = {{"ZREM", "floor:due"}, {"HDEL", "floor:user"}};
    for (int c = 0; c < 2; c++) {
        begin(batch, commands[c][0], commands[c][1]);
        for (size_t i = 0; i < batch->used; i++)
            push(batch, batch->texts[i], strlen(batch->texts[i]));
        append(redis, batch);
    }
    answer(redis);
    answer(redis);
    batch->used = 0;
}

static uint64_t fire(redisContext *redis, rd_kafka_t *producer, const char *out, struct batch *batch)
{
    char limit[32];
    snprintf(limit, sizeof limit, "%" PRId64, now_ms());
    redisReply *due = redisCommand(redis, "ZRANGEBYSCORE floor:due -inf %s LIMIT 0 %d", limit, BATCH);
    if (due == NULL || due->type != REDIS_REPLY_ARRAY)
        die("redis", "no array of what is due");
    if (due->elements == 0) {
        freeReplyObject(due);
        return 0;
    }
    begin(batch, "HMGET", "floor:user");
    for (size_t i = 0; i < due->elements; i++)
        push(batch, due->element[i]->str, due->element[i]->len);
    append(redis, batch);
    redisReply *states;
    if (redisGetReply(redis, (void **)&states) != REDIS_OK || states->elements != due->elements)
        die("redis", "no states");
    for (size_t i = 0; i < due->elements; i++) {
        char value[512];
        int size = snprintf(
            value, sizeof value,
            "{\"send_id\":\"00000000-0000-5000-8000-000000000000\",\"campaign\":\"bench\",\"version\":1,"
            "\"step\":\"first\",\"channel\":\"push\",\"user\":\"%s\",\"key\":\"\",\"address\":null,"
            "\"locale\":\"en\",\"variant\":null,\"due\":\"%s\",\"decided\":\"%s\",\"trigger\":{\"id\":"
            "\"e\","
            "\"name\":\"cart_updated\",\"time\":\"%s\"},\"content\":{\"title\":\"Your cart is waiting\","
            "\"body\":\"%.40s\"}}",
            due->element[i]->str, limit, limit, limit, states->element[i]->str);
        while (
            rd_kafka_producev(
                producer, RD_KAFKA_V_TOPIC(out), RD_KAFKA_V_KEY(due->element[i]->str, due->element[i]->len),
                RD_KAFKA_V_VALUE(value, (size_t)size), RD_KAFKA_V_HEADER("declic-due", limit, -1),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, 1);
        memcpy(batch->texts[i], due->element[i]->str, due->element[i]->len + 1);
    }
    batch->used = due->elements;
    if (rd_kafka_flush(producer, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("flush", "not acknowledged");
    remove_users(redis, batch);
    uint64_t count = due->elements;
    freeReplyObject(states);
    freeReplyObject(due);
    return count;
}

static rd_kafka_t *open_consumer(const char *bootstrap, const char *topic, char text[256])
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", "bench-floor");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "fetch.wait.max.ms", "10");
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, 256);
    if (consumer == NULL)
        die("consumer", text);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return consumer;
}

static rd_kafka_t *open_producer(const char *bootstrap, char text[256])
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "acks", "all");
    set(conf, "linger.ms", "1");
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, 256);
    if (producer == NULL)
        die("producer", text);
    return producer;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr,
                "usage: bench-floor BOOTSTRAP TOPIC OUT REDIS_HOST REDIS_PORT DUE_MS EVENTS SENDS\n");
        return 2;
    }
    char text[256];
    const char *due = argv[6];
    uint64_t events = strtoull(argv[7], NULL, 10), sends = strtoull(argv[8], NULL, 10), read = 0, sent = 0;
    redisContext *redis = redisConnect(argv[4], atoi(argv[5]));
    if (redis == NULL || redis->err != 0)
        die("redis", argv[4]);
    rd_kafka_t *consumer = open_consumer(argv[1], argv[2], text), *producer = open_producer(argv[1], text);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    static struct batch triggers, cancels, due_batch;
    int64_t first_ms = 0, ingested_ms = 0;
    double idle_from_s = 0, idle_s = 0; /* CPU used while it only waits for the due instant */
    while (read < events || sent < sends) {
        rd_kafka_message_t *messages[BATCH];
        ssize_t count = rd_kafka_consume_batch_queue(queue, read < events ? 10 : 1, messages, BATCH);
        for (ssize_t i = 0; i < count; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                if (read++ == 0)
                    first_ms = now_ms();
                char name[TEXT], user[TEXT], cart[TEXT];
                const char *json = messages[i]->payload;
                find(json, messages[i]->len, "\"name\":\"", name);
                size_t size = find(json, messages[i]->len, "\"user\":\"", user);
                find(json, messages[i]->len, "\"cart_id\":\"", cart);
                if (strcmp(name, "cart_updated") == 0) {
                    memcpy(triggers.texts[triggers.used], user, size + 1);
                    memset(triggers.values[triggers.used], 'x', 100);
                    memcpy(triggers.values[triggers.used++], cart, strlen(cart));
                } else if (strcmp(name, "order_placed") == 0) {
                    memcpy(cancels.texts[cancels.used++], user, size + 1);
                }
            }
            rd_kafka_message_destroy(messages[i]);
        }
        write_triggers(redis, &triggers, due);
        remove_users(redis, &cancels);
        if (read >= events && ingested_ms == 0) {
            ingested_ms = now_ms();
            idle_from_s = cpu_seconds();
        }
        if (now_ms() >= strtoll(due, NULL, 10)) {
            if (ingested_ms != 0 && idle_s == 0 && sent == 0)
                idle_s = cpu_seconds() - idle_from_s;
            sent += fire(redis, producer, argv[3], &due_batch);
        }
    }
    printf("{\"read\":%" PRIu64 ",\"sent\":%" PRIu64
           ",\"ingest_s\":%.3f,\"cpu_s\":%.3f,\"idle_cpu_s\":%.3f}\n",
           read, sent, (double)(ingested_ms - first_ms) / 1000, cpu_seconds(), idle_s);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    redisFree(redis);
    return 0;
}
