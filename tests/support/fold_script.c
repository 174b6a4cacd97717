#include "support/fold_script.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/campaign_yaml.h"
#include "codec/json.h"
#include "codec/policy_yaml.h"
#include "codec/user_state_bin.h"
#include "core/campaign_set.h"
#include "core/decide.h"
#include "icu/icu_locale.h"
#include "unit/check.h"

enum { MAX_CAMPAIGNS = 4, MAX_VERSIONS = 4, MAX_UNDER_WAY = 8 };

struct stage {
    const struct fold_script *script;
    const char *line;
    size_t number;
    struct arena lasting; /* campaigns, the set, what is under way */
    struct arena batch;
    struct campaign *compiled[MAX_CAMPAIGNS][MAX_VERSIONS];
    struct campaign_life lives[MAX_CAMPAIGNS];
    size_t campaign_count;
    struct policy *policy;
    struct locale_port locale;
    struct fold fold;
    struct user_state state;
    struct buf encoded;
    struct buf records; /* one a line, not yet expected */
    struct settled under_way[MAX_UNDER_WAY];
    size_t under_way_count;
};

static void fail_here(const struct stage *stage, const char *what)
{
    fail_msg("line %zu, %s: %s; records not expected yet:\n%.*s", stage->number, stage->line, what,
             SPAN_PRINTF(buf_span(&stage->records)));
}

/* ---- words ---- */

/* The next word of the line, or the rest of it. */
static struct span word(const char **at)
{
    while (**at == ' ')
        *at += 1;
    size_t size = strcspn(*at, " ");
    struct span found = span_make(*at, size);
    *at += size;
    return found;
}

static int64_t time_of(struct stage *stage, const char **at)
{
    struct span text = word(at);
    int64_t day = 0;
    int hours, minutes, seconds = 0;
    if (text.size > 2 && text.data[0] == '+') {
        day = strtol(text.data + 1, NULL, 10);
        text = word(at);
    }
    if (sscanf(text.data, "%d:%d:%d", &hours, &minutes, &seconds) < 2)
        fail_here(stage, "no time");
    return FOLD_SCRIPT_DAY_MS + ((day * 24 + hours) * 60 + minutes) * 60000 + seconds * 1000;
}

/* A JSON value: up to the bracket that closes the first one, or the next word. */
static struct value json_of(struct stage *stage, const char **at)
{
    while (**at == ' ')
        *at += 1;
    const char *start = *at;
    int depth = 0;
    do {
        depth += **at == '{' || **at == '[';
        depth -= **at == '}' || **at == ']';
        *at += 1;
    } while (depth > 0 || (**at != '\0' && **at != ' '));
    struct value value;
    if (json_parse(span_make(start, (size_t)(*at - start)), NULL, &stage->batch, &value, NULL) != ERR_OK)
        fail_here(stage, "no JSON");
    return value;
}

static int64_t arrival_of(struct stage *stage, const char **at, int64_t time_ms)
{
    return span_equal_text(word(at), "at") ? time_of(stage, at) : time_ms;
}

/* ---- records ---- */

static void print_time(struct buf *out, int64_t time_ms)
{
    int64_t minutes = (time_ms - FOLD_SCRIPT_DAY_MS) / 60000;
    if (minutes < 0 || minutes >= 1440)
        buf_printf(out, " %+dd", (int)((minutes - (minutes < 0 ? 1439 : 0)) / 1440));
    minutes = (minutes % 1440 + 1440) % 1440;
    buf_printf(out, " %02d:%02d", (int)minutes / 60, (int)minutes % 60);
}

static void take_record(void *self, const struct decision_record *record)
{
    struct stage *stage = self;
    struct buf *out = &stage->records;
    buf_append(out, outcome_text(record->outcome));
    buf_append_byte(out, ' ');
    if (!span_equal(record->campaign, stage->compiled[0][0]->id))
        buf_printf(out, "%.*s:", SPAN_PRINTF(record->campaign));
    buf_append(out, record->step.size != 0 ? record->step : SPAN_LITERAL("-"));
    if (record->key.size != 0)
        buf_printf(out, "[%.*s]", SPAN_PRINTF(record->key));
    if (record->reason.size != 0)
        buf_printf(out, " %.*s", SPAN_PRINTF(record->reason));
    if (record->has_due)
        print_time(out, record->due_ms);
    buf_append_byte(out, '\n');
}

