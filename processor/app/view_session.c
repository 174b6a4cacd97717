#include "app/view_session.h"

#include <stdlib.h>

#include "app/journal_replay.h"
#include "app/own_topics.h"
#include "app/stored_campaigns.h"
#include "base/memory.h"
#include "icu/icu_locale.h"
#include "kafka/kafka_log.h"
#include "redis/redis_store.h"

#define ANSWER_MS 10000

struct view_session {
    struct arena arena;
    struct kafka_properties kafka;
    struct worker_shared shared;
    struct redis_store *store;
    struct store_port store_port;
    struct stored_campaigns campaigns;
    struct locale_port locale;
    bool has_locale;
};

static enum err open_parts(struct view_session *session, struct diag *diag)
{
    const struct config *config = session->shared.config;
    struct redis_store_options options = {.url = config->redis_url, .prefix = config->topics_prefix};
    enum err error = icu_locale_open(&session->locale);
    if (error != ERR_OK)
        return diag_set(diag, error, 0, 0, "ICU's time zone and locale data cannot be opened");
    session->has_locale = true;
    error = redis_store_open(&options, &session->store, diag);
    if (error != ERR_OK)
        return error;
    session->store_port = redis_store_port(session->store);
    error = session->store_port.check(session->store_port.self, diag);
    if (error != ERR_OK)
        return error;
    return stored_campaigns_open(config, &session->kafka, session->shared.log, &session->arena,
                                 &session->campaigns, diag);
}

enum err view_session_open(const struct config *config, const struct log *log, struct view_session **made,
                           struct diag *diag)
{
    struct view_session *session = memory_checked(calloc(1, sizeof *session));
    arena_init(&session->arena, 0);
    session->kafka = own_kafka_properties(config, &session->arena);
    session->shared = (struct worker_shared){
        .config = config,
        .log = log,
        .kafka = &session->kafka,
        .prefix = arena_copy(&session->arena, config->topics_prefix),
        .journal_topic = config_topic(config, "journal", &session->arena),
        .decisions_topic = config_topic(config, "decisions", &session->arena),
    };
    enum err error = open_parts(session, diag);
    session->shared.definitions = session->campaigns.definitions;
    if (error == ERR_OK)
        *made = session;
    else
        view_session_close(session);
    return error;
}

void view_session_close(struct view_session *session)
{
    if (session == NULL)
        return;
    stored_campaigns_close(&session->campaigns);
    if (session->store != NULL)
        redis_store_close(session->store);
    if (session->has_locale)
        icu_locale_close(&session->locale);
    arena_destroy(&session->arena);
    free(session);
}

static enum err head_read(struct view_session *session, int32_t partition, int64_t *head, struct diag *diag)
{
    const struct store_port *store = &session->store_port;
    enum err error = store->heads_read(store->self, &partition, 1, head);
    if (error != ERR_OK)
        return diag_set(diag, error, 0, 0, "Redis: %.*s", SPAN_PRINTF(redis_store_failure(session->store)));
    return ERR_OK;
}

static void tell_partition(struct view_report *report, int32_t partition, struct span what)
{
    const struct view_difference difference = {.partition = partition, .what = what};
    report->difference(report->self, &difference);
}

static enum err fold_to(void *self, int64_t offset, struct diag *diag)
{
    return journal_replay_to(self, offset, diag);
}

/* The view, at `head`, against what the replay comes to. */
static enum err compare(struct view_session *session, struct journal_replay *replay, int64_t head,
                        int32_t partition, struct view_report *report, struct diag *diag)
{
    const struct view_reference reference = {replay, fold_to, journal_replay_store(replay)};
    if (head == STORE_NO_HEAD && journal_replay_log_end(replay) == 0)
        return ERR_OK;
    if (head != STORE_NO_HEAD && head >= journal_replay_log_start(replay))
        return view_check(&session->store_port, &reference, partition, report, diag);
    tell_partition(report, partition,
                   head == STORE_NO_HEAD ? SPAN_LITERAL("no view")
                                         : SPAN_LITERAL("stands before the journal's start"));
    return ERR_OK;
}

enum err view_session_check(struct view_session *session, int32_t partition, struct view_report *report,
                            struct diag *diag)
{
    struct journal_replay *replay;
    int64_t head = STORE_NO_HEAD;
    enum err error = journal_replay_open(&session->shared, &session->locale, partition, &replay, diag);
    if (error != ERR_OK)
        return error;
    error = head_read(session, partition, &head, diag);
    if (error == ERR_OK)
        error = compare(session, replay, head, partition, report, diag);
    journal_replay_close(replay);
    return error;
}

/* Whether a replay can come to where the view stands. */
static enum err check_journal(struct view_session *session, int32_t partition, struct diag *diag)
{
    struct kafka_log_options options = {.properties = &session->kafka,
                                        .log = session->shared.log,
                                        .topic = session->shared.journal_topic.data,
                                        .partition = partition,
                                        .committed = true};
    struct kafka_log *log;
    int64_t end, head;
    enum err error = kafka_log_open(&options, &log, diag);
    if (error != ERR_OK)
        return error;
    error = kafka_log_end(log, ANSWER_MS, NULL, &end, diag);
    kafka_log_close(log);
    if (error == ERR_OK)
        error = head_read(session, partition, &head, diag);
    if (error == ERR_OK && head > end)
        return diag_set(
            diag, ERR_CONFLICT, 0, 0,
            "the view of partition %d stands at offset %lld, the journal ends at %lld: it is not the "
            "journal that the view was made of, and nothing was dropped",
            (int)partition, (long long)head, (long long)end);
    return error;
}

enum err view_session_drop(struct view_session *session, int32_t partition, struct diag *diag)
{
    enum err error = check_journal(session, partition, diag);
    if (error != ERR_OK)
        return error;
    error = session->store_port.wipe(session->store_port.self, partition);
    if (error != ERR_OK)
        return diag_set(diag, error, 0, 0, "Redis: %.*s", SPAN_PRINTF(redis_store_failure(session->store)));
    return ERR_OK;
}
