/*
 * The picture of one shape, in three passes:
 *
 *   1. at one place per pixel (in large pictures, per four pixels: light changes slowly), find the visible
 *      surface and gather the light that arrives there;
 *   2. gather the light on the ground, on a coarse grid of its own;
 *   3. band by band, find the visible triangle at several places per pixel, shade each triangle once per
 *      pixel with the light of pass 1, and average in linear light.
 */
#include "picture/render.h"

#include "base/error.h"
#include "picture/light.h"
#include "picture/raster.h"

#include <math.h>

enum {
    BAND_ROWS = 16,      /* rows of pixels that pass 3 holds at once */
    SAMPLES_MAX = 4,     /* places per pixel and axis */
    LARGE_PICTURE = 400, /* pixels; above this, 3 places do */
    GROUND_CELLS = 128,
};

/* How far the light on the ground reaches, in radii of the scene. */
static const float GROUND_REACH = 2.8f;

/* What pass 1 knows about a pixel whose middle shows a surface. */
typedef struct surface {
    vec3 position;
    vec3 normal;
} surface;

typedef struct drawing {
    const render_target *target;
    scene content;
    camera view;
    light_rig *rig;
    arena *scratch;
    color_decoder decoder;
    color_encoder encoder;

    /* (V) pixel coordinates and one over the distance */
    float *screen_x, *screen_y, *screen_depth;

    /* Pass 1: a grid of places `coarse` pixels apart, and for each the index of its surface, or -1. */
    uint32_t coarse, lit_width, lit_height;
    int32_t *lit;
    vec3 *lit_positions, *lit_normals;
    light_sample *lit_samples;
    float reach; /* surfaces further apart than this do not share light */

    /* Pass 2: (GROUND_CELLS + 1, GROUND_CELLS + 1) share of the light that reaches the ground. */
    vec3 ground_center;
    float ground_extent;
    float *ground;

    /* Pass 3: the triangles of each band. */
    uint32_t samples, bands;
    uint32_t *band_starts; /* (bands + 1) */
    uint32_t *band_triangles;
    raster_vertex *fine; /* (V) on the grid of samples */
} drawing;

/* ---- Projection ------------------------------------------------------------------------------------- */

