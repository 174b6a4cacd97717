/* When a step is due: the forms of `send`. */
#include "codec/campaign_parts.h"

enum { MAX_DAYS = 36500 };

struct send_nodes {
    const struct yaml_node *after, *before, *date, *days, *at, *time_zone, *on;
};

/* What goes together and what does not, said at the key that is one too many or lacks the other. */
static void check_combination(struct form *form, const struct send_nodes *given)
{
    if (given->after != NULL && given->before != NULL)
        form_error(form, given->before, "`after` and `before` do not go together");
    if (given->days != NULL && given->after != NULL)
        form_error(form, given->after, "`after` and `days` do not go together");
    if (given->days != NULL && given->before != NULL)
        form_error(form, given->before, "`before` and `days` do not go together");
    if (given->before != NULL && given->date == NULL)
        form_error(form, given->before, "`before` needs `date`: before what");
    if (given->days != NULL && given->at == NULL)
        form_error(form, given->days, "`days` needs `at`: the time of that day");
    if (given->at != NULL && given->days == NULL)
        form_error(form, given->at, "`at` needs `days`: the day counted from the trigger's or the date's");
}

static void read_days(struct form *form, const struct send_nodes *given, struct send_rule *send)
{
    int64_t days;
    send->form = SEND_DAYS;
    if (!form_int(form, given->days, "days", -MAX_DAYS, MAX_DAYS, &days))
        return;
    send->days = (int32_t)days;
    if (days < 0 && given->date == NULL)
        form_error(form, given->days, "`days` may be negative only with `date`");
}

void read_send(struct campaign_reader *reader, const struct yaml_node *node, struct send_rule *send)
{
    static const char *const keys[] = {"after", "before", "date", "days", "at", "time_zone", "on", NULL};
    struct form *form = &reader->definition.form;
    uint32_t bound = bound_at_entry(reader);
    if (!form_map(form, node, "send", keys))
        return;
    const struct send_nodes given = {form_get(node, "after"), form_get(node, "before"),
                                     form_get(node, "date"),  form_get(node, "days"),
                                     form_get(node, "at"),    form_get(node, "time_zone"),
                                     form_get(node, "on")};
    check_combination(form, &given);
    if (given.after != NULL)
        form_duration(form, given.after, "after", 0, &send->offset_ms);
    if (given.before != NULL && form_duration(form, given.before, "before", 0, &send->offset_ms))
        send->offset_ms = -send->offset_ms;
    if (given.days != NULL)
        read_days(form, &given, send);
    if (given.at != NULL)
        form_clock(form, given.at, "at", &send->at_minute);
    if (given.date != NULL)
        definition_expression(&reader->definition, given.date,
                              &(struct expression_scope){"date", bound, WANTS_DATE, false}, &send->date);
    if (given.time_zone != NULL)
        definition_zone(&reader->definition, given.time_zone,
                        &(struct expression_scope){"time_zone", bound, WANTS_ZONE, false}, &send->zone);
    if (given.on != NULL && form_days(form, given.on, "on", &send->on_days) && send->on_days == 0)
        form_error(form, given.on,
                   "`on`: expected at least one of mon, tue, wed, thu, fri, sat, sun; the list is empty");
}