static void expect_record(struct stage *stage, const char *expected)
{
    struct span all = buf_span(&stage->records);
    const char *end = all.size == 0 ? NULL : memchr(all.data, '\n', all.size);
    if (end == NULL)
        fail_here(stage, "no such record came");
    struct span first = span_make(all.data, (size_t)(end - all.data));
    if (!span_equal_text(first, expected))
        fail_here(stage, "another record came");
    memmove(stage->records.data, end + 1, all.size - first.size - 1);
    stage->records.size -= first.size + 1;
}

/* ---- happenings ---- */

static struct event event_of(struct stage *stage, const char **at)
{
    struct event event = {.user = stage->state.user};
    event.id = word(at);
    event.name = word(at);
    event.time_ms = time_of(stage, at);
    event.attributes = json_of(stage, at);
    event.arrived_ms = arrival_of(stage, at, event.time_ms);
    return event;
}

static void do_event(struct stage *stage, const char *at)
{
    struct event event = event_of(stage, &at);
    fold_event(&stage->fold, &stage->state, &event, event.arrived_ms);
}

static void do_thing(struct stage *stage, const char *at)
{
    struct event event = event_of(stage, &at);
    event.user = span_make(NULL, 0);
    fold_thing(&stage->fold, &stage->state, &stage->fold.campaigns->slots[0], &event, false,
               event.arrived_ms);
}

static void do_profile(struct stage *stage, const char *at)
{
    struct profile_update update = {.user = stage->state.user, .attributes = value_map(NULL, 0)};
    update.time_ms = update.arrived_ms = time_of(stage, &at);
    struct value value = json_of(stage, &at);
    update.tombstone = value.kind == VALUE_NULL;
    if (!update.tombstone)
        update.attributes = value;
    fold_profile(&stage->fold, &stage->state, &update, update.arrived_ms);
}

static struct settled keep_settled(struct arena *arena, struct settled settled)
{
    struct span *texts[] = {&settled.campaign, &settled.key,    &settled.trigger_id,
                            &settled.step,     &settled.reason, &settled.user};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
    return settled;
}

/* Decides what is due; folds each at once, or leaves all under way. */
static void do_decide(struct stage *stage, const char *at, bool fold)
{
    int64_t now_ms = time_of(stage, &at);
    struct due_send *sends;
    size_t count = decide_collect(&stage->fold, &stage->state, now_ms, &stage->batch, &sends);
    for (size_t i = 0; i < count; i++) {
        struct decided decided;
        decide_send(&stage->fold, &stage->state, &sends[i], now_ms, &decided);
        if (decided.has_record)
            take_record(stage, &decided.record);
        assert_true(decided.has_message == (decided.settled.outcome == OUTCOME_SENT));
        stage->under_way[stage->under_way_count++] = keep_settled(&stage->lasting, decided.settled);
        if (!fold)
            continue;
        stage->under_way_count = 0;
        fold_settled(&stage->fold, &stage->state, &stage->under_way[0], now_ms);
    }
}

static void do_settle(struct stage *stage, const char *at)
{
    int64_t append_ms = time_of(stage, &at);
    for (size_t i = 0; i < stage->under_way_count; i++)
        fold_settled(&stage->fold, &stage->state, &stage->under_way[i], append_ms);
    stage->under_way_count = 0;
}

/* ---- campaigns ---- */

static void build_set(struct stage *stage)
{
    stage->fold.campaigns =
        campaign_set_build(&stage->lasting, stage->lives, stage->campaign_count, stage->fold.policy);
}

static struct campaign *compile(struct stage *stage, const char *yaml, uint32_t version)
{
    struct diag_list diags = {.arena = &stage->lasting};
    struct campaign *campaign;
    if (campaign_read(span_from_text(yaml), SPAN_LITERAL("script"), NULL, &stage->lasting, &campaign,
                      &diags) != ERR_OK)
        fail_msg("campaign, line %d: %.*s", diags.items[0].line, SPAN_PRINTF(diags.items[0].text));
    campaign->version = version;
    return campaign;
}

