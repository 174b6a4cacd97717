#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/process.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "http/server.h"

#define LOOK_MS 50
#define END_MS 15000 /* for an orderly end; what is not committed by then is not lost, only later */

struct run {
    struct process *process;
    sigset_t signals;
    pthread_t starter;
    struct diag start_diag;
    enum err start_error;
    atomic_bool start_returned;
};

static void *start_process(void *argument)
{
    struct run *run = argument;
    run->start_error = process_start(run->process, &run->start_diag);
    atomic_store(&run->start_returned, true);
    return NULL;
}

/* Waits up to LOOK_MS for SIGTERM or SIGINT. */
static bool told_to_stop(const struct run *run)
{
    const struct timespec wait = {0, LOOK_MS * 1000000L};
    return sigtimedwait(&run->signals, NULL, &wait) > 0;
}

static void say_ready(const struct config *config, const struct http_server *server,
                      const struct process_status *status)
{
    printf("ready: %d journal partitions by %d workers, topics %.*s*, http port %d\n", status->attached,
           status->workers, SPAN_PRINTF(config->topics_prefix), http_server_port(server));
    fflush(stdout);
}

/* Until a signal, or an error that waiting cannot mend. */
static int watch(struct run *run, const struct config *config, const struct http_server *server)
{
    bool said = false;
    while (!told_to_stop(run)) {
        if (atomic_load(&run->start_returned) && run->start_error != ERR_OK) {
            fprintf(stderr, "declic run: %s\n",
                    run->start_diag.text[0] != '\0' ? run->start_diag.text
                                                    : err_sentence(run->start_error));
            return CLI_USAGE;
        }
        struct process_status status;
        process_status_read(run->process, &status);
        if (status.failed)
            return CLI_WRONG;
        if (status.ready && !said) {
            said = true;
            say_ready(config, server, &status);
        }
    }
    return CLI_DONE;
}

static int serve(const struct config *config, const struct log *log)
{
    struct run run = {0};
    sigemptyset(&run.signals);
    sigaddset(&run.signals, SIGTERM);
    sigaddset(&run.signals, SIGINT);
    /* Before any thread is made: all inherit it, only this one takes them. */
    pthread_sigmask(SIG_BLOCK, &run.signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    run.process = process_new(config, log);
    struct http_server *server = NULL;
    struct diag diag = {0};
    if (http_server_start(config, log, run.process, &server, &diag) != ERR_OK) {
        fprintf(stderr, "declic run: %s\n", diag.text);
        process_free(run.process);
        return CLI_USAGE;
    }
    thread_start(&run.starter, start_process, &run);
    int code = watch(&run, config, server);
    process_stop(run.process);
    pthread_join(run.starter, NULL);
    process_stop(run.process); /* what the start made meanwhile */
    if (!process_join(run.process, END_MS))
        _exit(code);
    http_server_stop(server);
    process_free(run.process);
    return code;
}

static int run_command(const struct cli_call *call)
{
    struct log log = {.level = LOG_INFO, .fd = 2};
    const char *level = cli_flag(call, "log-level");
    if (level != NULL && log_parse_level(span_from_text(level), &log.level) != ERR_OK)
        return cli_usage(call, "--log-level is debug, info, warn or error, not %s", level);
    struct config *config;
    int code = cli_config(call, &config);
    return code != CLI_DONE ? code : serve(config, &log);
}

static const struct cli_flag flags[] = {
    {"log-level", "LEVEL", "least level of log lines: debug, info (default), warn, error"},
    {0},
};

const struct cli_command cli_run = {
    .name = "run",
    .arguments = "",
    .summary = "Run the processor: read sources, keep the calendar, send what is due.",
    .help = "Waits for Kafka and Redis where they are away. Prints one line when it is ready.\n"
            "SIGTERM ends it in order. Several processes with the same topics.prefix share the\n"
            "journal's partitions.",
    .flags = flags,
    .takes_config = true,
    .run = run_command,
};
