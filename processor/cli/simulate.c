#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/system_clock.h"
#include "base/duration.h"
#include "cli/progress.h"
#include "cli/service.h"
#include "cli/topic_input.h"
#include "codec/campaign_dir.h"
#include "codec/decision_json.h"
#include "codec/policy_yaml.h"
#include "icu/icu_locale.h"
#include "memory/sim_compare.h"
#include "memory/sim_summary.h"
#include "memory/simulate.h"

#define OUTPUT_CHUNK_BYTES ((size_t)256 * 1024)
#define MAX_FUTURE_MS ((int64_t)300000)
#define SINCE_DEFAULT_MS (7 * (int64_t)86400000)

struct run;

/* The command as a whole. */
struct task {
    const struct cli_call *call;
    struct locale_port locale;
    const char *events_path, *topics; /* one of them */
    struct config *config;            /* NULL: no topic is read */
    int64_t since_ms;
    bool has_until;
    int64_t until_ms;
    bool summary, json;          /* figures instead of records */
    struct sim_compare *compare; /* NULL: nothing is compared */
    struct run *runs;            /* one, or two that are compared */
    size_t run_count;
    const struct source_record *record; /* of a topic, that is being taken */
    struct buf output;
    bool output_failed;
    struct progress progress;
};

/* The events through one directory of campaigns. */
struct run {
    struct task *task;
    bool after; /* the second of two that are compared */
    struct campaign_dir dir;
    const struct campaign_set *campaigns;
    struct sim_summary *summary; /* NULL: records are printed */
    struct simulation *simulation;
};

/* --- output
 * ------------------------------------------------------------------------------------------------ */

static void flush_output(struct task *task)
{
    struct buf *output = &task->output;
    if (output->size != 0 && fwrite(output->data, 1, output->size, stdout) != output->size)
        task->output_failed = true;
    buf_clear(output);
}

static void take_record(void *self, const struct decision_record *record)
{
    struct run *run = self;
    struct task *task = run->task;
    if (task->compare != NULL)
        sim_compare_take(task->compare, run->after, record);
    if (run->summary != NULL) {
        sim_summary_take(run->summary, record);
        return;
    }
    decision_json_write(&task->output, record);
    buf_append_byte(&task->output, '\n');
    if (task->output.size >= OUTPUT_CHUNK_BYTES)
        flush_output(task);
}

/* Both runs refuse the same lines: told once. */
static void take_refused(void *self, uint64_t line, int column, const char *why)
{
    const struct run *run = self;
    const struct source_record *record = run->task->record;
    if (run->after)
        return;
    if (record != NULL)
        fprintf(stderr, "%.*s/%d/%lld: refused: %s\n", SPAN_PRINTF(record->topic), record->partition,
                (long long)record->offset, why);
    else
        fprintf(stderr, "%s:%llu:%d: refused: %s\n", run->task->events_path, (unsigned long long)line + 1,
                column, why);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------ */

static int cannot(const char *what, const char *path)
{
    fprintf(stderr, "declic simulate: cannot %s %s: %s\n", what, path, strerror(errno));
    return CLI_USAGE;
}

static void begin_progress(struct task *task, const char *what)
{
    progress_begin(&task->progress, what, !task->summary && isatty(STDOUT_FILENO));
}

static int take_lines(struct task *task, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    struct stat about;
    int64_t done = 0, total = 0;
    if (fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode))
        total = about.st_size;
    begin_progress(task, "lines");
    while ((size = getline(&line, &capacity, file)) >= 0) {
        size_t bytes = (size_t)size;
        if (bytes != 0 && line[bytes - 1] == '\n')
            bytes--;
        for (size_t i = 0; i < task->run_count; i++)
            simulation_take(task->runs[i].simulation, span_make(line, bytes));
        done += size;
        progress_step(&task->progress, done, total);
    }
    progress_end(&task->progress);
    bool failed = feof(file) == 0; /* it may have been read well, and memory was short */
    free(line);
    return failed ? cannot("read", task->events_path) : CLI_DONE;
}

static int take_file(struct task *task)
{
    const char *path = task->events_path;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL)
        return cannot("open", path);
    int code = take_lines(task, file);
    if (file != stdin)
        fclose(file);
    return code;
}

static enum err take_records(struct task *task, struct topic_input *input, struct diag *diag)
{
    struct topic_input_record next;
    bool more;
    enum err error;
    begin_progress(task, "records");
    while ((error = topic_input_next(input, &more, &next, diag)) == ERR_OK && more) {
        int64_t done, total;
        task->record = &next.record;
        for (size_t i = 0; i < task->run_count; i++)
            simulation_take_record(task->runs[i].simulation, &next.record, next.mapping, next.profile);
        topic_input_progress(input, &total, &done);
        progress_step(&task->progress, done, total);
    }
    progress_end(&task->progress);
    return error;
}

