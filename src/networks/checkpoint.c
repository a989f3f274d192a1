#include "networks/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tensor/safetensors.h"

enum { PATH_BYTES = 4096 };

typedef struct part_source {
    const struct checkpoint *owner;
    checkpoint_part part;
    safetensors *file; /* of a folder; NULL: the single one */
    weight_source source;
    void *turned; /* a tensor that had to be transposed; owned */
} part_source;

struct checkpoint {
    char path[PATH_BYTES]; /* of the folder */
    safetensors *single;   /* NULL: a folder */
    part_source parts[CHECKPOINT_PARTS];
};

static const char *const folder_names[CHECKPOINT_PARTS] = {"text_encoder", "text_encoder_2", "unet", "vae"};

const char *checkpoint_folder_name(checkpoint_part part)
{
    return folder_names[part];
}

bool checkpoint_is_single(const checkpoint *files)
{
    return files->single != NULL;
}

/* ---- Finding tensors ------------------------------------------------------------------------------------- */

/* Older exports of the VAE call the layers of its attention otherwise. */
static bool older_name(const char *name, char out[LAYER_NAME_BYTES])
{
    static const char *const newer[] = {".to_q.", ".to_k.", ".to_v.", ".to_out.0."};
    static const char *const older[] = {".query.", ".key.", ".value.", ".proj_attn."};
    for (size_t i = 0; i < 4; i++) {
        const char *found = strstr(name, newer[i]);
        if (found != NULL) {
            layer_name(out, "%.*s%s%s", (int)(found - name), name, older[i], found + strlen(newer[i]));
            return true;
        }
    }
    return false;
}

static lumen_status find_in_folder(part_source *part, const char *name, tensor *out, lumen_error *error)
{
    char older[LAYER_NAME_BYTES];
    if (part->part == CHECKPOINT_VAE && !safetensors_has(part->file, name) && older_name(name, older))
        return safetensors_find(part->file, older, out, error);
    return safetensors_find(part->file, name, out, error);
}

/* (in, out) -> (out, in), in memory of our own. */
static lumen_status transpose(part_source *part, tensor *x, lumen_error *error)
{
    const size_t rows = x->sizes[0], columns = x->sizes[1], element = tensor_type_bytes(x->type);
    char *turned = x->rank == 2 ? malloc(tensor_bytes(x)) : NULL;
    if (x->rank != 2)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the text projection of the single file is no matrix; pull it again");
    if (turned == NULL)
        return lumen_fail_memory(error, "the text projection");
    const char *from = x->data;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            memcpy(turned + (column * rows + row) * element, from + (row * columns + column) * element, element);
    free(part->turned);
    part->turned = turned;
    *x = tensor_make(x->type, 2, (size_t[]){columns, rows}, turned);
    return LUMEN_OK;
}

static lumen_status find_in_single(part_source *part, const char *name, tensor *out, lumen_error *error)
{
    checkpoint_single_name place;
    if (!checkpoint_map_name(part->part, name, &place))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%s has no place in a single file; use the folder of the model instead", name);
    lumen_status status = safetensors_find(part->owner->single, place.name, out, error);
    if (status != LUMEN_OK || (place.slices == 1 && !place.transposed))
        return status;
    if (place.transposed)
        return transpose(part, out, error);
    if (out->rank == 0 || out->sizes[0] % place.slices != 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%s: its rows are not %u equal parts; pull the file again",
                          place.name, place.slices);
    out->sizes[0] /= place.slices;
    out->data = (char *)out->data + place.slice * tensor_bytes(out);
    return LUMEN_OK;
}

static lumen_status find(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                         lumen_error *error)
{
    part_source *part = user;
    (void)rank;
    (void)sizes;
    return part->file != NULL ? find_in_folder(part, name, out, error) : find_in_single(part, name, out, error);
}

static void forget(void *user, const tensor *view)
{
    part_source *part = user;
    if (view->data == part->turned) {
        free(part->turned);
        part->turned = NULL;
    } else {
        safetensors_forget(part->file != NULL ? part->file : part->owner->single, view);
    }
}

