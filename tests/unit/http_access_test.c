/* Who may ask: the token as its file holds it. */
#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "http/access.h"

static enum err read_token_of(struct span content, struct http_access *access)
{
    char path[] = "/tmp/declic-token-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, content.data, content.size), content.size);
    close(fd);
    const struct config config = {.http_listen = SPAN_LITERAL("0.0.0.0:0"),
                                  .http_token_file = span_from_text(path)};
    struct diag diag = {0};
    *access = (struct http_access){0};
    enum err error = http_access_read(&config, access, &diag);
    unlink(path);
    return error;
}

static void white_space_around_the_token_does_not_count(void **unused)
{
    (void)unused;
    static const char *const files[] = {"se cret", "se cret\n", " se cret\t\r\n\n"};
    for (size_t i = 0; i < 3; i++) {
        struct http_access access;
        assert_int_equal(read_token_of(span_from_text(files[i]), &access), ERR_OK);
        assert_true(http_access_allows(&access, "Bearer se cret"));
        assert_true(http_access_allows(&access, "bearer se cret"));
        assert_false(http_access_allows(&access, "Bearer se"));
        assert_false(http_access_allows(&access, NULL));
    }
}

static void a_token_that_nobody_could_send_is_none(void **unused)
{
    (void)unused;
    static const char large[600] = {[0 ... 599] = 'x'};
    const struct span files[] = {SPAN_LITERAL(""),     SPAN_LITERAL(" \n"), SPAN_LITERAL("one\ntwo\n"),
                                 SPAN_LITERAL("a\0b"), SPAN_LITERAL("\0"),  span_make(large, sizeof large)};
    struct http_access access;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(read_token_of(files[i], &access), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_around_the_token_does_not_count),
        cmocka_unit_test(a_token_that_nobody_could_send_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
