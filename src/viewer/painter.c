#include "viewer/painter.h"

#include <math.h>
#include <stdlib.h>

#include "viewer/program.h"
#include "viewer/simulation_inside.h"

#define TEXT(shader) ((const char *)(shader))

/* Sizes of a particle against the mean distance to its neighbor. */
static const float LIGHT_RADIUS = 1.4f;
static const float VEIL_RADIUS = 0.85f;
static const float GLOW_RADIUS = 0.16f; /* of the sculpture's radius */
static const float SMALLEST_PIXELS = 2.2f;
static const float BRIGHTNESS = 1.0f;

enum { PICK_PIXELS = 9, GLOW_PIXELS = 128, GLOW_PARTICLES = 1024, VEIL_PARTICLES = 65536 };

typedef struct points_program {
    GLuint program;
    GLint side_bits, stride, view_projection, eye, toward_light, radius, focal, smallest, brightness, depths, tint,
        true_colors, parts, repainted, solid, veil, mirror;
} points_program;

struct painter {
    points_program light, veil, glow, part;
    GLuint night_program, background;
    GLint night, aura, middle, extent, glow_part, pixels;
    GLuint nothing; /* a vertex array without arrays */
    GLuint glow_frame, glow_texture;
    GLuint pick_frame, pick_color, pick_depth;
    meter time;
};

static lumen_status open_points(points_program *points, const char *name, const char *define,
                                const unsigned char *fragment, lumen_error *error)
{
    const char *const vertex_texts[] = {define, TEXT(shader_particle), TEXT(shader_draw_vertex), NULL};
    const char *const fragment_texts[] = {TEXT(fragment), NULL};
    lumen_status status = program_open(name, vertex_texts, fragment_texts, &points->program, error);
    if (status != LUMEN_OK)
        return status;
    program_sampler(points->program, "positions", UNIT_POSITIONS);
    program_sampler(points->program, "paints", UNIT_PAINTS);
    program_sampler(points->program, "paints_before", UNIT_PAINTS_BEFORE);
    const struct {
        GLint *place;
        const char *name;
    } all[] = {
        {&points->side_bits, "side_bits"},
        {&points->stride, "stride"},
        {&points->view_projection, "view_projection"},
        {&points->eye, "eye"},
        {&points->toward_light, "toward_light"},
        {&points->radius, "radius"},
        {&points->focal, "focal"},
        {&points->smallest, "smallest"},
        {&points->brightness, "brightness"},
        {&points->depths, "depths"},
        {&points->tint, "tint"},
        {&points->true_colors, "true_colors"},
        {&points->parts, "parts"},
        {&points->repainted, "repainted"},
        {&points->solid, "solid"},
        {&points->veil, "veil"},
        {&points->mirror, "mirror"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i].place = glGetUniformLocation(points->program, all[i].name);
    return LUMEN_OK;
}

lumen_status painter_open(painter **out, lumen_error *error)
{
    *out = NULL;
    painter *one = calloc(1, sizeof *one);
    if (one == NULL)
        return lumen_fail_memory(error, "the painter");
    lumen_status status = open_points(&one->light, "light", "\n", shader_draw_light, error);
    if (status == LUMEN_OK)
        status = open_points(&one->veil, "veil", "#define VEIL\n", shader_draw_veil, error);
    if (status == LUMEN_OK)
        status = open_points(&one->glow, "glow", "#define GLOW\n", shader_draw_glow, error);
    if (status == LUMEN_OK)
        status = open_points(&one->part, "part", "#define PART\n", shader_draw_part, error);
    if (status == LUMEN_OK) {
        const char *const vertex[] = {TEXT(shader_whole), NULL};
        const char *const night[] = {TEXT(shader_night), NULL};
        const char *const spread[] = {TEXT(shader_spread), NULL};
        const char *const background[] = {TEXT(shader_background), NULL};
        status = program_open("background", spread, background, &one->background, error);
        if (status == LUMEN_OK)
            status = program_open("night", vertex, night, &one->night_program, error);
    }
    if (status != LUMEN_OK) {
        painter_close(one);
        return status;
    }
    one->night = glGetUniformLocation(one->night_program, "night");
    one->aura = glGetUniformLocation(one->night_program, "aura");
    one->middle = glGetUniformLocation(one->night_program, "middle");
    one->glow_part = glGetUniformLocation(one->background, "glow_part");
    one->pixels = glGetUniformLocation(one->background, "pixels");
    program_sampler(one->background, "glow", UNIT_GLOW);
    one->extent = glGetUniformLocation(one->night_program, "extent");
    glGenVertexArrays(1, &one->nothing);

    GLint outside = 0;
    glGetIntegerv(GL_FRAMEBUFFER_BINDING, &outside);
    one->glow_texture = simulation_texture(GLOW_PIXELS, GLOW_PIXELS, GL_RGBA8, GL_UNSIGNED_BYTE, NULL);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
    glGenFramebuffers(1, &one->glow_frame);
    glBindFramebuffer(GL_FRAMEBUFFER, one->glow_frame);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, one->glow_texture, 0);
    glGenFramebuffers(1, &one->pick_frame);
    glBindFramebuffer(GL_FRAMEBUFFER, one->pick_frame);
    glGenRenderbuffers(1, &one->pick_color);
    glBindRenderbuffer(GL_RENDERBUFFER, one->pick_color);
    glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, PICK_PIXELS, PICK_PIXELS);
    glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, one->pick_color);
    glGenRenderbuffers(1, &one->pick_depth);
    glBindRenderbuffer(GL_RENDERBUFFER, one->pick_depth);
    glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH_COMPONENT24, PICK_PIXELS, PICK_PIXELS);
    glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, one->pick_depth);
    glBindFramebuffer(GL_FRAMEBUFFER, (GLuint)outside);
    *out = one;
    return LUMEN_OK;
}

