/* What a handler answers.
 */
#ifndef DECLIC_HTTP_REPLY_H
#define DECLIC_HTTP_REPLY_H

#include "base/buf.h"
#include "base/diag_list.h"

#define HTTP_ALLOW_BYTES 64

struct http_reply {
    unsigned status;
    const char *content_type;
    char allow[HTTP_ALLOW_BYTES]; /* with 405 */
    int retry_after_s;            /* 0: not said */
    struct buf body;
};

/* The handler appends the body. */
void http_respond(struct http_reply *reply, unsigned status, const char *content_type);
void http_respond_json(struct http_reply *reply, unsigned status);

/* A problem document (RFC 9457) in place of whatever was begun; the sentence becomes its `detail`. */
void http_problem(struct http_reply *reply, unsigned status, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same, 422, with `errors`: a list of {line, column, text}, and `file` where one is named. */
void http_problem_list(struct http_reply *reply, const char *detail, const struct diag_list *diags);

/* What a service said no to: 503 with Retry-After when it is away or not ready, 409 when somebody else
 * changes the same thing, 413 for what is too large, 500 else. */
void http_fail(struct http_reply *reply, enum err error, const struct diag *diag);

#endif
