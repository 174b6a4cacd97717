#include "base/thread.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void thread_start(pthread_t *thread, void *(*run)(void *self), void *self)
{
    int error = pthread_create(thread, NULL, run, self);
    if (error == 0)
        return;
    fprintf(stderr, "declic: no thread can be started (%s)\n", strerror(error));
    memory_exhausted();
}