void painter_close(painter *one)
{
    if (one == NULL)
        return;
    glDeleteProgram(one->light.program);
    glDeleteProgram(one->veil.program);
    glDeleteProgram(one->glow.program);
    glDeleteProgram(one->part.program);
    glDeleteProgram(one->night_program);
    glDeleteProgram(one->background);
    glDeleteVertexArrays(1, &one->nothing);
    glDeleteFramebuffers(1, &one->glow_frame);
    glDeleteTextures(1, &one->glow_texture);
    glDeleteFramebuffers(1, &one->pick_frame);
    glDeleteRenderbuffers(1, &one->pick_color);
    glDeleteRenderbuffers(1, &one->pick_depth);
    free(one);
}

static void draw_arrays(painter *one, GLenum kind, GLsizei count)
{
    double began = meter_now();
    glDrawArrays(kind, 0, count);
    one->time.driver_ms += meter_now() - began;
}

/* ---- Drawing ------------------------------------------------------------------------------------------ */

/* Into the small picture. */
static void draw_night(painter *one, const painter_scene *scene)
{
    const orbit_view *view = &scene->view;
    const float *m = view->matrix;
    vec3 c = scene->center;
    float clip[4];
    for (int row = 0; row < 4; row++)
        clip[row] = m[row] * c.x + m[4 + row] * c.y + m[8 + row] * c.z + m[12 + row];
    float w = fmaxf(clip[3], 0.01f);
    float tall = 2.0f * scene->radius * view->focal / view->distance / (float)scene->height;
    glUseProgram(one->night_program);
    glUniform3f(one->night, 0x06 / 255.0f, 0x08 / 255.0f, 0x0d / 255.0f);
    glUniform3f(one->aura, scene->aura[0], scene->aura[1], scene->aura[2]);
    glUniform2f(one->middle, clip[0] / w, clip[1] / w);
    glUniform2f(one->extent, tall * (float)scene->height / (float)scene->width, tall);
    draw_arrays(one, GL_TRIANGLES, 3);
}

static void draw_background(painter *one, const painter_scene *scene, float glow_width, float glow_height)
{
    glDisable(GL_DEPTH_TEST);
    glDisable(GL_BLEND);
    glUseProgram(one->background);
    const float pixel = 1.0f / (float)GLOW_PIXELS;
    glUniform4f(one->glow_part, 0.5f * pixel, 0.5f * pixel, (glow_width - 0.5f) * pixel, (glow_height - 0.5f) * pixel);
    glUniform2f(one->pixels, (float)scene->width, (float)scene->height);
    glActiveTexture(GL_TEXTURE0 + UNIT_GLOW);
    glBindTexture(GL_TEXTURE_2D, one->glow_texture);
    draw_arrays(one, GL_TRIANGLES, 3);
}

