/*
 * motion_paths.c: draws docs/motion.png, the paths of a few points by each of the fifteen primitives.
 *
 *     draw_motion_paths docs/motion.png
 *
 * White: where the points are at home. The path runs from blue to orange over one cycle (spiral: four), or over the
 * duration of what ends; an orange dot is where it ends then. Straight to and fro (1, 4) is drawn out to the right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "motion/motion.h"
#include "picture/picture.h"
#include "picture/text.h"

enum { TILE = 300, CAPTION = 44, COLUMNS = 5, ROWS = 3, STEPS = 1500 };

/* ---- What is moved ------------------------------------------------------------------------------------- */

typedef struct figure {
    uint32_t count;
    vec3 home[64];
    float attachment[64];
} figure;

static void add(figure *out, float x, float y, float z, float attachment)
{
    out->home[out->count] = vec3_make(x, y, z);
    out->attachment[out->count++] = attachment;
}

/* Two limbs that hang, a rod, or a grid: whatever shows the movement best. */
static figure make_figure(int primitive)
{
    figure out = {0};
    switch (primitive) {
    case MOTION_OSCILLATE_BEND:
    case MOTION_PENDULUM:
        for (int i = 0; i < 5; i++)
            add(&out, 0.0f, 0.6f - 0.3f * (float)i, 0.0f, (float)i / 4.0f);
        break;
    case MOTION_WAVE_PROPAGATE:
        for (int i = 0; i < 13; i++)
            add(&out, 0.0f, 0.0f, 0.9f - 0.15f * (float)i, (float)i / 12.0f);
        break;
    case MOTION_RIGID_ROTATE:
        for (int i = 0; i < 8; i++)
            add(&out, 0.0f, (i / 4 == 0 ? 0.28f : 0.14f) * (i % 2 == 0 ? 1.0f : -1.0f), i / 2 % 2 == 0 ? 0.45f : -0.45f,
                1.0f);
        break;
    case MOTION_ARC_TRANSLATE:
    case MOTION_SPRING_SETTLE:
    case MOTION_OSCILLATE_TRANSLATE:
        for (int i = 0; i < 4; i++)
            add(&out, 0.7f - 0.45f * (float)i, -0.1f, -0.2f, (float)i / 3.0f);
        break;
    case MOTION_SPIRAL:
        for (int i = 0; i < 3; i++)
            add(&out, 0.25f * (float)(i + 1), 0.5f * (float)(i - 1), 0.0f, 0.5f);
        break;
    case MOTION_CURL_NOISE_FLOW:
    case MOTION_BROWNIAN_SCATTER:
        for (int i = 0; i < 12; i++)
            add(&out, 0.6f * ((float)(i % 4) / 1.5f - 1.0f), 0.5f * (float)(i / 4 - 1), 0.0f, 0.5f);
        break;
    default:
        for (int i = 0; i < 27; i++)
            if (i != 13)
                add(&out, 0.4f * (float)(i % 3 - 1), 0.4f * (float)(i / 3 % 3 - 1), 0.4f * (float)(i / 9 - 1), 0.5f);
    }
    return out;
}

static motion_row make_row(int primitive)
{
    motion_row row = motion_row_usual(primitive, vec3_make(0.0f, 0.0f, 0.0f));
    row.frequency = row.frequency > 0.0f ? row.frequency : 1.0f;
    if (primitive == MOTION_OSCILLATE_BEND || primitive == MOTION_PENDULUM)
        row.pivot[1] = 0.6f;
    if (primitive == MOTION_OSCILLATE_BEND)
        row.stagger = 0.12f;
    if (primitive == MOTION_WAVE_PROPAGATE) {
        row.pivot[2] = 0.9f;
        row.amplitude = 0.25f;
        row.stagger = 1.2f;
    }
    if (primitive == MOTION_RIGID_ROTATE) {
        row.pivot[2] = 0.45f;
        row.spread = 0.9f;
    }
    if (primitive == MOTION_STRETCH_ALONG_AXIS)
        row.amplitude = 0.5f;
    if (primitive == MOTION_SPRING_SETTLE)
        row.stagger = 0.3f;
    return row;
}

/* ---- Drawing -------------------------------------------------------------------------------------------- */

typedef struct sheet {
    picture_image image;
    text_face *face;
} sheet;