static int take_topics(struct task *task)
{
    struct topic_input *input = NULL;
    struct diag diag = {0};
    enum err error =
        topic_input_open(task->config, span_from_text(task->topics),
                         system_clock_wall_ms() - task->since_ms, task->call->arena, &input, &diag);
    if (error == ERR_OK)
        error = take_records(task, input, &diag);
    topic_input_close(input);
    return error == ERR_OK ? CLI_DONE : service_fail(task->call, error, &diag);
}

/* --- campaigns
 * ------------------------------------------------------------------------------------------------ */

/* The policy: --policy, else DIR/policy.yaml, else (where a topic is read) the configuration's. */
static struct span policy_path(const struct task *task, const char *dir)
{
    const char *policy = cli_flag(task->call, "policy");
    if (policy != NULL || task->config == NULL)
        return span_from_text(policy == NULL ? "" : policy);
    struct span own = arena_printf(task->call->arena, "%s/policy.yaml", dir);
    return access(own.data, F_OK) == 0 ? span_make(NULL, 0) : task->config->policy;
}

static void begin_simulation(struct run *run)
{
    struct task *task = run->task;
    const struct config *config = task->config;
    struct simulation_options options = {
        .campaigns = run->campaigns,
        .locale = &task->locale,
        .max_future_ms = MAX_FUTURE_MS,
        .has_until = task->has_until,
        .until_ms = task->until_ms,
        .decisions = {run, take_record},
        .refused_self = run,
        .refused = take_refused,
    };
    struct fold_limits limits = fold_limits_default;
    struct record_limits record_limits = record_limits_default;
    if (config != NULL) {
        limits = (struct fold_limits){.journeys = config->limits_journeys,
                                      .remembered = config->limits_remembered,
                                      .dedupe_ms = config->intake_dedupe,
                                      .lateness_ms = config->intake_lateness,
                                      .max_age_ms = config->intake_max_age};
        record_limits = (struct record_limits){.record_bytes = config->limits_record,
                                               .attributes = {.string_bytes = config->limits_string,
                                                              .entries = config->limits_entries,
                                                              .depth = config->limits_depth}};
        options.limits = &limits;
        options.record_limits = &record_limits;
        options.max_future_ms = config->intake_max_future;
    }
    run->simulation = simulation_new(&options);
}

static int begin_run(struct run *run, struct task *task, const char *path)
{
    struct diag_list diags = {.arena = task->call->arena};
    *run = (struct run){.task = task};
    enum err error =
        campaign_dir_read(path, policy_path(task, path), NULL, task->call->arena, &run->dir, &diags);
    cli_print_diags(&diags);
    if (error != ERR_OK)
        return error == ERR_IO ? CLI_USAGE : CLI_WRONG;
    run->campaigns = campaign_dir_set(&run->dir, task->call->arena);
    if (task->summary || task->compare != NULL)
        run->summary = sim_summary_new(run->campaigns, &task->locale);
    begin_simulation(run);
    return CLI_DONE;
}

static void end_run(struct run *run)
{
    simulation_free(run->simulation);
    sim_summary_free(run->summary);
    campaign_dir_close(&run->dir);
}

/* --- the command
 * ---------------------------------------------------------------------------------------------- */

/* Every event goes through all runs before the next one is read, so that the input is read once. */
static int run_all(struct task *task)
{
    int code = task->topics != NULL ? take_topics(task) : take_file(task);
    for (size_t i = 0; code == CLI_DONE && i < task->run_count; i++)
        simulation_finish(task->runs[i].simulation);
    return code;
}

static void print_figures(struct task *task)
{
    const struct run *first = &task->runs[0];
    size_t users = simulation_user_count(first->simulation);
    if (task->compare != NULL) {
        sim_summary_compare(first->summary, task->runs[1].summary, &task->output);
        sim_compare_print(task->compare, &task->output);
    } else if (task->json) {
        sim_summary_json(first->summary, users, &task->output);
    } else if (task->summary) {
        sim_summary_print(first->summary, users, &task->output);
    }
}

static int run_task(struct task *task, const char *other)
{
    struct run runs[2];
    const char *dirs[2] = {cli_flag(task->call, "campaigns"), other};
    int code = CLI_DONE;
    task->runs = runs;
    task->compare = other == NULL ? NULL : sim_compare_new();
    /* Both directories are read before either is given up, so that all errors are told. */
    for (; task->run_count < (other == NULL ? 1 : 2); task->run_count++) {
        int of_this = begin_run(&runs[task->run_count], task, dirs[task->run_count]);
        runs[task->run_count].after = task->run_count == 1;
        code = code != CLI_DONE ? code : of_this;
    }
    if (code == CLI_DONE)
        code = run_all(task);
    if (code == CLI_DONE)
        print_figures(task);
    for (size_t i = 0; i < task->run_count; i++)
        end_run(&runs[i]);
    if (task->compare != NULL)
        sim_compare_free(task->compare);
    return code;
}

