#include <stdarg.h>
#include <stdio.h>

#include "core/liquid/filters.h"
#include "core/liquid/number.h"
#include "core/liquid/run.h"

/* Texts made on the way (captures, results of filters) may be as long as the result may be, and at least
 * this long: a long attribute may be cut down by the next filter. */
#define LEAST_TEXT_LIMIT 65536u
/* Memory of a rendering: plenty for lists made of the longest text, and little enough to be touched
 * within milliseconds. */
#define MEMORY_PER_TEXT_BYTE 128u
/* Bodies within bodies, over all snippets: what the C stack of a thread bears with ease. */
#define MAX_BODY_DEPTH 1000

static enum err report(struct run *run, enum err error, const char *text)
{
    int line;
    int column;
    unit_place(run->unit, run->at, &line, &column);
    if (run->unit->name.size == 0)
        return diag_set(run->diag, error, line, column, "%s", text);
    return diag_set(run->diag, error, line, column, "in snippet '%.*s': %s", SPAN_PRINTF(run->unit->name),
                    text);
}

void run_fail(struct run *run, enum err error, const char *format, ...)
{
    char text[sizeof run->diag->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run->error = report(run, error, text);
    longjmp(run->failure, 1);
}

void run_fail_steps(struct run *run)
{
    uint32_t limit = run->context->max_steps;
    run_fail(run, ERR_LIMIT, "it takes more than %u steps", limit != 0 ? limit : LIQUID_DEFAULT_MAX_STEPS);
}

void run_reserve_memory(struct run *run, size_t bytes)
{
    if (bytes > run->memory_limit - (run->arena->used_bytes - run->memory_base))
        run_fail(run, ERR_LIMIT, "it takes more than %zu bytes of memory", run->memory_limit);
}

void *run_alloc(struct run *run, size_t count, size_t item_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes))
        bytes = SIZE_MAX;
    run_reserve_memory(run, bytes);
    return arena_alloc_aligned(run->arena, bytes, item_bytes == 1 ? 1 : alignof(max_align_t));
}

void run_enter_scope(struct run *run)
{
    if (run->scope_depth >= LIQUID_MAX_DEPTH)
        run_fail(run, ERR_LIMIT, "loops and snippets nest deeper than %d", LIQUID_MAX_DEPTH);
    run->scope_depth++;
}

/* Renders a body into a text of its own. */
static struct value capture_body(struct run *run, const struct body *body)
{
    struct text text = {0};
    struct text *outer = run->out;
    size_t outer_limit = run->out_limit;
    run->out = &text;
    run->out_limit = run->text_limit;
    run_body(run, body);
    run->out = outer;
    run->out_limit = outer_limit;
    return text_value(&text);
}

static void run_capture(struct run *run, const struct node *node)
{
    struct value text = capture_body(run, node->capture.body);
    text.flags = LIQUID_SAFE; /* in HTML it was escaped piece by piece */
    variables_set(run, &run->frame->assigned, node->capture.name, text);
}

static void run_ifchanged(struct run *run, const struct node *node)
{
    struct span text = value_span(capture_body(run, node->ifchanged));
    if (run->frame->has_changed && span_equal(text, run->frame->last_changed))
        return;
    run->frame->has_changed = true;
    run->frame->last_changed = text;
    text_append(run, run->out, text);
}

static void run_branches(struct run *run, const struct node *node)
{
    const struct branch *branches = node->branches.branches;
    for (size_t i = 0; i < node->branches.count; i++) {
        const struct branch *branch = &branches[i];
        if (branch->conditions != NULL &&
            run_test(run, branch->conditions, branch->condition_count) == branch->is_negated)
            continue;
        run_body(run, branch->body);
        return;
    }
}

/* Every `when` that matches is rendered, also after another; an else when none before it did. */
static void run_case(struct run *run, const struct node *node)
{
    bool matched = false;
    for (size_t i = 0; i < node->branches.count; i++) {
        const struct branch *branch = &node->branches.branches[i];
        if (branch->conditions == NULL ? matched : !run_test(run, branch->conditions, 1))
            continue;
        matched = matched || branch->conditions != NULL;
        run_body(run, branch->body);
    }
}

static void run_counter(struct run *run, const struct node *node)
{
    struct name name = node->counter.name;
    int64_t count = 0; /* never far from 0: a step each */
    const struct value *counter = variables_find(run, &run->frame->counters, name);
    if (counter != NULL)
        count = counter->integer;
    count += node->counter.is_decrement ? -1 : 1;
    variables_set(run, &run->frame->counters, name, value_int(count));
    run_print(run, value_int(node->counter.is_decrement ? count : count - 1), true);
}

static struct cycle_state *find_cycle(struct run *run, struct value key)
{
    struct frame *frame = run->frame;
    run_charge(run, frame->cycle_count / 16);
    for (size_t i = 0; i < frame->cycle_count; i++)
        if (run_same(run, frame->cycles[i].key, key))
            return &frame->cycles[i];
    struct cycle_state *cycle =
        ARENA_PUSH(run->arena, &frame->cycles, &frame->cycle_count, &frame->cycle_capacity);
    cycle->key = key;
    return cycle;
}

