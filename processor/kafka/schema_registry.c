#include "kafka/schema_registry.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/memory.h"
#include "codec/json.h"
#include "kafka/kafka_client.h"

#define CONNECT_MS 2000L
#define ANSWER_MS 3000L
#define BODY_BYTES ((size_t)2 * 1024 * 1024)
#define NO_SUBJECT 40401 /* 40402: no version */
#define NO_SCHEMA 40403
#define SLOTS 2048 /* a power of two */
#define KEPT_MAX 1000
#define REFUSAL_US (10LL * 1000000) /* how long a refusal is remembered */
#define REFERENCES_MAX 100
#define REFERENCE_DEPTH 16

/* What was answered for one id. */
struct known {
    bool used;
    uint32_t id;
    enum err error;
    int64_t until_us; /* of a refusal */
    const struct avro_type *type;
    char why[160];
};

struct schema_registry {
    char *url; /* without a slash at its end */
    CURL *curl;
    struct curl_slist *headers;
    struct arena arena; /* of the schemas */
    struct known *slots;
    size_t count;
};

/* A schema's text with all that it refers to, the referred ones first. */
struct gathered {
    struct span texts[REFERENCES_MAX];
    struct span paths[REFERENCES_MAX]; /* of those that were fetched; the schema itself has none */
    size_t count;
};

/* ---- HTTP ---- */

static size_t take_body(char *data, size_t size, size_t count, void *self)
{
    struct buf *body = self;
    if (body->size + size * count > BODY_BYTES)
        return 0;
    buf_append(body, span_make(data, size * count));
    return size * count;
}

/* A registry says with 404 what it does not have; another server, or one at another path, says 404 to all.
 */
static bool says_not_found(struct schema_registry *registry, struct span body)
{
    struct value answer;
    if (json_parse(body, NULL, &registry->arena, &answer, NULL) != ERR_OK || answer.kind != VALUE_MAP)
        return false;
    const struct value *code = value_member_find(answer, SPAN_LITERAL("error_code"));
    return code != NULL && code->kind == VALUE_INT && code->integer >= NO_SUBJECT &&
           code->integer <= NO_SCHEMA;
}

/* Its own sentence about what went wrong; empty when it gives none. */
static struct span sentence_of(struct schema_registry *registry, struct span body)
{
    struct value answer;
    if (json_parse(body, NULL, &registry->arena, &answer, NULL) != ERR_OK || answer.kind != VALUE_MAP)
        return span_make(NULL, 0);
    const struct value *message = value_member_find(answer, SPAN_LITERAL("message"));
    if (message == NULL || message->kind != VALUE_STRING || message->size == 0)
        return span_make(NULL, 0);
    return arena_printf(&registry->arena, ", \"%.*s\"", SPAN_PRINTF(value_span(*message)));
}

/* Asks once; the answer's body lies in the registry's arena. ERR_UNREACHABLE: nobody answers. */
static enum err ask(struct schema_registry *registry, const char *path, struct span *body, long *status,
                    struct diag *diag)
{
    struct span url = arena_printf(&registry->arena, "%s%s", registry->url, path);
    struct buf received = {0};
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(registry->curl, CURLOPT_URL, url.data);
    curl_easy_setopt(registry->curl, CURLOPT_WRITEDATA, &received);
    curl_easy_setopt(registry->curl, CURLOPT_ERRORBUFFER, why);
    CURLcode code = curl_easy_perform(registry->curl);
    curl_easy_getinfo(registry->curl, CURLINFO_RESPONSE_CODE, status);
    *body = arena_copy(&registry->arena, buf_span(&received));
    buf_free(&received);
    return code == CURLE_OK
               ? ERR_OK
               : diag_set(diag, ERR_UNREACHABLE, 0, 0, "the Schema Registry does not answer: %s",
                          why[0] != '\0' ? why : curl_easy_strerror(code));
}

/* An answer that is neither yes nor no. The interface may lie below a path, which is easily forgotten. */
static enum err unusable(struct schema_registry *registry, long status, struct span body, struct diag *diag)
{
    return diag_set(
        diag, ERR_UNREACHABLE, 0, 0, "the Schema Registry answers with status %ld%.*s%s", status,
        SPAN_PRINTF(sentence_of(registry, body)),
        status == 404 ? "; registry.url needs the path of Confluent's interface there, if it has one" : "");
}

/* ERR_NOT_FOUND: there is no such thing; ERR_UNREACHABLE: whatever waiting, or an operator, may mend. */
static enum err get(struct schema_registry *registry, const char *path, struct span *body,
                    struct diag *diag)
{
    long status;
    curl_easy_setopt(registry->curl, CURLOPT_HTTPGET, 1L);
    enum err error = ask(registry, path, body, &status, diag);
    if (error != ERR_OK || status == 200)
        return error;
    if (status == 404 && says_not_found(registry, *body))
        return diag_set(diag, ERR_NOT_FOUND, 0, 0, "the Schema Registry has nothing at %s", path);
    return unusable(registry, status, *body, diag);
}

