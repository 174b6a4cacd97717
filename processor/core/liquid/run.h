/* What the files of the interpreter share: the state of one rendering.
 *
 * A rendering fails by a jump out to liquid_render; all it holds is in the arena, so there is nothing to
 * undo on the way. Everything that costs time is charged in steps before it is done, everything that
 * costs memory is counted, so that the same template always ends at the same place.
 */
#ifndef DECLIC_CORE_LIQUID_RUN_H
#define DECLIC_CORE_LIQUID_RUN_H

#include <setjmp.h>

#include "core/liquid/tree.h"

/* Text that grows in the arena. */
struct text {
    char *data;
    size_t size;
    size_t capacity;
};

struct variable {
    struct name name;
    struct value value;
};

/* Variables by name; an index is built when there are many. */
struct variables {
    struct variable *items;
    size_t count;
    size_t capacity;
    uint32_t *index; /* positions + 1 in items, open addressing; NULL while few */
    size_t index_size;
};

struct cycle_state {
    struct value key;
    size_t next;
};

struct loop_state {
    struct span name;
    int64_t length;
    int64_t index;
    struct loop_state *parent;
    /* tablerow only */
    int64_t columns;
    int64_t column;
    int64_t row;
};

enum interrupt {
    INTERRUPT_NONE,
    INTERRUPT_BREAK,
    INTERRUPT_CONTINUE,
};

/* What a snippet that is rendered has for itself; one that is included shares its includer's. */
struct frame {
    struct variables assigned; /* by assign and capture */
    struct variable *scopes;   /* loop variables and an include's arguments, innermost last */
    size_t scope_count;
    size_t scope_capacity;
    struct variables counters; /* increment and decrement */
    struct variables offsets;  /* where a loop of this name left off, for offset: continue */
    struct cycle_state *cycles;
    size_t cycle_count;
    size_t cycle_capacity;
    struct span last_changed; /* what ifchanged printed last */
    bool has_changed;
    struct loop_state *loop; /* innermost for */
    enum interrupt interrupt;
    bool is_isolated; /* rendered, not the template itself: may not include */
};

struct run {
    const struct liquid_template *template;
    const struct liquid_context *context;
    struct arena *arena;
    struct frame *frame;
    struct text *out;
    size_t out_limit;        /* of *out */
    const struct unit *unit; /* where we are, for messages */
    const char *at;
    uint64_t steps_left;
    size_t memory_base;  /* arena->used_bytes at the start */
    size_t memory_limit; /* bytes over the base */
    size_t text_limit;   /* of any one text made on the way */
    int scope_depth;     /* loops, includes and renders, as Shopify counts them */
    int body_depth;      /* of bodies within bodies, over all snippets */
    jmp_buf failure;
    enum err error;
    struct diag *diag;
};

/* render.c */
_Noreturn void run_fail(struct run *run, enum err error, const char *format, ...) PRINTF_LIKE(3, 4);
_Noreturn void run_fail_steps(struct run *run);
void run_body(struct run *run, const struct body *body);
void run_enter_scope(struct run *run);

static inline void run_charge(struct run *run, uint64_t steps)
{
    if (run->steps_left < steps)
        run_fail_steps(run);
    run->steps_left -= steps;
}

/* For work on `bytes` of text, one after the other. */
static inline void run_charge_bytes(struct run *run, size_t bytes)
{
    run_charge(run, bytes / 64);
}

/* For work that the locale port does on them (full case mapping, graphemes). */
static inline void run_charge_unicode(struct run *run, size_t bytes)
{
    run_charge(run, bytes / 8);
}

/* For one comparison of texts of this size: the machine compares many bytes at once. */
static inline void run_charge_comparison(struct run *run, size_t bytes)
{
    if (bytes >= 4096)
        run_charge(run, bytes / 4096);
}

/* Steps of one call of the locale port: the cached formatter of a number, and of a date. */
#define STEPS_FORMAT_NUMBER 4
#define STEPS_FORMAT_DATE 16