static void run_cycle(struct run *run, const struct node *node)
{
    struct value key =
        node->cycle.name == NULL ? value_string(node->cycle.key) : run_evaluate(run, node->cycle.name);
    struct cycle_state *cycle = find_cycle(run, key);
    size_t at = cycle->next;
    cycle->next = at + 1 >= node->cycle.count ? 0 : at + 1;
    if (at < node->cycle.count)
        run_print(run, run_evaluate(run, &node->cycle.values[at]), false);
}

static _Noreturn void run_abort(struct run *run, const struct node *node)
{
    struct span reason = SPAN_LITERAL("");
    if (node->reason != NULL)
        reason = run_to_text(run, run_evaluate(run, node->reason));
    int line;
    int column;
    unit_place(run->unit, node->at, &line, &column);
    run->error = diag_set(run->diag, ERR_ABORTED, line, column, "%.*s", SPAN_PRINTF(reason));
    longjmp(run->failure, 1);
}

/* An output's values are garbage once printed: what they took is given back, unless the output itself
 * had to grow meanwhile. */
static void run_output(struct run *run, const struct chain *chain)
{
    struct arena_mark mark = arena_mark(run->arena);
    const char *out = run->out->data;
    struct value value = run_chain(run, chain);
    run_print(run, value, chain->is_raw);
    if (chain->call_count > 0 && mark.chunk != NULL && run->out->data == out)
        arena_release(run->arena, mark);
}

static void run_node(struct run *run, const struct node *node)
{
    run->at = node->at;
    if (node->kind == NODE_TEXT) {
        text_append(run, run->out, node->text);
        return;
    }
    run_charge(run, 1);
    switch (node->kind) {
    case NODE_TEXT:
        break;
    case NODE_OUTPUT:
        run_output(run, &node->output);
        break;
    case NODE_ASSIGN: {
        struct value value = run_chain(run, &node->assign.chain);
        variables_set(run, &run->frame->assigned, node->assign.name, value);
        break;
    }
    case NODE_CAPTURE:
        run_capture(run, node);
        break;
    case NODE_IF:
        run_branches(run, node);
        break;
    case NODE_CASE:
        run_case(run, node);
        break;
    case NODE_COUNTER:
        run_counter(run, node);
        break;
    case NODE_CYCLE:
        run_cycle(run, node);
        break;
    case NODE_FOR:
        run_for(run, node->loop);
        break;
    case NODE_TABLEROW:
        run_tablerow(run, node->loop);
        break;
    case NODE_IFCHANGED:
        run_ifchanged(run, node);
        break;
    case NODE_RENDER:
        run_render(run, node->partial);
        break;
    case NODE_INCLUDE:
        run_include(run, node->partial);
        break;
    case NODE_BREAK:
        run->frame->interrupt = INTERRUPT_BREAK;
        break;
    case NODE_CONTINUE:
        run->frame->interrupt = INTERRUPT_CONTINUE;
        break;
    case NODE_ABORT:
        run_abort(run, node);
    }
}

void run_body(struct run *run, const struct body *body)
{
    if (run->body_depth >= MAX_BODY_DEPTH)
        run_fail(run, ERR_LIMIT, "blocks and snippets nest deeper than %d", MAX_BODY_DEPTH);
    run->body_depth++;
    for (size_t i = 0; i < body->count && run->frame->interrupt == INTERRUPT_NONE; i++)
        run_node(run, body->nodes[i]);
    run->body_depth--;
}

/* Kept apart from liquid_render: what setjmp returns to must not depend on that function's own variables.
 */
static enum err run_guarded(struct run *run)
{
    if (setjmp(run->failure) != 0)
        return run->error;
    run_body(run, run->unit->body);
    *text_reserve(run, run->out, 1) = '\0';
    return ERR_OK;
}

enum err liquid_render(const struct liquid_template *parsed, const struct liquid_context *context,
                       struct arena *arena, struct span *output, struct diag *diag)
{
    struct text text = {0};
    struct frame frame = {0};
    struct run run = {.template = parsed,
                      .context = context,
                      .arena = arena,
                      .frame = &frame,
                      .out = &text,
                      .unit = parsed->units[0],
                      .at = parsed->units[0]->source.data,
                      .memory_base = arena->used_bytes,
                      .diag = diag};
    run.steps_left = context->max_steps != 0 ? context->max_steps : LIQUID_DEFAULT_MAX_STEPS;
    run.out_limit =
        context->max_output_bytes != 0 ? context->max_output_bytes : LIQUID_DEFAULT_MAX_OUTPUT_BYTES;
    run.text_limit = run.out_limit < LEAST_TEXT_LIMIT ? LEAST_TEXT_LIMIT : run.out_limit;
    run.memory_limit = run.text_limit * MEMORY_PER_TEXT_BYTE;
    enum err error = run_guarded(&run);
    *output = error == ERR_OK ? text_span(&text) : span_make("", 0);
    return error;
}