/* `radius` of a disc in the world; `scale` of the picture against the scene's pixels; `count` of all particles. */
static void draw_points(painter *one, const points_program *points, const painter_scene *scene, float radius,
                        float scale, float brightness, uint32_t count, bool mirrored)
{
    const orbit_view *view = &scene->view;
    GLint bits = 0;
    while ((1u << bits) < scene->side)
        bits++;
    /* The key light comes over the left shoulder of the one who looks. */
    vec3 toward_light = vec3_add(vec3_scale(view->up, 0.85f),
                                 vec3_add(vec3_scale(view->right, -0.55f), vec3_scale(view->forward, -0.45f)));
    toward_light = vec3_normalize(toward_light, view->up);
    float depth = 2.0f * scene->radius;
    glUseProgram(points->program);
    glUniform1i(points->side_bits, bits);
    /* Steps of the golden ratio, odd: any number of them is spread evenly over all, and over the copies of a point. */
    uint32_t all = scene->side * scene->side;
    glUniform1i(points->stride, count == all ? 1 : (GLint)((uint32_t)((double)all * 0.6180339887) | 1u));
    glUniformMatrix4fv(points->view_projection, 1, GL_FALSE, view->matrix);
    glUniform3f(points->eye, view->eye.x, view->eye.y, view->eye.z);
    glUniform3f(points->toward_light, toward_light.x, toward_light.y, toward_light.z);
    glUniform1f(points->radius, radius);
    glUniform1f(points->focal, view->focal * scale);
    glUniform1f(points->smallest, SMALLEST_PIXELS);
    glUniform1f(points->brightness, brightness * scene->brightness);
    glUniform2f(points->depths, view->distance - scene->radius, 1.0f / depth);
    glUniform3f(points->tint, scene->tint[0], scene->tint[1], scene->tint[2]);
    glUniform1f(points->true_colors, scene->true_colors);
    glUniform1f(points->repainted, scene->repainted);
    glUniform4fv(points->parts, 33, scene->parts[0]);
    glUniform1f(points->solid, scene->solid);
    glUniform1f(points->veil, 0.03f + scene->spacing + (1.0f - scene->solid) * 3.0f);
    glUniform2f(points->mirror, scene->floor, mirrored ? 1.0f : 0.0f);
    draw_arrays(one, GL_POINTS, (GLsizei)count);
}

static void bind_textures(painter *one, const painter_scene *scene)
{
    glActiveTexture(GL_TEXTURE0 + UNIT_POSITIONS);
    glBindTexture(GL_TEXTURE_2D, scene->textures.positions);
    glActiveTexture(GL_TEXTURE0 + UNIT_PAINTS);
    glBindTexture(GL_TEXTURE_2D, scene->textures.paints);
    glActiveTexture(GL_TEXTURE0 + UNIT_PAINTS_BEFORE);
    glBindTexture(GL_TEXTURE_2D, scene->textures.paints_before);
    glBindVertexArray(one->nothing);
}

/* Night, some of the particles as soft light, and their mirror image in the floor, in a small picture. */
static void draw_glow(painter *one, const painter_scene *scene, float scale, float width, float height)
{
    uint32_t all = scene->side * scene->side, count = all < GLOW_PARTICLES ? all : GLOW_PARTICLES;
    GLint outside = 0;
    glGetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &outside);
    glBindFramebuffer(GL_DRAW_FRAMEBUFFER, one->glow_frame);
    glViewport(0, 0, (GLsizei)width, (GLsizei)height);
    glDisable(GL_DEPTH_TEST);
    glDisable(GL_BLEND);
    draw_night(one, scene);
    glEnable(GL_BLEND);
    glBlendFuncSeparate(GL_ONE, GL_ONE_MINUS_SRC_ALPHA, GL_ZERO, GL_ONE);
    float radius = GLOW_RADIUS * scene->radius;
    float brightness = 34.0f / (float)count;
    draw_points(one, &one->glow, scene, radius, scale, brightness, count, false);
    if (scene->reflection > 0.0f)
        draw_points(one, &one->glow, scene, 0.6f * radius, scale, 2.0f * scene->reflection * brightness, count, true);
    glBindFramebuffer(GL_DRAW_FRAMEBUFFER, (GLuint)outside);
}