static bool project(drawing *work)
{
    size_t count = work->content.vertex_count;
    work->screen_x = arena_array(work->scratch, float, count);
    work->screen_y = arena_array(work->scratch, float, count);
    work->screen_depth = arena_array(work->scratch, float, count);
    if (work->screen_x == NULL || work->screen_y == NULL || work->screen_depth == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        camera_project(&work->view, work->content.positions[i], &work->screen_x[i], &work->screen_y[i],
                       &work->screen_depth[i]);
    return true;
}

/* The vertices on a grid with `samples` places per pixel and axis. */
static raster_vertex *place_on_grid(const drawing *work, float samples)
{
    raster_vertex *vertices = arena_array(work->scratch, raster_vertex, work->content.vertex_count);
    for (size_t i = 0; vertices != NULL && i < work->content.vertex_count; i++)
        vertices[i] =
            (raster_vertex){(int32_t)lrintf(work->screen_x[i] * samples * (float)RASTER_UNIT),
                            (int32_t)lrintf(work->screen_y[i] * samples * (float)RASTER_UNIT), work->screen_depth[i]};
    return vertices;
}

/* Weights of the corners of a triangle at a place of the picture. Straight on the screen: the triangles are
 * small and the perspective mild, so that the difference cannot be seen. */
static vec3 corner_weights(const drawing *work, const uint32_t *triangle, float x, float y)
{
    uint32_t a = triangle[0], b = triangle[1], c = triangle[2];
    float bx = work->screen_x[b] - work->screen_x[a], by = work->screen_y[b] - work->screen_y[a];
    float cx = work->screen_x[c] - work->screen_x[a], cy = work->screen_y[c] - work->screen_y[a];
    float px = x - work->screen_x[a], py = y - work->screen_y[a];
    float area = bx * cy - by * cx;
    if (fabsf(area) < 1e-9f)
        return vec3_make(1.0f, 0.0f, 0.0f);
    float to_b = float_clamp((px * cy - py * cx) / area, 0.0f, 1.0f);
    float to_c = float_clamp((bx * py - by * px) / area, 0.0f, 1.0f - to_b);
    return vec3_make(1.0f - to_b - to_c, to_b, to_c);
}

static vec3 interpolate(const vec3 *values, const uint32_t *triangle, vec3 weights)
{
    return vec3_add(vec3_add(vec3_scale(values[triangle[0]], weights.x), vec3_scale(values[triangle[1]], weights.y)),
                    vec3_scale(values[triangle[2]], weights.z));
}

static surface surface_at(const drawing *work, const uint32_t *triangle, vec3 weights)
{
    vec3 toward = vec3_scale(work->view.forward, -1.0f);
    return (surface){interpolate(work->content.positions, triangle, weights),
                     vec3_normalize(interpolate(work->content.normals, triangle, weights), toward)};
}

/* ---- Pass 1: light on the shape ----------------------------------------------------------------------- */

static bool light_surfaces(drawing *work)
{
    work->coarse = work->target->width > LARGE_PICTURE ? 2 : 1;
    work->lit_width = (work->target->width + work->coarse - 1) / work->coarse;
    work->lit_height = (work->target->height + work->coarse - 1) / work->coarse;
    size_t places = (size_t)work->lit_width * work->lit_height;
    work->lit = arena_array(work->scratch, int32_t, places);
    raster_grid grid = {(int32_t)work->lit_width, 0, (int32_t)work->lit_height,
                        arena_array(work->scratch, float, places), arena_array(work->scratch, uint32_t, places)};
    raster_vertex *vertices = place_on_grid(work, 1.0f / (float)work->coarse);
    if (work->lit == NULL || grid.depth == NULL || grid.ids == NULL || vertices == NULL)
        return false;
    raster_clear(&grid);
    raster_triangles(&grid, vertices, work->content.triangles, work->content.triangle_count);

    size_t count = 0;
    for (size_t i = 0; i < places; i++)
        work->lit[i] = grid.ids[i] == RASTER_NOTHING ? -1 : (int32_t)count++;
    work->lit_positions = arena_array(work->scratch, vec3, count);
    work->lit_normals = arena_array(work->scratch, vec3, count);
    work->lit_samples = arena_array(work->scratch, light_sample, count);
    if (work->lit_positions == NULL || work->lit_normals == NULL || work->lit_samples == NULL)
        return false;
    for (size_t i = 0; i < places; i++) {
        if (work->lit[i] < 0)
            continue;
        const uint32_t *triangle = work->content.triangles + 3 * (size_t)grid.ids[i];
        float x = ((float)(i % work->lit_width) + 0.5f) * (float)work->coarse;
        float y = ((float)(i / work->lit_width) + 0.5f) * (float)work->coarse;
        surface found = surface_at(work, triangle, corner_weights(work, triangle, x, y));
        work->lit_positions[work->lit[i]] = found.position;
        work->lit_normals[work->lit[i]] = found.normal;
    }
    light_gather(work->rig, count, work->lit_positions, work->lit_normals, work->lit_samples);
    return true;
}

/* The light at a place on the picture: from those of the four places around it that show the same surface, or,
 * where something is finer than their distance, gathered for itself. */
static light_sample light_at(const drawing *work, float x, float y, const surface *place)
{
    x = x / (float)work->coarse - 0.5f;
    y = y / (float)work->coarse - 0.5f;
    float left = floorf(x), top = floorf(y);
    float right_share = x - left, down_share = y - top;
    light_sample sum = {0};
    float total = 0.0f;
    for (int corner = 0; corner < 4; corner++) {
        int32_t column = (int32_t)left + (corner & 1), row = (int32_t)top + (corner >> 1);
        if (column < 0 || row < 0 || column >= (int32_t)work->lit_width || row >= (int32_t)work->lit_height)
            continue;
        int32_t index = work->lit[(size_t)row * work->lit_width + (size_t)column];
        if (index < 0)
            continue;
        vec3 apart = vec3_subtract(work->lit_positions[index], place->position);
        float alike = vec3_dot(work->lit_normals[index], place->normal) - 0.6f;
        if (alike <= 0.0f || vec3_dot(apart, apart) > work->reach * work->reach)
            continue;
        float share = (corner & 1 ? right_share : 1.0f - right_share) * (corner >> 1 ? down_share : 1.0f - down_share);
        float weight = alike * (share + 1e-3f);
        sum.diffuse = vec3_add(sum.diffuse, vec3_scale(work->lit_samples[index].diffuse, weight));
        sum.key += work->lit_samples[index].key * weight;
        total += weight;
    }
    if (total > 0.0f)
        return (light_sample){vec3_scale(sum.diffuse, 1.0f / total), sum.key / total};
    light_gather(work->rig, 1, &place->position, &place->normal, &sum);
    return sum;
}

/* ---- Pass 2: light on the ground ----------------------------------------------------------------------- */

static bool light_ground(drawing *work)
{
    enum { SIDE = GROUND_CELLS + 1, COUNT = SIDE * SIDE };
    vec3 up = vec3_make(0.0f, 1.0f, 0.0f);
    vec3 size = vec3_subtract(work->content.high, work->content.low);
    work->ground_center = vec3_mix(work->content.low, work->content.high, 0.5f);
    work->ground_center.y = work->content.low.y;
    work->ground_extent = GROUND_REACH * fmaxf(0.5f * vec3_length(size), 1e-3f);
    work->ground = arena_array(work->scratch, float, COUNT);
    vec3 *positions = arena_array(work->scratch, vec3, COUNT);
    vec3 *normals = arena_array(work->scratch, vec3, COUNT);
    light_sample *samples = arena_array(work->scratch, light_sample, COUNT);
    if (work->ground == NULL || positions == NULL || normals == NULL || samples == NULL)
        return false;
    for (int i = 0; i < COUNT; i++) {
        float x = ((float)(i % SIDE) / (float)GROUND_CELLS * 2.0f - 1.0f) * work->ground_extent;
        float z = ((float)(i / SIDE) / (float)GROUND_CELLS * 2.0f - 1.0f) * work->ground_extent;
        positions[i] = vec3_add(work->ground_center, vec3_make(x, 0.0f, z));
        normals[i] = up;
    }
    light_gather(work->rig, COUNT, positions, normals, samples);
    float all = light_unshadowed(work->rig, up).y;
    for (int i = 0; i < COUNT; i++)
        work->ground[i] = samples[i].diffuse.y / all;
    return true;
}

/* The share of the light that reaches a place of the ground, given in [-1, 1] of its extent. */
static float ground_light(const drawing *work, float x, float z)
{
    float column = float_clamp((x * 0.5f + 0.5f) * (float)GROUND_CELLS, 0.0f, (float)GROUND_CELLS - 0.01f);
    float row = float_clamp((z * 0.5f + 0.5f) * (float)GROUND_CELLS, 0.0f, (float)GROUND_CELLS - 0.01f);
    size_t left = (size_t)column, top = (size_t)row;
    float right_share = column - (float)left, down_share = row - (float)top;
    const float *at = work->ground + top * (GROUND_CELLS + 1) + left;
    float above = at[0] + (at[1] - at[0]) * right_share;
    at += GROUND_CELLS + 1;
    float below = at[0] + (at[1] - at[0]) * right_share;
    return above + (below - above) * down_share;
}

/* ---- Background ---------------------------------------------------------------------------------------- */

/* Linear light behind the shape: night blue, a glow around the shape, and a pool of light on the ground. */
static vec3 background(const drawing *work, float x, float y)
{
    static const vec3 night = {0.0024f, 0.0031f, 0.0075f};
    static const vec3 glow = {0.0085f, 0.0150f, 0.0440f}, pool = {0.0420f, 0.0540f, 0.0980f};
    const camera_frame *content = &work->target->content;
    float width = (float)work->target->width, height = (float)work->target->height;

    float across = (x - 0.5f * width) / (0.66f * width);
    float along = (y - (content->y + 0.45f * content->height)) / (0.66f * height);
    float near = fmaxf(1.0f - across * across - along * along, 0.0f);
    vec3 color = vec3_add(night, vec3_scale(glow, near * near));
    /* It darkens toward the lower edge, where captions stand. */
    float below = float_clamp((y - content->y - content->height) / (height - content->y - content->height), 0.0f, 1.0f);
    float dim = 1.0f - 0.65f * below * (2.0f - below);

    vec3 ray = camera_ray(&work->view, x, y);
    if (ray.y >= -1e-4f)
        return color;
    float distance = (work->ground_center.y - work->view.eye.y) / ray.y;
    vec3 place = vec3_subtract(vec3_add(work->view.eye, vec3_scale(ray, distance)), work->ground_center);
    float ground_x = place.x / work->ground_extent, ground_z = place.z / work->ground_extent;
    float inside = 1.0f - ground_x * ground_x - ground_z * ground_z;
    if (inside <= 0.0f)
        return color;
    float share = ground_light(work, ground_x, ground_z);
    float fade = inside * inside * inside;
    color = vec3_scale(color, 1.0f - 0.9f * (1.0f - share) * fminf(3.0f * fade, 1.0f));
    return vec3_add(color, vec3_scale(pool, fade * fade * fade * share * dim));
}

/* Linear light of what the image shows already. */
static vec3 picture_below(const drawing *work, uint32_t column, uint32_t row)
{
    const picture_image *image = work->target->image;
    size_t place = (size_t)(work->target->y + row) * image->width + work->target->x + column;
    const uint8_t *pixel = image->pixels + 3 * place;
    return vec3_make(work->decoder.linear[pixel[0]], work->decoder.linear[pixel[1]], work->decoder.linear[pixel[2]]);
}

/* ---- Pass 3: shading ----------------------------------------------------------------------------------- */

/* Bright values run into a soft shoulder instead of being cut off. */
static float shoulder(float value)
{
    const float start = 0.62f, room = 0.38f;
    float beyond = (value - start) / room;
    return value <= start ? value : start + room * beyond / (1.0f + beyond);
}

static float power_of_four(float value)
{
    return value * value * value * value;
}

static vec3 shade(const drawing *work, uint32_t id, float x, float y)
{
    const uint32_t *triangle = work->content.triangles + 3 * (size_t)id;
    vec3 weights = corner_weights(work, triangle, x, y);
    surface place = surface_at(work, triangle, weights);
    vec3 color = interpolate(work->content.colors, triangle, weights);
    light_sample light = light_at(work, x, y, &place);
    vec3 toward = vec3_normalize(vec3_subtract(work->view.eye, place.position), work->view.forward);

    /* A soft highlight of the key lamp (Blinn and Phong, exponent 32). */
    vec3 key = light_key_direction(work->rig);
    vec3 half = vec3_normalize(vec3_add(key, toward), place.normal);
    float gloss = power_of_four(fmaxf(vec3_dot(half, place.normal), 0.0f));
    gloss = power_of_four(gloss) * gloss * gloss * gloss * gloss;
    float highlight = 0.15f * gloss * light.key * (vec3_dot(key, place.normal) > 0.0f ? 1.0f : 0.0f);

    /* A fine line of light where the surface turns away, so that dark things stand out from the dark. */
    float edge = power_of_four(1.0f - fmaxf(vec3_dot(toward, place.normal), 0.0f));
    float sky = float_clamp(0.55f + 0.45f * place.normal.y, 0.0f, 1.0f) * fminf(light.diffuse.z * 2.2f, 1.0f);
    vec3 rim = vec3_scale(vec3_make(0.13f, 0.19f, 0.34f), edge * sky);

    vec3 sum = vec3_add(vec3_multiply(color, light.diffuse), rim);
    return vec3_make(shoulder(sum.x + highlight), shoulder(sum.y + highlight), shoulder(sum.z + highlight * 0.95f));
}

/* The color of a pixel from the triangles at its samples. Each triangle is shaded once, in the middle of the
 * samples that it covers. */
static vec3 resolve(const drawing *work, const uint32_t *ids, size_t stride, uint32_t column, uint32_t row)
{
    uint32_t samples = work->samples;
    uint32_t left[SAMPLES_MAX * SAMPLES_MAX];
    uint32_t count = samples * samples;
    for (uint32_t i = 0; i < count; i++)
        left[i] = ids[(i / samples) * stride + i % samples];

    vec3 sum = vec3_make(0.0f, 0.0f, 0.0f);
    uint32_t covered = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = left[i];
        if (id == RASTER_NOTHING)
            continue;
        uint32_t same = 0, across = 0, along = 0;
        for (uint32_t j = i; j < count; j++)
            if (left[j] == id) {
                left[j] = RASTER_NOTHING;
                same++;
                across += j % samples;
                along += j / samples;
            }
        float x = (float)column + ((float)across / (float)same + 0.5f) / (float)samples;
        float y = (float)row + ((float)along / (float)same + 0.5f) / (float)samples;
        sum = vec3_add(sum, vec3_scale(shade(work, id, x, y), (float)same));
        covered += same;
    }
    if (covered < count) {
        vec3 behind = work->target->over ? picture_below(work, column, row)
                                         : background(work, (float)column + 0.5f, (float)row + 0.5f);
        sum = vec3_add(sum, vec3_scale(behind, (float)(count - covered)));
    }
    return vec3_scale(sum, 1.0f / (float)count);
}

