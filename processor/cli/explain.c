/* `declic explain`: why a message went to a user, or did not. */
#include <stdio.h>
#include <stdlib.h>

#include "app/user_json.h"
#include "base/civil.h"
#include "cli/service.h"
#include "cli/user_clock.h"

static void print_json(struct user_view *view, const char *campaign, struct arena *arena)
{
    struct buf out = {0};
    user_history_write_json(&out, view, campaign == NULL ? (struct span){0} : span_from_text(campaign),
                            arena);
    cli_print(&out);
}

static bool reason_is_event(const struct outcome_note *note)
{
    return note->outcome == OUTCOME_RESTARTED ||
           (note->outcome == OUTCOME_CANCELLED && !span_equal_text(note->reason, "no_date"));
}

static void print_time(const struct user_clock *clock, int64_t instant_ms)
{
    char text[CIVIL_RFC3339_BYTES], local[USER_CLOCK_BYTES];
    size_t size = civil_format_ms(instant_ms, text);
    printf("%.*s", (int)size, text);
    if (clock->zone == NULL)
        return;
    user_clock_format(clock, instant_ms, local);
    printf(" (%s)", local);
}

static void print_note(const struct user_clock *clock, const struct outcome_note *note)
{
    fputs("  ", stdout);
    print_time(clock, note->at_ms);
    if (note->step.size != 0)
        printf("  step %.*s ", SPAN_PRINTF(note->step));
    else
        printf("  the trigger %.*s ", SPAN_PRINTF(note->trigger_id));
    printf("%s", decision_words(note->outcome, note->reason));
    if (reason_is_event(note))
        printf(" %.*s", SPAN_PRINTF(note->reason));
    if (note->has_due && (note->outcome == OUTCOME_SCHEDULED || note->outcome == OUTCOME_POSTPONED)) {
        fputs(", due ", stdout);
        print_time(clock, note->due_ms);
    }
    if (note->key.size != 0)
        printf(" (key %.*s)", SPAN_PRINTF(note->key));
    putchar('\n');
}

/* The campaign, and what its present state means for the user. */
static void print_heading(struct user_view *view, struct span id)
{
    const struct campaign_item *campaign = user_view_campaign(view, id);
    printf("%.*s%s\n", SPAN_PRINTF(id), campaign == NULL ? "" : campaign_state_words(campaign));
}

static void print_nothing(struct user_view *view, const char *campaign)
{
    struct span user = user_view_state(view)->user;
    if (campaign == NULL)
        printf("nothing is remembered of %.*s: no trigger of a live campaign has come lately\n",
               SPAN_PRINTF(user));
    else if (user_view_campaign(view, span_from_text(campaign)) == NULL)
        printf("there is no campaign %s (`declic campaigns list` has them all)\n", campaign);
    else
        printf("nothing is remembered of %.*s and campaign %s: nothing is planned, and it has no part in\n"
               "what his last triggers and sends came to; the decisions topic has all that ever happened\n",
               SPAN_PRINTF(user), campaign);
}

/* Campaign by campaign, in order of their first note. */
static void print_sentences(struct user_view *view, const char *campaign, struct arena *arena)
{
    struct user_clock clock;
    size_t count, told = 0;
    const struct outcome_note *notes = user_history_list(view, arena, &count);
    user_clock_open(&clock, view);
    for (size_t i = 0; i < count; i++) {
        struct span id = notes[i].campaign;
        bool before = campaign != NULL && !span_equal_text(id, campaign);
        for (size_t k = 0; k < i && !before; k++)
            before = span_equal(notes[k].campaign, id);
        if (before)
            continue;
        if (told++ == 0 && clock.zone != NULL)
            printf("times are UTC; in brackets what the clock shows in %.*s, where %.*s is\n",
                   SPAN_PRINTF(clock.zone_name), SPAN_PRINTF(user_view_state(view)->user));
        print_heading(view, id);
        for (size_t k = i; k < count; k++)
            if (span_equal(notes[k].campaign, id))
                print_note(&clock, &notes[k]);
    }
    if (told == 0)
        print_nothing(view, campaign);
    user_clock_close(&clock);
}

static int explain_command(const struct cli_call *call)
{
    struct user_view *view;
    int code = service_user_view(call, "messages", &view);
    if (code != CLI_DONE)
        return code;
    if (cli_flag(call, "json") != NULL)
        print_json(view, cli_flag(call, "campaign"), call->arena);
    else
        print_sentences(view, cli_flag(call, "campaign"), call->arena);
    user_view_close(view);
    return CLI_DONE;
}

static const struct cli_flag flags[] = {
    {"user", "ID", "the user"},
    {"campaign", "ID", "only this campaign"},
    {"json", NULL, "the decision records, as one JSON array of objects"},
    {0},
};

const struct cli_command cli_explain = {
    .name = "explain",
    .arguments = "",
    .summary = "Why a message went to a user, or did not.",
    .help = "Tells what is planned, and what the last triggers and sends of the user came to\n"
            "(20 at most), campaign by campaign. The decisions topic has all of them.",
    .flags = flags,
    .takes_config = true,
    .run = explain_command,
};