void painter_draw(painter *one, const painter_scene *scene, meter *time)
{
    one->time.driver_ms = 0.0;
    const uint32_t all = scene->side * scene->side;
    uint32_t longer = scene->width > scene->height ? scene->width : scene->height;
    float scale = (float)GLOW_PIXELS / (float)longer;
    float glow_width = fmaxf(1.0f, floorf(scale * (float)scene->width));
    float glow_height = fmaxf(1.0f, floorf(scale * (float)scene->height));
    glDisable(GL_SCISSOR_TEST);
    glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
    glDepthMask(GL_TRUE);
    bind_textures(one, scene);
    draw_glow(one, scene, scale, glow_width, glow_height);

    glViewport(0, 0, (GLsizei)scene->width, (GLsizei)scene->height);
    glClearDepthf(1.0f);
    double began = meter_now();
    glClear(GL_DEPTH_BUFFER_BIT);
    one->time.driver_ms += meter_now() - began;
    draw_background(one, scene, glow_width, glow_height);

    glEnable(GL_DEPTH_TEST);
    glDepthFunc(GL_LESS);
    if (scene->solid > 0.0f) {
        /* Of very many, some hide as well as all. */
        uint32_t count = all < VEIL_PARTICLES ? all : VEIL_PARTICLES;
        float radius = VEIL_RADIUS * scene->spacing * sqrtf((float)all / (float)count);
        glColorMask(GL_FALSE, GL_FALSE, GL_FALSE, GL_FALSE);
        draw_points(one, &one->veil, scene, radius, 1.0f, 1.0f, count, false);
        glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
    }

    glDepthMask(GL_FALSE);
    glEnable(GL_BLEND);
    /* Premultiplied; the alpha of the picture stays 1. */
    glBlendFuncSeparate(GL_ONE, GL_ONE_MINUS_SRC_ALPHA, GL_ZERO, GL_ONE);
    draw_points(one, &one->light, scene, LIGHT_RADIUS * scene->spacing, 1.0f, BRIGHTNESS, all, false);
    glDepthMask(GL_TRUE);
    glDisable(GL_BLEND);
    glDisable(GL_DEPTH_TEST);
    time->driver_ms += one->time.driver_ms;
}

uint32_t painter_part_at(painter *one, const painter_scene *scene, float x, float y)
{
    GLint outside = 0;
    glGetIntegerv(GL_FRAMEBUFFER_BINDING, &outside);
    glBindFramebuffer(GL_FRAMEBUFFER, one->pick_frame);
    bind_textures(one, scene);
    /* The whole picture, moved so that the pixel lies in the middle of a small one. */
    GLint left = (GLint)floorf(x), below = (GLint)scene->height - 1 - (GLint)floorf(y);
    glViewport(PICK_PIXELS / 2 - left, PICK_PIXELS / 2 - below, (GLsizei)scene->width, (GLsizei)scene->height);
    glDisable(GL_BLEND);
    glEnable(GL_DEPTH_TEST);
    glDepthFunc(GL_LESS);
    glDepthMask(GL_TRUE);
    glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
    glClearColor(0.0f, 0.0f, 0.0f, 0.0f);
    glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
    draw_points(one, &one->part, scene, LIGHT_RADIUS * scene->spacing, 1.0f, 1.0f, scene->side * scene->side, false);
    uint8_t pixels[PICK_PIXELS * PICK_PIXELS][4] = {{0}};
    glReadPixels(0, 0, PICK_PIXELS, PICK_PIXELS, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
    glBindFramebuffer(GL_FRAMEBUFFER, (GLuint)outside);
    glViewport(0, 0, (GLsizei)scene->width, (GLsizei)scene->height);
    glDisable(GL_DEPTH_TEST);

    /* The nearest pixel of a part. */
    uint32_t part = 0;
    int nearest = PICK_PIXELS * PICK_PIXELS;
    for (int row = 0; row < PICK_PIXELS; row++)
        for (int column = 0; column < PICK_PIXELS; column++) {
            int right = column - PICK_PIXELS / 2, up = row - PICK_PIXELS / 2;
            uint8_t found = pixels[row * PICK_PIXELS + column][0];
            if (found != 0 && right * right + up * up < nearest) {
                nearest = right * right + up * up;
                part = found;
            }
        }
    return part;
}
