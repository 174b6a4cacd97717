#include "core/liquid/run.h"

static const struct unit *find_unit(struct run *run, struct span name)
{
    run_charge(run, run->template->unit_count / 16);
    for (size_t i = 1; i < run->template->unit_count; i++)
        if (span_equal(run->template->units[i]->name, name))
            return run->template->units[i];
    return NULL;
}

/* The snippet's tree; what was wrong with it is said here, when it is needed. */
static const struct unit *require_unit(struct run *run, const struct unit *unit, struct span name)
{
    if (unit == NULL)
        run_fail(run, ERR_NOT_FOUND, "there is no snippet '%.*s'", SPAN_PRINTF(name));
    if (unit->body == NULL)
        run_fail(run, unit->error, "snippet '%.*s', line %d: %s", SPAN_PRINTF(name), unit->diag.line,
                 unit->diag.text);
    return unit;
}

/* The name under which a snippet sees what it was given: its alias, or the last part of its name. */
static struct name variable_name(const struct partial *partial, struct span name)
{
    if (partial->alias.text.size != 0)
        return partial->alias;
    while (name.size > 0 && name.data[name.size - 1] == '/')
        name.size--;
    const char *slash = name.size == 0 ? NULL : memrchr(name.data, '/', name.size);
    size_t from = slash == NULL ? 0 : (size_t)(slash + 1 - name.data);
    return name_make(span_slice(name, from, name.size));
}

static void run_unit(struct run *run, const struct unit *unit)
{
    const struct unit *outer = run->unit;
    const char *at = run->at;
    run->unit = unit;
    run_body(run, unit->body);
    run->unit = outer;
    run->at = at;
}

/* One rendering in a frame of its own. */
static void render_once(struct run *run, const struct partial *partial, const struct unit *unit,
                        struct value value, struct loop_state *loop)
{
    struct frame frame = {.is_isolated = true};
    struct frame *outer = run->frame;
    struct name name = variable_name(partial, unit->name);
    run_enter_scope(run);
    if (loop != NULL)
        variables_set(run, &frame.assigned, name_make(SPAN_LITERAL("forloop")),
                      (struct value){.kind = LIQUID_LOOP, .bytes = (const char *)loop});
    for (size_t i = 0; i < partial->argument_count; i++)
        variables_set(run, &frame.assigned, partial->arguments[i].name,
                      run_evaluate(run, &partial->arguments[i].value));
    if (value.kind != VALUE_NULL)
        variables_set(run, &frame.assigned, name, value);
    run->frame = &frame;
    run_unit(run, unit);
    run->frame = outer;
    run->scope_depth--;
}

void run_render(struct run *run, const struct partial *partial)
{
    const struct unit *unit = require_unit(run, partial->unit, value_span(partial->name.literal));
    struct value value = partial->with == NULL ? value_null() : run_evaluate(run, partial->with);
    bool is_list = value.kind == VALUE_LIST || value.kind == VALUE_MAP || value.kind == LIQUID_RANGE;
    if (!partial->is_for || !is_list) {
        render_once(run, partial, unit, value, NULL);
        return;
    }
    struct sequence sequence = sequence_make(run, value);
    struct loop_state *loop = run_alloc(run, 1, sizeof *loop);
    *loop = (struct loop_state){.name = unit->name, .length = sequence.count};
    for (; loop->index < sequence.count; loop->index++) {
        run_charge(run, 1);
        render_once(run, partial, unit, sequence_at(run, &sequence, loop->index), loop);
    }
}

void run_include(struct run *run, const struct partial *partial)
{
    if (run->frame->is_isolated)
        run_fail(run, ERR_INVALID, "a snippet that is rendered cannot include another: use render");
    struct value name = run_evaluate(run, &partial->name);
    if (name.kind != VALUE_STRING)
        run_fail(run, ERR_INVALID, "include needs a snippet's name");
    struct span text = value_span(name);
    const struct unit *unit =
        require_unit(run, partial->unit != NULL ? partial->unit : find_unit(run, text), text);
    struct name variable = variable_name(partial, text);
    struct value value =
        partial->with != NULL ? run_evaluate(run, partial->with) : run_find_variable(run, name_make(text));
    if (value.kind == LIQUID_SELF && partial->with == NULL)
        value = value_null();
    run_enter_scope(run);
    size_t bottom = run->frame->scope_count;
    for (size_t i = 0; i < partial->argument_count; i++)
        scope_push(run, partial->arguments[i].name, run_evaluate(run, &partial->arguments[i].value));
    size_t place = scope_push(run, variable, value);
    if (value.kind == VALUE_LIST) {
        for (uint32_t i = 0; i < value.size; i++) {
            run_charge(run, 1);
            run->frame->scopes[place].value = run_import(run, value.items[i]);
            run_unit(run, unit);
        }
    } else {
        run_unit(run, unit);
    }
    run->frame->scope_count = bottom;
    run->scope_depth--;
}
