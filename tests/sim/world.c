#include "sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define STACK_BYTES (512 * 1024)

struct world_event {
    struct heap_node node;
    int64_t at_us;
    uint64_t sequence;
    struct process *process;
    void (*call)(void *self);
    void *self;
    struct world_event *next_free;
};

#define EVENT(pointer) HEAP_ITEM(pointer, struct world_event, node)

static bool earlier(const struct heap_node *a, const struct heap_node *b)
{
    if (EVENT(a)->at_us != EVENT(b)->at_us)
        return EVENT(a)->at_us < EVENT(b)->at_us;
    return EVENT(a)->sequence < EVENT(b)->sequence;
}

static struct process *broker_new(struct world *world);

void world_init(struct world *world, uint64_t seed, bool trace)
{
    *world = (struct world){.seed = seed, .random = seed, .trace = trace, .events = {.precedes = earlier}};
    arena_init(&world->arena, 1024 * 1024);
    /* Neighbouring seeds would otherwise have the same numbers, one step apart. */
    world->random = world_random(world) ^ (world_random(world) << 1);
    world->broker = broker_new(world);
}

void world_free(struct world *world)
{
    heap_free(&world->events);
    arena_destroy(&world->arena);
}

/* SplitMix64. */
uint64_t world_random(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t world_below(struct world *world, int64_t below)
{
    return (int64_t)(world_random(world) % (uint64_t)below);
}

int64_t world_between(struct world *world, int64_t from, int64_t to)
{
    return from + world_below(world, to - from + 1);
}

bool world_chance(struct world *world, int per_mille)
{
    return world_below(world, 1000) < per_mille;
}

int64_t world_latency(struct world *world, int64_t typical_us)
{
    int64_t us = world_between(world, typical_us / 4, typical_us * 2);
    return world->now_us < world->faults_until_us && world_chance(world, 20) ? us * 20 : us;
}

bool world_strikes(struct world *world, enum fault fault, int64_t one_in)
{
    if (!world->faults[fault].on || world->faults[fault].left == 0 ||
        world->now_us >= world->faults_until_us || world_below(world, one_in) != 0)
        return false;
    world->faults[fault].left--;
    world_trace(world, "fault: %s", fault_name(fault));
    return true;
}

const char *fault_name(enum fault fault)
{
    static const char *const names[] = {
#define FAULT(NAME, text) [FAULT_##NAME] = text,
#include "sim/fault.def"
#undef FAULT
    };
    return names[fault];
}

enum fault fault_find(const char *name, size_t size)
{
    static const char *const names[] = {
#define FAULT(NAME, text) [FAULT_##NAME] = #NAME,
#include "sim/fault.def"
#undef FAULT
    };
    int fault = 0;
    while (fault < FAULT_COUNT && !(strlen(names[fault]) == size && memcmp(names[fault], name, size) == 0))
        fault++;
    return (enum fault)fault;
}

void world_say(const struct world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%9.3f ", (double)world->now_us / 1000000);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void world_call(struct world *world, int64_t delay_us, struct process *process, void (*call)(void *self),
                void *self)
{
    struct world_event *event = world->free_events;
    if (event != NULL)
        world->free_events = event->next_free;
    else
        event = ARENA_NEW(&world->arena, struct world_event);
    *event = (struct world_event){.at_us = world->now_us + delay_us,
                                  .sequence = ++world->sequence,
                                  .process = process,
                                  .call = call,
                                  .self = self};
    heap_insert(&world->events, &event->node);
}

bool world_turn(struct world *world, int64_t until_us)
{
    struct heap_node *first = heap_first(&world->events);
    if (first == NULL || EVENT(first)->at_us > until_us) {
        world->now_us = until_us;
        return false;
    }
    struct world_event *event = EVENT(first);
    if (event->at_us > world->now_us)
        world->now_us = event->at_us;
    struct process *process = event->process;
    if (process != NULL && process->alive && process->frozen_until_us > world->now_us) {
        event->at_us = process->frozen_until_us;
        event->sequence = ++world->sequence;
        heap_update(&world->events, &event->node);
        return true;
    }
    heap_remove(&world->events, &event->node);
    void (*call)(void *self) = event->call;
    void *self = event->self;
    event->next_free = world->free_events;
    world->free_events = event;
    if (process == NULL || process->alive) {
        world->calls++;
        call(self);
    }
    return true;
}

/* ---- the broker ---- */

static struct process *broker_new(struct world *world)
{
    struct process *broker = ARENA_NEW(&world->arena, struct process);
    *broker = (struct process){.world = world, .alive = true};
    return broker;
}

bool world_broker_is_away(const struct world *world)
{
    return world->broker->frozen_until_us > world->now_us;
}

void world_ask(struct world *world, int64_t delay_us, void (*call)(void *self), void *self)
{
    world_call(world, delay_us, world->broker, call, self);
}

struct reply {
    struct process *process;
    void (*call)(void *self);
    void *self;
};

static void deliver(void *self)
{
    const struct reply *reply = self;
    struct world *world = reply->process->world;
    if (world_broker_is_away(world) && world->answers_lost)
        world_call(world, world->broker->frozen_until_us - world->now_us + world_latency(world, 20 * MS),
                   reply->process, reply->call, reply->self);
    else
        reply->call(reply->self);
}

void world_answer(struct world *world, int64_t delay_us, struct process *process, void (*call)(void *self),
                  void *self)
{
    struct reply *reply = ARENA_NEW(&world->arena, struct reply);
    *reply = (struct reply){process, call, self};
    world_call(world, delay_us, process, deliver, reply);
}

/* ---- processes ---- */

/* Once a task has begun on its stack, going back and forth by longjmp spares swapcontext's system calls,
 * which were half of a run. AddressSanitizer must be told of each change of stacks. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>

static void to_task(struct world *world, struct task *task)
{
    void *frames;
    __sanitizer_start_switch_fiber(&frames, task->stack, STACK_BYTES);
    swapcontext(&world->loop_context, &task->context);
    __sanitizer_finish_switch_fiber(frames, NULL, NULL);
}

static void on_task(struct world *world, void *frames)
{
    __sanitizer_finish_switch_fiber(frames, &world->loop_stack, &world->loop_stack_bytes);
}

static void to_loop(struct world *world, struct task *task)
{
    void *frames = NULL;
    __sanitizer_start_switch_fiber(task->finished ? NULL : &frames, world->loop_stack,
                                   world->loop_stack_bytes);
    swapcontext(&task->context, &world->loop_context);
    on_task(world, frames);
}
#else
static void to_task(struct world *world, struct task *task)
{
    if (_setjmp(world->loop) != 0)
        return;
    if (task->begun)
        _longjmp(task->place, 1);
    task->begun = true;
    setcontext(&task->context);
    abort();
}

static void on_task(struct world *world, void *frames)
{
    (void)world;
    (void)frames;
}

static void to_loop(struct world *world, struct task *task)
{
    if (_setjmp(task->place) == 0)
        _longjmp(world->loop, 1);
}
#endif

/* Gives way to the loop; comes back when the loop resumes this task. */
static void give_way(struct task *task)
{
    struct world *world = task->process->world;
    assert(world->current == task);
    world->current = NULL;
    to_loop(world, task);
}

void process_crash(struct process *process)
{
    struct world *world = process->world;
    world_trace(world, "process %d crashes", process->number);
    process->alive = false;
    process->crashed_us = world->now_us;
    world->crashes++;
    if (world->current != NULL && world->current->process == process) {
        world->current->finished = true;
        give_way(world->current);
    }
}

void process_end(struct process *process)
{
    world_trace(process->world, "process %d has ended", process->number);
    process->alive = false;
    process->crashed_us = process->world->now_us;
}

void process_step(struct process *process, int weight)
{
    struct world *world = process->world;
    struct task *task = world->current;
    assert(task != NULL && task->process == process);
    if (world_strikes(world, FAULT_CRASH, 8000 / weight + 1))
        process_crash(process);
    if (world_strikes(world, FAULT_FREEZE, 8000 / weight + 1)) {
        process->frozen_until_us = world->now_us + world_between(world, 1, 200) * 100 * MS;
        world_trace(world, "process %d stands still until %.3f", process->number,
                    (double)process->frozen_until_us / 1000000);
        task_sleep(task, 0);
    }
    if (world_strikes(world, FAULT_PAUSE, 400 / weight + 1))
        task_sleep(task, world_chance(world, 200) ? world_between(world, 0, 3 * SECOND)
                                                  : world_between(world, 0, 30 * MS));
}

/* ---- tasks ---- */

static void task_main(unsigned high, unsigned low)
{
    struct task *task = (struct task *)(((uintptr_t)high << 32) | (uintptr_t)low); // NOLINT
    on_task(task->process->world, NULL);
    task->body(task->self);
    task->finished = true;
    give_way(task);
}

static struct world *running;

struct world *world_running(void)
{
    return running;
}

static void resume(void *self)
{
    struct task *task = self;
    struct world *world = task->process->world;
    if (task->finished)
        return;
    world->current = task;
    running = world;
    to_task(world, task);
    running = NULL;
}

struct task *task_start(struct process *process, void (*body)(void *self), void *self)
{
    struct world *world = process->world;
    struct task *task = ARENA_NEW(&world->arena, struct task);
    *task = (struct task){.process = process, .body = body, .self = self};
    task->stack = arena_alloc(&world->arena, STACK_BYTES);
    getcontext(&task->context);
    task->context.uc_stack.ss_sp = task->stack;
    task->context.uc_stack.ss_size = STACK_BYTES;
    uintptr_t pointer = (uintptr_t)task;
    makecontext(&task->context, (void (*)(void))task_main, 2, (unsigned)(pointer >> 32),
                (unsigned)(pointer & 0xffffffffu));
    world_call(world, 0, process, resume, task);
    return task;
}

struct wake {
    struct task *task;
    uint64_t wait;
    bool by_time;
};

static void wake_up(void *self)
{
    struct wake *wake = self;
    struct task *task = wake->task;
    if (!task->waiting || task->waits != wake->wait)
        return;
    task->waiting = false;
    task->woken = !wake->by_time;
    resume(task);
}

static void wake_later(struct task *task, int64_t delay_us, bool by_time)
{
    struct world *world = task->process->world;
    struct wake *wake = ARENA_NEW(&world->arena, struct wake);
    *wake = (struct wake){task, task->waits, by_time};
    world_call(world, delay_us, task->process, wake_up, wake);
}

bool task_wait(struct task *task, int64_t until_us)
{
    struct world *world = task->process->world;
    assert(world->current == task);
    task->waits++;
    task->waiting = true;
    int64_t delay_us = until_us - world->now_us;
    wake_later(task, delay_us < 0 ? 0 : delay_us, true);
    give_way(task);
    return task->woken;
}

void task_sleep(struct task *task, int64_t us)
{
    int64_t until_us = task->process->world->now_us + us;
    while (task_wait(task, until_us)) {
    }
}

void task_wake(struct task *task, int64_t delay_us)
{
    if (task->waiting)
        wake_later(task, delay_us, false);
}
