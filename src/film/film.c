#include "film/film.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { ARGUMENTS_MAX = 64, NAME_ATTEMPTS = 100, WORDS_BYTES = 160, SIZE_LEAST = 16, SIZE_MOST = 8192, RATE_MOST = 100 };

struct film {
    char *path, *unfinished; /* where it will be, and the file beside it that is being written */
    size_t frame_bytes;
    int frames; /* the socket whose other end is the encoder's standard input; -1 when closed */
    int words;  /* a file without a name that takes what the encoder says */
    pid_t encoder;
};

film_format film_format_of(const char *path)
{
    static const struct {
        const char *ending;
        film_format format;
    } endings[] = {{".webm", FILM_WEBM}, {".gif", FILM_GIF}, {".png", FILM_PNG}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i].ending);
        if (length > ending && path[length - ending - 1] != '/' &&
            strcasecmp(path + length - ending, endings[i].ending) == 0)
            return endings[i].format;
    }
    return FILM_NONE;
}

/* ---- The encoder ---------------------------------------------------------------------------------------- */

static void free_film(film *one)
{
    if (one->frames >= 0)
        close(one->frames);
    if (one->words >= 0)
        close(one->words);
    if (one->unfinished != NULL)
        unlink(one->unfinished);
    free(one->unfinished);
    free(one->path);
    free(one);
}

/* The arguments of ffmpeg; numbers are written into `size` and `rate`, `target` is the file. */
static void list_arguments(film_format format, char *size, char *rate, char *target, char *list[ARGUMENTS_MAX])
{
    static char *const input[] = {"ffmpeg", "-nostdin", "-hide_banner",  "-loglevel", "error",
                                  "-f",     "rawvideo", "-pixel_format", "rgba"};
    /* Constant quality; colors as high-definition television has them, which is what players assume. */
    static char *const webm[] = {"-vf",
                                 "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
                                 "-c:v",
                                 "libvpx-vp9",
                                 "-crf",
                                 "24",
                                 "-b:v",
                                 "0",
                                 "-row-mt",
                                 "1",
                                 "-threads",
                                 "4",
                                 "-deadline",
                                 "good",
                                 "-cpu-used",
                                 "4",
                                 "-colorspace",
                                 "bt709",
                                 "-color_primaries",
                                 "bt709",
                                 "-color_trc",
                                 "bt709",
                                 "-f",
                                 "webm",
                                 NULL};
    /* One palette for the whole film, made of what moves; ordered dithering keeps still things still. */
    static char *const gif[] = {"-filter_complex",
                                "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=bayer:"
                                "bayer_scale=3:diff_mode=rectangle",
                                "-loop",
                                "0",
                                "-f",
                                "gif",
                                NULL};
    static char *const png[] = {"-pix_fmt", "rgb24", "-plays", "0", "-f", "apng", NULL};
    int count = 0;
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        list[count++] = input[i];
    list[count++] = "-video_size";
    list[count++] = size;
    list[count++] = "-framerate";
    list[count++] = rate;
    list[count++] = "-i";
    list[count++] = "pipe:0";
    for (char *const *at = format == FILM_WEBM ? webm : format == FILM_GIF ? gif : png; *at != NULL; at++)
        list[count++] = *at;
    list[count++] = "-y";
    list[count++] = target;
    list[count] = NULL;
    _Static_assert(sizeof input / sizeof *input + sizeof webm / sizeof *webm + 9 < ARGUMENTS_MAX, "room for all");
}

static lumen_status fail_io(lumen_error *error, const char *path, int reason)
{
    return lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be written: %s; choose a folder that you may write to",
                      path, strerror(reason));
}

