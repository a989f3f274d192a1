#include "networks/rmbg.h"

#include <math.h>
#include <stdlib.h>

#include "networks/weight_file.h"
#include "picture/resample.h"

enum { COLORS = 3 };

struct rmbg {
    weight_file *file;
    operators *run;
    size_t weight_bytes;
    bool loaded;
    isnet network;
};

void rmbg_cut_free(rmbg_cut *cut)
{
    picture_free(&cut->picture);
    cutout_mask_free(&cut->mask);
}

/* ---- Opening ----------------------------------------------------------------------------------------------- */

static lumen_status load(rmbg *model, operators *run, lumen_error *error)
{
    const isnet_config config = isnet_default();
    layer_loader in = {.from = weight_file_source(model->file),
                       .run = run,
                       .network = "mask",
                       .type = operators_type(model->run),
                       .expected = model->weight_bytes,
                       .error = error};
    lumen_status status = isnet_load(&config, &in, &model->network);
    model->weight_bytes = in.bytes;
    return status;
}

lumen_status rmbg_open(const rmbg_options *options, rmbg **out, lumen_error *error)
{
    const operators_options how = {.device = options->device,
                                   .threads = options->threads,
                                   .type = options->type,
                                   .arena_bytes = (size_t)2 << 30,
                                   .progress = options->progress,
                                   .progress_user = options->progress_user,
                                   .allow = options->allow,
                                   .allow_user = options->allow_user};
    *out = NULL;
    rmbg *model = calloc(1, sizeof *model);
    if (model == NULL)
        return lumen_fail_memory(error, "the network that cuts out");
    lumen_status status = operators_open(&how, &model->run, error);
    if (status == LUMEN_OK)
        status = weight_file_open(options->path, "", "rmbg-1.4", operators_type(model->run), &model->file, error);
    if (status == LUMEN_OK)
        status = load(model, NULL, error);
    if (status == LUMEN_OK)
        *out = model;
    else
        rmbg_close(model);
    return status;
}

void rmbg_close(rmbg *model)
{
    if (model == NULL)
        return;
    operators_close(model->run);
    weight_file_close(model->file);
    free(model);
}

const operators *rmbg_operators(const rmbg *model)
{
    return model->run;
}

/* ---- The network -------------------------------------------------------------------------------------------- */

/* values (side, side, 3) -> map (side, side) in place, 0 to 1: the network's own at half the size, enlarged, and only
 * then made probabilities. */
static lumen_status run_network(operators *run, const isnet *network, float *values, lumen_error *error)
{
    const size_t side = ISNET_SIZE, mark = operators_mark(run);
    const resample_request enlarge = {.filter = RESAMPLE_TRIANGLE, .width = side, .height = side};
    const tensor host = tensor_make(TENSOR_F32, 4, (size_t[]){1, side, side, COLORS}, values);
    operators_clear(run);
    tensor x = op_from(run, &host);
    tensor map = isnet_forward(run, network, &x);
    lumen_status status = operators_status(run, error);
    float *half = NULL;
    if (status == LUMEN_OK) {
        half = operators_may_take(run, tensor_count(&map) * sizeof *half) ? malloc(tensor_count(&map) * sizeof *half)
                                                                          : NULL;
        if (half == NULL)
            status = lumen_fail_memory(error, "a map of what a picture shows");
    }
    if (status == LUMEN_OK) {
        op_to_f32(run, &map, half);
        status = resample_floats(half, map.sizes[2], map.sizes[1], 1, &enlarge, values, error);
    }
    for (size_t i = 0; status == LUMEN_OK && i < side * side; i++)
        values[i] = 1.0f / (1.0f + expf(-values[i]));
    free(half);
    operators_release(run, mark);
    return status;
}

static lumen_status mask_by_network(operators *run, const isnet *network, const picture_image *picture,
                                    cutout_mask *out, lumen_error *error)
{
    const size_t side = ISNET_SIZE, bytes = side * side * COLORS * sizeof(float);
    float *values = operators_may_take(run, bytes) ? malloc(bytes) : NULL;
    if (values == NULL)
        return lumen_fail_memory(error, "the picture for the network");
    lumen_status status = cutout_input(picture, side, values, error);
    if (status == LUMEN_OK)
        status = run_network(run, network, values, error);
    if (status == LUMEN_OK)
        status = cutout_mask_of_map(values, side, side, picture->width, picture->height, out, error);
    free(values);
    return status;
}

lumen_status rmbg_cut_out_with(operators *run, const isnet *network, picture_photograph *photograph, rmbg_cut *out,
                               lumen_error *error)
{
    *out = (rmbg_cut){0};
    lumen_status status = cutout_reduce(photograph, error);
    if (status == LUMEN_OK)
        status = cutout_alpha_tells(photograph) ? cutout_mask_of_alpha(photograph, &out->mask, error)
                                                : mask_by_network(run, network, &photograph->color, &out->mask, error);
    if (status == LUMEN_OK)
        status = cutout_compose(&photograph->color, &out->mask, &out->picture, error);
    if (status != LUMEN_OK)
        rmbg_cut_free(out);
    return status;
}

lumen_status rmbg_cut_out(rmbg *model, picture_photograph *photograph, rmbg_cut *out, lumen_error *error)
{
    *out = (rmbg_cut){0};
    lumen_status status = cutout_reduce(photograph, error);
    if (status == LUMEN_OK && !model->loaded && !cutout_alpha_tells(photograph)) {
        status = load(model, model->run, error);
        model->loaded = status == LUMEN_OK;
        if (!model->loaded)
            operators_unload(model->run); /* half a network */
    }
    return status == LUMEN_OK ? rmbg_cut_out_with(model->run, &model->network, photograph, out, error) : status;
}