/* Rounds with an ordered pattern (Bayer, 1973), which keeps the dark gradients free of bands. */
static void store(const drawing *work, uint32_t column, uint32_t row, vec3 color)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 3; i++)
        bits = bits << 2 | (((column ^ row) >> i & 1) << 1 | (row >> i & 1));
    float round = ((float)bits + 0.5f) / 64.0f;
    picture_image *image = work->target->image;
    uint8_t *pixel = image->pixels + 3 * ((size_t)(work->target->y + row) * image->width + work->target->x + column);
    float channels[3] = {color.x, color.y, color.z};
    for (int channel = 0; channel < 3; channel++)
        pixel[channel] = (uint8_t)fminf(color_encode(&work->encoder, channels[channel]) + round, 255.0f);
}

/* The rows of a triangle in the grid of samples. False when it faces away or lies outside. */
static bool triangle_bands(const drawing *work, uint32_t index, uint32_t *first, uint32_t *last)
{
    const uint32_t *triangle = work->content.triangles + 3 * (size_t)index;
    const raster_vertex *a = &work->fine[triangle[0]], *b = &work->fine[triangle[1]], *c = &work->fine[triangle[2]];
    int64_t area = ((int64_t)b->y - a->y) * ((int64_t)c->x - a->x) - ((int64_t)b->x - a->x) * ((int64_t)c->y - a->y);
    int32_t low = a->y < b->y ? a->y : b->y, high = a->y > b->y ? a->y : b->y;
    low = low < c->y ? low : c->y;
    high = high > c->y ? high : c->y;
    int32_t band = (int32_t)(BAND_ROWS * work->samples * RASTER_UNIT);
    if (area <= 0 || high < 0 || low >= band * (int32_t)work->bands)
        return false;
    *first = low < 0 ? 0 : (uint32_t)(low / band);
    *last = (uint32_t)(high / band);
    *last = *last >= work->bands ? work->bands - 1 : *last;
    return true;
}

