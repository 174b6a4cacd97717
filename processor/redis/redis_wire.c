#include "redis/redis_wire.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/buf.h"
#include "base/memory.h"
#include "redis/redis_tls.h"

#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 1000

struct redis_wire {
    struct redis_url url;
    int timeout_ms;
    redisContext *context; /* NULL: not connected */
    uint64_t generation;
    int64_t retry_at_ms; /* monotonic */
    int64_t retry_ms;
    struct buf out, sent;
    size_t out_count, sent_count; /* of commands in them */
    struct arena *arena;          /* where the reply being read goes */
    char failure[768];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- replies in an arena ---- */

static void *value_make(const redisReadTask *task, enum redis_kind kind)
{
    struct redis_wire *wire = task->privdata;
    struct redis_value *value = ARENA_NEW(wire->arena, struct redis_value);
    value->kind = kind;
    if (task->parent != NULL) {
        struct redis_value *parent = task->parent->obj;
        parent->elements[task->idx] = value;
    }
    return value;
}

static void *make_text(const redisReadTask *task, char *text, size_t size)
{
    struct redis_wire *wire = task->privdata;
    enum redis_kind kind = task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                           : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                              : REDIS_TEXT;
    struct redis_value *value = value_make(task, kind);
    value->text = arena_copy(wire->arena, span_make(text, size));
    return value;
}

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static void *make_list(const redisReadTask *task, element_count count)
{
    struct redis_wire *wire = task->privdata;
    struct redis_value *value = value_make(task, REDIS_LIST);
    value->count = (size_t)count;
    value->elements = ARENA_ARRAY(wire->arena, struct redis_value *, value->count);
    return value;
}

static void *make_number(const redisReadTask *task, long long number)
{
    struct redis_value *value = value_make(task, REDIS_NUMBER);
    value->number = number;
    return value;
}

static void *make_nil(const redisReadTask *task)
{
    return value_make(task, REDIS_NIL);
}

static void free_nothing(void *value)
{
    (void)value; /* the arena has it */
}

static redisReplyObjectFunctions value_functions = {
    .createString = make_text,
    .createArray = make_list,
    .createInteger = make_number,
    .createNil = make_nil,
    .freeObject = free_nothing,
};

/* ---- connecting ---- */

struct redis_wire *redis_wire_new(const struct redis_url *url, int timeout_ms)
{
    struct redis_wire *wire = memory_checked(calloc(1, sizeof(*wire)));
    wire->url = *url;
    wire->timeout_ms = timeout_ms;
    return wire;
}

static void gathered_clear(struct redis_wire *wire)
{
    buf_clear(&wire->out);
    wire->out_count = 0;
}

void redis_wire_drop(struct redis_wire *wire)
{
    if (wire->context != NULL)
        redisFree(wire->context);
    wire->context = NULL;
    gathered_clear(wire);
}

void redis_wire_free(struct redis_wire *wire)
{
    redis_wire_drop(wire);
    buf_free(&wire->out);
    buf_free(&wire->sent);
    free(wire);
}

/* Gives the connection up and keeps the reason. */
static enum err lose(struct redis_wire *wire, const char *doing)
{
    const char *why = wire->context == NULL ? "out of memory" : wire->context->errstr;
    if (wire->url.path[0] != '\0')
        snprintf(wire->failure, sizeof(wire->failure), "%s: %s (%s)", doing, why, wire->url.path);
    else
        snprintf(wire->failure, sizeof(wire->failure), "%s: %s (%s:%d)", doing, why, wire->url.host,
                 wire->url.port);
    redis_wire_drop(wire);
    return ERR_UNREACHABLE;
}

static enum err greeting_check(struct redis_wire *wire, struct arena *arena, size_t replies)
{
    enum err error = ERR_OK;
    for (size_t i = 0; i < replies && error == ERR_OK; i++) {
        struct redis_value *value = NULL;
        error = redis_wire_receive(wire, arena, &value);
        if (error == ERR_OK && value->kind == REDIS_ERROR)
            error = redis_wire_judge(wire, value);
    }
    return error;
}

/* Password and database; without either nothing is sent. */
static enum err greet(struct redis_wire *wire)
{
    size_t replies = 0;
    if (wire->url.password[0] != '\0') {
        bool named = wire->url.user[0] != '\0';
        redis_wire_command(wire, named ? 3 : 2, "AUTH");
        if (named)
            redis_wire_text(wire, wire->url.user);
        redis_wire_text(wire, wire->url.password);
        replies++;
    }
    if (wire->url.database != 0) {
        redis_wire_command(wire, 2, "SELECT");
        redis_wire_number(wire, wire->url.database);
        replies++;
    }
    if (replies == 0)
        return ERR_OK;
    struct arena arena;
    arena_init(&arena, 1024);
    enum err error = redis_wire_send(wire);
    if (error == ERR_OK)
        error = greeting_check(wire, &arena, replies);
    arena_destroy(&arena);
    return error;
}

static enum err connect_once(struct redis_wire *wire)
{
    struct timeval timeout = {.tv_sec = wire->timeout_ms / 1000, .tv_usec = wire->timeout_ms % 1000 * 1000};
    if (wire->url.path[0] != '\0')
        wire->context = redisConnectUnixWithTimeout(wire->url.path, timeout);
    else
        wire->context = redisConnectWithTimeout(wire->url.host, wire->url.port, timeout);
    if (wire->context == NULL || wire->context->err != 0 ||
        redisSetTimeout(wire->context, timeout) != REDIS_OK)
        return lose(wire, "connecting");
    if (wire->url.path[0] == '\0' && redisEnableKeepAlive(wire->context) != REDIS_OK)
        return lose(wire, "connecting");
    if (wire->url.tls && !redis_tls_start(wire->context, wire->url.host))
        return lose(wire, "TLS");
    wire->context->reader->fn = &value_functions;
    wire->context->reader->privdata = wire;
    wire->context->reader->maxbuf = 0; /* keep the buffer: it is needed again at once */
    wire->generation++;
    enum err error = greet(wire);
    if (error != ERR_OK)
        redis_wire_drop(wire);
    return error;
}

enum err redis_wire_ready(struct redis_wire *wire)
{
    gathered_clear(wire);
    if (wire->context != NULL)
        return ERR_OK;
    if (now_ms() < wire->retry_at_ms)
        return ERR_UNREACHABLE; /* with the failure's text of before */
    enum err error = connect_once(wire);
    if (error == ERR_OK) {
        wire->retry_ms = 0;
        wire->failure[0] = '\0';
        return ERR_OK;
    }
    wire->retry_ms = wire->retry_ms == 0 ? RETRY_MIN_MS : wire->retry_ms * 2;
    if (wire->retry_ms > RETRY_MAX_MS)
        wire->retry_ms = RETRY_MAX_MS;
    wire->retry_at_ms = now_ms() + wire->retry_ms;
    return error;
}

uint64_t redis_wire_generation(const struct redis_wire *wire)
{
    return wire->generation;
}

/* ---- commands ---- */

/* `mark`, the number in decimal, CR LF. */
static void put_header(struct redis_wire *wire, char mark, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    digits[--at] = '\n';
    digits[--at] = '\r';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    digits[--at] = mark;
    buf_append(&wire->out, span_make(digits + at, sizeof(digits) - at));
}

void redis_wire_word(struct redis_wire *wire, struct span word)
{
    put_header(wire, '$', word.size);
    char *at = buf_reserve(&wire->out, word.size + 2);
    if (word.size > 0)
        memcpy(at, word.data, word.size);
    memcpy(at + word.size, "\r\n", 2);
    wire->out.size += word.size + 2;
}

void redis_wire_joined(struct redis_wire *wire, struct span first, struct span second)
{
    put_header(wire, '$', first.size + second.size);
    buf_append(&wire->out, first);
    buf_append(&wire->out, second);
    buf_append(&wire->out, SPAN_LITERAL("\r\n"));
}

void redis_wire_text(struct redis_wire *wire, const char *text)
{
    redis_wire_word(wire, span_from_text(text));
}

void redis_wire_number(struct redis_wire *wire, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        digits[--at] = '-';
    redis_wire_word(wire, span_make(digits + at, sizeof(digits) - at));
}

void redis_wire_command(struct redis_wire *wire, size_t count, const char *name)
{
    put_header(wire, '*', count);
    redis_wire_text(wire, name);
    wire->out_count++;
}

/* Without TLS not through the client library: it would copy, and a server that went away would raise
 * SIGPIPE. */
enum err redis_wire_send(struct redis_wire *wire)
{
    size_t sent = 0;
    if (wire->context == NULL)
        return ERR_UNREACHABLE;
    if (wire->url.tls && !redis_tls_write(wire->context, buf_span(&wire->out)))
        return lose(wire, "sending");
    while (!wire->url.tls && sent < wire->out.size) {
        ssize_t size = send(wire->context->fd, wire->out.data + sent, wire->out.size - sent, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0) {
            snprintf(wire->context->errstr, sizeof(wire->context->errstr), "%s", strerror(errno));
            return lose(wire, "sending");
        }
        sent += (size_t)size;
    }
    struct buf before = wire->sent;
    wire->sent = wire->out;
    wire->sent_count = wire->out_count;
    wire->out = before;
    gathered_clear(wire);
    return ERR_OK;
}

struct span redis_wire_sent(const struct redis_wire *wire)
{
    return buf_span(&wire->sent);
}

size_t redis_wire_sent_count(const struct redis_wire *wire)
{
    return wire->sent_count;
}

enum err redis_wire_receive(struct redis_wire *wire, struct arena *arena, struct redis_value **value)
{
    void *reply = NULL;
    if (wire->context == NULL)
        return ERR_UNREACHABLE;
    wire->arena = arena;
    if (redisGetReply(wire->context, &reply) != REDIS_OK || reply == NULL)
        return lose(wire, "waiting for an answer");
    *value = reply;
    return ERR_OK;
}

/* ---- error replies ---- */

/* Error codes (the first word) of states that pass by themselves. */
static bool is_passing(struct span text)
{
    static const char *const codes[] = {"LOADING ",  "READONLY ",   "MASTERDOWN ", "CLUSTERDOWN ",
                                        "TRYAGAIN ", "NOREPLICAS ", "BUSY ",       "MISCONF "};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (span_starts_with(text, span_from_text(codes[i])))
            return true;
    }
    return false;
}

enum err redis_wire_judge(struct redis_wire *wire, const struct redis_value *value)
{
    static const char aborted[] = "EXECABORT Transaction discarded because of: ";
    struct span text = value->text;
    /* An unknown command's answer repeats its arguments, which may name a user. */
    size_t size = 0;
    while (size < text.size && size < 200 && text.data[size] != '`')
        size++;
    snprintf(wire->failure, sizeof(wire->failure), "Redis answers: %.*s", (int)size, text.data);
    if (span_starts_with(text, SPAN_LITERAL(aborted)))
        text = span_slice(text, sizeof(aborted) - 1, text.size);
    if (span_starts_with(text, SPAN_LITERAL("OOM ")))
        return ERR_LIMIT;
    if (is_passing(text))
        return ERR_UNREACHABLE;
    return ERR_REFUSED;
}

struct span redis_wire_failure(const struct redis_wire *wire)
{
    return span_from_text(wire->failure);
}
