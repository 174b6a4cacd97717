#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "codec/campaign_dir.h"
#include "codec/decision_json.h"
#include "codec/policy_yaml.h"
#include "icu/icu_locale.h"
#include "memory/sim_compare.h"
#include "memory/sim_summary.h"
#include "memory/simulate.h"

#define OUTPUT_CHUNK_BYTES ((size_t)256 * 1024)
#define MAX_FUTURE_MS ((int64_t)300000)

struct progress {
    bool shown;
    int64_t total_bytes; /* 0: not known */
    int64_t done_bytes;
    uint64_t lines;
    int percent;
};

/* The command as a whole. */
struct task {
    const struct cli_call *call;
    struct locale_port locale;
    const char *events_path;
    bool has_until;
    int64_t until_ms;
    bool summary;                /* figures instead of records */
    struct sim_compare *compare; /* NULL: nothing is compared */
    struct buf output;
    bool output_failed;
};

/* The events through one directory of campaigns. */
struct run {
    struct task *task;
    bool after; /* the second of two that are compared */
    struct campaign_dir dir;
    const struct campaign_set *campaigns;
    struct sim_summary *summary; /* NULL: records are printed */
    size_t users;
    struct progress progress;
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
static void take_refused(void *self, uint64_t line, const char *why)
{
    const struct run *run = self;
    if (!run->after)
        fprintf(stderr, "%s:%llu: refused: %s\n", run->task->events_path, (unsigned long long)line + 1,
                why);
}

static void show_progress(struct progress *progress, bool done)
{
    if (!progress->shown)
        return;
    int percent =
        progress->total_bytes == 0 ? -1 : (int)(progress->done_bytes * 100 / progress->total_bytes);
    if (done) {
        fputs("\r\033[K", stderr);
    } else if (percent >= 0) {
        if (percent == progress->percent)
            return;
        char bar[41] = {0};
        memset(bar, ' ', 40);
        memset(bar, '#', (size_t)(percent > 100 ? 100 : percent) * 40 / 100);
        fprintf(stderr, "\r[%s] %3d %%  %llu lines", bar, percent, (unsigned long long)progress->lines);
    } else if (progress->lines % 10000 == 0) {
        fprintf(stderr, "\r%llu lines", (unsigned long long)progress->lines);
    }
    progress->percent = percent;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------ */

static int cannot(const char *what, const char *path)
{
    fprintf(stderr, "declic simulate: cannot %s %s: %s\n", what, path, strerror(errno));
    return CLI_USAGE;
}

static void begin_progress(struct progress *progress, FILE *file, bool records_on_terminal)
{
    struct stat about;
    *progress = (struct progress){.percent = -1};
    progress->shown = isatty(STDERR_FILENO) && !records_on_terminal;
    if (fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode))
        progress->total_bytes = about.st_size;
}

static int take_lines(struct run *run, struct simulation *simulation, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    begin_progress(&run->progress, file, run->summary == NULL && isatty(STDOUT_FILENO));
    while ((size = getline(&line, &capacity, file)) >= 0) {
        run->progress.done_bytes += size;
        run->progress.lines += 1;
        size_t bytes = (size_t)size;
        if (bytes != 0 && line[bytes - 1] == '\n')
            bytes--;
        simulation_take(simulation, span_make(line, bytes));
        show_progress(&run->progress, false);
    }
    show_progress(&run->progress, true);
    bool failed = ferror(file) != 0;
    free(line);
    return failed ? cannot("read", run->task->events_path) : CLI_DONE;
}

static int simulate_file(struct run *run, FILE *file)
{
    struct task *task = run->task;
    const struct simulation_options options = {
        .campaigns = run->campaigns,
        .locale = &task->locale,
        .max_future_ms = MAX_FUTURE_MS,
        .has_until = task->has_until,
        .until_ms = task->until_ms,
        .decisions = {run, take_record},
        .refused_self = run,
        .refused = take_refused,
    };
    struct simulation *simulation = simulation_new(&options);
    int code = take_lines(run, simulation, file);
    if (code == CLI_DONE)
        simulation_finish(simulation);
    run->users = simulation_user_count(simulation);
    simulation_free(simulation);
    return code;
}

static int simulate(struct run *run)
{
    const char *path = run->task->events_path;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL)
        return cannot("open", path);
    int code = simulate_file(run, file);
    if (file != stdin)
        fclose(file);
    return code;
}

