#include "redis/redis_tls.h"

#ifdef DECLIC_REDIS_TLS

#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

bool redis_tls_is_built(void)
{
    return true;
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

/* A session that accepts only a certificate for `host`. */
static SSL *session_make(const char *host)
{
    SSL *session = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_default_verify_paths(context) == 1)
        session = SSL_new(context);
    SSL_CTX_free(context); /* the session keeps it */
    if (session == NULL)
        return NULL;
    int named = is_address(host)
                    ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host)
                    : SSL_set1_host(session, host) & (int)SSL_set_tlsext_host_name(session, host);
    if (named == 1)
        return session;
    SSL_free(session);
    return NULL;
}

bool redis_tls_start(redisContext *context, const char *host)
{
    SSL *session = session_make(host);
    if (session == NULL) {
        snprintf(context->errstr, sizeof(context->errstr), "TLS could not be set up");
        return false;
    }
    long verified = X509_V_OK;
    bool good = redisInitiateSSL(context, session) == REDIS_OK; /* owns the session when it is good */
    if (!good) {
        verified = SSL_get_verify_result(session);
        if (verified != X509_V_OK)
            snprintf(context->errstr, sizeof(context->errstr), "the server's certificate: %s",
                     X509_verify_cert_error_string(verified));
        SSL_free(session);
    }
    return good;
}

/* OpenSSL writes to the socket without MSG_NOSIGNAL: SIGPIPE is held meanwhile, and taken if it came. */
bool redis_tls_write(redisContext *context, struct span bytes)
{
    const struct timespec now = {0};
    sigset_t pipe_signal, before;
    int done = 0;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    bool good = redisAppendFormattedCommand(context, bytes.data, bytes.size) == REDIS_OK;
    while (good && done == 0)
        good = redisBufferWrite(context, &done) == REDIS_OK;
    if (!good && sigismember(&before, SIGPIPE) == 0)
        (void)sigtimedwait(&pipe_signal, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

#else

bool redis_tls_is_built(void)
{
    return false;
}

bool redis_tls_start(redisContext *context, const char *host)
{
    (void)context;
    (void)host;
    return false;
}

bool redis_tls_write(redisContext *context, struct span bytes)
{
    (void)context;
    (void)bytes;
    return false;
}

#endif