static void compile_all(struct stage *stage)
{
    const struct fold_script *script = stage->script;
    for (; script->campaigns[stage->campaign_count] != NULL; stage->campaign_count++) {
        size_t at = stage->campaign_count;
        stage->compiled[at][0] = compile(stage, script->campaigns[at], 1);
        stage->lives[at] = (struct campaign_life){
            .versions = (const struct campaign *const *)stage->compiled[at], .version_count = 1};
    }
    for (uint32_t i = 0; script->versions != NULL && script->versions[i] != NULL; i++)
        stage->compiled[0][i + 1] = compile(stage, script->versions[i], i + 2);
    stage->fold.policy = policy_empty();
    if (script->policy != NULL) {
        struct diag_list diags = {.arena = &stage->lasting};
        if (policy_read(span_from_text(script->policy), SPAN_LITERAL("policy"), NULL, &stage->lasting,
                        &stage->policy, &diags) != ERR_OK)
            fail_msg("policy, line %d: %.*s", diags.items[0].line, SPAN_PRINTF(diags.items[0].text));
        stage->fold.policy = stage->policy;
    }
    build_set(stage);
}

static void do_status(struct stage *stage, const char *at)
{
    static const struct {
        const char *word;
        enum campaign_status status;
        enum pause_treatment treatment;
    } kinds[] = {
        {"active", CAMPAIGN_ACTIVE, PAUSE_HOLD}, {"hold", CAMPAIGN_PAUSED, PAUSE_HOLD},
        {"shift", CAMPAIGN_PAUSED, PAUSE_SHIFT}, {"expire", CAMPAIGN_PAUSED, PAUSE_EXPIRE},
        {"drain", CAMPAIGN_PAUSED, PAUSE_DRAIN}, {"archived", CAMPAIGN_ARCHIVED, PAUSE_HOLD},
    };
    struct span status = word(&at);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!span_equal_text(status, kinds[i].word))
            continue;
        stage->lives[0].status = kinds[i].status;
        stage->lives[0].treatment = kinds[i].treatment;
    }
    build_set(stage);
}

static void do_version(struct stage *stage, const char *at)
{
    stage->lives[0].version_count = strtoul(at, NULL, 10);
    build_set(stage);
}

static void do_end(struct stage *stage, const char *at)
{
    int64_t at_ms = time_of(stage, &at);
    struct span reason = word(&at);
    struct journey_range range = {stage->compiled[0][0]->id, UINT32_MAX, INT64_MAX};
    for (struct span option = word(&at); option.size != 0; option = word(&at)) {
        if (span_equal_text(option, "before"))
            range.before_version = (uint32_t)strtoul(word(&at).data, NULL, 10);
        else
            range.entered_upto_ms = time_of(stage, &at);
    }
    fold_campaign_end(&stage->fold, &stage->state, &range,
                      span_equal_text(reason, "ended") ? REASON_ENDED : REASON_PAUSED, at_ms, at_ms);
}

static void do_shift(struct stage *stage, const char *at)
{
    struct journey_range range = {stage->compiled[0][0]->id, UINT32_MAX, INT64_MAX};
    int64_t by_ms = strtol(word(&at).data, NULL, 10) * 60000;
    if (span_equal_text(word(&at), "upto"))
        range.entered_upto_ms = time_of(stage, &at);
    fold_campaign_shift(&stage->state, &range, by_ms);
}

static void do_migrate(struct stage *stage, const char *at)
{
    int64_t at_ms = time_of(stage, &at);
    fold_campaign_migrate(&stage->fold, &stage->state, &stage->fold.campaigns->slots[0], at_ms, at_ms);
}

static void do_changed(struct stage *stage, const char *at)
{
    int64_t at_ms = time_of(stage, &at);
    fold_campaign_changed(&stage->fold, &stage->state, &stage->fold.campaigns->slots[0], at_ms, at_ms);
}

static void do_erase(struct stage *stage, const char *at)
{
    fold_erase(&stage->fold, &stage->state, time_of(stage, &at));
}