/* Makes the file beside its place, so that a full disk or a folder that may not be written to is told at once. */
static lumen_status make_unfinished(film *one, lumen_error *error)
{
    struct stat older;
    if (stat(one->path, &older) == 0 && !S_ISREG(older.st_mode))
        return lumen_fail(error, LUMEN_ERROR_IO,
                          "%.200s is a folder, a device or a pipe, not a file; choose another name", one->path);
    const char *slash = strrchr(one->path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - one->path + 1);
    size_t size = strlen(one->path) + 64;
    char *name = malloc(size);
    if (name == NULL)
        return lumen_fail_memory(error, "the name of a film");
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    int file = -1;
    for (unsigned attempt = 0; file < 0 && attempt < NAME_ATTEMPTS; attempt++) {
        snprintf(name, size, "%.*s.lumen-%lx-%08lx.part", folder, one->path, (unsigned long)getpid(),
                 ((unsigned long)now.tv_nsec + attempt * 7919u) & 0xffffffffu);
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            break;
    }
    if (file < 0) {
        int reason = errno;
        free(name);
        return fail_io(error, one->path, reason);
    }
    close(file);
    one->unfinished = name;
    return LUMEN_OK;
}

/* A file that has no name and takes the encoder's words however many they are; a pipe would have to be emptied. */
static int open_words(void)
{
    FILE *file = tmpfile();
    if (file == NULL)
        return -1;
    int words = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
    fclose(file);
    return words;
}

static lumen_status spawn(film *one, char *const arguments[], int input, lumen_error *error)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return lumen_fail_memory(error, "a process");
    int fault = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (fault == 0)
        fault = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (fault == 0)
        fault = posix_spawn_file_actions_adddup2(&actions, one->words, 2);
    if (fault == 0)
        fault = posix_spawnp(&one->encoder, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (fault == ENOENT)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "a film needs the program ffmpeg, which is not there; install ffmpeg");
    if (fault != 0) {
        one->encoder = 0;
        return lumen_fail(error, LUMEN_ERROR_FAILED, "ffmpeg could not be started: %s; check its installation",
                          strerror(fault));
    }
    return LUMEN_OK;
}

lumen_status film_open(const char *path, uint32_t width, uint32_t height, uint32_t rate, film **out, lumen_error *error)
{
    *out = NULL;
    film_format format = film_format_of(path);
    if (format == FILM_NONE)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has no ending that names a film; use .webm .gif or .png",
                          path);
    if (width < SIZE_LEAST || height < SIZE_LEAST || width > SIZE_MOST || height > SIZE_MOST || rate == 0 ||
        rate > RATE_MOST)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a film of %u x %u pixels with %u frames a second cannot be made; give sizes from %d to %d "
                          "and a rate from 1 to %d",
                          width, height, rate, SIZE_LEAST, SIZE_MOST, RATE_MOST);
    film *one = calloc(1, sizeof *one);
    if (one == NULL)
        return lumen_fail_memory(error, "a film");
    one->frame_bytes = (size_t)width * height * 4;
    one->frames = one->words = -1;
    one->path = strdup(path);
    lumen_status status = one->path == NULL ? lumen_fail_memory(error, "a film") : make_unfinished(one, error);

    /* A socket, not a pipe: writing to one whose reader has died can be told not to raise SIGPIPE. */
    int ends[2] = {-1, -1};
    if (status == LUMEN_OK && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        status = lumen_fail(error, LUMEN_ERROR_FAILED, "no way to ffmpeg could be opened: %s; close some files",
                            strerror(errno));
    if (status == LUMEN_OK) {
        one->frames = ends[0];
        one->words = open_words();
        if (one->words < 0)
            status = lumen_fail(error, LUMEN_ERROR_IO, "no temporary file could be made: %s; free some space in /tmp",
                                strerror(errno));
    }
    if (status == LUMEN_OK) {
        char *list[ARGUMENTS_MAX], size[32], frames[16];
        /* "file:" before it: a name may hold a colon, or begin with a dash. */
        char *target = malloc(strlen(one->unfinished) + 8);
        if (target == NULL) {
            status = lumen_fail_memory(error, "a film");
        } else {
            sprintf(target, "file:%s", one->unfinished);
            snprintf(size, sizeof size, "%ux%u", width, height);
            snprintf(frames, sizeof frames, "%u", rate);
            list_arguments(format, size, frames, target, list);
            status = spawn(one, list, ends[1], error);
        }
        free(target);
    }
    if (ends[1] >= 0)
        close(ends[1]);
    if (status != LUMEN_OK) {
        free_film(one);
        return status;
    }
    *out = one;
    return LUMEN_OK;
}

