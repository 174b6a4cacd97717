/* Lets allocations fail, each in a process of its own, and looks at what becomes of it.
 *
 *     alloc_failures [--most N]             every site of each scenario, at some of its allocations
 *     alloc_failures --all SCENARIO         every allocation
 *     alloc_failures --one SCENARIO N       one
 *
 * A site is a way to get to an allocation: the return addresses on the stack. It fails at its first
 * allocation, its second, its 8th, its 64th and so on. --most N, for where a run is slow: no more than N of
 * a scenario, evenly spread.
 *
 * Scenarios:
 *   config   the configuration is read: it is there, or refused, or the process ends with its sentence
 *   start    time zones, campaigns and the policy are compiled: likewise
 *   few, crowd, variety
 *            workers are made, take events in, fold, fire, settle (the simulator's cluster without faults,
 *            in three seeds): the process whose allocation failed goes on or ends, another takes over, and
 *            nothing is lost, sent twice or told wrongly
 *
 * The scenario runs once. Where an allocation is to fail, the process is forked: the child has it fail and
 * goes on to the end. Only allocations of this program fail, not those inside of the libraries it uses; of
 * the last three scenarios only those of the simulated processes. (tests/fault/test_memory.py is the same
 * on real services.) With AddressSanitizer leaks and wrong accesses are broken promises too. Exit code 1
 * when one was broken, with the command that repeats it.
 */
#include <execinfo.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/config.h"
#include "base/hash.h"
#include "base/memory.h"
#include "sim/site.h"

#define CHILD_TAKES_S 15 /* at most: longer, and it hangs */

/* ---- allocations that fail ---- */

#define STACK_FRAMES 24
#define SITES_MAX 8192
#define TIMES_LATER 8

struct site_seen {
    uint64_t stack; /* 0: free */
    long times;
};

static struct {
    bool armed, only_tasks, struck, ended;
    bool (*chosen)(void); /* whether this allocation does */
    long number;          /* of this allocation */
    long one;             /* --one */
    long most, candidates;
    struct site_seen sites[SITES_MAX];
    long site_count;
} injection;

static bool fails_one(void)
{
    return injection.number == injection.one;
}

static uint64_t stack_hash(void)
{
    void *frames[STACK_FRAMES];
    int count = backtrace(frames, STACK_FRAMES);
    return hash_bytes(span_make((const char *)frames, (size_t)count * sizeof *frames), 0) | 1;
}

/* The site of this allocation is told from others, and is here for the first time, the second, … */
static bool site_wants(void)
{
    uint64_t stack = stack_hash();
    struct site_seen *site = &injection.sites[stack % SITES_MAX];
    while (site->stack != 0 && site->stack != stack)
        site = site + 1 == injection.sites + SITES_MAX ? injection.sites : site + 1;
    if (site->stack == 0) {
        site->stack = stack;
        if (++injection.site_count == SITES_MAX)
            abort();
    }
    long times = site->times++, later = 1;
    while (later < times)
        later *= TIMES_LATER;
    return times == 0 || times == later;
}

static bool fork_to_fail(void);

static bool fails(void)
{
    const struct world *world = world_running();
    if (!injection.armed || injection.struck ||
        (injection.only_tasks && (world == NULL || world->sheltered > 0)))
        return false;
    injection.armed = false; /* what looks at an allocation may allocate */
    bool failing = injection.chosen();
    injection.armed = true;
    injection.number++;
    injection.struck = failing;
    return failing;
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
    if (injection.only_tasks && world != NULL) {
        injection.ended = true;
        process_crash(world->current->process);
    }
    __real_memory_exhausted();
}

/* Of the sanitizer, when there is one. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- scenarios: the exit code tells ---- */

