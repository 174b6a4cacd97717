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

struct run {
    const struct cli_call *call;
    struct campaign_dir dir;
    const struct campaign_set *campaigns;
    struct locale_port locale;
    bool has_until;
    int64_t until_ms;
    const char *events_path;
    struct buf output;
    bool output_failed;
    struct progress progress;
};

/* --- output
 * ------------------------------------------------------------------------------------------------ */

static void flush_output(struct run *run)
{
    if (run->output.size != 0 && fwrite(run->output.data, 1, run->output.size, stdout) != run->output.size)
        run->output_failed = true;
    buf_clear(&run->output);
}

static void print_record(void *self, const struct decision_record *record)
{
    struct run *run = self;
    decision_json_write(&run->output, record);
    buf_append_byte(&run->output, '\n');
    if (run->output.size >= OUTPUT_CHUNK_BYTES)
        flush_output(run);
}

static void print_refused(void *self, uint64_t line, const char *why)
{
    const struct run *run = self;
    fprintf(stderr, "%s:%llu: refused: %s\n", run->events_path, (unsigned long long)line + 1, why);
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

static int take_lines(struct run *run, struct simulation *simulation, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    struct stat about;
    run->progress.shown = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    run->progress.percent = -1;
    if (fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode))
        run->progress.total_bytes = about.st_size;
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
    return failed ? cannot("read", run->events_path) : CLI_DONE;
}

static int simulate_file(struct run *run, FILE *file)
{
    const struct simulation_options options = {
        .campaigns = run->campaigns,
        .locale = &run->locale,
        .max_future_ms = MAX_FUTURE_MS,
        .has_until = run->has_until,
        .until_ms = run->until_ms,
        .decisions = {run, print_record},
        .refused_self = run,
        .refused = print_refused,
    };
    struct simulation *simulation = simulation_new(&options);
    int code = take_lines(run, simulation, file);
    if (code == CLI_DONE)
        simulation_finish(simulation);
    simulation_free(simulation);
    flush_output(run);
    if (code == CLI_DONE && run->output_failed)
        code = cannot("write to", "standard output");
    return code;
}

static int simulate(struct run *run)
{
    FILE *file = strcmp(run->events_path, "-") == 0 ? stdin : fopen(run->events_path, "r");
    if (file == NULL)
        return cannot("open", run->events_path);
    int code = simulate_file(run, file);
    if (file != stdin)
        fclose(file);
    else
        run->events_path = "standard input";
    return code;
}

/* --- campaigns
 * ------------------------------------------------------------------------------------------------ */

static const struct campaign_set *build_set(struct run *run)
{
    struct arena *arena = run->call->arena;
    struct campaign_life *lives = ARENA_ARRAY(arena, struct campaign_life, run->dir.count);
    for (size_t i = 0; i < run->dir.count; i++) {
        const struct campaign **version = ARENA_NEW(arena, const struct campaign *);
        run->dir.files[i].campaign->version = 1;
        *version = run->dir.files[i].campaign;
        lives[i] = (struct campaign_life){.versions = version, .version_count = 1};
    }
    return campaign_set_build(arena, lives, run->dir.count, run->dir.policy);
}

static int read_campaigns(struct run *run)
{
    const char *path = cli_flag(run->call, "campaigns");
    const char *policy = cli_flag(run->call, "policy");
    struct diag_list diags = {.arena = run->call->arena};
    enum err error = campaign_dir_read(path, span_from_text(policy == NULL ? "" : policy), NULL,
                                       run->call->arena, &run->dir, &diags);
    cli_print_diags(&diags);
    if (error != ERR_OK)
        return error == ERR_IO ? CLI_USAGE : CLI_WRONG;
    run->campaigns = build_set(run);
    return CLI_DONE;
}

static int read_until(struct run *run)
{
    const char *until = cli_flag(run->call, "until");
    if (until == NULL)
        return CLI_DONE;
    char *end;
    errno = 0;
    long long ms = strtoll(until, &end, 10);
    bool number = errno == 0 && end != until && *end == '\0';
    struct value value = number ? value_int(ms) : value_string(span_from_text(until));
    if (simulation_time(value, &run->until_ms) != ERR_OK)
        return cli_usage(run->call, "--until needs an RFC 3339 time such as 2026-12-01T08:30:00Z, not `%s`",
                         until);
    run->has_until = true;
    return CLI_DONE;
}

static int run_simulate(const struct cli_call *call)
{
    struct run run = {.call = call, .events_path = cli_flag(call, "events")};
    if (cli_flag(call, "campaigns") == NULL)
        return cli_usage(call, "--campaigns DIR is missing");
    if (run.events_path == NULL)
        return cli_usage(call, "--events FILE is missing");
    int code = read_until(&run);
    if (code != CLI_DONE)
        return code;
    code = read_campaigns(&run);
    if (code == CLI_DONE && icu_locale_open(&run.locale) != ERR_OK) {
        fputs("declic simulate: ICU's data cannot be loaded; install ICU's data files\n", stderr);
        code = CLI_USAGE;
    }
    if (code == CLI_DONE)
        code = simulate(&run);
    icu_locale_close(&run.locale);
    campaign_dir_close(&run.dir);
    buf_free(&run.output);
    return code;
}

static const struct cli_flag flags[] = {
    {"campaigns", "DIR", "the campaigns, and the policy where there is DIR/policy.yaml"},
    {"policy", "FILE", "another policy"},
    {"events", "FILE", "recorded events and profiles, one JSON object a line; -: standard input"},
    {"until", "TIME", "stop the clock there; default: when nothing is pending any more"},
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
