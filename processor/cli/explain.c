/* `declic explain`: why a message went to a user, or did not. */
#include <stdio.h>
#include <stdlib.h>

#include "app/user_json.h"
#include "base/civil.h"
#include "cli/cli.h"

static void print_json(struct user_view *view, const char *campaign, struct arena *arena)
{
    struct buf out = {0};
    user_history_write_json(&out, view, campaign == NULL ? (struct span){0} : span_from_text(campaign),
                            arena);
    fwrite(out.data, 1, out.size, stdout);
    buf_free(&out);
}

static bool reason_is_event(const struct outcome_note *note)
{
    return note->outcome == OUTCOME_RESTARTED ||
           (note->outcome == OUTCOME_CANCELLED && !span_equal_text(note->reason, "no_date"));
}

static void print_note(const struct outcome_note *note)
{
    char at[CIVIL_RFC3339_BYTES], due[CIVIL_RFC3339_BYTES];
    size_t at_size = civil_format_ms(note->at_ms, at);
    printf("  %.*s  ", (int)at_size, at);
    if (note->step.size != 0)
        printf("step %.*s ", SPAN_PRINTF(note->step));
    else
        printf("the trigger %.*s ", SPAN_PRINTF(note->trigger_id));
    printf("%s", decision_words(note->outcome, note->reason));
    if (reason_is_event(note))
        printf(" %.*s", SPAN_PRINTF(note->reason));
    if (note->has_due && (note->outcome == OUTCOME_SCHEDULED || note->outcome == OUTCOME_POSTPONED)) {
        size_t due_size = civil_format_ms(note->due_ms, due);
        printf(", due %.*s", (int)due_size, due);
    }
    if (note->key.size != 0)
        printf(" (key %.*s)", SPAN_PRINTF(note->key));
    putchar('\n');
}

/* Campaign by campaign, in order of their first note. */
static void print_sentences(struct user_view *view, const char *campaign, struct arena *arena)
{
    size_t count, told = 0;
    const struct outcome_note *notes = user_history_list(view, arena, &count);
    for (size_t i = 0; i < count; i++) {
        struct span id = notes[i].campaign;
        bool before = campaign != NULL && !span_equal_text(id, campaign);
        for (size_t k = 0; k < i && !before; k++)
            before = span_equal(notes[k].campaign, id);
        if (before)
            continue;
        printf("%.*s\n", SPAN_PRINTF(id));
        for (size_t k = i; k < count; k++)
            if (span_equal(notes[k].campaign, id))
                print_note(&notes[k]);
        told++;
    }
    if (told == 0)
        printf("nothing is remembered of %.*s%s%s: no trigger of %s has come lately\n",
               SPAN_PRINTF(user_view_state(view)->user), campaign == NULL ? "" : " and campaign ",
               campaign == NULL ? "" : campaign, campaign == NULL ? "a live campaign" : "it");
}

static int explain_command(const struct cli_call *call)
{
    const char *user = cli_flag(call, "user");
    if (user == NULL || user[0] == '\0')
        return cli_usage(call, "--user is needed: whose messages?");
    struct config *config;
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    struct log log = {.level = LOG_ERROR, .fd = 2};
    struct user_view *view;
    struct diag diag = {0};
    enum err error = user_view_open(config, span_from_text(user), &log, &view, &diag);
    if (error != ERR_OK) {
        fprintf(stderr, "declic explain: %s\n", diag.text);
        return error == ERR_UNREACHABLE ? CLI_UNREACHABLE : error == ERR_INVALID ? CLI_USAGE : CLI_WRONG;
    }
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
    .help =
        "Tells what is planned, and what the last triggers and sends of the user came to (20 at most),\n"
        "campaign by campaign. "
        "The decisions topic has all of them.",
    .flags = flags,
    .takes_config = true,
    .run = explain_command,
};