enum end {
    END_DONE = 0,
    END_MEMORY = 1,      /* memory_exhausted's */
    END_TAKEN_OVER = 2,  /* memory_exhausted's, in the simulation, and all was done by another */
    END_REFUSED = 3,     /* an error was returned */
    END_NOT_REACHED = 7, /* nothing failed */
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

/* What a scenario came to, in memory that is shared with its children. */
struct board {
    long allocations, sites, candidates, ends[END_BROKEN + 1];
};

static const struct scenario *scenario;
static struct board *board;

static _Noreturn void run_to_end(bool (*chosen)(void))
{
    injection.only_tasks = scenario->only_tasks;
    injection.chosen = chosen;
    injection.armed = true;
    enum end end = scenario->run();
    injection.armed = false;
    if (injection.struck)
        _exit(end == END_DONE && injection.ended ? END_TAKEN_OVER : (int)end);
    board->allocations = injection.number;
    board->sites = injection.site_count;
    board->candidates = injection.candidates;
    _exit(end == END_DONE ? END_NOT_REACHED : (int)end);
}

/* How the child ended; END_BROKEN with a sentence when it must not end so. */
static enum end child_end(pid_t pid, long number)
{
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return END_BROKEN;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == END_DONE || code == END_MEMORY || code == END_TAKEN_OVER || code == END_REFUSED ||
        code == END_NOT_REACHED)
        return (enum end)code;
    printf("%s, allocation %ld: %s %d\n    repeat it with: build/dev/alloc_failures --one %s %ld\n",
           scenario->name, number, code < 0 ? "ended by signal" : "exit code",
           code < 0 ? WTERMSIG(status) : code, scenario->name, number);
    fflush(stdout);
    return END_BROKEN;
}

/* True in the child, whose allocation fails; the parent goes on when it has ended. */
static bool fork_to_fail(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_TAKES_S);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(END_BROKEN);
        return true;
    }
    board->ends[child_end(pid, injection.number)]++;
    return false;
}

static bool fails_each(void)
{
    return fork_to_fail();
}

/* Of the candidates, `most` at most. */
static bool fails_some(void)
{
    if (!site_wants())
        return false;
    long candidate = injection.candidates++;
    return injection.most > 0 &&
           (board->candidates <= injection.most ||
            candidate * injection.most / board->candidates !=
                (candidate + 1) * injection.most / board->candidates) &&
           fork_to_fail();
}

static enum end run_scenario(bool (*chosen)(void), long number)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        run_to_end(chosen);
    return child_end(pid, number);
}

static bool try_scenario(long most)
{
    enum end end = END_NOT_REACHED;
    *board = (struct board){0};
    injection.most = 0;
    if (most > 0)
        end = run_scenario(fails_some, -1); /* how many candidates there are */
    injection.most = most;
    if (end == END_NOT_REACHED)
        end = run_scenario(most > 0 ? fails_some : fails_each, -1);
    long tried = 0;
    for (int i = 0; i <= END_BROKEN; i++)
        tried += board->ends[i];
    printf(
        "%s: %ld allocations at %ld sites, %ld made to fail: %ld gone on, %ld taken over, %ld refused, %ld "
        "ended, %ld broken\n",
        scenario->name, board->allocations, board->sites, tried, board->ends[END_DONE],
        board->ends[END_TAKEN_OVER], board->ends[END_REFUSED], board->ends[END_MEMORY],
        board->ends[END_BROKEN]);
    return end == END_NOT_REACHED && board->ends[END_BROKEN] == 0;
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
    fprintf(stderr, "usage: alloc_failures [--most N | --all SCENARIO | --one SCENARIO N]\n");
    return 2;
}

static int run_one(long number)
{
    injection.one = number;
    return run_scenario(fails_one, number) == END_BROKEN ? 1 : 0;
}

static int run_all(long most)
{
    bool kept = true;
    for (size_t i = 0; i < SCENARIOS; i++) {
        scenario = &scenarios[i];
        kept &= try_scenario(most);
    }
    return kept ? 0 : 1;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    long number = count > 2 ? strtol(arguments[count - 1], NULL, 10) : LONG_MAX;
    void *frame;
    (void)backtrace(&frame, 1); /* loads what it needs, which allocates */
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 2;
    shared_open(&shared);
    shared.faults_given = true; /* one that does no harm: what fails is memory */
    shared.faults[FAULT_NO_OFFSET] = true;
    if (count == 1 || (count == 3 && strcmp(what, "--most") == 0 && number > 0))
        return run_all(number);
    scenario = count > 2 ? scenario_find(arguments[2]) : NULL;
    if (count == 3 && strcmp(what, "--all") == 0 && scenario != NULL)
        return try_scenario(0) ? 0 : 1;
    if (count == 4 && strcmp(what, "--one") == 0 && scenario != NULL)
        return run_one(number);
    return usage();
}