/* ---- schemas ---- */

static enum err gather(struct schema_registry *registry, const char *path, unsigned depth_left,
                       struct gathered *gathered, struct diag *diag);

static enum err gather_reference(struct schema_registry *registry, struct value reference,
                                 unsigned depth_left, struct gathered *gathered, struct diag *diag)
{
    const struct value *subject =
        reference.kind == VALUE_MAP ? value_member_find(reference, SPAN_LITERAL("subject")) : NULL;
    const struct value *version =
        reference.kind == VALUE_MAP ? value_member_find(reference, SPAN_LITERAL("version")) : NULL;
    if (subject == NULL || subject->kind != VALUE_STRING || version == NULL || version->kind != VALUE_INT)
        return diag_set(diag, ERR_INVALID, 0, 0, "a reference lacks its subject or its version");
    char *escaped = curl_easy_escape(registry->curl, subject->bytes, (int)subject->size);
    if (escaped == NULL)
        memory_exhausted();
    struct span path =
        arena_printf(&registry->arena, "/subjects/%s/versions/%lld", escaped, (long long)version->integer);
    curl_free(escaped);
    for (size_t i = 0; i < gathered->count; i++)
        if (span_equal(gathered->paths[i], path))
            return ERR_OK;
    enum err error = gather(registry, path.data, depth_left, gathered, diag);
    if (error == ERR_OK)
        gathered->paths[gathered->count - 1] = path;
    return error;
}

static enum err gather(struct schema_registry *registry, const char *path, unsigned depth_left,
                       struct gathered *gathered, struct diag *diag)
{
    struct span body;
    struct value answer;
    if (depth_left == 0)
        return diag_set(diag, ERR_LIMIT, 0, 0, "references nest deeper than %d", REFERENCE_DEPTH);
    enum err error = get(registry, path, &body, diag);
    if (error != ERR_OK)
        return error;
    if (json_parse(body, NULL, &registry->arena, &answer, NULL) != ERR_OK || answer.kind != VALUE_MAP)
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "what answers is no Schema Registry");
    const struct value *text = value_member_find(answer, SPAN_LITERAL("schema"));
    const struct value *type = value_member_find(answer, SPAN_LITERAL("schemaType"));
    const struct value *references = value_member_find(answer, SPAN_LITERAL("references"));
    if (type != NULL && type->kind == VALUE_STRING && !span_equal_text(value_span(*type), "AVRO"))
        return diag_set(diag, ERR_INVALID, 0, 0, "the schema is none of Avro's");
    if (text == NULL || text->kind != VALUE_STRING)
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "what answers is no Schema Registry");
    for (uint32_t i = 0; references != NULL && references->kind == VALUE_LIST && i < references->size;
         i++) {
        error = gather_reference(registry, references->items[i], depth_left - 1, gathered, diag);
        if (error != ERR_OK)
            return error;
    }
    if (gathered->count == REFERENCES_MAX)
        return diag_set(diag, ERR_LIMIT, 0, 0, "more than %d references", REFERENCES_MAX - 1);
    gathered->texts[gathered->count++] = value_span(*text);
    return ERR_OK;
}

static enum err fetch(struct schema_registry *registry, uint32_t id, const struct avro_type **type,
                      struct diag *diag)
{
    char path[64];
    struct gathered gathered = {0};
    snprintf(path, sizeof path, "/schemas/ids/%u", id);
    enum err error = gather(registry, path, REFERENCE_DEPTH, &gathered, diag);
    if (error != ERR_OK)
        return error;
    struct diag reason = {0};
    error = avro_schema_read_all(gathered.texts, gathered.count, &registry->arena, type, &reason);
    return error == ERR_OK
               ? ERR_OK
               : diag_set(diag, ERR_INVALID, 0, 0, "the schema with id %u is none: %s", id, reason.text);
}

/* ---- what is known ---- */

static void forget_all(struct schema_registry *registry)
{
    memset(registry->slots, 0, SLOTS * sizeof *registry->slots);
    arena_reset(&registry->arena);
    registry->count = 0;
}

static struct known *slot_of(struct schema_registry *registry, uint32_t id)
{
    size_t at = (id * 2654435761u) % SLOTS;
    while (registry->slots[at].used && registry->slots[at].id != id)
        at = (at + 1) % SLOTS;
    return &registry->slots[at];
}

