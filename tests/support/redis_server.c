#include "support/redis_server.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_SECONDS 20
#define ARGUMENTS_MAX 32

static void die(const char *what)
{
    perror(what);
    exit(1);
}

int redis_server_is_there(void)
{
    if (system("command -v redis-server >/dev/null 2>&1") == 0)
        return 1;
    fputs("skipped: redis-server is not installed\n", stderr);
    return 0;
}

static void run(const struct redis_server *server, const char *const *more)
{
    char socket_path[96];
    snprintf(socket_path, sizeof(socket_path), "%s/socket", server->folder);
    const char *arguments[ARGUMENTS_MAX] = {"redis-server",
                                            "--port",
                                            "0",
                                            "--unixsocket",
                                            socket_path,
                                            "--dir",
                                            server->folder,
                                            "--appendonly",
                                            "yes",
                                            "--appendfsync",
                                            "always",
                                            "--save",
                                            ""};
    size_t count = 13;
    for (; more != NULL && *more != NULL && count + 1 < ARGUMENTS_MAX; more++)
        arguments[count++] = *more;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that crashes */
    int log = open("/dev/null", O_WRONLY);
    dup2(log, 1);
    dup2(log, 2);
    execvp("redis-server", (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static int answers(const char *folder)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/socket", folder);
    redisContext *context = redisConnectUnix(path);
    redisReply *reply = context != NULL && context->err == 0 ? redisCommand(context, "PING") : NULL;
    int good = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    if (reply != NULL)
        freeReplyObject(reply);
    if (context != NULL)
        redisFree(context);
    return good;
}

void redis_server_again(struct redis_server *server, const char *const *arguments)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    server->pid = fork();
    if (server->pid < 0)
        die("fork");
    if (server->pid == 0)
        run(server, arguments);
    for (int i = 0; !answers(server->folder); i++) {
        if (i * 5 > START_SECONDS * 1000 || waitpid(server->pid, NULL, WNOHANG) != 0)
            die("redis-server does not answer");
        nanosleep(&pause, NULL);
    }
}

void redis_server_start(struct redis_server *server, const char *const *arguments)
{
    snprintf(server->folder, sizeof(server->folder), "/tmp/declic-redis.XXXXXX");
    if (mkdtemp(server->folder) == NULL)
        die("mkdtemp");
    snprintf(server->url, sizeof(server->url), "unix://%s/socket", server->folder);
    redis_server_again(server, arguments);
}

void redis_server_kill(struct redis_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

void redis_server_stop(struct redis_server *server)
{
    char command[128];
    redis_server_kill(server);
    snprintf(command, sizeof(command), "rm -rf '%s'", server->folder);
    if (system(command) != 0)
        fprintf(stderr, "could not remove %s\n", server->folder);
}
