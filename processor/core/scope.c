#include "core/scope.h"

#include "core/cel/cel.h"

void scope_init(struct scope *scope, const struct fold *fold, const struct user_state *state,
                int64_t now_ms)
{
    scope->fold = fold;
    scope->state = state;
    scope->unbound = (1u << VARIABLE_COUNT) - 1;
    scope->now_ms = now_ms;
    scope->user[0] = (struct value_member){value_string(SPAN_LITERAL("id")), value_string(state->user)};
    scope_bind(scope, VARIABLE_USER, value_map(scope->user, 1));
    scope_bind(scope, VARIABLE_PROFILE, state->profile);
    scope_bind(scope, VARIABLE_NOW, value_timestamp_from_ms(now_ms));
}

void scope_bind(struct scope *scope, enum variable variable, struct value value)
{
    scope->variables[variable] = value;
    scope->unbound &= ~((uint64_t)1 << variable);
}

void scope_unbind(struct scope *scope, enum variable variable)
{
    scope->unbound |= (uint64_t)1 << variable;
}

void scope_bind_event(struct scope *scope, struct value attributes, struct span id, struct span name,
                      int64_t time_ms)
{
    scope_bind(scope, VARIABLE_EVENT, attributes);
    scope->meta[0] = (struct value_member){value_string(SPAN_LITERAL("id")), value_string(id)};
    scope->meta[1] = (struct value_member){value_string(SPAN_LITERAL("name")), value_string(name)};
    scope->meta[2] =
        (struct value_member){value_string(SPAN_LITERAL("time")), value_timestamp_from_ms(time_ms)};
    scope_bind(scope, VARIABLE_META, value_map(scope->meta, 3));
}

void scope_bind_trigger(struct scope *scope, const struct trigger_facts *trigger)
{
    scope_bind(scope, VARIABLE_TRIGGER, trigger->attributes);
    if (trigger->has_follow)
        scope_bind(scope, VARIABLE_FOLLOW, trigger->follow);
    else
        scope_unbind(scope, VARIABLE_FOLLOW);
}

void scope_bind_decision(struct scope *scope, const struct trigger_facts *trigger)
{
    scope_bind_event(scope, trigger->attributes, trigger->id, trigger->name, trigger->time_ms);
    scope_bind_trigger(scope, trigger);
}

static enum err host_count(void *self, const struct cel_counter *asked, int64_t now_ms, int64_t *count)
{
    const struct scope *scope = self;
    const struct counter *counter = user_counter_find(scope->state, asked->name, asked->predicate_text);
    *count = counter == NULL ? 0 : counter_count(counter, asked->window_ms, now_ms);
    return ERR_OK;
}

static enum err host_last(void *self, struct span name, struct value *timestamp_or_null)
{
    const struct scope *scope = self;
    const struct counter *counter = user_counter_find(scope->state, name, span_make(NULL, 0));
    int64_t time_ms;
    *timestamp_or_null = counter != NULL && counter_last(counter, scope->now_ms, &time_ms)
                             ? value_timestamp_from_ms(time_ms)
                             : value_null();
    return ERR_OK;
}

static void count_error(const struct scope *scope)
{
    if (scope->fold->counts != NULL)
        scope->fold->counts->expression_errors += 1;
}

bool scope_value(const struct scope *scope, const struct expression *expression, struct value *value)
{
    *value = value_null();
    if (expression->program == NULL)
        return false;
    const struct cel_host host = {.self = (void *)scope, .count = host_count, .last = host_last};
    const struct cel_activation activation = {
        .variables = scope->variables,
        .unbound = scope->unbound,
        .host = &host,
        .now_ms = scope->now_ms,
        .locale = scope->fold->locale,
    };
    if (cel_eval(expression->program, &activation, scope->fold->arena, value, NULL) == ERR_OK)
        return true;
    count_error(scope);
    return false;
}