/* Sorts the triangles into bands by counting. */
static bool sort_into_bands(drawing *work)
{
    work->samples = work->target->width > LARGE_PICTURE ? 3 : SAMPLES_MAX;
    work->bands = (work->target->height + BAND_ROWS - 1) / BAND_ROWS;
    work->fine = place_on_grid(work, (float)work->samples);
    work->band_starts = arena_array(work->scratch, uint32_t, work->bands + 1);
    if (work->fine == NULL || work->band_starts == NULL)
        return false;
    uint32_t *starts = work->band_starts, first, last;
    for (uint32_t i = 0; i <= work->bands; i++)
        starts[i] = 0;
    for (uint32_t i = 0; i < work->content.triangle_count; i++)
        if (triangle_bands(work, i, &first, &last))
            for (uint32_t band = first; band <= last; band++)
                starts[band + 1]++;
    for (uint32_t i = 0; i < work->bands; i++)
        starts[i + 1] += starts[i];
    work->band_triangles = arena_array(work->scratch, uint32_t, starts[work->bands]);
    if (work->band_triangles == NULL)
        return false;
    for (uint32_t i = 0; i < work->content.triangle_count; i++)
        if (triangle_bands(work, i, &first, &last))
            for (uint32_t band = first; band <= last; band++)
                work->band_triangles[starts[band]++] = i;
    /* Each start has moved to the next one's place. */
    for (uint32_t i = work->bands; i > 0; i--)
        starts[i] = starts[i - 1];
    starts[0] = 0;
    return true;
}

