/* The simulator's program. See README.md.
 *
 *     sim --seed N [--trace]        one run
 *     sim --seeds A-B [--jobs N]    many; stops at the first that breaks a promise
 *     sim --minutes M [--jobs N]    fresh seeds for so long; with --seeds before it, those, as long as time
 * is left
 *
 * --faults A,B,... gives every seed these faults (names of fault.def) and no others: a way to what is rare.
 * --parts A,B,... gives every seed these parts: fan-out, crowd, variety, sweep.
 * --keep-on goes on after a broken promise, --jobs says how many run at once (default: one a core).
 *
 * Exit code 0: every promise was kept; 1: one was broken, with the command that repeats it; 2: wrong usage.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/site.h"

#define CHUNK 25 /* seeds a child does: what crashed processes leave behind goes with it */
#define JOBS_MAX 64

/* What the children tell their parent, in shared memory. */
struct board {
    struct slot {
        volatile uint64_t seed; /* being run */
        volatile uint64_t done, broken_count;
        volatile bool broken;
        char why[512];
    } slots[JOBS_MAX];
};

struct wanted {
    uint64_t first, last;
    double until_s; /* 0: all of them */
    int jobs;
    bool trace;
    bool keep_on;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim --seed N [--trace] | --seeds A-B | --minutes M   [--jobs N] [--faults A,B] "
                    "[--parts A,B] [--keep-on]\n");
    return 2;
}

static void say_broken(uint64_t seed, const char *why)
{
    printf("seed %llu: %s\n    repeat it with: build/dev/sim --seed %llu --trace\n",
           (unsigned long long)seed, why, (unsigned long long)seed);
    fflush(stdout);
}

static int run_one(struct shared *shared, uint64_t seed, bool trace)
{
    char why[512] = "";
    if (site_run(shared, seed, trace, why, sizeof why)) {
        printf("seed %llu: every promise was kept\n", (unsigned long long)seed);
        return 0;
    }
    say_broken(seed, why);
    return 1;
}

/* What gcov has counted is written at the end of a program, which this is not. */
extern void __gcov_dump(void) __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)

static _Noreturn void child_end(int code)
{
    if (__gcov_dump != NULL)
        __gcov_dump();
    _exit(code);
}

static void run_chunk(struct shared *shared, struct slot *slot, uint64_t first, uint64_t last, bool keep_on)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        slot->seed = seed;
        bool kept = site_run(shared, seed, false, slot->why, sizeof slot->why);
        if (kept) {
            slot->done++;
        } else if (keep_on) {
            slot->broken_count++;
            say_broken(seed, slot->why);
        } else {
            slot->broken = true;
            child_end(1);
        }
    }
    child_end(0);
}

/* What a child that ended has to tell; true when a promise was broken or the program fell over. */
static bool take_end(struct slot *slot, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    if (!slot->broken)
        snprintf(slot->why, sizeof slot->why, "CRASH: the program ended by signal %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    say_broken(slot->seed, slot->why);
    slot->broken = false;
    return true;
}

static int run_many(struct shared *shared, const struct wanted *wanted)
{
    struct board *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t children[JOBS_MAX] = {0};
    uint64_t next = wanted->first, broken = 0, done = 0;
    int alive = 0;
    double begun_s = now_s();
    if (board == MAP_FAILED)
        return 2;
    fflush(stdout);
    for (;;) {
        for (int i = 0; i < wanted->jobs; i++) {
            bool more = next <= wanted->last && (broken == 0 || wanted->keep_on) &&
                        (wanted->until_s == 0 || now_s() < wanted->until_s);
            if (children[i] != 0 || !more)
                continue;
            uint64_t last = wanted->last - next < CHUNK ? wanted->last : next + CHUNK - 1;
            children[i] = fork();
            if (children[i] == 0)
                run_chunk(shared, &board->slots[i], next, last, wanted->keep_on);
            next = last + 1;
            alive++;
        }
        if (alive == 0)
            break;
        int status;
        pid_t ended = wait(&status);
        for (int i = 0; i < wanted->jobs; i++)
            if (children[i] == ended) {
                children[i] = 0;
                alive--;
                broken += take_end(&board->slots[i], status);
            }
    }
    for (int i = 0; i < wanted->jobs; i++) {
        done += board->slots[i].done;
        broken += board->slots[i].broken_count;
    }
    double took_s = now_s() - begun_s;
    printf("seeds %llu-%llu: %llu runs kept every promise, %llu did not; %.1f runs a second\n",
           (unsigned long long)wanted->first, (unsigned long long)next - 1, (unsigned long long)done,
           (unsigned long long)broken, (double)(done + broken) / (took_s > 0 ? took_s : 1));
    return broken == 0 ? 0 : 1;
}

static bool take_parts(struct shared *shared, const char *names)
{
    static const char *const parts[PART_COUNT] = {"fan-out", "crowd", "variety", "sweep"};
    while (*names != '\0') {
        size_t size = strcspn(names, ",");
        int part = 0;
        while (part < PART_COUNT && !(strlen(parts[part]) == size && memcmp(parts[part], names, size) == 0))
            part++;
        if (part == PART_COUNT)
            return false;
        shared->parts[part] = true;
        names += size + (names[size] == ',');
    }
    return true;
}

static bool take_faults(struct shared *shared, const char *names)
{
    shared->faults_given = true;
    while (*names != '\0') {
        size_t size = strcspn(names, ",");
        enum fault fault = fault_find(names, size);
        if (fault == FAULT_COUNT)
            return false;
        shared->faults[fault] = true;
        names += size + (names[size] == ',');
    }
    return true;
}

int main(int count, char **arguments)
{
    struct wanted wanted = {.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    static struct shared shared;
    bool given = false;
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        unsigned long long first, last;
        if (strcmp(name, "--trace") == 0) {
            wanted.trace = true;
        } else if (strcmp(name, "--keep-on") == 0) {
            wanted.keep_on = true;
        } else if (strcmp(name, "--seed") == 0 && sscanf(value, "%llu", &first) == 1) {
            wanted.first = wanted.last = first;
            given = true;
            i++;
        } else if (strcmp(name, "--seeds") == 0 && sscanf(value, "%llu-%llu", &first, &last) == 2) {
            wanted.first = first;
            wanted.last = last;
            given = true;
            i++;
        } else if (strcmp(name, "--minutes") == 0 && atof(value) > 0) {
            if (!given) {
                wanted.first = (uint64_t)time(NULL) * 1000000;
                wanted.last = UINT64_MAX - CHUNK;
            }
            wanted.until_s = now_s() + atof(value) * 60;
            given = true;
            i++;
        } else if (strcmp(name, "--faults") == 0 && take_faults(&shared, value)) {
            i++;
        } else if (strcmp(name, "--parts") == 0 && take_parts(&shared, value)) {
            i++;
        } else if (strcmp(name, "--jobs") == 0 && atoi(value) > 0 && atoi(value) <= JOBS_MAX) {
            wanted.jobs = atoi(value);
            i++;
        } else {
            return usage();
        }
    }
    if (!given)
        return usage();
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Stacks and arenas come and go with every run: keep their pages. */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 512 * 1024 * 1024);
    shared_open(&shared);
    if (wanted.first == wanted.last)
        return run_one(&shared, wanted.first, wanted.trace);
    return run_many(&shared, &wanted);
}
