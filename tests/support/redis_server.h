/* A redis-server of a test's own, on a Unix socket in a folder under /tmp.
 */
#ifndef DECLIC_TESTS_REDIS_SERVER_H
#define DECLIC_TESTS_REDIS_SERVER_H

#include <sys/types.h>

struct redis_server {
    char folder[64];
    char url[128];
    pid_t pid;
};

/* False (with a word on standard error) when there is no redis-server on this machine. */
int redis_server_is_there(void);
/* Starts it, with more arguments ("--maxmemory", "3mb"), ended by NULL; waits until it answers. */
void redis_server_start(struct redis_server *server, const char *const *arguments);
/* SIGKILL, and up again on the same socket with the same data and arguments of start. */
void redis_server_kill(struct redis_server *server);
void redis_server_again(struct redis_server *server, const char *const *arguments);
/* Ends it and removes the folder. */
void redis_server_stop(struct redis_server *server);

#endif