static bool draw_bands(drawing *work)
{
    const render_target *target = work->target;
    uint32_t samples = work->samples;
    size_t places = (size_t)target->width * samples * BAND_ROWS * samples;
    raster_grid grid = {(int32_t)(target->width * samples), 0, (int32_t)(BAND_ROWS * samples),
                        arena_array(work->scratch, float, places), arena_array(work->scratch, uint32_t, places)};
    if (grid.depth == NULL || grid.ids == NULL)
        return false;
    for (uint32_t band = 0; band < work->bands; band++) {
        grid.first_row = (int32_t)(band * BAND_ROWS * samples);
        raster_clear(&grid);
        for (uint32_t i = work->band_starts[band]; i < work->band_starts[band + 1]; i++) {
            uint32_t id = work->band_triangles[i];
            const uint32_t *triangle = work->content.triangles + 3 * (size_t)id;
            raster_triangle(&grid, &work->fine[triangle[0]], &work->fine[triangle[1]], &work->fine[triangle[2]], id);
        }
        for (uint32_t row = band * BAND_ROWS; row < (band + 1) * BAND_ROWS && row < target->height; row++) {
            const uint32_t *ids = grid.ids + (size_t)(row - band * BAND_ROWS) * samples * (size_t)grid.width;
            for (uint32_t column = 0; column < target->width; column++)
                store(work, column, row,
                      resolve(work, ids + (size_t)column * samples, (size_t)grid.width, column, row));
        }
    }
    return true;
}