bool scope_holds(const struct scope *scope, const struct expression *expression)
{
    struct value value;
    if (!scope_value(scope, expression, &value))
        return false;
    if (value.kind != VALUE_BOOL) {
        count_error(scope);
        return false;
    }
    return value.boolean;
}

bool scope_allows(const struct scope *scope, const struct expression *expression)
{
    return expression->program == NULL || scope_holds(scope, expression);
}

bool scope_text(const struct scope *scope, const struct expression *expression, struct span *text)
{
    struct value value;
    *text = span_make(NULL, 0);
    if (!scope_value(scope, expression, &value))
        return false;
    if (cel_print(value, scope->fold->arena, text))
        return true;
    *text = span_make(NULL, 0);
    count_error(scope);
    return false;
}

static bool is_number(struct value value)
{
    return value.kind == VALUE_INT || value.kind == VALUE_UINT || value.kind == VALUE_DOUBLE;
}

/* An integer and a double are equal only when the double is that very integer. */
static bool integer_equals_real(struct value integer, double real)
{
    if (integer.kind == VALUE_INT)
        return real >= -0x1p63 && real < 0x1p63 && (double)(int64_t)real == real &&
               (int64_t)real == integer.integer;
    return real >= 0 && real < 0x1p64 && (double)(uint64_t)real == real &&
           (uint64_t)real == integer.natural;
}

static bool numbers_equal(struct value a, struct value b)
{
    if (a.kind == VALUE_DOUBLE && b.kind == VALUE_DOUBLE)
        return a.real == b.real;
    if (a.kind == VALUE_DOUBLE)
        return integer_equals_real(b, a.real);
    if (b.kind == VALUE_DOUBLE)
        return integer_equals_real(a, b.real);
    if (a.kind == b.kind)
        return a.integer == b.integer;
    return a.integer >= 0 && b.integer >= 0 && a.integer == b.integer; /* an INT and a UINT */
}

static bool maps_equal(struct value a, struct value b)
{
    for (uint32_t i = 0; i < a.size; i++) {
        bool found = false;
        for (uint32_t j = 0; j < b.size && !found; j++)
            found = scope_equal(a.members[i].key, b.members[j].key) &&
                    scope_equal(a.members[i].value, b.members[j].value);
        if (!found)
            return false;
    }
    return true;
}

bool scope_equal(struct value a, struct value b)
{
    if (is_number(a) && is_number(b))
        return numbers_equal(a, b);
    if (a.kind != b.kind)
        return false;
    if (a.kind == VALUE_LIST || a.kind == VALUE_MAP) {
        if (a.size != b.size)
            return false;
        if (a.kind == VALUE_MAP)
            return maps_equal(a, b);
        for (uint32_t i = 0; i < a.size; i++) {
            if (!scope_equal(a.items[i], b.items[i]))
                return false;
        }
        return true;
    }
    return value_equal(a, b);
}

/* How many times are <= limit_ms. */
static size_t times_up_to(const struct counter *counter, int64_t limit_ms)
{
    size_t low = 0, high = counter->times.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (counter->times.items[middle] <= limit_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t counter_count(const struct counter *counter, int64_t window_ms, int64_t now_ms)
{
    int64_t start_ms;
    if (__builtin_sub_overflow(now_ms, window_ms, &start_ms))
        start_ms = INT64_MIN;
    return (int64_t)(times_up_to(counter, now_ms) - times_up_to(counter, start_ms));
}

bool counter_last(const struct counter *counter, int64_t now_ms, int64_t *time_ms)
{
    size_t count = times_up_to(counter, now_ms);
    if (count == 0)
        return false;
    *time_ms = counter->times.items[count - 1];
    return true;
}

struct counter *user_counter_find(const struct user_state *state, struct span name, struct span predicate)
{
    for (size_t i = 0; i < state->counters.count; i++) {
        struct counter *counter = &state->counters.items[i];
        if (span_equal(counter->name, name) && span_equal(counter->predicate, predicate))
            return counter;
    }
    return NULL;
}
