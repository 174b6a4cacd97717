#include "http/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "app/system_clock.h"
#include "base/memory.h"
#include "base/thread.h"

struct http_pool {
    struct http_pool_options options;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct http_job *first, **last;
    size_t waiting;
    bool ending;
    pthread_t threads[];
};

static struct http_job *take(struct http_pool *pool, bool *overdue)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->ending)
        pthread_cond_wait(&pool->work, &pool->lock);
    struct http_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
        pool->waiting--;
        *overdue = pool->ending || system_clock_monotonic_ms() - job->queued_ms > pool->options.patience_ms;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *argument)
{
    struct http_job *job;
    bool overdue = false;
    while ((job = take(argument, &overdue)) != NULL)
        job->run(job, overdue);
    return NULL;
}

struct http_pool *http_pool_new(const struct http_pool_options *options)
{
    struct http_pool *pool =
        memory_checked(calloc(1, sizeof *pool + (size_t)options->threads * sizeof pool->threads[0]));
    pool->options = *options;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    for (int i = 0; i < options->threads; i++)
        thread_start(&pool->threads[i], work, pool);
    return pool;
}

bool http_pool_submit(struct http_pool *pool, struct http_job *job)
{
    job->next = NULL;
    job->queued_ms = system_clock_monotonic_ms();
    pthread_mutex_lock(&pool->lock);
    bool taken = !pool->ending && pool->waiting < pool->options.queue;
    if (taken) {
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

void http_pool_stop(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->options.threads; i++)
        pthread_join(pool->threads[i], NULL);
}

void http_pool_free(struct http_pool *pool)
{
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
