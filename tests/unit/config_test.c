#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config.h"
#include "base/file.h"

static struct arena arena;
static char folder[] = "/tmp/declic-config-XXXXXX";

/* Writes declic.yaml in a folder of its own and gives its path. */
static const char *write_file(const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/declic.yaml", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

struct loaded {
    enum err error;
    struct config *config;
    struct buf said;
};

/* `flag` is NAME=VALUE or NULL. */
static struct loaded load(const char *text, const char *const *environment, const char *flag)
{
    struct loaded loaded = {0};
    struct diag_list diags = {.arena = &arena};
    struct config_property property;
    struct config_input input = {.path = text == NULL ? NULL : write_file(text),
                                 .environment = environment};
    if (flag != NULL) {
        const char *equals = strchr(flag, '=');
        property.name = span_make(flag, (size_t)(equals - flag));
        property.value = span_from_text(equals + 1);
        input.flags = &property;
        input.flag_count = 1;
    }
    loaded.error = config_load(&input, &arena, &loaded.config, &diags);
    for (size_t i = 0; i < diags.count; i++) {
        struct diag_item item = diags.items[i];
        if (text != NULL && span_equal_text(item.file, input.path))
            item.file = SPAN_LITERAL("F");
        diag_item_print(&item, &loaded.said);
    }
    buf_append_byte(&loaded.said, '\0');
    return loaded;
}

static struct config *load_good(const char *text, const char *const *environment, const char *flag)
{
    struct loaded loaded = load(text, environment, flag);
    if (loaded.error != ERR_OK)
        fail_msg("%s\nis refused: %s", text, loaded.said.data);
    buf_free(&loaded.said);
    return loaded.config;
}

#define KAFKA "kafka: {bootstrap.servers: \"k:9092\"}\n"

static void defaults_hold_where_nothing_is_said(void **state)
{
    (void)state;
    struct config *config = load_good(KAFKA, NULL, NULL);
    assert_true(span_equal_text(config->redis_url, "redis://127.0.0.1:6379/0"));
    assert_true(span_equal_text(config->topics_prefix, "declic."));
    assert_int_equal(config->journal_partitions, 64);
    assert_int_equal(config->delivery, CONFIG_EXACTLY_ONCE);
    assert_int_equal(config->decisions, CONFIG_DECISIONS_ALL);
    assert_int_equal(config->limits_record, 65536);
    assert_int_equal(config->limits_string, 4096);
    assert_int_equal(config->limits_entries, 128);
    assert_int_equal(config->limits_depth, 5);
    assert_int_equal(config->limits_journeys, 1000);
    assert_int_equal(config->intake_max_age, 604800000);
    assert_int_equal(config->intake_max_future, 300000);
    assert_int_equal(config->intake_dedupe, 3600000);
    assert_int_equal(config->policy.size, 0);
    assert_true(span_equal_text(config->events.topic, "declic.events"));
    assert_int_equal(config->events.mapping.format, MAPPING_JSON);
    assert_true(span_equal_text(config_topic(config, "journal", &arena), "declic.journal"));
    assert_true(
        span_equal_text(config_outbound_topic(config, SPAN_LITERAL("push"), &arena), "declic.out.push"));
}

static void schemas_are_read_from_their_files(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/app.avsc", folder);
    FILE *file = fopen(path, "w");
    fputs("\"int\"", file);
    fclose(file);
    struct config *config =
        load_good("kafka: {bootstrap.servers: k}\n"
                  "sources: [{topic: a, format: avro_single_object, schemas: [app.avsc]}]\n",
                  NULL, NULL);
    assert_int_equal(config->sources[0].mapping.schemas.count, 1);
    assert_int_equal(config->sources[0].mapping.schemas.list[0].fingerprint, 8247732601305521295);
    remove(path);
}

static void the_whole_file_is_read(void **state)
{
    (void)state;
    struct config *config = load_good("kafka: {bootstrap.servers: \"k:9092\", security.protocol: ssl, "
                                      "ssl.ca.location: /ca.pem, linger.ms: 2}\n"
                                      "redis: {url: \"unix:///run/redis.sock\"}\n"
                                      "topics: {prefix: \"mine.\", out: {push: push-out}}\n"
                                      "sources:\n"
                                      "  - {topic: shop.events}\n"
                                      "  - {topic: crm, format: cloudevents, kind: profile}\n"
                                      "  - {topic: orders, map: {user: /customer/id, name: "
                                      "\"=order_placed\", time: /ts, attributes: \"\"}}\n"
                                      "profile: {attributes: [city, age, city]}\n"
                                      "policy: rules/policy.yaml\n"
                                      "journal: {partitions: 8}\n"
                                      "delivery: at_least_once\n"
                                      "limits: {record: 128KiB, depth: 6}\n"
                                      "intake: {max_age: 2w}\n"
                                      "decisions: final\n"
                                      "http: {listen: \"0.0.0.0:80\", token_file: /etc/token}\n",
                                      NULL, NULL);
    assert_int_equal(config->kafka_count, 4);
    assert_true(span_equal_text(config->kafka[0].name, "bootstrap.servers"));
    assert_true(span_equal_text(config->kafka[1].value, "2"));
    assert_int_equal(config->source_count, 3);
    assert_int_equal(config->sources[1].kind, CONFIG_SOURCE_PROFILES);
    assert_int_equal(config->sources[1].mapping.format, MAPPING_CLOUDEVENTS);
    assert_true(config->sources[2].mapping.fields[MAPPING_NAME].constant);
    assert_int_equal(config->sources[2].mapping.fields[MAPPING_USER].step_count, 2);
    assert_int_equal(config->profile_attributes.count, 2);
    assert_true(name_set_has(&config->profile_attributes, SPAN_LITERAL("age")));
    assert_true(span_equal(config->policy, arena_printf(&arena, "%s/rules/policy.yaml", folder)));
    assert_true(span_equal_text(config->http_token_file, "/etc/token"));
    assert_int_equal(config->limits_record, 131072);
    assert_int_equal(config->intake_max_age, 1209600000);
    assert_int_equal(config->decisions, CONFIG_DECISIONS_FINAL);
    assert_true(span_equal_text(config_outbound_topic(config, SPAN_LITERAL("push"), &arena), "push-out"));
    assert_true(
        span_equal_text(config_outbound_topic(config, SPAN_LITERAL("sms"), &arena), "mine.out.sms"));
}

static void a_flag_beats_a_variable_and_that_the_file(void **state)
{
    (void)state;
    static const char *const environment[] = {"DECLIC_JOURNAL_PARTITIONS=16",
                                              "DECLIC_HTTP_TOKEN_FILE=/t",
                                              "DECLIC_KAFKA_SSL_CA_LOCATION=/env.pem",
                                              "DECLIC_PORT=tcp://1:2",
                                              "DECLIC_TOPICS_OUT_WEB_PUSH=wp",
                                              "DECLIC_REDIS_URL=",
                                              NULL};
    static const char file[] = KAFKA "journal: {partitions: 8}\nredis: {url: redis://f}\n";
    assert_int_equal(load_good(file, NULL, NULL)->journal_partitions, 8);
    struct config *config = load_good(file, environment, NULL);
    assert_int_equal(config->journal_partitions, 16);
    assert_true(span_equal_text(config->http_token_file, "/t"));
    assert_true(span_equal_text(config->redis_url, "redis://f"));
    assert_int_equal(config->kafka_count, 2);
    assert_true(span_equal_text(config->kafka[1].name, "ssl.ca.location"));
    assert_true(span_equal_text(config_outbound_topic(config, SPAN_LITERAL("web_push"), &arena), "wp"));
    assert_int_equal(load_good(file, environment, "journal.partitions=32")->journal_partitions, 32);
    assert_true(
        span_equal_text(load_good(file, NULL, "kafka.bootstrap.servers=x:1")->kafka[0].value, "x:1"));
}

static void lists_in_variables_and_flags_are_yaml(void **state)
{
    (void)state;
    static const char *const environment[] = {"DECLIC_SOURCES=[{topic: a}, {topic: b}]", NULL};
    assert_int_equal(load_good(KAFKA, environment, NULL)->source_count, 2);
    assert_int_equal(load_good(KAFKA, NULL, "profile.attributes=[x, y]")->profile_attributes.count, 2);
    assert_int_equal(load_good(KAFKA, NULL, "profile.attributes=x, y,z")->profile_attributes.count, 3);
}

static void the_topic_that_is_always_read_may_be_named(void **state)
{
    (void)state;
    struct config *config =
        load_good(KAFKA "sources: [{topic: declic.events, format: json}, {topic: a}]\n", NULL, NULL);
    assert_int_equal(config->source_count, 1);
    assert_true(span_equal_text(config->sources[0].topic, "a"));
}

static void the_file_may_be_missing_unless_it_was_named(void **state)
{
    (void)state;
    static const char *const environment[] = {"DECLIC_KAFKA_BOOTSTRAP_SERVERS=k:1", NULL};
    static const char *const named[] = {"DECLIC_CONFIG=/nowhere/d.yaml", NULL};
    assert_int_equal(chdir(folder), 0);
    unlink("declic.yaml");
    assert_int_equal(load_good(NULL, environment, NULL)->path.size, 0);
    struct loaded loaded = load(NULL, named, NULL);
    assert_int_equal(loaded.error, ERR_IO);
    assert_string_equal(loaded.said.data, "/nowhere/d.yaml: cannot be read: No such file or directory\n");
    buf_free(&loaded.said);
    loaded = load(NULL, NULL, NULL);
    assert_int_equal(loaded.error, ERR_INVALID);
    assert_string_equal(
        loaded.said.data,
        "`kafka.bootstrap.servers` is not set (there is no declic.yaml); give the broker's address "
        "there, as DECLIC_KAFKA_BOOTSTRAP_SERVERS or as --kafka.bootstrap.servers\n");
    buf_free(&loaded.said);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *variable, *flag, *said;
    } cases[] = {
        {KAFKA "redsi: {url: x}\n", NULL, NULL, "F:2:1: unknown key `redsi`; did you mean `redis`?\n"},
        {KAFKA "colour: red\n", NULL, NULL,
         "F:2:1: unknown key `colour`; docs/configuration.md lists all\n"},
        {KAFKA "redis: {uri: x}\n", NULL, NULL,
         "F:2:9: unknown key `redis.uri`; did you mean `redis.url`?\n"},
        {KAFKA "redis: x\n", NULL, NULL, "F:2:8: `redis`: expected a map, found text `x`\n"},
        {KAFKA "redis: {url: \"http://x\"}\n", NULL, NULL,
         "F:2:14: `redis.url`: expected a URL that begins with redis://, rediss:// or unix://\n"},
        {KAFKA "journal: {partitions: 0}\n", NULL, NULL,
         "F:2:23: `journal.partitions`: expected a whole number from 1 to 4096, found `0`\n"},
        {KAFKA "delivery: exactly-once\n", NULL, NULL,
         "F:2:11: `delivery`: expected one of exactly_once, at_least_once, found text `exactly-once`; did "
         "you mean "
         "`exactly_once`?\n"},
        {KAFKA "limits: {record: 64KB}\n", NULL, NULL,
         "F:2:18: `limits.record`: expected a size such as 64KiB, from 1KiB to 1MiB, found text `64KB`\n"},
        {KAFKA "limits: {record: 2MiB}\n", NULL, NULL,
         "F:2:18: `limits.record`: expected a size such as 64KiB, from 1KiB to 1MiB, found text `2MiB`\n"},
        {KAFKA "intake: {dedupe: 8d}\n", NULL, NULL,
         "F:2:18: `intake.dedupe`: expected a duration of at least 0s and at most 7d, found text `8d`\n"},
        {KAFKA "intake: {max_age: 7}\n", NULL, NULL,
         "F:2:19: `intake.max_age`: expected a duration such as `30s`, `1h30m` or `7d`, found `7`\n"},
        {"kafka:\n  bootstrap.servers: k\n  isolation.level: read_committed\n", NULL, NULL,
         "F:3:3: `kafka.isolation.level` is set by Declic itself: each client needs its own\n"},
        {"kafka: {bootstrap.servers: [a, b]}\n", NULL, NULL,
         "F:1:28: `kafka.bootstrap.servers`: expected a property's value, found a list\n"},
        {KAFKA "sources: shop.events\n", NULL, NULL,
         "F:2:10: `sources`: expected a list, found text `shop.events`\n"},
        {KAFKA "sources:\n  - {format: json}\n", NULL, NULL, "F:3:5: `topic` is missing in a source\n"},
        {KAFKA "sources:\n  - {topic: a b}\n", NULL, NULL,
         "F:3:13: `topic`: expected a topic's name: 1 to 249 letters, digits, dots, underscores and "
         "hyphens, found "
         "text `a b`\n"},
        {KAFKA "sources:\n  - {topic: a}\n  - {topic: a}\n", NULL, NULL,
         "F:4:5: `sources`: the topic a is given twice\n"},
        {KAFKA "sources: [{topic: declic.events, map: {user: /u}}]\n", NULL, NULL,
         "F: `sources`: the topic declic.events is always read, as JSON with the default mapping; leave it "
         "out\n"},
        {KAFKA "sources: [{topic: declic.dlq}]\n", NULL, NULL,
         "F: `sources`: the topic declic.dlq is Declic's own and no source; leave it out\n"},
        {KAFKA "topics: {prefix: x-}\nsources: [{topic: x-journal}, {topic: declic.journal}]\n", NULL, NULL,
         "F: `sources`: the topic x-journal is Declic's own and no source; leave it out\n"},
        {KAFKA "sources: [{topic: a, format: avro}]\n", NULL, NULL,
         "F: `registry.url` is not set; a source in the format avro needs it (or avro_single_object, which "
         "needs "
         "none)\n"},
        {KAFKA "sources: [{topic: a, format: avro_single_object}]\n", NULL, NULL,
         "F:2:11: `schemas` is missing: the files of the Avro schemas that records of this source may "
         "have\n"},
        {KAFKA "sources: [{topic: a, schemas: [a.avsc]}]\n", NULL, NULL,
         "F:2:31: `schemas` is for the format avro_single_object\n"},
        {KAFKA "sources: [{topic: a, format: avro_single_object, schemas: [/none.avsc]}]\n", NULL, NULL,
         "F:2:60: `schemas`: /none.avsc cannot be read: No such file or directory\n"},
        {KAFKA "sources: [{topic: a, format: avro_single_object, schemas: [/dev/null]}]\n", NULL, NULL,
         "F:2:60: `schemas`: /dev/null is no Avro schema: the text ends where a value should be\n"},
        {KAFKA "sources: [{topic: a, format: xml}]\n", NULL, NULL,
         "F:2:30: `format`: expected one of json, cloudevents, avro, avro_single_object, found text "
         "`xml`\n"},
        {KAFKA "sources: [{topic: a, kind: profiles}]\n", NULL, NULL,
         "F:2:28: `kind`: expected one of event, profile, found text `profiles`; did you mean "
         "`profile`?\n"},
        {KAFKA "sources: [{topic: a, map: {usr: /u}}]\n", NULL, NULL,
         "F:2:28: unknown key `usr` in a mapping; did you mean `user`?\n"},
        {KAFKA "registry: {url: \"x:8081\"}\n", NULL, NULL,
         "F:2:17: `registry.url`: expected a URL that begins with http:// or https://, found text "
         "`x:8081`\n"},
        {KAFKA "topics: {prefix: \"a b\"}\n", NULL, NULL,
         "F:2:18: `topics.prefix`: expected 1 to 100 letters, digits, dots, underscores and hyphens, found "
         "text "
         "`a b`\n"},
        {KAFKA "topics: {out: {fax: x}}\n", NULL, NULL,
         "F:2:16: `topics.out`: expected one of push, web_push, in_app, sms, email, webhook, found text "
         "`fax`\n"},
        {KAFKA "http: {listen: \"8080\"}\n", NULL, NULL,
         "F:2:16: `http.listen`: expected an address and port such as 127.0.0.1:8080 or [::1]:8080, found "
         "text "
         "`8080`\n"},
        {KAFKA "http: {listen: \"0.0.0.0:8080\"}\n", NULL, NULL,
         "F: `http.listen` is not a loopback address; `http.token_file` must name a file with a bearer "
         "token "
         "then\n"},
        {"redis: {}\n", NULL, NULL,
         "F: `kafka.bootstrap.servers` is not set; give the broker's address there, as "
         "DECLIC_KAFKA_BOOTSTRAP_SERVERS or as --kafka.bootstrap.servers\n"},
        {KAFKA "[1]\n", NULL, NULL,
         "F:3:1: not YAML: could not find expected ':' (while scanning a simple key that starts at line "
         "2)\n"},
        {KAFKA, "DECLIC_REDIS_URI=x", NULL,
         "unknown variable DECLIC_REDIS_URI; did you mean DECLIC_REDIS_URL?\n"},
        {KAFKA, "DECLIC_WORKERS=many", NULL,
         "DECLIC_WORKERS: `workers`: expected a whole number from 0 to 256, found text `many`\n"},
        {KAFKA, "DECLIC_SOURCES=[{topic: a, format: xml}]", NULL,
         "DECLIC_SOURCES:1:21: `format`: expected one of json, cloudevents, avro, avro_single_object, "
         "found text "
         "`xml`\n"},
        {KAFKA, NULL, "decisions=none",
         "--decisions: `decisions`: expected one of all, final, off, found text `none`\n"},
        {KAFKA, NULL, "kafka.acks=1",
         "--kafka.acks: `kafka.acks` is set by Declic itself: a record counts only when all in-sync "
         "replicas have "
         "it\n"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const environment[] = {cases[i].variable, NULL};
        struct loaded loaded = load(cases[i].text, environment, cases[i].flag);
        if (loaded.error != ERR_INVALID || strcmp(loaded.said.data, cases[i].said) != 0) {
            print_error("%s\n--- expected\n%s--- came\n%s---\n", cases[i].text, cases[i].said,
                        loaded.said.data);
            wrong++;
        }
        buf_free(&loaded.said);
    }
    assert_int_equal(wrong, 0);
}

static void the_nearest_key_is_found(void **state)
{
    (void)state;
    assert_true(
        span_equal_text(config_key_nearest(SPAN_LITERAL("journal.partition")), "journal.partitions"));
    assert_int_equal(config_key_nearest(SPAN_LITERAL("nothing.like.it")).size, 0);
    assert_true(config_key_is_known(SPAN_LITERAL("kafka.anything.at.all")));
    assert_false(config_key_is_known(SPAN_LITERAL("kafka.")));
    assert_false(config_key_is_known(SPAN_LITERAL("redis")));
}

/* docs/configuration.md has each setting in a row of its own, as the table has it. */
static void the_manual_has_every_setting(void **state)
{
    (void)state;
    struct span manual;
    size_t count;
    const struct config_setting *settings = config_settings(&count);
    assert_int_equal(
        file_read(SPAN_LITERAL(DECLIC_SOURCE_DIR "/docs/configuration.md"), 1024 * 1024, &arena, &manual),
        ERR_OK);
    for (size_t i = 0; i < count; i++) {
        struct buf row = {0};
        const char *quote = settings[i].default_text[0] == '\0' ? "" : "`";
        buf_printf(&row, "| `%s` | %s%s%s | ", settings[i].key, quote, settings[i].default_text, quote);
        for (const char *at = settings[i].allowed; *at != '\0'; at++)
            buf_append_text(&row, *at == '|' ? ", " : (char[]){*at, '\0'});
        buf_printf(&row, " | %s |\n", settings[i].help);
        if (memmem(manual.data, manual.size, row.data, row.size) == NULL)
            fail_msg("docs/configuration.md lacks this row:\n%.*s", SPAN_PRINTF(buf_span(&row)));
        buf_free(&row);
    }
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_where_nothing_is_said),
        cmocka_unit_test(schemas_are_read_from_their_files),
        cmocka_unit_test(the_whole_file_is_read),
        cmocka_unit_test(a_flag_beats_a_variable_and_that_the_file),
        cmocka_unit_test(lists_in_variables_and_flags_are_yaml),
        cmocka_unit_test(the_topic_that_is_always_read_may_be_named),
        cmocka_unit_test(the_file_may_be_missing_unless_it_was_named),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(the_nearest_key_is_found),
        cmocka_unit_test(the_manual_has_every_setting),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char path[64];
    snprintf(path, sizeof path, "%s/declic.yaml", folder);
    unlink(path);
    rmdir(folder);
    arena_destroy(&arena);
    return failed;
}