const weight_source *checkpoint_part_of(const checkpoint *files, checkpoint_part part)
{
    return &files->parts[part].source;
}

/* ---- Files ----------------------------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

bool checkpoint_file(const checkpoint *files, const char *name, char *out, size_t capacity)
{
    int length = snprintf(out, capacity, "%s/%s", files->path, name);
    return length > 0 && (size_t)length < capacity && is_file(out);
}

lumen_status checkpoint_configuration(const checkpoint *files, const char *folder, configuration **out,
                                      lumen_error *error)
{
    char name[64], path[PATH_BYTES + 64];
    *out = NULL;
    if (files->single != NULL)
        return LUMEN_OK;
    snprintf(name, sizeof name, "%s/%s", folder,
             strcmp(folder, "scheduler") == 0 ? "scheduler_config.json" : "config.json");
    return checkpoint_file(files, name, path, sizeof path) ? configuration_open(path, out, error) : LUMEN_OK;
}

/* The weights of a part: halves first, for networks that round them anyway. */
static lumen_status open_part(checkpoint *files, checkpoint_part part, tensor_type type, lumen_error *error)
{
    static const char *const half_endings[] = {".fp16.safetensors", ".safetensors", ".safetensors.index.json",
                                               ".fp16.safetensors.index.json"};
    static const char *const full_endings[] = {".safetensors", ".safetensors.index.json", ".fp16.safetensors",
                                               ".fp16.safetensors.index.json"};
    const char *const *endings = type == TENSOR_F32 ? full_endings : half_endings;
    const char *stem = part == CHECKPOINT_UNET || part == CHECKPOINT_VAE ? "diffusion_pytorch_model" : "model";
    for (size_t i = 0; i < 4; i++) {
        char name[96], path[PATH_BYTES + 96];
        snprintf(name, sizeof name, "%s/%s%s", folder_names[part], stem, endings[i]);
        if (checkpoint_file(files, name, path, sizeof path))
            return safetensors_open(path, &files->parts[part].file, error);
    }
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                      "%.200s/%s holds no %s.fp16.safetensors; get it with: lumen pull sdxl-turbo", files->path,
                      folder_names[part], stem);
}

static lumen_status open_files(checkpoint *files, const char *path, tensor_type type, lumen_error *error)
{
    size_t length = strlen(path);
    if (length >= sizeof files->path)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the path %.60s... is too long; shorten it", path);
    memcpy(files->path, path, length + 1);
    if (length > 12 && strcmp(path + length - 12, ".safetensors") == 0) {
        char *slash = strrchr(files->path, '/');
        if (slash != NULL)
            *slash = '\0';
        else
            memcpy(files->path, ".", 2);
        return safetensors_open(path, &files->single, error);
    }
    lumen_status status = LUMEN_OK;
    for (int part = 0; part < CHECKPOINT_PARTS && status == LUMEN_OK; part++)
        status = open_part(files, (checkpoint_part)part, type, error);
    return status;
}

lumen_status checkpoint_open(const char *path, tensor_type type, checkpoint **out, lumen_error *error)
{
    *out = NULL;
    checkpoint *files = calloc(1, sizeof *files);
    if (files == NULL)
        return lumen_fail_memory(error, path);
    for (int i = 0; i < CHECKPOINT_PARTS; i++) {
        part_source *part = &files->parts[i];
        *part = (part_source){.owner = files, .part = (checkpoint_part)i};
        part->source = (weight_source){.find = find, .forget = forget, .user = part};
    }
    lumen_status status = open_files(files, path, type, error);
    for (int i = 0; i < CHECKPOINT_PARTS && status == LUMEN_OK; i++) {
        part_source *part = &files->parts[i];
        part->source.path = safetensors_path(part->file != NULL ? part->file : files->single);
    }
    if (status == LUMEN_OK)
        *out = files;
    else
        checkpoint_close(files);
    return status;
}

void checkpoint_close(checkpoint *files)
{
    if (files == NULL)
        return;
    for (int i = 0; i < CHECKPOINT_PARTS; i++) {
        safetensors_close(files->parts[i].file);
        free(files->parts[i].turned);
    }
    safetensors_close(files->single);
    free(files);
}
