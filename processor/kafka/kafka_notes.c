#include "kafka/kafka_notes.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/memory.h"
#include "kafka/kafka_send.h"

#define FLUSH_STEP_MS 20

/* One block of memory: the note, its headers, its bytes. */
struct note {
    TAILQ_ENTRY(note) link;
    struct outbox_record record;
};

TAILQ_HEAD(note_list, note);

struct kafka_notes {
    struct kafka_watch watch; /* first: the client's opaque */
    const struct kafka_properties *properties;
    rd_kafka_t *client; /* NULL: to be made anew */
    struct kafka_topics topics;
    struct note_list waiting; /* to be given to the client */
    struct note_list sent;    /* given, not acknowledged */
    bool broken;              /* the client has failed for good */
};

static struct span place(char **at, struct span bytes)
{
    struct span placed = span_make(*at, bytes.size);
    if (bytes.size > 0)
        memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return placed;
}

static struct note *note_copy(const struct outbox_record *record)
{
    size_t header_bytes = record->header_count * sizeof(struct outbox_header);
    size_t bytes = record->topic.size + record->key.size + record->value.size;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += record->headers[i].value.size;
    struct note *note = memory_checked(malloc(sizeof(*note) + header_bytes + bytes));
    struct outbox_header *headers = (struct outbox_header *)(note + 1);
    char *at = (char *)headers + header_bytes;
    *note = (struct note){.record = *record};
    note->record.topic = place(&at, record->topic);
    note->record.key = place(&at, record->key);
    note->record.value = place(&at, record->value);
    for (size_t i = 0; i < record->header_count; i++)
        headers[i] = (struct outbox_header){record->headers[i].name, place(&at, record->headers[i].value)};
    note->record.headers = headers;
    return note;
}

/* What no repetition can mend. */
static bool is_hopeless(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           error == RD_KAFKA_RESP_ERR_INVALID_MSG || error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

/* The note, which is in no list, goes again later or is given up. */
static void note_failed(struct kafka_notes *notes, struct note *note, rd_kafka_resp_err_t error)
{
    kafka_watch_error(&notes->watch, error, "a decision record was not delivered");
    if (error == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(notes->client, NULL, 0) != 0)
        notes->broken = true;
    if (!is_hopeless(error)) {
        TAILQ_INSERT_TAIL(&notes->waiting, note, link);
        return;
    }
    if (notes->watch.log != NULL)
        log_line(notes->watch.log, LOG_ERROR, "a decision record was dropped",
                 log_text("error", rd_kafka_err2name(error)),
                 log_number("bytes", (int64_t)note->record.value.size));
    free(note);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_notes *notes = opaque;
    struct note *note = message->_private;
    (void)client;
    TAILQ_REMOVE(&notes->sent, note, link);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        free(note);
    else
        note_failed(notes, note, message->err);
}

static rd_kafka_t *client_open(struct kafka_notes *notes, struct diag *diag)
{
    rd_kafka_conf_t *conf =
        kafka_client_conf(notes->properties, kafka_send_fixed, kafka_send_fixed_count, &notes->watch, diag);
    if (conf == NULL)
        return NULL;
    kafka_client_set(conf, "socket.timeout.ms", "5000");
    kafka_client_set(conf, "message.timeout.ms", "300000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return kafka_client_new(conf, RD_KAFKA_PRODUCER, diag);
}

static void client_drop(struct kafka_notes *notes)
{
    kafka_topics_clear(&notes->topics);
    if (notes->client != NULL)
        rd_kafka_destroy(notes->client);
    notes->client = NULL;
}

/* Destroying a client calls back for nothing that is still in it: all of it goes again. */
static void client_renew(struct kafka_notes *notes)
{
    client_drop(notes);
    TAILQ_CONCAT(&notes->sent, &notes->waiting, link);
    TAILQ_CONCAT(&notes->waiting, &notes->sent, link);
    notes->broken = false;
    notes->client = client_open(notes, NULL);
}

static void waiting_send(struct kafka_notes *notes)
{
    struct note *note;
    if (notes->broken || notes->client == NULL)
        client_renew(notes);
    while (notes->client != NULL && !notes->broken && (note = TAILQ_FIRST(&notes->waiting)) != NULL) {
        TAILQ_REMOVE(&notes->waiting, note, link);
        TAILQ_INSERT_TAIL(&notes->sent, note, link);
        rd_kafka_resp_err_t error = kafka_send_lent(notes->client, &notes->topics, &note->record, note);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            TAILQ_REMOVE(&notes->sent, note, link);
            note_failed(notes, note, error);
            return;
        }
    }
}

void kafka_notes_add(struct kafka_notes *notes, const struct outbox_record *record)
{
    struct note *note = note_copy(record); /* the macro evaluates its argument more than once */
    TAILQ_INSERT_TAIL(&notes->waiting, note, link);
    waiting_send(notes);
}

enum err kafka_notes_flush(struct kafka_notes *notes, int timeout_ms)
{
    int64_t until_us = kafka_now_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        waiting_send(notes);
        if (TAILQ_EMPTY(&notes->waiting) && TAILQ_EMPTY(&notes->sent))
            return ERR_OK;
        int64_t left_ms = (until_us - kafka_now_us()) / 1000;
        int step_ms = left_ms < FLUSH_STEP_MS ? (int)left_ms : FLUSH_STEP_MS;
        if (notes->client != NULL)
            (void)kafka_send_push(notes->client, &notes->topics, step_ms < 0 ? 0 : step_ms);
        if (TAILQ_EMPTY(&notes->waiting) && TAILQ_EMPTY(&notes->sent))
            return ERR_OK;
        if (left_ms <= 0)
            return ERR_TIMEOUT;
    }
}

enum err kafka_notes_open(const struct kafka_properties *properties, const struct log *log,
                          struct kafka_notes **result, struct diag *diag)
{
    struct kafka_notes *notes = memory_checked(calloc(1, sizeof(*notes)));
    kafka_watch_init(&notes->watch, log, "decisions");
    notes->properties = properties;
    TAILQ_INIT(&notes->waiting);
    TAILQ_INIT(&notes->sent);
    notes->client = client_open(notes, diag);
    if (notes->client == NULL) {
        kafka_notes_close(notes);
        return ERR_INVALID;
    }
    *result = notes;
    return ERR_OK;
}

static void list_free(struct note_list *list)
{
    struct note *note;
    while ((note = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, note, link);
        free(note);
    }
}

void kafka_notes_close(struct kafka_notes *notes)
{
    client_drop(notes);
    list_free(&notes->waiting);
    list_free(&notes->sent);
    kafka_watch_destroy(&notes->watch);
    free(notes);
}
