/* CEL, the Common Expression Language: a text becomes a program, a program and values a value.
 *
 * The whole language of its definition (github.com/google/cel-spec, doc/langdef.md) with the
 * standard functions and macros, without protobuf messages and enums. Everything is bounded: the
 * size and nesting of a text when it is compiled, the steps of a program when it runs.
 *
 * A program is immutable, and may run in several threads at once. It and all it points to live in
 * the arena it was compiled into, except compiled regular expressions, which cel_program_close
 * gives back. Evaluation allocates only from the arena it is given (RE2 keeps its own bounded cache;
 * a pattern that is no literal is compiled for that one call).
 *
 * Values are `struct value` of core/value.h. A value that came out may point into the variables, the
 * program or the evaluation's arena.
 */
#ifndef DECLIC_CORE_CEL_CEL_H
#define DECLIC_CORE_CEL_CEL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "core/value.h"
#include "ports/locale.h"

enum {
    CEL_DEFAULT_SOURCE_BYTES = 16 * 1024,
    CEL_DEFAULT_DEPTH = 250,
    CEL_DEFAULT_STEPS = 100000,
    CEL_MAX_VARIABLES = 4096,
    /* Slots that can be unbound, and whose attribute reads are told apart; see cel_activation. */
    CEL_TRACKED_SLOTS = 64,
};

struct cel_program;

/* How a text is compiled. Zeros are defaults. */
struct cel_options {
    /* What the text may name. The index is the variable's slot in the activation. A name may hold
     * dots ("user.id"); of several that fit `a.b.c` the longest is meant. At most CEL_MAX_VARIABLES. */
    const struct span *variables;
    size_t variable_count;
    /* Unknown variables and functions, wrong argument counts and clashes of known types are errors of
     * cel_compile. Without it they are errors of the evaluation, which `||`, `&&` and `?:` absorb. */
    bool check;
    /* count(name, window[, predicate over it]) and last(name) exist. */
    bool counters;
    uint32_t max_source_bytes; /* 0: CEL_DEFAULT_SOURCE_BYTES */
    uint32_t max_depth;        /* of parentheses, calls, literals, conditionals; 0: CEL_DEFAULT_DEPTH */
};

/* Compiles `source`, which need not outlive the call. On error nothing is to be closed and *diag
 * (may be NULL) has line, column and what is wrong.
 * Errors: ERR_SYNTAX; ERR_LIMIT (too long, too deep); ERR_INVALID, ERR_TYPE (only with check, and for
 * counters whose arguments are not literals); ERR_INVALID for a literal pattern that is no RE2 one. */
WARN_UNUSED enum err cel_compile(const struct cel_options *options, struct span source, struct arena *arena,
                                 struct cel_program **program, struct diag *diag);

/* Gives back what is not in the arena. NULL is allowed. */
void cel_program_close(struct cel_program *program);

/* --- what a program asks of its user's history ------------------------------------------------ */

/* One count(...) of a program. Two counters are the same when name, window and predicate_text are. */
struct cel_counter {
    uint32_t index; /* within the program, from 0 */
    struct span name;
    int64_t window_ms;
    /* Over one variable, `it` (slot 0): the attributes of the event that may be counted. NULL: all
     * events of that name. An event for which it errs or is not true is not counted. */
    const struct cel_program *predicate;
    struct span predicate_text; /* the predicate, printed in one canonical form; empty for NULL */
};

struct cel_host {
    void *self;
    /* Events counted with now_ms - window < time <= now_ms. An error gives the call no value. */
    enum err (*count)(void *self, const struct cel_counter *counter, int64_t now_ms, int64_t *count);
    /* The time of the last event of that name, or null. */
    enum err (*last)(void *self, struct span name, struct value *timestamp_or_null);
};

/* --- evaluation --------------------------------------------------------------------------------- */

/* What a program runs over. Zeros are defaults. */
struct cel_activation {
    const struct value *variables; /* one for each slot; those that are unbound are not looked at */
    uint64_t unbound; /* bit i: slot i has no value (slots from CEL_TRACKED_SLOTS up always have) */
    const struct cel_host *host; /* NULL: count and last have no value */
    int64_t now_ms;              /* handed to the host's count */
    /* Time zones by name. NULL: only "UTC" and offsets like "+02:00". */
    const struct locale_port *locale;
    /* Each operation costs one step, work on long values (copies, searches, comparisons) one more for
     * every 64 bytes or 8 elements. 0: CEL_DEFAULT_STEPS. */
    uint32_t max_steps;
};

/* Evaluates. *result is a value of one of value.h's kinds; it is null when an error is returned.
 * `diag` may be NULL (cheaper). Errors: ERR_LIMIT past max_steps; ERR_NO_VALUE (missing attribute or
 * variable), ERR_TYPE (no such overload), ERR_OVERFLOW, ERR_DIVIDE_BY_ZERO, ERR_INVALID (a conversion, an
 * index, a pattern, a zone); what the host returned. */
WARN_UNUSED enum err cel_eval(const struct cel_program *program, const struct cel_activation *activation,
                              struct arena *arena, struct value *result, struct diag *diag);

/* True only when the program evaluates to the bool true. *error, if not NULL, gets ERR_OK, the error of
 * cel_eval, or ERR_TYPE when the value is no bool. */
bool cel_eval_condition(const struct cel_program *program, const struct cel_activation *activation,
                        struct arena *arena, enum err *error);

/* What string(value) gives, for keys: 42.0 is "42". False, and *text empty, for null, lists, maps, types
 * and bytes that are not UTF-8. The text may point into the value. */
bool cel_print(struct value value, struct arena *arena, struct span *text);

/* The type of that name: "int", "google.protobuf.Duration". False: there is none. */
bool cel_find_type(struct span name, struct value *type);

/* --- what is known of a program before it runs ---------------------------------------------------- */

/* The kind of value that it has if it has one; VALUE_KIND_COUNT when that is not known. */
enum value_kind cel_result_kind(const struct cel_program *program);

bool cel_reads_variable(const struct cel_program *program, uint32_t slot);

/* Which attributes of the variable in a slot the program may read: x for event.x, event["x"], has(event.x).
 * `all` when the variable is also used otherwise (event[name], a macro over it, passed to a function).
 * Names are distinct, in no order. The predicates of counters are programs of their own. */
struct cel_reads {
    bool all;
    const struct span *names;
    size_t count;
};
struct cel_reads cel_reads_of(const struct cel_program *program, uint32_t slot);

/* The program's count(...)s, each once, and the names given to last(...). */
const struct cel_counter *cel_counters(const struct cel_program *program, size_t *count);
const struct span *cel_last_names(const struct cel_program *program, size_t *count);

enum cel_test_operator {
    CEL_TEST_EQUAL,
    CEL_TEST_LESS,
    CEL_TEST_LESS_EQUAL,
    CEL_TEST_GREATER,
    CEL_TEST_GREATER_EQUAL,
    CEL_TEST_IN, /* literal is a list */
};

/* A comparison of one attribute with a literal, written so that the attribute is on the left. */
struct cel_test {
    uint32_t slot;
    const struct span *path; /* event.page.kind: "page", "kind"; at least one name */
    size_t path_size;
    enum cel_test_operator operator_;
    struct value literal;
};

/* The comparisons among the terms of the program's outermost `&&` (or the program, if it is one; a bare
 * attribute is one too: == true). The program can be true only when all of them are; *all, if not NULL,
 * tells whether it is true whenever they are, because it has no other terms. */
const struct cel_test *cel_tests(const struct cel_program *program, size_t *count, bool *all);

#endif
