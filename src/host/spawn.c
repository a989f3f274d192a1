#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/internal.h"

extern char **environ;

/* The first descriptor behind the standard ones: the host's end of the socket. host_set_open writes its number. */
static const int HOST_DESCRIPTOR = 3;

/* Standard input and output are of no use to a host; standard error is ours. Everything else is closed, whoever opened
 * it and however. */
static int add_files(posix_spawn_file_actions_t *files, int theirs)
{
    /* The socket first: it may itself have a small number, when the service was started without standard files. */
    int failure = posix_spawn_file_actions_adddup2(files, theirs, HOST_DESCRIPTOR);
    if (failure == 0)
        failure = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (failure == 0)
        failure = posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(files, HOST_DESCRIPTOR + 1);
    return failure;
}

/* Signals at their defaults. Those that end the service politely stay blocked until the host ignores them, so that a
 * ^C at the terminal, which both get, never hits a host that has just been started. */
static int add_signals(posix_spawnattr_t *attributes)
{
    sigset_t every, blocked;
    sigfillset(&every);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    int failure = posix_spawnattr_setsigdefault(attributes, &every);
    if (failure == 0)
        failure = posix_spawnattr_setsigmask(attributes, &blocked);
    if (failure == 0)
        failure = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return failure;
}

static int spawn(const host_set *set, int theirs, pid_t *process)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&files);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = add_files(&files, theirs);
        if (failure == 0)
            failure = add_signals(&attributes);
        /* posix_spawn takes the arguments as char *, and does not write to them. */
        if (failure == 0)
            failure =
                posix_spawn(process, set->options.program, &files, &attributes, (char *const *)set->arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failure;
}

int host_spawn(const host_set *set, pid_t *process, int *socket)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    int failure = fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 ? spawn(set, pair[1], process) : errno;
    close(pair[1]);
    if (failure == 0)
        *socket = pair[0];
    else
        close(pair[0]);
    return failure;
}

void host_write_end(int wait_status, char *text, size_t capacity)
{
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigdescr_np(WTERMSIG(wait_status));
        snprintf(text, capacity, "signal %d (%s)", WTERMSIG(wait_status), name != NULL ? name : "unknown");
    } else {
        snprintf(text, capacity, "exit status %d", WEXITSTATUS(wait_status));
    }
}
