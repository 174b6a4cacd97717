#include "memory/sim_line.h"

#include "base/civil.h"
#include "codec/json.h"
#include "core/zone.h"
#include "memory/simulate.h"

enum err simulation_time(struct value value, int64_t *time_ms)
{
    int64_t seconds;
    uint32_t nanos;
    if (value.kind == VALUE_STRING && civil_parse_rfc3339(value_span(value), &seconds, &nanos) == ERR_OK)
        *time_ms = seconds * 1000 + nanos / 1000000;
    else if (value.kind == VALUE_INT)
        *time_ms = value.integer;
    else
        return ERR_INVALID;
    return instant_is_valid(*time_ms) ? ERR_OK : ERR_INVALID;
}

enum err sim_line_kind(struct value value, bool *profile, struct diag *diag)
{
    const struct value *kind = value_member_find(value, SPAN_LITERAL("kind"));
    *profile = false;
    if (kind == NULL)
        return ERR_OK;
    *profile = kind->kind == VALUE_STRING && span_equal_text(value_span(*kind), "profile");
    if (*profile || (kind->kind == VALUE_STRING && span_equal_text(value_span(*kind), "event")))
        return ERR_OK;
    return diag_set(diag, ERR_INVALID, 0, 0, "kind: must be \"event\" or \"profile\"");
}

static enum err read_arrival(struct value value, int64_t *arrives_ms, struct diag *diag)
{
    const struct value *arrives = value_member_find(value, SPAN_LITERAL("arrives"));
    const char *name = "arrives";
    if (arrives == NULL || arrives->kind == VALUE_NULL) {
        arrives = value_member_find(value, SPAN_LITERAL("time"));
        name = "time";
    }
    if (arrives == NULL || arrives->kind == VALUE_NULL)
        return diag_set(diag, ERR_NOT_FOUND, 0, 0, "time: is missing, as is arrives");
    if (simulation_time(*arrives, arrives_ms) != ERR_OK)
        return diag_set(
            diag, ERR_INVALID, 0, 0,
            "%s: must be an RFC 3339 time with a zone, such as 2026-12-01T08:30:00Z, or a whole "
            "number of milliseconds",
            name);
    return ERR_OK;
}

enum err sim_line_read(struct span text, const struct record_limits *limits, struct arena *arena,
                       struct sim_line *line, struct diag *diag)
{
    const struct json_limits json = {.bytes = limits->record_bytes,
                                     .depth = 64,
                                     .entries = limits->record_bytes,
                                     .string_bytes = limits->record_bytes};
    enum err error = json_parse(text, &json, arena, &line->value, diag);
    if (error == ERR_OK && line->value.kind != VALUE_MAP)
        error = diag_set(diag, ERR_TYPE, 0, 0, "the line must be a JSON object");
    if (error == ERR_OK)
        error = read_arrival(line->value, &line->arrives_ms, diag);
    return error;
}