/* A round dot, soft at its edge. */
static void dot(sheet *out, float x, float y, float radius, const uint8_t color[3], float strength)
{
    for (int32_t v = (int32_t)(y - radius - 1.0f); v <= (int32_t)(y + radius + 1.0f); v++) {
        for (int32_t u = (int32_t)(x - radius - 1.0f); u <= (int32_t)(x + radius + 1.0f); u++) {
            float dx = (float)u + 0.5f - x;
            float dy = (float)v + 0.5f - y;
            float coverage = float_clamp(radius + 0.5f - sqrtf(dx * dx + dy * dy), 0.0f, 1.0f);
            text_mix_pixel(out->face, &out->image, u, v, color, coverage * strength);
        }
    }
}

/* Seen from the left of the front and a little from above. */
typedef struct view {
    float left, top, scale;
} view;

static void project(const view *from, vec3 at, float *x, float *y)
{
    const float c = 0.766f;
    const float s = 0.643f;
    float right = at.x * c - at.z * s;
    float nearer = at.x * s + at.z * c;
    *x = from->left + TILE * (0.5f + from->scale * right);
    *y = from->top + TILE * (0.47f - from->scale * (at.y * 0.94f - nearer * 0.34f));
}

static void draw_primitive(sheet *out, int primitive)
{
    const motion_about *about = motion_primitive_about(primitive);
    figure points = make_figure(primitive);
    motion_row row = make_row(primitive);
    float period = about->one_shot ? row.duration * (1.0f + row.stagger) : 1.0f / row.frequency;
    if (primitive == MOTION_SPIRAL)
        period *= MOTION_CYCLES;
    const view from = {(float)(primitive % COLUMNS * TILE), (float)(primitive / COLUMNS * (TILE + CAPTION) + CAPTION),
                       primitive == MOTION_RADIAL_BURST ? 0.27f : 0.44f};
    bool straight = primitive == MOTION_OSCILLATE_TRANSLATE || primitive == MOTION_SPRING_SETTLE;
    static const uint8_t white[3] = {255, 255, 255};
    static const uint8_t orange[3] = {255, 150, 40};
    float x;
    float y;
    for (uint32_t i = 0; i < points.count; i++) {
        float seed = (float)(i * 37 % 64) / 64.0f;
        for (int step = 0; step <= STEPS; step++) {
            float share = (float)step / STEPS;
            const uint8_t color[3] = {(uint8_t)(60.0f + 195.0f * share), (uint8_t)(110.0f + 40.0f * share),
                                      (uint8_t)(255.0f - 215.0f * share)};
            vec3 at = motion_move_row(&row, points.home[i], points.attachment[i], seed, period * share);
            project(&from, at, &x, &y);
            dot(out, x + (straight ? 30.0f * share : 0.0f), y, 0.6f, color, 0.3f);
        }
        project(&from, points.home[i], &x, &y);
        dot(out, x, y, 2.5f, white, 1.0f);
        project(&from, motion_move_row(&row, points.home[i], points.attachment[i], seed, period), &x, &y);
        dot(out, x + (straight ? 30.0f : 0.0f), y, 2.0f, orange, about->one_shot ? 1.0f : 0.0f);
    }
    char caption[80];
    snprintf(caption, sizeof caption, "%d  %s", primitive, about->name);
    const text_style style = {.size = 17.0f, .least_size = 12.0f, .color = {235, 238, 245}};
    text_draw(out->face, &out->image, from.left + 14.0f, from.top - 14.0f, TILE - 28.0f, &style, caption);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: draw_motion_paths FILE.png\n");
        return 2;
    }
    sheet out = {.image = {.width = COLUMNS * TILE, .height = ROWS * (TILE + CAPTION)}};
    lumen_error error = {.message = "memory ran out"};
    int status = 1;
    FILE *file = NULL;
    buffer bytes;
    buffer_open(&bytes, 8u << 20);
    size_t size = 3 * (size_t)out.image.width * out.image.height;
    out.image.pixels = malloc(size);
    if (out.image.pixels == NULL || text_open(&out.face, &error) != LUMEN_OK)
        goto done;
    for (size_t i = 0; i < size; i++)
        out.image.pixels[i] = (uint8_t)(i % 3 == 2 ? 26 : 16);
    for (int primitive = 0; primitive < MOTION_PRIMITIVES; primitive++)
        draw_primitive(&out, primitive);
    if (picture_write_png(&out.image, &bytes, &error) != LUMEN_OK)
        goto done;
    file = fopen(arguments[1], "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size) {
        snprintf(error.message, sizeof error.message, "%s cannot be written; check the path", arguments[1]);
        goto done;
    }
    status = 0;
done:
    if (file != NULL && fclose(file) != 0)
        status = 1;
    if (status != 0)
        fprintf(stderr, "draw_motion_paths: %s\n", error.message);
    if (out.face != NULL)
        text_close(out.face);
    buffer_close(&bytes);
    free(out.image.pixels);
    return status;
}
