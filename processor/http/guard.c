#include "http/guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "app/system_clock.h"
#include "base/memory.h"
#include "base/thread.h"

#define LOOK_MS 1000

struct http_guarded {
    struct http_guarded *next, **link;
    int socket;
    int64_t until_ms;
};

struct http_guard {
    pthread_mutex_t lock; /* of the list: a socket in it is open */
    pthread_cond_t ended;
    bool ending;
    struct http_guarded *first;
    pthread_t thread;
};

/* Idle connections between requests await headers: the server's own time-out is the shorter one there. */
static int64_t patience_ms(enum http_awaited what)
{
    return what == HTTP_AWAIT_HEADERS ? 20000 : what == HTTP_AWAIT_TRANSFER ? 60000 : INT64_MAX / 2;
}

static void *look(void *argument)
{
    struct http_guard *guard = argument;
    pthread_mutex_lock(&guard->lock);
    while (!guard->ending) {
        int64_t now_ms = system_clock_monotonic_ms();
        for (struct http_guarded *one = guard->first; one != NULL; one = one->next)
            if (one->until_ms < now_ms)
                shutdown(one->socket, SHUT_RDWR);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_MS / 1000;
        pthread_cond_clockwait(&guard->ended, &guard->lock, CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&guard->lock);
    return NULL;
}

struct http_guard *http_guard_new(void)
{
    struct http_guard *guard = memory_checked(calloc(1, sizeof *guard));
    pthread_mutex_init(&guard->lock, NULL);
    pthread_cond_init(&guard->ended, NULL);
    thread_start(&guard->thread, look, guard);
    return guard;
}

void http_guard_free(struct http_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    guard->ending = true;
    pthread_cond_signal(&guard->ended);
    pthread_mutex_unlock(&guard->lock);
    pthread_join(guard->thread, NULL);
    pthread_cond_destroy(&guard->ended);
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}

struct http_guarded *http_guard_add(struct http_guard *guard, int socket)
{
    struct http_guarded *connection = memory_checked(calloc(1, sizeof *connection));
    connection->socket = socket;
    connection->until_ms = system_clock_monotonic_ms() + patience_ms(HTTP_AWAIT_HEADERS);
    pthread_mutex_lock(&guard->lock);
    connection->next = guard->first;
    connection->link = &guard->first;
    if (guard->first != NULL)
        guard->first->link = &connection->next;
    guard->first = connection;
    pthread_mutex_unlock(&guard->lock);
    return connection;
}

void http_guard_remove(struct http_guard *guard, struct http_guarded *connection)
{
    pthread_mutex_lock(&guard->lock);
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&guard->lock);
    free(connection);
}

void http_guard_await(struct http_guard *guard, struct http_guarded *connection, enum http_awaited what)
{
    pthread_mutex_lock(&guard->lock);
    connection->until_ms = system_clock_monotonic_ms() + patience_ms(what);
    pthread_mutex_unlock(&guard->lock);
}
