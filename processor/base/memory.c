#include "base/memory.h"

#include <unistd.h>

#include "base/span.h"

_Noreturn void memory_exhausted(void)
{
    static const char text[] =
        "declic: out of memory: the process ends; what it had begun is done by the next\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}
