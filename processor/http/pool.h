/* Threads for requests that wait: for Kafka, for Redis, for the processor.
 *
 * The server's own thread hands jobs over and goes on. The queue is bounded, and so is the time in it:
 * when a service hangs, those who come are told at once to come again, instead of piling up.
 */
#ifndef DECLIC_HTTP_POOL_H
#define DECLIC_HTTP_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_pool;

struct http_job {
    /* On a thread of the pool. `overdue`: it waited too long for one, or the pool ends: answer that. */
    void (*run)(struct http_job *job, bool overdue);
    struct http_job *next;
    int64_t queued_ms;
};

struct http_pool_options {
    int threads;
    size_t queue;        /* jobs that may wait for a thread */
    int64_t patience_ms; /* how long one may */
};

struct http_pool *http_pool_new(const struct http_pool_options *options);
/* From any thread; the job is the pool's until it runs. False: no room, or the pool ends; it is not taken.
 */
bool http_pool_submit(struct http_pool *pool, struct http_job *job);
/* Runs what is queued as overdue, waits for what runs; nothing is taken any more. */
void http_pool_stop(struct http_pool *pool);
/* After http_pool_stop. */
void http_pool_free(struct http_pool *pool);

#endif