lumen_status render_shape(const lumen_shape *shape, const render_target *target, arena *scratch, lumen_error *error)
{
    arena_mark mark = arena_now(scratch);
    drawing work = {.target = target, .scratch = scratch};
    color_decoder_make(&work.decoder);
    color_encoder_make(&work.encoder);
    lumen_status status = scene_build(shape, target->coloring, &work.decoder, scratch, &work.content, error);
    if (status == LUMEN_OK) {
        static const light_quality fine = {28, 10, 4, 192}, plain = {14, 5, 2, 128}, rough = {8, 4, 1, 96};
        light_quality quality = target->over ? rough : target->width > LARGE_PICTURE ? fine : plain;
        work.view = camera_fit(&work.content, target->azimuth, target->elevation, target->content);
        vec3 size = vec3_subtract(work.content.high, work.content.low);
        work.reach = 10.0f * vec3_length(vec3_subtract(work.view.eye, work.content.low)) / work.view.focal +
                     1e-3f * vec3_length(size);
        work.rig = light_rig_make(&work.content, &work.view, quality, scratch);
        if (work.rig == NULL || !project(&work) || !light_surfaces(&work) || (!target->over && !light_ground(&work)) ||
            !sort_into_bands(&work) || !draw_bands(&work))
            status = lumen_fail_memory(error, "a picture");
    }
    arena_rewind(scratch, mark);
    return status;
}
