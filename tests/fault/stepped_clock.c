/* Clocks that a test sets: preloaded into one process, LD_PRELOAD=stepped_clock.so.
 *
 * DECLIC_CLOCK_FILE names a file of two int64 in the machine's byte order, how many ms the wall clock and
 * the monotonic clock are ahead (the second only for tests of what no kernel does). It is mapped, so a
 * write to it is a step at once. What waits until an instant of a clock is woken as the kernel would wake
 * it: earlier when the clock is set forward meanwhile, later when it is set back.
 *
 * libfaketime is not used because it asks for memory before its own start is over, and an allocator that
 * reads the clock then (jemalloc) hangs with it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000LL
#define SLICE_NS 20000000LL
#define MONOTONIC_BELOW_S                                                          \
    1000000000LL /* no machine is up for thirty years; the wall clock is past that \
                  */

static const int64_t no_steps[2];
static const volatile int64_t *steps_ms = no_steps;

__attribute__((constructor)) static void map_steps(void)
{
    const char *path = getenv("DECLIC_CLOCK_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(no_steps), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        steps_ms = mapped;
    if (file >= 0)
        close(file);
}

static int64_t ahead_ns(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return steps_ms[0] * 1000000;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        return steps_ms[1] * 1000000;
    default:
        return 0;
    }
}

static int64_t to_ns(const struct timespec *at)
{
    return at->tv_sec * NS + at->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS, .tv_nsec = ns % NS};
}

static int64_t real_ns(clockid_t clock)
{
    struct timespec at = {0};
    syscall(SYS_clock_gettime, clock, &at);
    return to_ns(&at);
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    long status = syscall(SYS_clock_gettime, clock, at);
    if (status == 0 && ahead_ns(clock) != 0)
        *at = from_ns(to_ns(at) + ahead_ns(clock));
    return (int)status;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    (void)zone;
    int64_t ns = real_ns(CLOCK_REALTIME) + ahead_ns(CLOCK_REALTIME);
    *at = (struct timeval){.tv_sec = ns / NS, .tv_usec = ns % NS / 1000};
    return 0;
}

time_t time(time_t *at)
{
    time_t now = (real_ns(CLOCK_REALTIME) + ahead_ns(CLOCK_REALTIME)) / NS;
    if (at != NULL)
        *at = now;
    return now;
}

int timespec_get(struct timespec *at, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

/* ---- waiting: in slices on the real clock, so that a step is noticed ---- */

/* The end of the next slice on the real clock; *last: the whole wait ends with it. */
static struct timespec slice(clockid_t clock, const struct timespec *until, bool *last)
{
    int64_t now = real_ns(clock), end = to_ns(until) - ahead_ns(clock);
    *last = end <= now + SLICE_NS;
    return from_ns(*last ? (end < 0 ? 0 : end) : now + SLICE_NS);
}

static clockid_t clock_of(const struct timespec *until)
{
    return until->tv_sec < MONOTONIC_BELOW_S ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

/* The real function, looked up at each wait: that is cheap beside a wait. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int cnd_timedwait(cnd_t *condition, mtx_t *lock, const struct timespec *until)
{
    bool last = false;
    int status = thrd_timedout;
    while (status == thrd_timedout && !last) {
        struct timespec end = slice(CLOCK_REALTIME, until, &last);
        status = REAL(cnd_timedwait)(condition, lock, &end);
    }
    return status;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock,
                           const struct timespec *restrict until)
{
    bool last = false;
    int status = ETIMEDOUT;
    while (status == ETIMEDOUT && !last) {
        struct timespec end = slice(clock_of(until), until, &last);
        status = REAL(pthread_cond_timedwait)(condition, lock, &end);
    }
    return status;
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock,
                           clockid_t clock, const struct timespec *restrict until)
{
    bool last = false;
    int status = ETIMEDOUT;
    while (status == ETIMEDOUT && !last) {
        struct timespec end = slice(clock, until, &last);
        status = REAL(pthread_cond_clockwait)(condition, lock, clock, &end);
    }
    return status;
}

int pthread_mutex_clocklock(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until)
{
    bool last = false;
    int status = ETIMEDOUT;
    while (status == ETIMEDOUT && !last) {
        struct timespec end = slice(clock, until, &last);
        status = REAL(pthread_mutex_clocklock)(lock, clock, &end);
    }
    return status;
}
