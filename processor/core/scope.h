/* What an expression of a campaign or the policy is evaluated over.
 *
 * An expression that errs has no value: false as a condition, "" as a key, no match, no date, no address.
 * Every such error is counted (fold->counts).
 */
#ifndef DECLIC_CORE_SCOPE_H
#define DECLIC_CORE_SCOPE_H

#include "core/fold.h"
#include "core/user_state.h"

struct scope {
    const struct fold *fold;
    const struct user_state *state; /* whose history count() and last() ask */
    struct value variables[VARIABLE_COUNT];
    uint64_t unbound;
    int64_t now_ms;
    struct value_member user[1], meta[3];
};

/* Binds profile, user and now; the scope must not be moved afterwards. */
void scope_init(struct scope *scope, const struct fold *fold, const struct user_state *state,
                int64_t now_ms);
void scope_bind(struct scope *scope, enum variable variable, struct value value);
void scope_unbind(struct scope *scope, enum variable variable);
/* Binds `event` and `meta`. */
void scope_bind_event(struct scope *scope, struct value attributes, struct span id, struct span name,
                      int64_t time_ms);
/* Binds `trigger`, and `follow` where there is one. */
void scope_bind_trigger(struct scope *scope, const struct trigger_facts *trigger);
/* Binds everything that a decision sees: trigger, and as `event` and `meta` the trigger too. */
void scope_bind_decision(struct scope *scope, const struct trigger_facts *trigger);

/* False when it has no value; *value is then null. */
bool scope_value(const struct scope *scope, const struct expression *expression, struct value *value);
/* True when it evaluates to true. */
bool scope_holds(const struct scope *scope, const struct expression *expression);
/* As scope_holds, and true when the expression was not given. */
bool scope_allows(const struct scope *scope, const struct expression *expression);
/* The value as a key is printed; empty when there is none. False when it has no value that prints. */
bool scope_text(const struct scope *scope, const struct expression *expression, struct span *text);

/* The language's equality for values that differ in their numeric types (1 == 1.0). */
bool scope_equal(struct value a, struct value b);

/* Counts with now_ms - window < time <= now_ms. */
int64_t counter_count(const struct counter *counter, int64_t window_ms, int64_t now_ms);
/* The latest time <= now_ms; false when there is none. */
bool counter_last(const struct counter *counter, int64_t now_ms, int64_t *time_ms);
struct counter *user_counter_find(const struct user_state *state, struct span name, struct span predicate);

#endif