static int read_until(struct task *task)
{
    const char *until = cli_flag(task->call, "until");
    if (until == NULL)
        return CLI_DONE;
    char *end;
    errno = 0;
    long long ms = strtoll(until, &end, 10);
    bool number = errno == 0 && end != until && *end == '\0';
    struct value value = number ? value_int(ms) : value_string(span_from_text(until));
    if (simulation_time(value, &task->until_ms) != ERR_OK)
        return cli_usage(task->call,
                         "--until needs an RFC 3339 time such as 2026-12-01T08:30:00Z, not `%s`", until);
    task->has_until = true;
    return CLI_DONE;
}

static int read_since(struct task *task)
{
    const char *since = cli_flag(task->call, "since");
    task->since_ms = SINCE_DEFAULT_MS;
    if (since == NULL)
        return CLI_DONE;
    if (task->topics == NULL)
        return cli_usage(task->call, "--since goes with --from-topic");
    if (duration_parse_ms(span_from_text(since), &task->since_ms) != ERR_OK || task->since_ms <= 0)
        return cli_usage(task->call, "--since needs a duration such as 7d or 1h30m, not `%s`", since);
    return CLI_DONE;
}

static int check_flags(struct task *task)
{
    if (cli_flag(task->call, "campaigns") == NULL)
        return cli_usage(task->call, "--campaigns DIR is missing");
    if (task->events_path == NULL && task->topics == NULL)
        return cli_usage(task->call, "--events FILE is missing (or --from-topic TOPIC)");
    if (task->events_path != NULL && task->topics != NULL)
        return cli_usage(task->call, "--events and --from-topic: one of them");
    if (task->json && !task->summary)
        return cli_usage(task->call, "--json goes with --summary: the records are JSON anyway");
    if (task->json && cli_flag(task->call, "compare") != NULL)
        return cli_usage(task->call, "--json does not go with --compare");
    int code = read_until(task);
    if (code == CLI_DONE)
        code = read_since(task);
    return code == CLI_DONE && task->topics != NULL ? cli_config(task->call, &task->config) : code;
}

static int run_simulate(const struct cli_call *call)
{
    struct task task = {.call = call,
                        .events_path = cli_flag(call, "events"),
                        .topics = cli_flag(call, "from-topic"),
                        .summary = cli_flag(call, "summary") != NULL,
                        .json = cli_flag(call, "json") != NULL};
    int code = check_flags(&task);
    if (code == CLI_DONE)
        code = cli_locale_open(call, &task.locale);
    if (code != CLI_DONE)
        return code;
    code = run_task(&task, cli_flag(call, "compare"));
    flush_output(&task);
    if (code == CLI_DONE && task.output_failed)
        code = cannot("write to", "standard output");
    icu_locale_close(&task.locale);
    buf_free(&task.output);
    return code;
}

static const struct cli_flag flags[] = {
    {"campaigns", "DIR", "the campaigns, and the policy where there is DIR/policy.yaml"},
    {"policy", "FILE", "another policy"},
    {"events", "FILE", "recorded events and profiles, one JSON object a line; -: standard input"},
    {"from-topic", "TOPIC", "instead of --events: what this source's topic holds; several with commas"},
    {"since", "DURATION", "with --from-topic: from so long ago on; default: 7d"},
    {"until", "TIME", "stop the clock there; default: when nothing is pending any more"},
    {"summary", NULL, "figures for each campaign instead of the records"},
    {"json", NULL, "with --summary: print an array of objects"},
    {"compare", "DIR", "what these campaigns would have done differently, instead of the records"},
    {0},
};

const struct cli_command cli_simulate = {
    .name = "simulate",
    .arguments = "",
    .summary = "Run campaigns over recorded events in virtual time, without services.",
    .help =
        "Prints every decision as one JSON object a line, in the order in which they happen. A line is\n"
        "  {\"kind\": \"event\" or \"profile\", \"arrives\", \"id\", \"user\", \"name\", \"time\", "
        "\"attributes\"}\n"
        "in the order of arrival; `kind` is event and `arrives` the line's `time` unless given. Lines "
        "that\n"
        "are refused are told on standard error. With --from-topic the configuration says how records are "
        "read.\n"
        "The same input gives the same output, byte for byte.",
    .flags = flags,
    .takes_config = true,
    .run = run_simulate,
};
