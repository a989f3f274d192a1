/* The networks that read pictures, of bench_networks; see networks.c. */

#include "networks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "networks/dinov2.h"
#include "networks/isnet.h"
#include "networks/weight_file.h"

static isnet mask_network;
static dinov2 image_encoder;

static bool is_mask(const job *work)
{
    return strcmp(work->settings.part, "rmbg") == 0;
}

/* RMBG-1.4 is a folder of its own, the image encoder one of PartCrafter's. */
static lumen_status load(job *work)
{
    const isnet_config masks = isnet_default();
    const dinov2_config images = dinov2_default();
    weight_file *file;
    lumen_status status =
        weight_file_open(work->settings.model, is_mask(work) ? "" : "image_encoder_dinov2",
                         is_mask(work) ? "rmbg-1.4" : "partcrafter", operators_type(work->run), &file, &work->error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    layer_loader in = {.from = weight_file_source(file),
                       .run = work->run,
                       .network = work->settings.part,
                       .type = operators_type(work->run),
                       .error = &work->error};
    status = is_mask(work) ? isnet_load(&masks, &in, &mask_network) : dinov2_load(&images, &in, &image_encoder);
    work->load = clock_seconds_between(began, clock_now_ns());
    weight_file_close(file);
    return status;
}

/* (3, H, W) -> rows of patches, each (color, row, column). The caller frees. */
static float *input_patches(job *work)
{
    tensor x;
    const float *from = input(work, "pixels", &x);
    const size_t side = image_encoder.config.cropped, patch = image_encoder.config.patch, grid = side / patch;
    float *patches = malloc(tensor_bytes(&x)), *to = patches;
    if (patches == NULL || x.rank != 3 || x.sizes[0] != 3 || x.sizes[1] != side || x.sizes[2] != side) {
        fprintf(stderr, "pixels are not (3, %zu, %zu)\n", side, side);
        exit(1);
    }
    for (size_t index = 0; index < grid * grid; index++)
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < patch * patch; i++) {
                const size_t row = index / grid * patch + i / patch, column = index % grid * patch + i % patch;
                memcpy(to++, from + (c * side + row) * side + column, sizeof *to);
            }
    return patches;
}

static lumen_status run_once(job *work, bool last)
{
    if (is_mask(work)) {
        tensor picture = input_picture(work, "picture");
        tensor map = isnet_forward(work->run, &mask_network, &picture);
        if (last)
            put(work, &map);
    } else {
        float *patches = input_patches(work);
        tensor tokens = dinov2_forward(work->run, &image_encoder, patches);
        if (last)
            put(work, &tokens);
        free(patches);
    }
    return operators_status(work->run, &work->error);
}

static lumen_status run_all(job *work)
{
    lumen_status status = load(work);
    for (unsigned i = 0; i < work->settings.repeat && status == LUMEN_OK; i++) {
        const size_t mark = operators_mark(work->run);
        const bool last = i + 1 == work->settings.repeat;
        const uint64_t began = clock_now_ns();
        if (last)
            operators_reset_costs(work->run);
        status = run_once(work, last);
        work->seconds[i] = clock_seconds_between(began, clock_now_ns());
        operators_release(work->run, mark);
    }
    if (status == LUMEN_OK) {
        report(work, work->run, operators_weight_bytes(work->run));
        printf("}\n");
    }
    return status;
}

bool is_part_of_pictures(const char *part)
{
    return strcmp(part, "rmbg") == 0 || strcmp(part, "dino") == 0;
}

lumen_status run_pictures(job *work)
{
    const operators_options options = {.device = work->settings.device,
                                       .threads = work->settings.threads,
                                       .type = work->settings.type,
                                       .arena_bytes = (size_t)2 << 30};
    lumen_status status = operators_open(&options, &work->run, &work->error);
    if (status == LUMEN_OK)
        status = run_all(work);
    operators_close(work->run);
    return status;
}
