/* Where the networks are, and how they are opened. */

#include "inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const encoder_folder = "image_encoder_dinov2";
static const char *const maker_name = "partcrafter", *const cutter_name = "rmbg-1.4";

/* ---- Files ------------------------------------------------------------------------------------------------ */

static bool is_there(const char *folder, const char *name)
{
    char path[ENGINE_PATH_BYTES + 64];
    struct stat facts;
    const int length = snprintf(path, sizeof path, "%s%s%s", folder, name[0] != '\0' ? "/" : "", name);
    return length > 0 && (size_t)length < sizeof path && stat(path, &facts) == 0;
}

static lumen_status make_path(const char *models, const char *name, char out[ENGINE_PATH_BYTES], lumen_error *error)
{
    const int length = snprintf(out, ENGINE_PATH_BYTES, "%s/%s", models, name);
    return length > 0 && length < ENGINE_PATH_BYTES
               ? LUMEN_OK
               : lumen_fail(error, LUMEN_ERROR_INVALID, "the folder of models %.60s... has too long a name", models);
}

static bool is_single_file(const char *path)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(path), ending_length = sizeof ending - 1;
    return length > ending_length && strcmp(path + length - ending_length, ending) == 0;
}

/* SDXL Turbo may also be its single file; and the folder of models may be SDXL Turbo itself. False: it is not there. */
static bool find_painter(const engine_networks *all, char out[ENGINE_PATH_BYTES + 64])
{
    static const char *const singles[] = {"sd_xl_turbo_1.0_fp16.safetensors", "sd_xl_turbo_1.0.safetensors"};
    const char *const folders[] = {all->painter_path, all->models};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(out, ENGINE_PATH_BYTES + 64, "%s", folders[i]);
        if (is_there(folders[i], "unet"))
            return true;
    }
    if (is_single_file(all->models) && is_there(all->models, ""))
        return true; /* `out` */
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (is_there(all->painter_path, singles[i])) {
            snprintf(out, ENGINE_PATH_BYTES + 64, "%s/%s", all->painter_path, singles[i]);
            return true;
        }
    snprintf(out, ENGINE_PATH_BYTES + 64, "%s", all->painter_path);
    return false;
}

lumen_status networks_open(engine_networks *all, const partcrafter_engine_options *options, lumen_error *error)
{
    *all = (engine_networks){.options = *options};
    all->options.device = NULL;
    if (strlen(options->models) >= sizeof all->models)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the folder of models %.60s... has too long a name",
                          options->models);
    memcpy(all->models, options->models, strlen(options->models) + 1);
    all->options.models = all->models;
    lumen_status status = make_path(all->models, "sdxl-turbo", all->painter_path, error);
    if (status == LUMEN_OK)
        status = make_path(all->models, cutter_name, all->cutter_path, error);
    if (status == LUMEN_OK)
        status = make_path(all->models, maker_name, all->maker_path, error);
    if (status == LUMEN_OK && options->device != NULL && (all->options.device = strdup(options->device)) == NULL)
        status = lumen_fail_memory(error, "the engine partcrafter");
    return status;
}

/* What `lumen pull` calls the model whose files these are. */
static const char *const pulled[PARTCRAFTER_MODELS] = {[PARTCRAFTER_MODEL_CUTTER] = "rmbg-1.4",
                                                       [PARTCRAFTER_MODEL_ENCODER] = "partcrafter",
                                                       [PARTCRAFTER_MODEL_MAKER] = "partcrafter",
                                                       [PARTCRAFTER_MODEL_PAINTER] = "sdxl-turbo"};

static bool has_files(const engine_networks *all, partcrafter_model which)
{
    char painter[ENGINE_PATH_BYTES + 64];
    switch (which) {
    case PARTCRAFTER_MODEL_CUTTER: return is_there(all->cutter_path, "model.safetensors");
    case PARTCRAFTER_MODEL_ENCODER: return is_there(all->maker_path, encoder_folder);
    case PARTCRAFTER_MODEL_MAKER: return is_there(all->maker_path, "transformer") && is_there(all->maker_path, "vae");
    default: return find_painter(all, painter);
    }
}

lumen_status networks_check_one(const engine_networks *all, partcrafter_model which, lumen_error *error)
{
    static const char *const titles[PARTCRAFTER_MODELS] = {"RMBG-1.4", "DINOv2 (of PartCrafter)", "PartCrafter",
                                                           "SDXL Turbo"};
    return has_files(all, which)
               ? LUMEN_OK
               : lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "%s is not in %.200s; get it with: lumen pull %s",
                            titles[which], all->models, pulled[which]);
}

lumen_status networks_check(const engine_networks *all, lumen_error *error)
{
    static const partcrafter_model order[] = {PARTCRAFTER_MODEL_PAINTER, PARTCRAFTER_MODEL_CUTTER,
                                              PARTCRAFTER_MODEL_MAKER, PARTCRAFTER_MODEL_ENCODER};
    char missing[64] = "";
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (!has_files(all, order[i]) && strstr(missing, pulled[order[i]]) == NULL) {
            strcat(missing, " ");
            strcat(missing, pulled[order[i]]);
        }
    if (missing[0] == '\0')
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                      "the engine partcrafter lacks weights in %.150s; get them with: lumen pull%s", all->models,
                      missing);
}

