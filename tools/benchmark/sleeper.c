/* What lateness is compared with in tools/bench: the least that any sender with transactions must do.
 *
 *   bench-sleeper BOOTSTRAP OUT RATE SECONDS
 *
 * RATE sends fall due each second, evenly. It sleeps until one is due, produces all that are, commits one
 * transaction, and goes on. Messages are of the same size as Declic's and carry the same header. Nothing is
 * read, decided or remembered.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUE_BYTES 350
#define ANSWER_MS 10000

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench-sleeper: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_until(int64_t until_us)
{
    for (int64_t left_us; (left_us = until_us - now_us()) > 0;) {
        struct timespec wait = {left_us / 1000000, left_us % 1000000 * 1000};
        nanosleep(&wait, NULL);
    }
}

static void must(const char *what, rd_kafka_error_t *error)
{
    if (error != NULL)
        die(what, rd_kafka_error_string(error));
}

/* With delivery reports a flush ends when the last message is acknowledged; without, it looks every 10 ms.
 */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("delivery", rd_kafka_err2str(message->err));
}

static rd_kafka_t *open_producer(const char *bootstrap)
{
    static const char *const settings[][2] = {
        {"transactional.id", "bench-sleeper"}, {"linger.ms", "1000"}, {"partitioner", "murmur2_random"}};
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof text) != RD_KAFKA_CONF_OK)
        die("bootstrap.servers", text);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text) != RD_KAFKA_CONF_OK)
            die(settings[i][0], text);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer == NULL)
        die("producer", text);
    must("init", rd_kafka_init_transactions(producer, ANSWER_MS));
    return producer;
}

static void produce(rd_kafka_t *producer, const char *topic, uint64_t number, int64_t due_ms)
{
    char key[32], due[24], value[VALUE_BYTES];
    int key_size = snprintf(key, sizeof key, "user-%011" PRIu64, number);
    int due_size = snprintf(due, sizeof due, "%" PRId64, due_ms);
    memset(value, 'x', sizeof value);
    rd_kafka_resp_err_t error =
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, (size_t)key_size),
                          RD_KAFKA_V_VALUE(value, sizeof value), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_HEADER("declic-due", due, due_size), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("produce", rd_kafka_err2str(error));
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench-sleeper BOOTSTRAP OUT RATE SECONDS\n");
        return 2;
    }
    int64_t rate = strtoll(argv[3], NULL, 10), count = rate * strtoll(argv[4], NULL, 10), sent = 0;
    rd_kafka_t *producer = open_producer(argv[1]);
    int64_t begun_us = now_us();
    while (sent < count) {
        sleep_until(begun_us + sent * 1000000 / rate);
        must("begin", rd_kafka_begin_transaction(producer));
        for (int64_t due_us; sent < count && (due_us = begun_us + sent * 1000000 / rate) <= now_us();
             sent++)
            produce(producer, argv[2], (uint64_t)sent, due_us / 1000);
        must("commit", rd_kafka_commit_transaction(producer, ANSWER_MS));
    }
    rd_kafka_destroy(producer);
    return 0;
}
