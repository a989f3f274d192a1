/* Where models lie here, and what of them is there. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "weights/inside.h"

static const char acceptance[] = ".licence-accepted";

/* ---- Folders ---------------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static lumen_status print_path(char *out, size_t capacity, lumen_error *error, const char *first, const char *second)
{
    int length = snprintf(out, capacity, "%s/%s", first, second);
    return length >= 0 && (size_t)length < capacity
               ? LUMEN_OK
               : lumen_fail(error, LUMEN_ERROR_INVALID, "the path %.100s/%.100s is too long; choose a shorter folder",
                            first, second);
}

lumen_status weights_folder(const char *folder, char *out, size_t capacity, lumen_error *error)
{
    const char *named = folder != NULL ? folder : environment("LUMEN_MODELS");
    const char *data = environment("XDG_DATA_HOME"), *home = environment("HOME");
    if (named != NULL) {
        size_t length = strlen(named);
        while (length > 1 && named[length - 1] == '/')
            length--;
        if (length == 0 || length >= capacity)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "the folder of models %.100s %s", named,
                              length == 0 ? "has no name; name one" : "has too long a name; choose a shorter one");
        memcpy(out, named, length);
        out[length] = '\0';
        return LUMEN_OK;
    }
    if (data != NULL && data[0] == '/')
        return print_path(out, capacity, error, data, "lumen/models");
    if (home == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "there is no home folder for models; name one by --models or LUMEN_MODELS");
    return print_path(out, capacity, error, home, ".local/share/lumen/models");
}

lumen_status weights_path(const char *folder, const weights_file *file, char *out, size_t capacity, lumen_error *error)
{
    return print_path(out, capacity, error, folder, file->path);
}

/* ---- What is there ---------------------------------------------------------------------------------------------- */

/* Bytes of a regular file; -1: there is none. */
static int64_t size_of(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode) ? (int64_t)facts.st_size : -1;
}

static bool is_present(const weights_file *file, int64_t size)
{
    bool exact = file->bytes > 0 && !file->estimated;
    return exact ? size >= 0 && (uint64_t)size == file->bytes : size > 0;
}

bool weights_file_present(const char *folder, const weights_file *file)
{
    char path[WEIGHTS_PATH_BYTES];
    return weights_path(folder, file, path, sizeof path, NULL) == LUMEN_OK && is_present(file, size_of(path));
}

/* The folder that is named after the model, or the one that holds the model's files itself. */
static lumen_status choose_folder(const weights_model *model, const char *folder, char *out, lumen_error *error)
{
    char all[WEIGHTS_PATH_BYTES];
    lumen_status status = weights_folder(folder, all, sizeof all, error);
    if (status == LUMEN_OK)
        status = print_path(out, WEIGHTS_PATH_BYTES, error, all, model->name);
    struct stat facts;
    if (status != LUMEN_OK || (stat(out, &facts) == 0 && S_ISDIR(facts.st_mode)))
        return status;
    for (size_t i = 0; i < model->file_count; i++) {
        const weights_file *file = &model->files[i];
        if (file->bytes == 0 || file->estimated || !weights_file_present(all, file))
            continue; /* a file of any size is no sign */
        memcpy(out, all, strlen(all) + 1);
        break;
    }
    return LUMEN_OK;
}

/* The acceptance names the licence, so that another licence is asked about anew. */
static bool is_accepted(const weights_model *model, const char *folder)
{
    char path[WEIGHTS_PATH_BYTES], line[1024] = "";
    if (!model->accept)
        return true;
    if (print_path(path, sizeof path, NULL, folder, acceptance) != LUMEN_OK)
        return false;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return read != NULL && strcmp(line, model->licence) == 0;
}

lumen_status weights_look(const weights_model *model, const char *folder, weights_state *out, lumen_error *error)
{
    *out = (weights_state){0};
    lumen_status status = choose_folder(model, folder, out->folder, error);
    for (size_t i = 0; i < model->file_count && status == LUMEN_OK; i++) {
        const weights_file *file = &model->files[i];
        char path[WEIGHTS_PATH_BYTES];
        status = weights_path(out->folder, file, path, sizeof path - sizeof WEIGHTS_TAG, error);
        if (status != LUMEN_OK)
            break;
        int64_t size = size_of(path);
        if (is_present(file, size)) {
            out->present++;
            out->bytes_present += (uint64_t)size;
        } else {
            out->missing++;
            out->bytes_missing += file->bytes;
            strcat(path, WEIGHTS_PART);
            size = size_of(path);
            out->bytes_partial += size > 0 ? (uint64_t)size : 0;
        }
    }
    out->accepted = status == LUMEN_OK && is_accepted(model, out->folder);
    return status;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

lumen_status weights_make_folders(const char *path, lumen_error *error)
{
    char folder[WEIGHTS_PATH_BYTES];
    size_t length = strlen(path);
    if (length >= sizeof folder)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the folder %.200s has too long a name", path);
    memcpy(folder, path, length + 1);
    for (char *at = folder + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        struct stat facts;
        if (mkdir(folder, 0777) != 0 && (stat(folder, &facts) != 0 || !S_ISDIR(facts.st_mode)))
            return lumen_fail(error, LUMEN_ERROR_IO, "the folder %.200s cannot be made: %s", folder, strerror(errno));
        *at = kept;
        if (kept == '\0')
            return LUMEN_OK;
    }
}

lumen_status weights_accept(const weights_model *model, const char *folder, lumen_error *error)
{
    weights_state state;
    char path[WEIGHTS_PATH_BYTES];
    lumen_status status = weights_look(model, folder, &state, error);
    if (status != LUMEN_OK || state.accepted)
        return status;
    status = weights_make_folders(state.folder, error);
    if (status == LUMEN_OK)
        status = print_path(path, sizeof path, error, state.folder, acceptance);
    if (status != LUMEN_OK)
        return status;
    time_t now = time(NULL);
    struct tm when;
    char date[32] = "";
    if (gmtime_r(&now, &when) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &when);
    FILE *file = fopen(path, "we");
    bool good = file != NULL && fprintf(file, "%s\naccepted %s for %s\n", model->licence, date, model->repository) > 0;
    if (file != NULL && fclose(file) != 0)
        good = false;
    return good ? LUMEN_OK
                : lumen_fail(error, LUMEN_ERROR_IO, "the acceptance %.200s cannot be written: %s", path,
                             strerror(errno));
}
