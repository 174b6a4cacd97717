/* Starting a thread, or ending.
 *
 * That no thread can be started means that there is no memory for its stack, or that the system allows no
 * more of them: as with memory, nothing that was begun is lost by the end of the process (base/memory.h).
 */
#ifndef DECLIC_BASE_THREAD_H
#define DECLIC_BASE_THREAD_H

#include <pthread.h>

/* Starts run(self). Does not return when it cannot: says so on standard error and ends the process with
 * exit code 1. */
void thread_start(pthread_t *thread, void *(*run)(void *self), void *self);

#endif
