/* Lets the n-th allocation fail, for one n after the other, and looks at what becomes of it.
 *
 *     alloc_failures [--samples N]          default: 200 of each scenario, evenly spread
 *     alloc_failures --all SCENARIO         every one of them
 *     alloc_failures --one SCENARIO N       one
 *
 * Scenarios:
 *   config   the configuration is read: it is there, or refused, or the process ends with its sentence
 *   start    time zones, campaigns and the policy are compiled: likewise
 *   few, crowd, variety
 *            workers are made, take events in, fold, fire, settle (the simulator's cluster without faults,
 * in three seeds): the process whose allocation failed goes on or ends, another takes over, and nothing is
 * lost, sent twice or told wrongly
 *
 * Only allocations of this program fail, not those inside of the libraries it uses; of the last three only
 * those of the simulated processes. With AddressSanitizer leaks and wrong accesses are broken promises too.
 * Exit code 1 when one was broken, with the command that repeats it.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/config.h"
#include "base/memory.h"
#include "sim/site.h"

#define CHILD_TAKES_S 15 /* at most: longer, and it hangs */

/* ---- allocations that fail ---- */

static struct {
    bool armed, only_tasks, struck;
    long left;
} injection;

static bool fails(void)
{
    const struct world *world = world_running();
    if (!injection.armed || injection.struck ||
        (injection.only_tasks && (world == NULL || world->sheltered > 0)) || injection.left-- > 0)
        return false;
    injection.struck = true;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names for what it wraps */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
_Noreturn void __real_memory_exhausted(void);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
_Noreturn void __wrap_memory_exhausted(void);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : __real_strndup(text, size);
}

/* The simulated processes share one thread, and definitions: who dies with a lock does not keep
 * it from the others. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    (void)mutex;
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    (void)mutex;
    return 0;
}

/* A simulated process ends alone. */
_Noreturn void __wrap_memory_exhausted(void)
{
    const struct world *world = world_running();
    if (injection.only_tasks && world != NULL)
        process_crash(world->current->process);
    __real_memory_exhausted();
}

/* Of the sanitizer, when there is one. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- scenarios: in a child, the exit code tells ---- */

enum end {
    END_DONE = 0,
    END_MEMORY = 1,      /* memory_exhausted's */
    END_REFUSED = 3,     /* an error was returned */
    END_NOT_REACHED = 7, /* there are fewer allocations */
    END_LEAK = 9,
    END_BROKEN = 10,
};

static struct shared shared; /* made before the others begin */

static enum end run_config(void)
{
    struct arena arena;
    struct config *config;
    struct diag_list diags = {0};
    const struct config_input input = {.path = DECLIC_SOURCE_DIR "/examples/declic.yaml"};
    arena_init(&arena, 0);
    enum err error = config_load(&input, &arena, &config, &diags);
    arena_destroy(&arena);
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        return END_LEAK;
    return error == ERR_OK ? END_DONE : END_REFUSED;
}

static enum end run_start(void)
{
    static struct shared own;
    shared_open(&own);
    return END_DONE;
}

static enum end run_site(uint64_t seed)
{
    char why[512] = "";
    if (site_run(&shared, seed, false, why, sizeof why))
        return END_DONE;
    fprintf(stderr, "%s\n", why);
    return END_BROKEN;
}

/* Seeds that differ in how many users there are and in what their campaigns use. */
static enum end run_few(void)
{
    return run_site(11);
}

static enum end run_crowd(void)
{
    return run_site(3);
}

static enum end run_variety(void)
{
    return run_site(36);
}

static const struct scenario {
    const char *name;
    enum end (*run)(void);
    bool only_tasks;
} scenarios[] = {
    {"config", run_config, false}, {"start", run_start, false},    {"few", run_few, true},
    {"crowd", run_crowd, true},    {"variety", run_variety, true},
};
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

static _Noreturn void child(const struct scenario *scenario, long number, bool quiet)
{
    if (!freopen("/dev/null", "w", stdout) || (quiet && !freopen("/dev/null", "w", stderr)))
        _exit(END_BROKEN);
    alarm(CHILD_TAKES_S);
    injection.only_tasks = scenario->only_tasks;
    injection.left = number;
    injection.armed = true;
    enum end end = scenario->run();
    injection.armed = false;
    _exit(!injection.struck && end == END_DONE ? END_NOT_REACHED : (int)end);
}

/* How it ended; END_BROKEN with a sentence when it must not end so. */
static enum end try_one(const struct scenario *scenario, long number, bool quiet)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(scenario, number, quiet);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return END_BROKEN;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == END_DONE || code == END_MEMORY || code == END_REFUSED || code == END_NOT_REACHED)
        return (enum end)code;
    printf("%s, allocation %ld: %s %d\n    repeat it with: build/dev/alloc_failures --one %s %ld\n",
           scenario->name, number, code < 0 ? "ended by signal" : "exit code",
           code < 0 ? WTERMSIG(status) : code, scenario->name, number);
    return END_BROKEN;
}

#define ALLOCATIONS_MAX (1L << 40) /* where all ends are broken, none says "not reached" */

/* How many allocations there are. */
static long count_of(const struct scenario *scenario)
{
    long low = 0, high = 1;
    while (high < ALLOCATIONS_MAX && try_one(scenario, high, true) != END_NOT_REACHED) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        long middle = low + (high - low) / 2;
        if (try_one(scenario, middle, true) == END_NOT_REACHED)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static bool try_scenario(const struct scenario *scenario, long samples)
{
    long count = count_of(scenario), broken = 0, tried = 0;
    long ends[END_BROKEN + 1] = {0};
    for (long i = 0; i < (samples < count ? samples : count); i++, tried++) {
        enum end end = try_one(scenario, samples < count ? i * count / samples : i, true);
        ends[end]++;
        broken += end == END_BROKEN;
    }
    printf("%s: %ld allocations, %ld made to fail: %ld gone on, %ld refused, %ld ended, %ld broken\n",
           scenario->name, count, tried, ends[END_DONE], ends[END_REFUSED], ends[END_MEMORY], broken);
    return broken == 0;
}

static const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < SCENARIOS; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

static int usage(void)
{
    fprintf(stderr, "usage: alloc_failures [--samples N | --all SCENARIO | --one SCENARIO N]\n");
    return 2;
}

int main(int count, char **arguments)
{
    const struct scenario *scenario = count >= 3 ? scenario_find(arguments[2]) : NULL;
    long samples = count == 3 && scenario == NULL ? strtol(arguments[2], NULL, 10) : 200;
    bool kept = true;
    if (count != 1 && !(count == 3 && strcmp(arguments[1], "--samples") == 0 && samples > 0) &&
        !(count == 3 && strcmp(arguments[1], "--all") == 0 && scenario != NULL) &&
        !(count == 4 && strcmp(arguments[1], "--one") == 0 && scenario != NULL))
        return usage();
    shared_open(&shared);
    shared.faults_given = true; /* one that does no harm: what fails is memory */
    shared.faults[FAULT_NO_OFFSET] = true;
    if (count == 4)
        return try_one(scenario, strtol(arguments[3], NULL, 10), false) == END_BROKEN ? 1 : 0;
    for (size_t i = 0; i < SCENARIOS; i++)
        if (scenario == NULL || scenario == &scenarios[i])
            kept &= try_scenario(&scenarios[i], scenario == NULL ? samples : LONG_MAX);
    return kept ? 0 : 1;
}
