#include "http/reply.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>

#include "codec/json.h"

#define RETRY_AFTER_S 5

void http_respond(struct http_reply *reply, unsigned status, const char *content_type)
{
    reply->status = status;
    reply->content_type = content_type;
}

void http_respond_json(struct http_reply *reply, unsigned status)
{
    http_respond(reply, status, "application/json");
}

/* Without its closing brace. */
static void problem_begin(struct http_reply *reply, unsigned status, const char *detail)
{
    http_respond(reply, status, "application/problem+json");
    buf_clear(&reply->body);
    buf_append_text(&reply->body, "{\"type\":\"about:blank\",\"title\":");
    json_write_string(&reply->body, span_from_text(MHD_get_reason_phrase_for(status)));
    buf_printf(&reply->body, ",\"status\":%u,\"detail\":", status);
    json_write_string(&reply->body, span_from_text(detail));
}

void http_problem(struct http_reply *reply, unsigned status, const char *format, ...)
{
    char detail[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    problem_begin(reply, status, detail);
    buf_append_text(&reply->body, "}\n");
}

void http_problem_list(struct http_reply *reply, const char *detail, const struct diag_list *diags)
{
    problem_begin(reply, MHD_HTTP_UNPROCESSABLE_CONTENT, detail);
    buf_append_text(&reply->body, ",\"errors\":[");
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag_item *item = &diags->items[i];
        buf_append_text(&reply->body, i == 0 ? "{" : ",{");
        if (item->file.size != 0) {
            buf_append_text(&reply->body, "\"file\":");
            json_write_string(&reply->body, item->file);
            buf_append_byte(&reply->body, ',');
        }
        buf_printf(&reply->body, "\"line\":%d,\"column\":%d,\"text\":", item->line, item->column);
        json_write_string(&reply->body, item->text);
        buf_append_byte(&reply->body, '}');
    }
    buf_append_text(&reply->body, "]}\n");
}

void http_fail(struct http_reply *reply, enum err error, const struct diag *diag)
{
    const char *text = diag->text[0] != '\0' ? diag->text : err_sentence(error);
    switch (error) {
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
    case ERR_UNKNOWN_OUTCOME:
    case ERR_NOT_FOUND: /* one of our own topics */
        http_problem(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", text);
        reply->retry_after_s = RETRY_AFTER_S;
        break;
    case ERR_FENCED:
    case ERR_CONFLICT:
        http_problem(reply, MHD_HTTP_CONFLICT, "%s", text);
        break;
    case ERR_LIMIT:
        http_problem(reply, MHD_HTTP_CONTENT_TOO_LARGE, "%s", text);
        break;
    default:
        http_problem(reply, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", text);
    }
}
