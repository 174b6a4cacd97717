/* rediss://: refused with a word where it is not built in, else with the checks that TLS is for. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
// cmocka wants the headers above first
#include <cmocka.h>

#include "redis/redis_store.h"
#include "redis/redis_tls.h"
#include "support/redis_server.h"

static struct redis_store *open_url(const char *url, enum err expected, struct diag *diag)
{
    struct redis_store *store = NULL;
    const struct redis_store_options options = {
        .url = span_from_text(url), .prefix = SPAN_LITERAL("test."), .timeout_ms = 2000};
    assert_int_equal(redis_store_open(&options, &store, diag), expected);
    return store;
}

static void test_without_tls_it_is_refused(void **state)
{
    (void)state;
    struct diag diag = {0};
    if (redis_tls_is_built())
        skip();
    (void)open_url("rediss://127.0.0.1", ERR_INVALID, &diag);
    assert_non_null(strstr(diag.text, "hiredis >= 1.0"));
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* A certificate for 127.0.0.1 that is its own authority. */
static void certificate_make(const char *folder)
{
    char command[512];
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=declic -addext "
             "subjectAltName=IP:127.0.0.1 -keyout %s/key -out %s/cert 2>/dev/null",
             folder, folder);
    assert_int_equal(system(command), 0);
}

static enum err try_url(const char *url)
{
    int32_t partition = 0;
    int64_t head;
    struct redis_store *store = open_url(url, ERR_OK, NULL);
    struct store_port port = redis_store_port(store);
    enum err error = port.heads_read(port.self, &partition, 1, &head);
    if (error != ERR_OK)
        print_message("%s: %.*s\n", url, SPAN_PRINTF(redis_store_failure(store)));
    redis_store_close(store);
    return error;
}

static void test_only_a_trusted_certificate_for_the_host_will_do(void **state)
{
    (void)state;
    char folder[] = "/tmp/declic-tls.XXXXXX", cert[64], key[64], port[16], url[64], command[96];
    if (!redis_tls_is_built() || !redis_server_is_there() || system("command -v openssl >/dev/null") != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    certificate_make(folder);
    snprintf(cert, sizeof(cert), "%s/cert", folder);
    snprintf(key, sizeof(key), "%s/key", folder);
    snprintf(port, sizeof(port), "%d", free_port());
    const char *const arguments[] = {"--tls-port",
                                     port,
                                     "--tls-cert-file",
                                     cert,
                                     "--tls-key-file",
                                     key,
                                     "--tls-ca-cert-file",
                                     cert,
                                     "--tls-auth-clients",
                                     "no",
                                     NULL};
    struct redis_server server;
    redis_server_start(&server, arguments);

    snprintf(url, sizeof(url), "rediss://127.0.0.1:%s", port);
    assert_int_equal(try_url(url), ERR_UNREACHABLE); /* nobody knows this authority */
    setenv("SSL_CERT_FILE", cert, 1);
    assert_int_equal(try_url(url), ERR_OK);
    snprintf(url, sizeof(url), "rediss://localhost:%s", port);
    assert_int_equal(try_url(url), ERR_UNREACHABLE); /* the certificate is for another name */
    unsetenv("SSL_CERT_FILE");

    redis_server_stop(&server);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_tls_it_is_refused),
        cmocka_unit_test(test_only_a_trusted_certificate_for_the_host_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