/* --- campaigns
 * ------------------------------------------------------------------------------------------------ */

static int begin_run(struct run *run, struct task *task, const char *path)
{
    const char *policy = cli_flag(task->call, "policy");
    struct diag_list diags = {.arena = task->call->arena};
    *run = (struct run){.task = task};
    enum err error = campaign_dir_read(path, span_from_text(policy == NULL ? "" : policy), NULL,
                                       task->call->arena, &run->dir, &diags);
    cli_print_diags(&diags);
    if (error != ERR_OK)
        return error == ERR_IO ? CLI_USAGE : CLI_WRONG;
    run->campaigns = campaign_dir_set(&run->dir, task->call->arena);
    if (task->summary || task->compare != NULL)
        run->summary = sim_summary_new(run->campaigns, &task->locale);
    return CLI_DONE;
}

static void end_run(struct run *run)
{
    sim_summary_free(run->summary);
    campaign_dir_close(&run->dir);
}

/* --- the command
 * ---------------------------------------------------------------------------------------------- */

static int run_one(struct task *task)
{
    struct run run;
    int code = begin_run(&run, task, cli_flag(task->call, "campaigns"));
    if (code == CLI_DONE)
        code = simulate(&run);
    if (code == CLI_DONE && run.summary != NULL)
        sim_summary_print(run.summary, run.users, &task->output);
    end_run(&run);
    return code;
}

static int run_both(struct task *task, const char *other)
{
    struct run before, after;
    task->compare = sim_compare_new();
    int code = begin_run(&before, task, cli_flag(task->call, "campaigns"));
    int other_code = begin_run(&after, task, other);
    after.after = true;
    code = code != CLI_DONE ? code : other_code;
    if (code == CLI_DONE)
        code = simulate(&before);
    if (code == CLI_DONE)
        code = simulate(&after);
    if (code == CLI_DONE) {
        sim_summary_compare(before.summary, after.summary, &task->output);
        sim_compare_print(task->compare, &task->output);
    }
    end_run(&before);
    end_run(&after);
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

static int check_flags(struct task *task)
{
    const char *compare = cli_flag(task->call, "compare");
    if (cli_flag(task->call, "campaigns") == NULL)
        return cli_usage(task->call, "--campaigns DIR is missing");
    if (task->events_path == NULL)
        return cli_usage(task->call, "--events FILE is missing");
    if (compare != NULL && strcmp(task->events_path, "-") == 0)
        return cli_usage(task->call, "--compare reads the events twice: --events must name a file");
    return read_until(task);
}

static int run_simulate(const struct cli_call *call)
{
    struct task task = {.call = call, .events_path = cli_flag(call, "events")};
    const char *compare = cli_flag(call, "compare");
    task.summary = cli_flag(call, "summary") != NULL;
    int code = check_flags(&task);
    if (code != CLI_DONE)
        return code;
    if (icu_locale_open(&task.locale) != ERR_OK) {
        fputs("declic simulate: ICU's data cannot be loaded; install ICU's data files\n", stderr);
        return CLI_USAGE;
    }
    code = compare != NULL ? run_both(&task, compare) : run_one(&task);
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
    {"until", "TIME", "stop the clock there; default: when nothing is pending any more"},
    {"summary", NULL, "figures for each campaign instead of the records"},
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
        "are refused are told on standard error. The same input gives the same output, byte for byte.",
    .flags = flags,
    .run = run_simulate,
};
