/* The simulated world: one seed, one clock, one queue of things that will happen.
 *
 * Everything that happens is a call in the queue, in order of virtual time. What would be a thread of the
 * program is a task: a stack of its own that runs until it waits. Nothing else gives way, so a run is the
 * same every time for the same seed.
 *
 * A process groups tasks and the client libraries' background work. It can freeze (nothing of it runs
 * until it thaws; what it has sent stays under way) and crash (nothing of it ever runs again). Memory of
 * crashed processes is given up: a simulation is run in a child that does some hundred seeds and ends.
 */
#ifndef DECLIC_SIM_WORLD_H
#define DECLIC_SIM_WORLD_H

#include <setjmp.h>
#include <ucontext.h>

#include "base/arena.h"
#include "base/heap.h"

#define MS INT64_C(1000)
#define SECOND (1000 * MS)

/* What may go wrong. Each seed switches some of them on. */
enum fault {
#define FAULT(NAME, text) FAULT_##NAME,
#include "sim/fault.def"
#undef FAULT
    FAULT_COUNT
};

struct world {
    uint64_t seed;
    uint64_t random; /* state of the generator */
    bool trace;
    int64_t now_us;
    int64_t faults_until_us;
    struct {
        bool on;
        int left; /* how often it may still strike */
    } faults[FAULT_COUNT];
    struct process *broker; /* all that happens at the broker; never dies */
    bool answers_lost;      /* the broker died: what it had answered must be asked again */
    int crashes;
    struct heap events;
    uint64_t sequence;
    struct world_event *free_events;
    struct task *current;    /* NULL: the queue's own loop runs */
    jmp_buf loop;            /* where a task gives way to */
    ucontext_t loop_context; /* with AddressSanitizer */
    const void *loop_stack;
    size_t loop_stack_bytes;
    int sheltered;      /* above 0: what runs is a service's, its memory does not fail (tests/alloc) */
    struct arena arena; /* all that lives as long as the run */
    uint64_t calls;
};

void world_init(struct world *world, uint64_t seed, bool trace);
void world_free(struct world *world);

uint64_t world_random(struct world *world);
/* 0 … below - 1 */
int64_t world_below(struct world *world, int64_t below);
/* from … to, both included */
int64_t world_between(struct world *world, int64_t from, int64_t to);
bool world_chance(struct world *world, int per_mille);
/* Mostly about `typical_us`, now and then much more. */
int64_t world_latency(struct world *world, int64_t typical_us);

/* Whether this fault happens now: it is switched on, the time for faults is not over, and the dice say so
 * (one in `one_in`). */
bool world_strikes(struct world *world, enum fault fault, int64_t one_in);
const char *fault_name(enum fault fault);
/* By its name in fault.def; FAULT_COUNT: there is none of that name. */
enum fault fault_find(const char *name, size_t size);

#define world_trace(world, ...)              \
    do {                                     \
        if ((world)->trace)                  \
            world_say((world), __VA_ARGS__); \
    } while (0)
void world_say(const struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);

/* The world one of whose tasks runs just now; NULL: none. */
struct world *world_running(void);

struct process;

/* Calls call(self) at now + delay_us. With a process: not before it thaws, and never once it has
 * crashed or ended. */
void world_call(struct world *world, int64_t delay_us, struct process *process, void (*call)(void *self),
                void *self);
/* Likewise at the broker: not before it is there again. */
void world_ask(struct world *world, int64_t delay_us, void (*call)(void *self), void *self);
/* What the broker answers gets there after delay_us; when the broker dies meanwhile, the client asks again
 * and has it once the broker is back. */
void world_answer(struct world *world, int64_t delay_us, struct process *process, void (*call)(void *self),
                  void *self);
bool world_broker_is_away(const struct world *world);
/* Takes the next thing out of the queue and lets it happen; false when it is empty or lies beyond
 * `until_us` (the clock then stands at until_us). */
bool world_turn(struct world *world, int64_t until_us);

/* ---- processes and tasks ---- */

struct process {
    struct world *world;
    int number;
    bool alive;
    int64_t frozen_until_us;
    int64_t skew_ms;         /* of its wall clock */
    bool clock_wrong;        /* by more than a little and to be mended soon, or mended just now */
    int64_t monotonic_at_ms; /* of its monotonic clock at the world's begin */
    int64_t crashed_us;
};

/* A place where this process may be paused, frozen or crash: the begin of every port call. `weight`
 * says how interesting it is. Does not return when the process crashes. */
void process_step(struct process *process, int weight);
void process_crash(struct process *process);
/* It has come to its end in order. */
void process_end(struct process *process);

struct task {
    struct process *process;
    ucontext_t context; /* to begin */
    jmp_buf place;      /* to go on */
    void *stack;
    void (*body)(void *self);
    void *self;
    bool begun, waiting, finished;
    uint64_t waits; /* counts up: a wake for an earlier wait is void */
    bool woken;
};

struct task *task_start(struct process *process, void (*body)(void *self), void *self);
/* For the running task. */
void task_sleep(struct task *task, int64_t us);
/* Waits until `until_us` or until somebody wakes it; true: woken. */
bool task_wait(struct task *task, int64_t until_us);
/* Wakes the task, if it waits, at now + delay_us. */
void task_wake(struct task *task, int64_t delay_us);

#endif