static void do_next(struct stage *stage, const char *at)
{
    int64_t next_ms = decide_next_due(&stage->state);
    struct buf text = {0};
    if (next_ms == INT64_MIN)
        buf_append_text(&text, " now");
    else if (next_ms == INT64_MAX)
        buf_append_text(&text, " never");
    else
        print_time(&text, next_ms);
    bool right = span_equal_text(buf_span(&text), at);
    if (!right)
        fprintf(stderr, "next is%.*s\n", SPAN_PRINTF(buf_span(&text)));
    buf_free(&text);
    if (!right)
        fail_here(stage, "the due loop is wanted at another time");
}

static void do_empty(struct stage *stage, const char *at)
{
    (void)at;
    if (!user_state_is_empty(&stage->state))
        fail_here(stage, "the state is not empty");
}

static void decide_and_fold(struct stage *stage, const char *at)
{
    do_decide(stage, at, true);
}

static void decide_only(struct stage *stage, const char *at)
{
    do_decide(stage, at, false);
}

static const struct {
    const char *word;
    void (*happen)(struct stage *stage, const char *at);
} happenings[] = {
    {"event", do_event},    {"profile", do_profile}, {"thing", do_thing},     {"decide", decide_and_fold},
    {"begin", decide_only}, {"settle", do_settle},   {"version", do_version}, {"status", do_status},
    {"end", do_end},        {"shift", do_shift},     {"migrate", do_migrate}, {"changed", do_changed},
    {"erase", do_erase},    {"next", do_next},       {"empty", do_empty},
};

/* ---- the script ---- */

/* Through the binary form and back, as between two batches. The state points into the former bytes until
 * it is read anew. */
static void reload(struct stage *stage)
{
    struct buf bytes = {0}, again = {0};
    struct span user = stage->state.user;
    user_state_encode(&stage->state, &bytes);
    arena_reset(&stage->batch);
    assert_int_equal(user_state_decode(buf_span(&bytes), user, &stage->batch, &stage->state), ERR_OK);
    user_state_encode(&stage->state, &again);
    if (!span_equal(buf_span(&again), buf_span(&bytes)))
        fail_here(stage, "the binary form changes when it is read and written");
    buf_free(&again);
    buf_free(&stage->encoded);
    stage->encoded = bytes;
}

static void run_line(struct stage *stage, const char *line)
{
    stage->line = line;
    if (line[0] == '=') {
        expect_record(stage, line + 2);
        return;
    }
    if (stage->records.size != 0)
        fail_here(stage, "records came before that nothing expected");
    struct span verb = word(&line);
    for (size_t i = 0; i < sizeof happenings / sizeof *happenings; i++) {
        if (span_equal_text(verb, happenings[i].word)) {
            happenings[i].happen(stage, line);
            reload(stage);
            return;
        }
    }
    fail_here(stage, "no such happening");
}

void fold_script_run(const struct fold_script *script)
{
    struct stage stage = {.script = script};
    arena_init(&stage.lasting, 0);
    arena_init(&stage.batch, 0);
    assert_int_equal(icu_locale_open(&stage.locale), ERR_OK);
    stage.fold = (struct fold){
        .limits = script->limits != NULL ? script->limits : &fold_limits_default,
        .locale = &stage.locale,
        .arena = &stage.batch,
        .decisions = {&stage, take_record},
        .mark_window_ms = script->mark_window_ms,
    };
    user_state_init(&stage.state, SPAN_LITERAL("u1"));
    compile_all(&stage);
    for (; script->lines[stage.number] != NULL; stage.number++)
        run_line(&stage, script->lines[stage.number]);
    if (stage.records.size != 0)
        fail_here(&stage, "records came at the end that nothing expected");
    for (size_t i = 0; i < stage.campaign_count; i++) {
        for (size_t j = 0; j < MAX_VERSIONS; j++)
            campaign_close(stage.compiled[i][j]);
    }
    policy_close(stage.policy);
    icu_locale_close(&stage.locale);
    buf_free(&stage.encoded);
    buf_free(&stage.records);
    arena_destroy(&stage.batch);
    arena_destroy(&stage.lasting);
}
