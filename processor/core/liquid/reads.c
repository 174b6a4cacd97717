/* Which attributes of a global a template reads: a walk over its tree and its snippets'. */
#include <stdlib.h>

#include "core/liquid/tree.h"

struct reads {
    struct arena *arena;
    struct span global;
    bool all;
    struct span *names;
    size_t count;
    size_t capacity;
};

static void add_name(struct reads *reads, struct span name)
{
    for (size_t i = 0; i < reads->count; i++)
        if (span_equal(reads->names[i], name))
            return;
    *ARENA_PUSH(reads->arena, &reads->names, &reads->count, &reads->capacity) = name;
}

/* `.size` and its like ask the map itself when it has no such attribute. */
static bool is_command(struct span name)
{
    return span_equal_text(name, "size") || span_equal_text(name, "first") || span_equal_text(name, "last");
}

static void visit_expr(struct reads *reads, const struct expr *expr);

/* The name that a step goes to; false when only rendering knows it. */
static bool step_name(const struct lookup_step *step, struct span *name)
{
    if (step->key == NULL) {
        *name = step->name;
        return true;
    }
    if (step->key->kind != EXPR_LITERAL || step->key->literal.kind != VALUE_STRING)
        return false;
    *name = value_span(step->key->literal);
    return true;
}

/* `steps` begin behind the global's name. */
static void visit_global(struct reads *reads, const struct lookup_step *steps, size_t count)
{
    struct span name;
    if (count == 0 || !step_name(&steps[0], &name)) {
        reads->all = true;
        return;
    }
    add_name(reads, name);
    if (steps[0].key == NULL && is_command(name))
        reads->all = true;
}

static void visit_lookup(struct reads *reads, const struct expr *expr)
{
    const struct lookup_step *steps = expr->lookup.steps;
    size_t count = expr->lookup.step_count;
    struct span name = expr->lookup.name.text;
    for (size_t i = 0; i < count; i++)
        if (steps[i].key != NULL)
            visit_expr(reads, steps[i].key);
    /* self['event'] is event, and self[x] may be anything. */
    if (span_equal_text(name, "self")) {
        if (count == 0 || !step_name(&steps[0], &name)) {
            reads->all = true;
            return;
        }
        steps++;
        count--;
    }
    if (span_equal(name, reads->global))
        visit_global(reads, steps, count);
}

static void visit_expr(struct reads *reads, const struct expr *expr)
{
    if (expr == NULL)
        return;
    if (expr->kind == EXPR_LOOKUP) {
        visit_lookup(reads, expr);
    } else if (expr->kind == EXPR_RANGE) {
        visit_expr(reads, expr->range.from);
        visit_expr(reads, expr->range.to);
    }
}

static void visit_chain(struct reads *reads, const struct chain *chain)
{
    visit_expr(reads, chain->first);
    for (size_t i = 0; i < chain->call_count; i++) {
        const struct filter_call *call = &chain->calls[i];
        for (uint32_t j = 0; j < call->positional_count + call->named_count; j++)
            visit_expr(reads, &call->arguments[j]);
    }
}

static void visit_body(struct reads *reads, const struct body *body);

static void visit_branches(struct reads *reads, const struct node *node)
{
    for (size_t i = 0; i < node->branches.count; i++) {
        const struct branch *branch = &node->branches.branches[i];
        for (size_t j = 0; j < branch->condition_count; j++) {
            visit_expr(reads, branch->conditions[j].left);
            visit_expr(reads, branch->conditions[j].right);
        }
        visit_body(reads, branch->body);
    }
}

static void visit_loop(struct reads *reads, const struct loop *loop)
{
    visit_expr(reads, &loop->collection);
    visit_expr(reads, loop->limit);
    visit_expr(reads, loop->offset);
    visit_expr(reads, loop->columns);
    visit_body(reads, loop->body);
    visit_body(reads, loop->otherwise);
}

static void visit_partial(struct reads *reads, const struct partial *partial, bool is_include)
{
    visit_expr(reads, &partial->name);
    visit_expr(reads, partial->with);
    for (size_t i = 0; i < partial->argument_count; i++)
        visit_expr(reads, &partial->arguments[i].value);
    /* An include without `with` hands on the variable that has the snippet's name. */
    if (is_include && partial->with == NULL &&
        (partial->name.kind != EXPR_LITERAL || partial->name.literal.kind != VALUE_STRING ||
         span_equal(value_span(partial->name.literal), reads->global)))
        reads->all = true;
}

static void visit_node(struct reads *reads, const struct node *node)
{
    switch (node->kind) {
    case NODE_OUTPUT:
        visit_chain(reads, &node->output);
        break;
    case NODE_ASSIGN:
        visit_chain(reads, &node->assign.chain);
        break;
    case NODE_CAPTURE:
        visit_body(reads, node->capture.body);
        break;
    case NODE_IFCHANGED:
        visit_body(reads, node->ifchanged);
        break;
    case NODE_IF:
    case NODE_CASE:
        visit_branches(reads, node);
        break;
    case NODE_COUNTER:
        if (span_equal(node->counter.name.text, reads->global))
            reads->all = true;
        break;
    case NODE_CYCLE:
        visit_expr(reads, node->cycle.name);
        for (size_t i = 0; i < node->cycle.count; i++)
            visit_expr(reads, &node->cycle.values[i]);
        break;
    case NODE_FOR:
    case NODE_TABLEROW:
        visit_loop(reads, node->loop);
        break;
    case NODE_RENDER:
    case NODE_INCLUDE:
        visit_partial(reads, node->partial, node->kind == NODE_INCLUDE);
        break;
    case NODE_ABORT:
        visit_expr(reads, node->reason);
        break;
    case NODE_TEXT:
    case NODE_BREAK:
    case NODE_CONTINUE:
        break;
    }
}

static void visit_body(struct reads *reads, const struct body *body)
{
    for (size_t i = 0; body != NULL && i < body->count; i++)
        visit_node(reads, body->nodes[i]);
}

static int compare_spans(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

struct liquid_reads liquid_template_reads(const struct liquid_template *parsed, struct span global,
                                          struct arena *arena)
{
    struct reads reads = {.arena = arena, .global = global};
    for (size_t i = 0; i < parsed->unit_count; i++)
        visit_body(&reads, parsed->units[i]->body);
    if (reads.count > 1)
        qsort(reads.names, reads.count, sizeof *reads.names, compare_spans);
    return (struct liquid_reads){reads.all, reads.names, reads.count};
}