static enum err find(void *self, uint32_t id, const struct avro_type **type, struct diag *diag)
{
    struct schema_registry *registry = self;
    struct known *known = slot_of(registry, id);
    if (!known->used || (known->error != ERR_OK && kafka_now_us() >= known->until_us)) {
        if (registry->count == KEPT_MAX)
            forget_all(registry);
        struct diag reason = {0};
        const struct avro_type *fetched = NULL;
        struct arena_mark mark = arena_mark(&registry->arena);
        enum err error = fetch(registry, id, &fetched, &reason);
        if (error != ERR_OK)
            arena_release(&registry->arena, mark);
        if (error == ERR_UNREACHABLE)
            return diag_set(diag, error, 0, 0, "%s", reason.text);
        known = slot_of(registry, id);
        registry->count += !known->used;
        *known = (struct known){true, id, error, kafka_now_us() + REFUSAL_US, fetched, ""};
        snprintf(known->why, sizeof known->why, "%.*s", (int)sizeof known->why - 1, reason.text);
    }
    *type = known->type;
    return known->error == ERR_OK ? ERR_OK : diag_set(diag, known->error, 0, 0, "%s", known->why);
}

/* ---- life ---- */

struct schema_registry *schema_registry_open(struct span url)
{
    struct schema_registry *registry = calloc(1, sizeof *registry);
    if (registry == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        memory_exhausted();
    while (url.size > 0 && url.data[url.size - 1] == '/')
        url.size--;
    arena_init(&registry->arena, 0);
    registry->url = strndup(url.data, url.size);
    registry->slots = calloc(SLOTS, sizeof *registry->slots);
    registry->curl = curl_easy_init();
    registry->headers =
        curl_slist_append(NULL, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    if (registry->headers != NULL)
        (void)curl_slist_append(registry->headers, "Content-Type: application/vnd.schemaregistry.v1+json");
    if (registry->url == NULL || registry->slots == NULL || registry->curl == NULL ||
        registry->headers == NULL)
        memory_exhausted();
    curl_easy_setopt(registry->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(registry->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(registry->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(registry->curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
    curl_easy_setopt(registry->curl, CURLOPT_USERAGENT, "declic");
    curl_easy_setopt(registry->curl, CURLOPT_HTTPHEADER, registry->headers);
    curl_easy_setopt(registry->curl, CURLOPT_WRITEFUNCTION, take_body);
    return registry;
}

void schema_registry_close(struct schema_registry *registry)
{
    if (registry == NULL)
        return;
    curl_easy_cleanup(registry->curl);
    curl_slist_free_all(registry->headers);
    curl_global_cleanup();
    arena_destroy(&registry->arena);
    free(registry->slots);
    free(registry->url);
    free(registry);
}

struct avro_registry_port schema_registry_port(struct schema_registry *registry)
{
    return (struct avro_registry_port){.self = registry, .find = find};
}

enum err schema_registry_check(struct schema_registry *registry, struct diag *diag)
{
    struct span body;
    enum err error = get(registry, "/subjects", &body, diag);
    bool is_list = error == ERR_OK && body.size > 0 && body.data[0] == '[';
    return is_list || error == ERR_UNREACHABLE
               ? error
               : diag_set(diag, ERR_UNREACHABLE, 0, 0, "what answers is no Schema Registry");
}

enum err schema_registry_enter(struct schema_registry *registry, const char *subject, struct span schema,
                               uint32_t *id, struct diag *diag)
{
    struct buf request = {0};
    struct span path = arena_printf(&registry->arena, "/subjects/%s/versions", subject), body;
    struct value answer = value_null();
    long status;
    buf_append_text(&request, "{\"schema\":");
    json_write_string(&request, schema);
    buf_append_byte(&request, '}');
    curl_easy_setopt(registry->curl, CURLOPT_POSTFIELDSIZE, (long)request.size);
    curl_easy_setopt(registry->curl, CURLOPT_COPYPOSTFIELDS, request.data);
    enum err error = ask(registry, path.data, &body, &status, diag);
    buf_free(&request);
    if (error != ERR_OK)
        return error;
    if (status >= 400 && status < 500 && status != 404 && status != 429)
        return diag_set(diag, ERR_REFUSED, 0, 0,
                        "the Schema Registry does not take subject %s: status %ld%.*s", subject, status,
                        SPAN_PRINTF(sentence_of(registry, body)));
    if (status != 200)
        return unusable(registry, status, body, diag);
    if (json_parse(body, NULL, &registry->arena, &answer, NULL) != ERR_OK)
        answer = value_null();
    const struct value *number =
        answer.kind == VALUE_MAP ? value_member_find(answer, SPAN_LITERAL("id")) : NULL;
    if (number == NULL || number->kind != VALUE_INT || number->integer < 0 || number->integer > UINT32_MAX)
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "what answers is no Schema Registry");
    *id = (uint32_t)number->integer;
    return ERR_OK;
}
