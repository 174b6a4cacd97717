#include "http/routes.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/utf8.h"

/* What follows the handler. */
#define WAITS .waits = true
#define AT_ONCE .waits = false
#define OPEN .open = true

static const struct http_route routes[] = {
    {"GET", "/livez", http_livez, OPEN},
    {"GET", "/readyz", http_readyz, OPEN},
    {"GET", "/metrics", http_metrics, AT_ONCE},
    {"POST", "/v1/events", http_events, WAITS},
    {"GET", "/v1/campaigns/{id}", http_campaign_get, WAITS, .query = "version"},
    {"PUT", "/v1/campaigns/{id}", http_campaign_put, WAITS, .query = "pending"},
    {"POST", "/v1/campaigns/{id}/pause", http_campaign_pause, WAITS},
    {"POST", "/v1/campaigns/{id}/resume", http_campaign_resume, WAITS},
    {"POST", "/v1/campaigns/{id}/archive", http_campaign_archive, WAITS},
    {"POST", "/v1/campaigns:validate", http_campaign_validate, WAITS},
    {"POST", "/v1/simulate", http_simulate, WAITS},
    {"DELETE", "/v1/users/{id}", http_user_erase, WAITS},
    {"GET", "/v1/users/{id}/pending", http_user_pending, WAITS},
    {"GET", "/v1/users/{id}/explain", http_user_explain, WAITS, .query = "campaign"},
};

enum err http_percent_decode(struct span text, struct arena *arena, struct span *decoded)
{
    char *out = arena_alloc(arena, text.size + 1);
    size_t size;
    enum err error = hex_percent_decode(text, out, &size);
    if (error != ERR_OK)
        return error;
    out[size] = '\0';
    *decoded = span_make(out, size);
    return utf8_valid(*decoded) ? ERR_OK : ERR_SYNTAX;
}

/* The next segment of a path, after its slash; *path moves behind it. */
static struct span take_segment(const char **path)
{
    const char *begin = *path + 1;
    size_t size = strcspn(begin, "/");
    *path = begin + size;
    return span_make(begin, size);
}

static enum http_match match_path(const char *pattern, const char *path, struct arena *arena,
                                  struct span *id)
{
    while (*pattern == '/' && *path == '/') {
        struct span wanted = take_segment(&pattern), decoded;
        if (http_percent_decode(take_segment(&path), arena, &decoded) != ERR_OK)
            return HTTP_MATCH_MALFORMED;
        bool is_id = span_equal_text(wanted, "{id}");
        if (is_id ? decoded.size == 0 : !span_equal(decoded, wanted))
            return HTTP_MATCH_NO_PATH;
        if (is_id)
            *id = decoded;
    }
    return *pattern == '\0' && *path == '\0' ? HTTP_MATCH_FOUND : HTTP_MATCH_NO_PATH;
}

static void allow_add(char allow[HTTP_ALLOW_BYTES], const char *method)
{
    size_t size = strlen(allow);
    snprintf(allow + size, HTTP_ALLOW_BYTES - size, "%s%s", size == 0 ? "" : ", ", method);
    if (strcmp(method, "GET") == 0)
        allow_add(allow, "HEAD");
}

enum http_match http_route_find(const char *method, const char *path, struct arena *arena,
                                const struct http_route **route, struct span *id,
                                char allow[HTTP_ALLOW_BYTES])
{
    enum http_match result = HTTP_MATCH_NO_PATH;
    const char *as = strcmp(method, "HEAD") == 0 ? "GET" : method;
    allow[0] = '\0';
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        enum http_match match = match_path(routes[i].path, path, arena, id);
        if (match == HTTP_MATCH_NO_PATH)
            continue;
        if (match == HTTP_MATCH_MALFORMED)
            return match;
        if (strcmp(routes[i].method, as) == 0) {
            *route = &routes[i];
            return HTTP_MATCH_FOUND;
        }
        allow_add(allow, routes[i].method);
        result = HTTP_MATCH_NO_METHOD;
    }
    return result;
}
