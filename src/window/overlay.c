#include "window/overlay.h"

#include <GLES3/gl3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "picture/text.h"
#include "viewer/program.h"

typedef struct overlay_panel {
    int32_t x, y;
    picture_image image;
    size_t capacity;
    GLuint texture;
    uint32_t texture_width, texture_height;
    float shade;
} overlay_panel;

struct overlay {
    text_face *face;
    GLuint program, nothing;
    GLint corners, shade;
    overlay_panel panels[OVERLAY_PANELS];
    overlay_panel *open;
};

static const char vertex_text[] = "uniform vec4 corners;\n"
                                  "out vec2 place;\n"
                                  "void main()\n"
                                  "{\n"
                                  "    place = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));\n"
                                  "    gl_Position = vec4(mix(corners.xy, corners.zw, place), 0.0, 1.0);\n"
                                  "}\n";

static const char fragment_text[] = "in vec2 place;\n"
                                    "uniform sampler2D letters;\n"
                                    "uniform float shade;\n"
                                    "layout(location = 0) out vec4 color;\n"
                                    "void main()\n"
                                    "{\n"
                                    "    vec3 light = texture(letters, place).rgb;\n"
                                    "    color = vec4(light, max(max(light.r, max(light.g, light.b)), shade));\n"
                                    "}\n";

lumen_status overlay_open(overlay **out, lumen_error *error)
{
    *out = NULL;
    overlay *words = calloc(1, sizeof *words);
    if (words == NULL)
        return lumen_fail_memory(error, "the words over the sculpture");
    const char *const vertex[] = {vertex_text, NULL};
    const char *const fragment[] = {fragment_text, NULL};
    lumen_status status = text_open(&words->face, error);
    if (status == LUMEN_OK)
        status = program_open("overlay", vertex, fragment, &words->program, error);
    if (status != LUMEN_OK) {
        overlay_close(words);
        return status;
    }
    program_sampler(words->program, "letters", 0);
    words->corners = glGetUniformLocation(words->program, "corners");
    words->shade = glGetUniformLocation(words->program, "shade");
    glGenVertexArrays(1, &words->nothing);
    for (int i = 0; i < OVERLAY_PANELS; i++)
        glGenTextures(1, &words->panels[i].texture);
    *out = words;
    return LUMEN_OK;
}

void overlay_close(overlay *words)
{
    if (words == NULL)
        return;
    for (int i = 0; i < OVERLAY_PANELS; i++) {
        glDeleteTextures(1, &words->panels[i].texture);
        free(words->panels[i].image.pixels);
    }
    glDeleteVertexArrays(1, &words->nothing);
    glDeleteProgram(words->program);
    text_close(words->face);
    free(words);
}

/* ---- Writing -------------------------------------------------------------------------------------------- */

bool overlay_begin(overlay *words, int panel, int32_t x, int32_t y, uint32_t width, uint32_t height)
{
    overlay_panel *one = &words->panels[panel];
    words->open = NULL;
    one->image.width = one->image.height = 0;
    size_t size = (size_t)width * height * 3;
    if (size == 0)
        return false;
    if (size > one->capacity) {
        uint8_t *pixels = realloc(one->image.pixels, size);
        if (pixels == NULL)
            return false;
        one->image.pixels = pixels;
        one->capacity = size;
    }
    one->x = x;
    one->y = y;
    one->image.width = width;
    one->image.height = height;
    memset(one->image.pixels, 0, size);
    words->open = one;
    return true;
}

void overlay_end(overlay *words)
{
    overlay_panel *one = words->open;
    words->open = NULL;
    glActiveTexture(GL_TEXTURE0);
    glBindTexture(GL_TEXTURE_2D, one->texture);
    glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
    GLsizei width = (GLsizei)one->image.width, height = (GLsizei)one->image.height;
    if (one->texture_width != one->image.width || one->texture_height != one->image.height) {
        glTexImage2D(GL_TEXTURE_2D, 0, GL_RGB8, width, height, 0, GL_RGB, GL_UNSIGNED_BYTE, one->image.pixels);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
        glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
        one->texture_width = one->image.width;
        one->texture_height = one->image.height;
    } else {
        glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, width, height, GL_RGB, GL_UNSIGNED_BYTE, one->image.pixels);
    }
    glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
}

void overlay_empty(overlay *words, int panel)
{
    words->panels[panel].image.width = words->panels[panel].image.height = 0;
}

static text_style style_of(float size, const uint8_t color[3])
{
    return (text_style){.size = size, .least_size = 0.7f * size, .color = {color[0], color[1], color[2]}};
}

void overlay_text(overlay *words, float x, float y, float width, float size, const uint8_t color[3], const char *text)
{
    text_style style = style_of(size, color);
    text_draw(words->face, &words->open->image, x, y, width, &style, text);
}

void overlay_text_centered(overlay *words, float x, float y, float width, float size, const uint8_t color[3],
                           const char *text)
{
    text_style style = style_of(size, color);
    text_draw_centered(words->face, &words->open->image, x, y, width, &style, text);
}

float overlay_width(overlay *words, float size, const char *text)
{
    return text_width(words->face, text, size);
}

void overlay_fill(overlay *words, float x, float y, float width, float height, const uint8_t color[3])
{
    int32_t left = (int32_t)lrintf(x), top = (int32_t)lrintf(y);
    int32_t right = (int32_t)lrintf(x + width), bottom = (int32_t)lrintf(y + height);
    for (int32_t row = top; row < bottom; row++)
        for (int32_t column = left; column < right; column++)
            text_mix_pixel(words->face, &words->open->image, column, row, color, 1.0f);
}

void overlay_dot(overlay *words, float x, float y, float radius, const uint8_t color[3])
{
    for (int32_t row = (int32_t)(y - radius) - 1; (float)row <= y + radius + 1.0f; row++)
        for (int32_t column = (int32_t)(x - radius) - 1; (float)column <= x + radius + 1.0f; column++) {
            float away = hypotf((float)column + 0.5f - x, (float)row + 0.5f - y);
            float cover = fminf(fmaxf(radius - away + 0.5f, 0.0f), 1.0f);
            if (cover > 0.0f)
                text_mix_pixel(words->face, &words->open->image, column, row, color, cover);
        }
}

void overlay_shade(overlay *words, int panel, float shade)
{
    words->panels[panel].shade = shade;
}

/* ---- Drawing ---------------------------------------------------------------------------------------------- */

void overlay_draw(overlay *words, uint32_t width, uint32_t height)
{
    glBindVertexArray(words->nothing);
    glUseProgram(words->program);
    glActiveTexture(GL_TEXTURE0);
    glViewport(0, 0, (GLsizei)width, (GLsizei)height);
    glDisable(GL_DEPTH_TEST);
    glEnable(GL_BLEND);
    glBlendFuncSeparate(GL_ONE, GL_ONE_MINUS_SRC_ALPHA, GL_ZERO, GL_ONE);
    float across = 2.0f / (float)width, down = 2.0f / (float)height;
    for (int i = 0; i < OVERLAY_PANELS; i++) {
        const overlay_panel *one = &words->panels[i];
        if (one->image.width == 0)
            continue;
        glBindTexture(GL_TEXTURE_2D, one->texture);
        glUniform1f(words->shade, one->shade);
        glUniform4f(words->corners, (float)one->x * across - 1.0f, 1.0f - (float)one->y * down,
                    (float)(one->x + (int32_t)one->image.width) * across - 1.0f,
                    1.0f - (float)(one->y + (int32_t)one->image.height) * down);
        glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
    }
    glDisable(GL_BLEND);
}