/* Fails when `bytes` more would be too much; for what another module allocates from the arena. */
void run_reserve_memory(struct run *run, size_t bytes);
void *run_alloc(struct run *run, size_t count, size_t item_bytes);
#define RUN_ARRAY(run, type, count) ((type *)run_alloc((run), (count), sizeof(type)))

/* text.c */
/* Room for `more` bytes; returns where they go, size does not change. */
char *text_reserve(struct run *run, struct text *text, size_t more);
void text_append(struct run *run, struct text *text, struct span bytes);
void text_append_escaped(struct run *run, struct text *text, struct span bytes);
static inline struct span text_span(const struct text *text)
{
    return span_make(text->data, text->size);
}
static inline struct value text_value(const struct text *text)
{
    return value_string(text_span(text));
}
/* A value as text, as filters see it (Ruby's to_s). A string is returned as it is, not copied. */
struct span run_to_text(struct run *run, struct value value);
void run_append_value(struct run *run, struct text *text, struct value value);
/* Prints to run->out as `{{ }}` does: nil is nothing, lists without separators; escaped in HTML. */
void run_print(struct run *run, struct value value, bool is_raw);

/* variables.c */
struct value *variables_find(struct run *run, const struct variables *variables, struct name name);
void variables_set(struct run *run, struct variables *variables, struct name name, struct value value);
size_t scope_push(struct run *run, struct name name, struct value value);
struct value run_find_variable(struct run *run, struct name name);
/* `self.name`: a variable of the frame that `self` was taken in. A frame outlives the values that name it:
 * they are only handed down, to snippets that it renders. */
bool run_self_get(struct run *run, struct value self, struct span name, struct value *value);
struct value run_evaluate(struct run *run, const struct expr *expr);
struct value run_chain(struct run *run, const struct chain *chain);
/* What `map.key` gives, or NULL: maps from outside are searched one by one, and charged so. */
const struct value *run_member(struct run *run, struct value map, struct span key);
struct value run_first(struct run *run, struct value value);
struct value run_last(struct run *run, struct value value);
/* A value from outside in the kinds that liquid/ knows. */
struct value run_import(struct run *run, struct value value);

/* compare.c */
static inline bool value_is_true(struct value value)
{
    return value.kind != VALUE_NULL && !(value.kind == VALUE_BOOL && !value.boolean);
}
static inline bool value_is_number(struct value value)
{
    return value.kind == VALUE_INT || value.kind == VALUE_DOUBLE || value.kind == LIQUID_BIG;
}
bool run_equal(struct run *run, struct value a, struct value b);
/* Ruby's <=>: false when the two have no order. */
bool run_order(struct run *run, struct value a, struct value b, int *order);
bool run_test(struct run *run, const struct condition *conditions, size_t count);
/* Ruby's eql?, which also tells 1 from 1.0, and a hash that agrees with it. */
bool run_same(struct run *run, struct value a, struct value b);
uint32_t run_hash(struct run *run, struct value value);

/* sequence.c: whatever can be iterated, without making a list of it. */
struct sequence {
    struct value source;
    int64_t from; /* of a range: its first number */
    int64_t count;
};
struct sequence sequence_make(struct run *run, struct value value);
struct value sequence_at(struct run *run, const struct sequence *sequence, int64_t index);
/* Ruby's Integer(value), "invalid integer" otherwise. */
int64_t run_to_integer(struct run *run, struct value value);
/* How many numbers a range has. */
int64_t range_count(const struct liquid_range *range);
static inline const struct liquid_range *value_range(struct value value)
{
    return (const struct liquid_range *)value.bytes;
}

/* loops.c, partials.c */
void run_for(struct run *run, const struct loop *loop);
void run_tablerow(struct run *run, const struct loop *loop);
struct value loop_state_get(struct run *run, struct value loop, struct span name, bool *found);
void run_render(struct run *run, const struct partial *partial);
void run_include(struct run *run, const struct partial *partial);

#endif
