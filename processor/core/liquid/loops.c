#include "core/liquid/number.h"
#include "core/liquid/run.h"

static int64_t add_clamped(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

struct value loop_state_get(struct run *run, struct value loop, struct span name, bool *found)
{
    (void)run;
    const struct loop_state *state = (const struct loop_state *)loop.bytes;
    bool is_table = loop.kind == LIQUID_TABLE_LOOP;
    *found = true;
    if (span_equal_text(name, "index"))
        return value_int(state->index + 1);
    if (span_equal_text(name, "index0"))
        return value_int(state->index);
    if (span_equal_text(name, "first"))
        return value_bool(state->index == 0);
    if (span_equal_text(name, "last"))
        return value_bool(state->index == state->length - 1);
    if (span_equal_text(name, "length"))
        return value_int(state->length);
    if (span_equal_text(name, "rindex"))
        return value_int(state->length - state->index);
    if (span_equal_text(name, "rindex0"))
        return value_int(state->length - state->index - 1);
    if (!is_table && span_equal_text(name, "name"))
        return value_string(state->name);
    if (!is_table && span_equal_text(name, "parentloop") && state->parent != NULL)
        return (struct value){.kind = LIQUID_LOOP, .bytes = (const char *)state->parent};
    if (is_table && span_equal_text(name, "col"))
        return value_int(state->column);
    if (is_table && span_equal_text(name, "col0"))
        return value_int(state->column - 1);
    if (is_table && span_equal_text(name, "row"))
        return value_int(state->row);
    if (is_table && span_equal_text(name, "col_first"))
        return value_bool(state->column == 1);
    if (is_table && span_equal_text(name, "col_last"))
        return value_bool(state->column == state->columns);
    return value_null();
}

/* The part of the sequence from index `from` up to `to` (exclusive). Text is never cut. */
static struct sequence slice(struct sequence sequence, int64_t from, int64_t to)
{
    if (sequence.source.kind == VALUE_STRING)
        return sequence;
    if (from < 0)
        from = 0;
    if (to > sequence.count)
        to = sequence.count;
    if (to < from)
        to = from;
    sequence.from = from; /* of a range this is made a number below */
    sequence.count = to - from;
    if (sequence.source.kind == LIQUID_RANGE)
        sequence.from = value_range(sequence.source)->from + from;
    return sequence;
}

/* The item of a slice: lists and maps count from the slice's first index. */
static struct value slice_at(struct run *run, const struct sequence *sequence, int64_t index)
{
    if (sequence->source.kind == LIQUID_RANGE)
        return value_int(sequence->from + index);
    struct sequence whole = sequence_make(run, sequence->source);
    return sequence_at(run, &whole, sequence->from + index);
}

static struct sequence for_sequence(struct run *run, const struct loop *loop)
{
    struct name name = {loop->name, name_make(loop->name).hash};
    const struct value *left_off =
        loop->is_continued ? variables_find(run, &run->frame->offsets, name) : NULL;
    int64_t from = left_off == NULL ? 0 : left_off->integer;
    if (!loop->is_continued && loop->offset != NULL) {
        struct value offset = run_evaluate(run, loop->offset);
        from = offset.kind == VALUE_NULL ? 0 : run_to_integer(run, offset);
    }
    struct sequence sequence = sequence_make(run, run_evaluate(run, &loop->collection));
    struct value limit = loop->limit == NULL ? value_null() : run_evaluate(run, loop->limit);
    int64_t to = limit.kind == VALUE_NULL ? INT64_MAX : add_clamped(run_to_integer(run, limit), from);
    sequence = slice(sequence, from, to);
    variables_set(run, &run->frame->offsets, name, value_int(add_clamped(from, sequence.count)));
    return sequence;
}

/* After an iteration: true when the loop ends there. */
static bool take_interrupt(struct run *run)
{
    enum interrupt interrupt = run->frame->interrupt;
    run->frame->interrupt = INTERRUPT_NONE;
    return interrupt == INTERRUPT_BREAK;
}

void run_for(struct run *run, const struct loop *loop)
{
    struct sequence sequence = for_sequence(run, loop);
    struct frame *frame = run->frame;
    if (sequence.count == 0) {
        if (loop->otherwise != NULL)
            run_body(run, loop->otherwise);
        return;
    }
    run_enter_scope(run);
    struct loop_state *state = run_alloc(run, 1, sizeof *state);
    *state = (struct loop_state){.name = loop->name, .length = sequence.count, .parent = frame->loop};
    frame->loop = state;
    size_t bottom = frame->scope_count;
    scope_push(run, name_make(SPAN_LITERAL("forloop")),
               (struct value){.kind = LIQUID_LOOP, .bytes = (const char *)state});
    size_t place = scope_push(run, loop->variable, value_null());
    for (int64_t i = 0; i < sequence.count; i++) {
        run_charge(run, 1);
        frame->scopes[place].value =
            slice_at(run, &sequence, loop->is_reversed ? sequence.count - 1 - i : i);
        run_body(run, loop->body);
        state->index++;
        if (take_interrupt(run))
            break;
    }
    frame->scope_count = bottom;
    frame->loop = state->parent;
    run->scope_depth--;
}

/* Ruby's to_i of an attribute of tablerow. */
static int64_t loose_integer(struct run *run, const struct expr *expr)
{
    int64_t whole;
    if (!number_literal_to_int(run_evaluate(run, expr), &whole)) {
        run->at = expr->at;
        run_fail(run, ERR_INVALID, "a tablerow needs whole numbers for cols, limit and offset");
    }
    return whole;
}

static void print_text(struct run *run, const char *before, int64_t number, const char *after)
{
    text_append(run, run->out, span_from_text(before));
    run_print(run, value_int(number), true);
    text_append(run, run->out, span_from_text(after));
}

static void run_cells(struct run *run, const struct loop *loop, const struct sequence *cells,
                      struct loop_state *state, size_t place)
{
    for (int64_t i = 0; i < cells->count; i++) {
        run_charge(run, 1);
        run->frame->scopes[place].value = slice_at(run, cells, i);
        print_text(run, "<td class=\"col", state->column, "\">");
        run_body(run, loop->body);
        text_append(run, run->out, SPAN_LITERAL("</td>"));
        if (take_interrupt(run))
            break;
        bool is_row_end = state->column == state->columns;
        if (is_row_end && i + 1 < cells->count)
            print_text(run, "</tr>\n<tr class=\"row", state->row + 1, "\">");
        state->index++;
        state->row += is_row_end;
        state->column = is_row_end ? 1 : state->column + 1;
    }
}

void run_tablerow(struct run *run, const struct loop *loop)
{
    struct value collection = run_evaluate(run, &loop->collection);
    if (!value_is_true(collection))
        return;
    int64_t from = loop->offset == NULL ? 0 : loose_integer(run, loop->offset);
    int64_t to = loop->limit == NULL ? INT64_MAX : add_clamped(from, loose_integer(run, loop->limit));
    struct sequence cells = slice(sequence_make(run, collection), from, to);
    struct loop_state *state = run_alloc(run, 1, sizeof *state);
    *state = (struct loop_state){.length = cells.count, .column = 1, .row = 1};
    state->columns = loop->columns == NULL ? cells.count : loose_integer(run, loop->columns);
    run_enter_scope(run);
    size_t bottom = run->frame->scope_count;
    scope_push(run, name_make(SPAN_LITERAL("tablerowloop")),
               (struct value){.kind = LIQUID_TABLE_LOOP, .bytes = (const char *)state});
    size_t place = scope_push(run, loop->variable, value_null());
    text_append(run, run->out, SPAN_LITERAL("<tr class=\"row1\">\n"));
    run_cells(run, loop, &cells, state, place);
    text_append(run, run->out, SPAN_LITERAL("</tr>\n"));
    run->frame->scope_count = bottom;
    run->scope_depth--;
}
