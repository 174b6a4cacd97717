#include "kafka/kafka_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/uuid.h"

#define SYSLOG_WARNING 4 /* RFC 5424, the levels of rd_kafka_conf_set_log_cb */

int64_t kafka_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void kafka_process_id(char id[KAFKA_PROCESS_ID_BYTES])
{
    snprintf(id, KAFKA_PROCESS_ID_BYTES, "%016llx", (unsigned long long)uuid_random_u64());
}

bool kafka_error_is_permanent(rd_kafka_resp_err_t error)
{
    switch ((int)error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        return true;
    default:
        return false;
    }
}

void kafka_watch_init(struct kafka_watch *watch, const struct log *log, const char *name)
{
    watch->log = log;
    watch->name = name;
    pthread_mutex_init(&watch->lock, NULL);
}

void kafka_watch_destroy(struct kafka_watch *watch)
{
    pthread_mutex_destroy(&watch->lock);
}

void kafka_watch_error(struct kafka_watch *watch, rd_kafka_resp_err_t error, const char *text)
{
    uint64_t times = 0;
    bool say;
    atomic_fetch_add(&watch->troubles, 1);
    pthread_mutex_lock(&watch->lock);
    /* "All brokers are down" comes after the errors that say which, and why. */
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || watch->last_error[0] == '\0')
        snprintf(watch->last_error, sizeof(watch->last_error), "%s: %s", rd_kafka_err2name(error), text);
    say = log_repeat_due(&watch->errors, kafka_now_us() / 1000, &times);
    pthread_mutex_unlock(&watch->lock);
    if (say && watch->log != NULL)
        log_line(watch->log, LOG_WARN, "Kafka client reports an error", log_text("client", watch->name),
                 log_text("error", rd_kafka_err2name(error)), log_text("text", text),
                 log_number("times", (int64_t)times));
}

void kafka_watch_last_error(struct kafka_watch *watch, char *text, size_t size)
{
    pthread_mutex_lock(&watch->lock);
    snprintf(text, size, "%s", watch->last_error);
    pthread_mutex_unlock(&watch->lock);
}

static void on_error(rd_kafka_t *client, int error, const char *text, void *opaque)
{
    (void)client;
    kafka_watch_error((struct kafka_watch *)opaque, (rd_kafka_resp_err_t)error, text);
}

/* "Group "G" changed join state A -> B (state S)": there is no other way to learn of B. Those that are
 * named here lie before the generation to come. */
static bool line_is_joining(const char *line)
{
    static const char *const before[] = {"init ", "wait-join ", "wait-metadata ", "wait-sync "};
    const char *state = strstr(line, " -> ");
    for (size_t i = 0; state != NULL && i < sizeof(before) / sizeof(before[0]); i++)
        if (strncmp(state + 4, before[i], strlen(before[i])) == 0)
            return true;
    return false;
}

/* Lines below a warning are librdkafka's own business; connection errors come again through on_error. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *line)
{
    struct kafka_watch *watch = (struct kafka_watch *)rd_kafka_opaque(client);
    uint64_t times = 0;
    bool say;
    if (watch != NULL && strcmp(facility, "CGRPJOINSTATE") == 0)
        atomic_store(&watch->joining, line_is_joining(line));
    if (watch == NULL || watch->log == NULL || level > SYSLOG_WARNING || strcmp(facility, "CONFWARN") == 0)
        return;
    pthread_mutex_lock(&watch->lock);
    say = log_repeat_due(&watch->lines, kafka_now_us() / 1000, &times);
    pthread_mutex_unlock(&watch->lock);
    if (say)
        log_line(watch->log, LOG_WARN, "Kafka client says", log_text("client", watch->name),
                 log_text("facility", facility), log_text("line", line),
                 log_number("times", (int64_t)times));
}

/* What an operator may change, but does not have to: the client's own are 10 s and 5 minutes, and as long
 * can a broker that is back, or the successor of one that is not, go unnoticed. */
