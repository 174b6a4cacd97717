/* The load of tools/bench: a deterministic mix of events, and a reader that measures what comes out.
 *
 *   bench-load MODE BOOTSTRAP TOPIC NUMBER NUMBER
 *
 *   fill COUNT TIME_MS       writes COUNT events of the mix below that occurred at TIME_MS
 *   triggers COUNT TIME_MS   one trigger of each of COUNT users; `cancels`: one cancel
 *   steady RATE SECONDS      RATE triggers a second, occurring as they are written
 *   drain COUNT SECONDS      reads COUNT messages (committed ones), prints how late they were
 *   follow COUNT SECONDS     the same, of messages that are not there yet
 *
 * The mix, a thousand events at a time: 600 triggers, each of a user of its own; 300 cancels of which four
 * of five meet one of the triggers before them; 100 events that no campaign names. About 230 bytes of JSON
 * each.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench-load: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        die(name, text);
}

/* ---- writing ---- */

static rd_kafka_t *open_producer(const char *bootstrap, const char *linger)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", linger);
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "partitioner", "murmur2_random");
    char text[256];
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer == NULL)
        die("producer", text);
    return producer;
}

static void produce(rd_kafka_t *producer, const char *topic, const char *key, size_t key_size,
                    const char *value, size_t size)
{
    for (;;) {
        rd_kafka_resp_err_t error =
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, key_size),
                              RD_KAFKA_V_VALUE((void *)value, size),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce", rd_kafka_err2str(error));
        rd_kafka_poll(producer, 10);
    }
}

enum kind { TRIGGER, CANCEL, OTHER };

static void produce_event(rd_kafka_t *producer, const char *topic, enum kind kind, uint64_t number,
                          uint64_t user, int64_t time_ms)
{
    static const char *const names[] = {"cart_updated", "order_placed", "page_viewed"};
    char key[32], value[512];
    int key_size = snprintf(key, sizeof key, "user-%011" PRIu64, user);
    int size = snprintf(
        value, sizeof value,
        "{\"id\":\"e-%011" PRIu64 "\",\"user\":\"%s\",\"name\":\"%s\",\"time\":%" PRId64
        ",\"attributes\":{\"cart_id\":\"c-%08" PRIu64 "\",\"total\":%" PRIu64
        ".%02d,\"currency\":\"EUR\",\"items\":%d,\"page\":\"/products/%06d\",\"source\":\"mobile\"}}",
        number, key, names[kind], time_ms, user % 100000000, 30 + number % 200, (int)(number % 100),
        (int)(number % 9) + 1, (int)(number % 1000000));
    produce(producer, topic, key, (size_t)key_size, value, (size_t)size);
}

static int finish(rd_kafka_t *producer)
{
    if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("flush", "the broker did not acknowledge in time");
    rd_kafka_destroy(producer);
    return 0;
}

#define CANCEL_LAG 3000 /* triggers between one and its cancel, so that they do not share a batch */

/* Of ten events six are triggers and three cancels; every fifth cancel meets nothing. */
static int fill(const char *bootstrap, const char *topic, uint64_t count, int64_t time_ms)
{
    rd_kafka_t *producer = open_producer(bootstrap, "5");
    uint64_t users = 0, cancels = 0, hits = 0;
    for (uint64_t number = 0; number < count; number++) {
        uint64_t place = number % 10;
        if (place < 6) {
            produce_event(producer, topic, TRIGGER, number, users++, time_ms);
        } else if (place < 9) {
            /* places 6, 7, 8 of one ten take three triggers of another, each once */
            bool hit = cancels++ % 5 != 4 && users >= CANCEL_LAG;
            uint64_t user = hit ? users - CANCEL_LAG + place - 6 : 90000000000u + number;
            hits += hit ? 1 : 0;
            produce_event(producer, topic, CANCEL, number, user, time_ms);
        } else {
            produce_event(producer, topic, OTHER, number, number, time_ms);
        }
        if (number % 1000 == 0)
            rd_kafka_poll(producer, 0);
    }
    finish(producer);
    printf("{\"events\":%" PRIu64 ",\"triggers\":%" PRIu64 ",\"hits\":%" PRIu64 "}\n", count, users, hits);
    return 0;
}