/* ---- The networks with contexts of their own -------------------------------------------------------------- */

/* Contexts outlive the request that opens them. */
static bool report(void *user, const char *stage, double fraction)
{
    const engine_networks *all = user;
    return all->progress == NULL || progress_report(all->progress, stage, fraction);
}

operators_options files_context(engine_networks *all, size_t arena_bytes)
{
    return (operators_options){.device = all->options.device,
                               .threads = all->options.threads,
                               .type = all->options.type,
                               .arena_bytes = arena_bytes,
                               .allow = all->options.allow,
                               .allow_user = all->options.allow_user,
                               .progress = report,
                               .progress_user = all};
}

/* As many channels as the file's tensor NAME has for its first size. */
static void measure_channels(const weight_source *from, const char *name, size_t *out)
{
    tensor view;
    if (from->find(from->user, name, 4, NULL, &view, NULL) != LUMEN_OK)
        return; /* loading says what is missing */
    if (view.rank == 4)
        *out = view.sizes[0];
    from->forget(from->user, &view);
}

isnet_config files_cutter_config(const engine_networks *all)
{
    const weight_source *from = weight_file_source(all->cutter.file);
    isnet_config config = isnet_default();
    char name[LAYER_NAME_BYTES];
    measure_channels(from, "conv_in.weight", &config.first);
    for (size_t i = 0; i < 2 * ISNET_STAGES - 1; i++) {
        const bool down = i < ISNET_STAGES;
        const size_t stage = down ? i : i - ISNET_STAGES;
        isnet_widths *widths = down ? &config.down[stage] : &config.up[stage];
        layer_name(name, "stage%zu%s.rebnconvin.conv_s1.weight", stage + 1, down ? "" : "d");
        measure_channels(from, name, &widths->out);
        layer_name(name, "stage%zu%s.rebnconv1.conv_s1.weight", stage + 1, down ? "" : "d");
        measure_channels(from, name, &widths->middle);
    }
    return config;
}

static layer_loader loader_of(const engine_networks *all, const small_network *network, const char *title, bool load,
                              size_t expected, lumen_error *error)
{
    return (layer_loader){.from = weight_file_source(network->file),
                          .run = load ? network->run : NULL,
                          .network = title,
                          .type = all->measures.type,
                          .expected = expected,
                          .error = error};
}

lumen_status files_read_cutter(engine_networks *all, bool load, size_t *bytes, lumen_error *error)
{
    layer_loader in = loader_of(all, &all->cutter, "mask", load, all->measures.cutter_weights, error);
    lumen_status status = isnet_load(&all->measures.cutter_config, &in, &all->cutter_layers);
    *bytes = in.bytes;
    return status;
}

lumen_status files_read_encoder(engine_networks *all, bool load, size_t *bytes, lumen_error *error)
{
    layer_loader in = loader_of(all, &all->encoder, "image encoder", load, all->measures.encoder_weights, error);
    lumen_status status = dinov2_load(&all->measures.encoder_config, &in, &all->encoder_layers);
    *bytes = in.bytes;
    return status;
}

lumen_status files_open_cutter(engine_networks *all, lumen_error *error)
{
    return weight_file_open(all->cutter_path, "", cutter_name, all->measures.type, &all->cutter.file, error);
}

lumen_status files_open_encoder(engine_networks *all, lumen_error *error)
{
    return weight_file_open(all->maker_path, encoder_folder, maker_name, all->measures.type, &all->encoder.file, error);
}

/* ---- The models -------------------------------------------------------------------------------------------- */

lumen_status files_open_painter(engine_networks *all, lumen_error *error)
{
    char path[ENGINE_PATH_BYTES + 64];
    find_painter(all, path);
    const sdxl_turbo_options how = {.path = path,
                                    .device = all->options.device,
                                    .threads = all->options.threads,
                                    .type = all->options.type,
                                    .low_memory = all->holding == PARTCRAFTER_HOLDS_PIECE,
                                    .trust_memory = true,
                                    .allow = all->options.allow,
                                    .allow_user = all->options.allow_user};
    return sdxl_turbo_open(&how, &all->painter, error);
}

lumen_status files_open_maker(engine_networks *all, lumen_error *error)
{
    const partcrafter_options how = {.path = all->maker_path,
                                     .device = all->options.device,
                                     .threads = all->options.threads,
                                     .type = all->options.type,
                                     .low_memory = all->holding != PARTCRAFTER_HOLDS_ALL,
                                     .trust_memory = true,
                                     .allow = all->options.allow,
                                     .allow_user = all->options.allow_user};
    return partcrafter_open(&how, &all->maker, error);
}