/* ---- Frames --------------------------------------------------------------------------------------------- */

/* The end of the last line that is not empty. */
static void last_words(int file, char words[WORDS_BYTES])
{
    char tail[WORDS_BYTES] = "";
    off_t size = lseek(file, 0, SEEK_END);
    off_t from = size > (off_t)sizeof tail - 1 ? size - ((off_t)sizeof tail - 1) : 0;
    ssize_t count = pread(file, tail, sizeof tail - 1, from);
    size_t length = count > 0 ? (size_t)count : 0;
    while (length > 0 && (unsigned char)tail[length - 1] <= ' ')
        length--;
    tail[length] = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(words, WORDS_BYTES, "%s", line != NULL ? line + 1 : tail);
}

/* Waits for the encoder to end, and tells how. */
static lumen_status reap(film *one, lumen_error *error)
{
    int state = 0;
    pid_t ended;
    do
        ended = waitpid(one->encoder, &state, 0);
    while (ended < 0 && errno == EINTR);
    one->encoder = 0;
    if (ended > 0 && WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return LUMEN_OK;
    char words[WORDS_BYTES];
    last_words(one->words, words);
    if (ended > 0 && WIFSIGNALED(state))
        return lumen_fail(error, LUMEN_ERROR_FAILED,
                          "%.100s was not made: ffmpeg was ended by signal %d; start it again, with more memory if the "
                          "system ended it",
                          one->path, WTERMSIG(state));
    return lumen_fail(error, LUMEN_ERROR_FAILED, "%.100s was not made: ffmpeg says '%s'; check its installation",
                      one->path, words[0] != '\0' ? words : "nothing");
}

lumen_status film_frame(film *one, const uint8_t *rgba, lumen_error *error)
{
    if (one->encoder == 0)
        return lumen_fail(error, LUMEN_ERROR_FAILED, "%.200s: its encoder has ended; start again", one->path);
    size_t done = 0;
    while (done < one->frame_bytes) {
        ssize_t sent = send(one->frames, rgba + done, one->frame_bytes - done, MSG_NOSIGNAL);
        if (sent > 0) {
            done += (size_t)sent;
        } else if (sent < 0 && errno != EINTR) {
            /* It has gone: what it said last tells more than EPIPE does. */
            int reason = errno;
            lumen_status status = reap(one, error);
            return status != LUMEN_OK ? status
                                      : lumen_fail(error, LUMEN_ERROR_FAILED,
                                                   "%.200s was not made: ffmpeg took no more frames (%s); try again",
                                                   one->path, strerror(reason));
        }
    }
    return LUMEN_OK;
}

static int flush_to_disk(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno;
    int reason = fsync(file) != 0 && errno != EINVAL ? errno : 0;
    close(file);
    return reason;
}

lumen_status film_finish(film *one, lumen_error *error)
{
    close(one->frames);
    one->frames = -1;
    lumen_status status = one->encoder != 0 ? reap(one, error)
                                            : lumen_fail(error, LUMEN_ERROR_FAILED,
                                                         "%.200s: its encoder has ended; start again", one->path);
    if (status == LUMEN_OK) {
        int reason = flush_to_disk(one->unfinished);
        if (reason == 0 && rename(one->unfinished, one->path) != 0)
            reason = errno;
        if (reason != 0) {
            status = fail_io(error, one->path, reason);
        } else {
            free(one->unfinished); /* there is nothing left to remove */
            one->unfinished = NULL;
        }
    }
    free_film(one);
    return status;
}

void film_abandon(film *one)
{
    if (one == NULL)
        return;
    if (one->encoder != 0) {
        kill(one->encoder, SIGKILL);
        while (waitpid(one->encoder, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    free_film(one);
}
