/* What to do when there is no memory left: end.
 *
 * Nothing that a process has begun is lost by its end: what it had not finished is done by whoever takes
 * its partitions over, as after a crash. Going on with half a state could lose something. So an allocation
 * either succeeds or does not return, and nobody above has a path that is never tried.
 */
#ifndef DECLIC_BASE_MEMORY_H
#define DECLIC_BASE_MEMORY_H

#include <stddef.h>

/* Says so on standard error and ends the process with exit code 1, at once and without a core file, which
 * would hold users' data. */
_Noreturn void memory_exhausted(void);

/* What malloc, calloc or realloc gave, which is never NULL then. Not for a size of 0. */
static inline void *memory_checked(void *memory)
{
    if (memory == NULL)
        memory_exhausted();
    return memory;
}

#endif
