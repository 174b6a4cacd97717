#include "redis/redis_url.h"

#include "base/hex.h"

#define DEFAULT_PORT 6379
#define DATABASE_MAX 65535
#define TEXT_MAX 256 /* of any part, with its NUL */

static enum err refuse(struct diag *diag, const char *why)
{
    return diag_set(diag, ERR_INVALID, 0, 0, "redis.url: %s", why);
}

static bool take(struct span *text, const char *prefix)
{
    struct span p = span_from_text(prefix);
    if (!span_starts_with(*text, p))
        return false;
    *text = span_slice(*text, p.size, text->size);
    return true;
}

/* The index of the first `byte`; the size when there is none. */
static size_t find(struct span text, char byte)
{
    size_t at = 0;
    while (at < text.size && text.data[at] != byte)
        at++;
    return at;
}

/* Likewise of the last. */
static size_t find_last(struct span text, char byte)
{
    size_t at = text.size;
    while (at > 0 && text.data[at - 1] != byte)
        at--;
    return at == 0 ? text.size : at - 1;
}

/* Copies with %XX decoded and a NUL; false when it is malformed, holds a NUL or needs more than `to_bytes`,
 * which is at most TEXT_MAX. */
static bool decode(struct span from, char *to, size_t to_bytes)
{
    char decoded[3 * TEXT_MAX];
    size_t size;
    if (from.size > sizeof(decoded) || hex_percent_decode(from, decoded, &size) != ERR_OK ||
        size >= to_bytes || memchr(decoded, '\0', size) != NULL)
        return false;
    memcpy(to, decoded, size);
    to[size] = '\0';
    return true;
}

static bool parse_number(struct span text, int max, int *number)
{
    int value = 0;
    if (text.size == 0 || text.size > 5)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *number = value;
    return value <= max;
}

static enum err parse_credentials(struct span text, struct redis_url *url, struct diag *diag)
{
    size_t colon = find(text, ':');
    struct span user = span_slice(text, 0, colon);
    struct span password = colon < text.size ? span_slice(text, colon + 1, text.size) : span_make(NULL, 0);
    if (colon == text.size)
        return refuse(diag, "before the @ stands user:password (or :password)");
    if (!decode(user, url->user, sizeof(url->user)) ||
        !decode(password, url->password, sizeof(url->password)))
        return refuse(diag, "user or password is too long or badly percent-encoded");
    return ERR_OK;
}

static enum err parse_host(struct span text, struct redis_url *url, struct diag *diag)
{
    struct span host = text, port = {0};
    if (text.size > 0 && text.data[0] == '[') { /* IPv6 */
        size_t end = find(text, ']');
        if (end == text.size)
            return refuse(diag, "an IPv6 address stands in [ ]");
        host = span_slice(text, 1, end);
        if (end + 1 < text.size && text.data[end + 1] == ':')
            port = span_slice(text, end + 2, text.size);
    } else {
        size_t colon = find(text, ':');
        host = span_slice(text, 0, colon);
        if (colon < text.size)
            port = span_slice(text, colon + 1, text.size);
    }
    if (host.size == 0 || !decode(host, url->host, sizeof(url->host)))
        return refuse(diag, "the host is missing or too long");
    url->port = DEFAULT_PORT;
    if (port.size > 0 && (!parse_number(port, 65535, &url->port) || url->port == 0))
        return refuse(diag, "the port is a number from 1 to 65535");
    return ERR_OK;
}

static enum err parse_network(struct span text, struct redis_url *url, struct diag *diag)
{
    size_t at = find_last(text, '@');
    if (at < text.size) {
        enum err error = parse_credentials(span_slice(text, 0, at), url, diag);
        if (error != ERR_OK)
            return error;
        text = span_slice(text, at + 1, text.size);
    }
    size_t slash = find(text, '/');
    if (slash + 1 < text.size &&
        !parse_number(span_slice(text, slash + 1, text.size), DATABASE_MAX, &url->database))
        return refuse(diag, "after the / stands the number of a database");
    return parse_host(span_slice(text, 0, slash), url, diag);
}

static enum err parse_unix(struct span text, struct redis_url *url, struct diag *diag)
{
    size_t mark = find(text, '?');
    if (mark == 0 || !decode(span_slice(text, 0, mark), url->path, sizeof(url->path)))
        return refuse(diag, "the socket's path is missing or too long");
    while (mark < text.size) {
        struct span rest = span_slice(text, mark + 1, text.size);
        size_t end = find(rest, '&');
        struct span option = span_slice(rest, 0, end);
        if (take(&option, "db=")) {
            if (!parse_number(option, DATABASE_MAX, &url->database))
                return refuse(diag, "db is the number of a database");
        } else if (take(&option, "password=")) {
            if (!decode(option, url->password, sizeof(url->password)))
                return refuse(diag, "the password is too long or badly percent-encoded");
        } else {
            return refuse(diag, "after the ? may stand db=NUMBER and password=TEXT");
        }
        mark += end + 1;
    }
    return ERR_OK;
}

enum err redis_url_parse(struct span text, struct redis_url *url, struct diag *diag)
{
    *url = (struct redis_url){0};
    if (take(&text, "unix://"))
        return parse_unix(text, url, diag);
    url->tls = take(&text, "rediss://");
    if (url->tls || take(&text, "redis://"))
        return parse_network(text, url, diag);
    return refuse(diag, "it begins with redis://, rediss:// or unix://");
}