/* One trigger, or one cancel, of each of COUNT users. */
static int each(const char *bootstrap, const char *topic, enum kind kind, uint64_t count, int64_t time_ms)
{
    rd_kafka_t *producer = open_producer(bootstrap, "5");
    for (uint64_t user = 0; user < count; user++) {
        produce_event(producer, topic, kind, user + (kind == CANCEL ? count : 0), user, time_ms);
        if (user % 1000 == 0)
            rd_kafka_poll(producer, 0);
    }
    return finish(producer);
}

static int steady(const char *bootstrap, const char *topic, int64_t rate, int64_t seconds)
{
    rd_kafka_t *producer = open_producer(bootstrap, "5");
    int64_t begun_us = now_us();
    uint64_t base = 50000000000u + (uint64_t)(begun_us / 1000000 % 10000) * 1000000;
    for (int64_t number = 0; number < rate * seconds; number++) {
        int64_t at_us = begun_us + number * 1000000 / rate;
        for (int64_t left_us; (left_us = at_us - now_us()) > 0;) {
            struct timespec wait = {0, (left_us < 1000 ? left_us : 1000) * 1000};
            nanosleep(&wait, NULL);
        }
        uint64_t id = base + (uint64_t)number;
        produce_event(producer, topic, TRIGGER, id, id, now_us() / 1000);
        rd_kafka_poll(producer, 0);
    }
    return finish(producer);
}

/* ---- reading ---- */

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static int64_t due_us(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "declic-due", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        size > 20)
        return -1;
    char text[24];
    memcpy(text, value, size);
    text[size] = '\0';
    return strtoll(text, NULL, 10) * 1000;
}

static int drain(const char *bootstrap, const char *topic, int64_t from, uint64_t count, int64_t seconds)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", "bench-load");
    set(conf, "isolation.level", "read_committed");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "5");
    char text[256];
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (consumer == NULL)
        die("consumer", text);
    rd_kafka_poll_set_consumer(consumer);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
    rd_kafka_resp_err_t error = rd_kafka_metadata(consumer, 0, handle, &metadata, 10000);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1)
        die(topic, rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_t *all =
        rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = from;
    rd_kafka_assign(consumer, all);

    int64_t *late_us = malloc((count + 1) * sizeof *late_us);
    if (late_us == NULL)
        die("memory", "not enough");
    uint64_t got = 0;
    int64_t first_us = 0, last_us = 0, until_us = now_us() + seconds * 1000000;
    while (got < count && now_us() < until_us) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            last_us = now_us();
            if (got == 0)
                first_us = last_us;
            int64_t due = due_us(message);
            late_us[got++] = due < 0 ? 0 : last_us - due;
        }
        rd_kafka_message_destroy(message);
    }
    qsort(late_us, got, sizeof *late_us, compare);
    int64_t p50 = got == 0 ? 0 : late_us[got / 2], p99 = got == 0 ? 0 : late_us[got * 99 / 100];
    printf("{\"messages\":%" PRIu64 ",\"first_us\":%" PRId64 ",\"last_us\":%" PRId64 ",\"p50_ms\":%.1f,"
           "\"p99_ms\":%.1f,\"max_ms\":%.1f}\n",
           got, first_us, last_us, (double)p50 / 1000, (double)p99 / 1000,
           got == 0 ? 0.0 : (double)late_us[got - 1] / 1000);
    rd_kafka_topic_destroy(handle);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return got == count ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 6) {
        uint64_t first = strtoull(argv[4], NULL, 10);
        int64_t second = strtoll(argv[5], NULL, 10);
        if (strcmp(argv[1], "fill") == 0)
            return fill(argv[2], argv[3], first, second);
        if (strcmp(argv[1], "triggers") == 0)
            return each(argv[2], argv[3], TRIGGER, first, second);
        if (strcmp(argv[1], "cancels") == 0)
            return each(argv[2], argv[3], CANCEL, first, second);
        if (strcmp(argv[1], "steady") == 0)
            return steady(argv[2], argv[3], (int64_t)first, second);
        if (strcmp(argv[1], "drain") == 0)
            return drain(argv[2], argv[3], RD_KAFKA_OFFSET_BEGINNING, first, second);
        if (strcmp(argv[1], "follow") == 0)
            return drain(argv[2], argv[3], RD_KAFKA_OFFSET_END, first, second);
    }
    fprintf(stderr, "usage: bench-load fill|triggers|cancels|steady|drain|follow BOOTSTRAP TOPIC COUNT "
                    "TIME_MS|SECONDS\n");
    return 2;
}
