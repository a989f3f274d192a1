#include "networks/weight_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tensor/safetensors.h"

enum { PATH_BYTES = 4096 };

struct weight_file {
    char folder[PATH_BYTES]; /* of this network */
    safetensors *tensors;
    weight_source source;
};

static bool is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

static lumen_status find(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                         lumen_error *error)
{
    const weight_file *file = user;
    (void)rank;
    (void)sizes;
    return safetensors_find(file->tensors, name, out, error);
}

static void forget(void *user, const tensor *view)
{
    const weight_file *file = user;
    safetensors_forget(file->tensors, view);
}

/* Halves first, for networks that round them anyway. */
static lumen_status open_tensors(weight_file *file, const char *network, const char *model, tensor_type type,
                                 lumen_error *error)
{
    static const char *const stems[] = {"diffusion_pytorch_model", "model"};
    static const char *const half_endings[] = {".fp16.safetensors", ".safetensors", ".safetensors.index.json",
                                               ".fp16.safetensors.index.json"};
    static const char *const full_endings[] = {".safetensors", ".safetensors.index.json", ".fp16.safetensors",
                                               ".fp16.safetensors.index.json"};
    const char *const *endings = type == TENSOR_F32 ? full_endings : half_endings;
    for (size_t i = 0; i < 4; i++)
        for (size_t stem = 0; stem < sizeof stems / sizeof *stems; stem++) {
            char path[PATH_BYTES + 96];
            snprintf(path, sizeof path, "%s/%s%s", file->folder, stems[stem], endings[i]);
            if (is_file(path))
                return safetensors_open(path, &file->tensors, error);
        }
    const size_t length = strlen(file->folder);
    if (network[0] == '\0' && length > 12 && strcmp(file->folder + length - 12, ".safetensors") == 0)
        return safetensors_open(file->folder, &file->tensors, error);
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "%.200s holds no weights of %s; get them with: lumen pull %s",
                      file->folder, network[0] != '\0' ? network : model, model);
}

lumen_status weight_file_open(const char *folder, const char *network, const char *model, tensor_type type,
                              weight_file **out, lumen_error *error)
{
    *out = NULL;
    weight_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return lumen_fail_memory(error, folder);
    file->source = (weight_source){.find = find, .forget = forget, .user = file};
    int length = snprintf(file->folder, sizeof file->folder, "%s%s%s", folder, network[0] != '\0' ? "/" : "", network);
    lumen_status status;
    if (length < 0 || (size_t)length >= sizeof file->folder)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "the path %.60s... is too long; shorten it", folder);
    else
        status = open_tensors(file, network, model, type, error);
    if (status == LUMEN_OK) {
        file->source.path = safetensors_path(file->tensors);
        *out = file;
    } else {
        weight_file_close(file);
    }
    return status;
}

void weight_file_close(weight_file *file)
{
    if (file == NULL)
        return;
    safetensors_close(file->tensors);
    free(file);
}

const weight_source *weight_file_source(const weight_file *file)
{
    return &file->source;
}

lumen_status weight_file_configuration(const weight_file *file, configuration **out, lumen_error *error)
{
    char path[PATH_BYTES + 16];
    *out = NULL;
    snprintf(path, sizeof path, "%s/config.json", file->folder);
    return is_file(path) ? configuration_open(path, out, error) : LUMEN_OK;
}