static const struct kafka_fixed defaults[] = {
    {"reconnect.backoff.max.ms", "1000"},
    {"topic.metadata.refresh.interval.ms", "5000"},
};

static bool conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct diag *diag)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
        return true;
    (void)diag_set(diag, ERR_INVALID, 0, 0, "kafka.%s: %s", name, reason);
    return false;
}

rd_kafka_conf_t *kafka_client_conf(const struct kafka_properties *properties,
                                   const struct kafka_fixed *fixed, size_t fixed_count,
                                   struct kafka_watch *watch, struct diag *diag)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = true;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        kafka_client_set(conf, defaults[i].name, defaults[i].value);
    rd_kafka_conf_set_opaque(conf, watch);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    for (size_t i = 0; good && i < properties->count; i++) {
        char name[128], value[4096];
        struct kafka_property p = properties->list[i];
        if (p.name.size >= sizeof(name) || p.value.size >= sizeof(value)) {
            (void)diag_set(diag, ERR_INVALID, 0, 0, "kafka.%.*s: name or value is too long",
                           SPAN_PRINTF(p.name));
            good = false;
            break;
        }
        snprintf(name, sizeof(name), "%.*s", SPAN_PRINTF(p.name));
        snprintf(value, sizeof(value), "%.*s", SPAN_PRINTF(p.value));
        good = conf_set(conf, name, value, diag);
    }
    for (size_t i = 0; good && i < fixed_count; i++)
        good = conf_set(conf, fixed[i].name, fixed[i].value, diag);
    if (good)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

void kafka_client_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[256];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, reason, sizeof(reason));
    assert(result == RD_KAFKA_CONF_OK);
    (void)result;
}

rd_kafka_t *kafka_client_new(rd_kafka_conf_t *conf, rd_kafka_type_t type, struct diag *diag)
{
    char reason[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)diag_set(diag, ERR_INVALID, 0, 0, "kafka: %s", reason);
    }
    return client;
}

void kafka_consumer_leave(rd_kafka_t *client)
{
    (void)rd_kafka_unsubscribe(client);
}

bool kafka_consumer_destroy(rd_kafka_t *client, bool was_assigned)
{
    if (!was_assigned && rd_kafka_version() < 0x020300ff)
        return false;
    if (rd_kafka_consumer_closed(client) == 0 && rd_kafka_version() < 0x020400ff)
        return false;
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return true;
}

/* One block: the list, the entries, the bytes. */
struct kafka_properties *kafka_properties_copy(const struct kafka_properties *properties)
{
    size_t bytes = 0;
    for (size_t i = 0; i < properties->count; i++)
        bytes += properties->list[i].name.size + properties->list[i].value.size;
    size_t entries = properties->count * sizeof(struct kafka_property);
    struct kafka_properties *copy = memory_checked(malloc(sizeof(*copy) + entries + bytes));
    struct kafka_property *list = (struct kafka_property *)(copy + 1);
    char *at = (char *)list + entries;
    for (size_t i = 0; i < properties->count; i++) {
        struct kafka_property from = properties->list[i];
        list[i].name = span_make(at, from.name.size);
        memcpy(at, from.name.data, from.name.size);
        at += from.name.size;
        list[i].value = span_make(at, from.value.size);
        if (from.value.size > 0)
            memcpy(at, from.value.data, from.value.size);
        at += from.value.size;
    }
    *copy = (struct kafka_properties){list, properties->count};
    return copy;
}

void kafka_properties_free(struct kafka_properties *properties)
{
    free(properties);
}

void kafka_seek(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
    /* Before 2.1.0 what is left of the time-out is taken for microseconds. */
    int timeout = rd_kafka_version() < 0x02010000 ? timeout_ms * 1000 : timeout_ms;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(client, list, timeout);
    if (error != NULL) /* elements without an answer keep IN_PROGRESS */
        rd_kafka_error_destroy(error);
}
