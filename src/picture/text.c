#include "picture/text.h"

#include "base/error.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* The font as tools/embed wrote it. */
extern const unsigned char caption_font[];
extern const size_t caption_font_size;

enum { ELLIPSIS = 0x2026, NO_CHARACTER = 0xfffd };

struct text_face {
    FT_Library library;
    FT_Face face;
    color_decoder decoder;
    color_encoder encoder;
};

lumen_status text_open(text_face **out, lumen_error *error)
{
    *out = NULL;
    text_face *face = calloc(1, sizeof *face);
    if (face == NULL)
        return lumen_fail_memory(error, "a caption");
    FT_Error fault = FT_Init_FreeType(&face->library);
    if (fault == 0)
        fault = FT_New_Memory_Face(face->library, caption_font, (FT_Long)caption_font_size, 0, &face->face);
    if (fault != 0) {
        text_close(face);
        return lumen_fail(error, LUMEN_ERROR_FAILED,
                          "the font of the captions could not be opened: FreeType error %d; "
                          "build with a TrueType font in the option 'font'",
                          fault);
    }
    color_decoder_make(&face->decoder);
    color_encoder_make(&face->encoder);
    *out = face;
    return LUMEN_OK;
}

void text_close(text_face *face)
{
    if (face == NULL)
        return;
    FT_Done_Face(face->face);
    FT_Done_FreeType(face->library);
    free(face);
}

/* ---- Characters ----------------------------------------------------------------------------------- */

/* The character at `*at`, which moves behind it; 0 at the end. */
static FT_ULong next_character(const char **at)
{
    const char *text = *at;
    if (*text == '\0')
        return 0;
    utf8proc_int32_t code = NO_CHARACTER;
    utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &code);
    if (length <= 0) {
        code = NO_CHARACTER;
        length = 1;
    }
    *at = text + length;
    return (FT_ULong)code;
}

static void set_size(text_face *face, float size)
{
    FT_Set_Char_Size(face->face, 0, (FT_F26Dot6)lrintf(size * 64.0f), 72, 72);
}

/* The way of a pen over a text: where each character starts. Pixels are exact to a 64th. */
typedef struct pen {
    FT_Pos x;
    FT_UInt previous;
} pen;

/* Loads the glyph of a character and moves the pen for kerning. False when it cannot be loaded. */
static bool load(text_face *face, FT_ULong character, FT_Int32 flags, pen *at)
{
    FT_UInt glyph = FT_Get_Char_Index(face->face, character);
    FT_Vector kerning = {0, 0};
    if (at->previous != 0 && glyph != 0 &&
        FT_Get_Kerning(face->face, at->previous, glyph, FT_KERNING_UNFITTED, &kerning) == 0)
        at->x += kerning.x;
    at->previous = glyph;
    return FT_Load_Glyph(face->face, glyph, FT_LOAD_NO_HINTING | flags) == 0;
}

/* The width of the part of a text before `end` (NULL: all of it) at the size that is set, in 64ths. */
static FT_Pos measure(text_face *face, const char *text, const char *end)
{
    pen at = {0, 0};
    for (FT_ULong character; (end == NULL || text < end) && (character = next_character(&text)) != 0;)
        if (load(face, character, FT_LOAD_DEFAULT, &at))
            at.x += face->face->glyph->advance.x;
    return at.x;
}

float text_width(text_face *face, const char *text, float size)
{
    set_size(face, size);
    return (float)measure(face, text, NULL) / 64.0f;
}

/* ---- Pixels --------------------------------------------------------------------------------------- */

void text_mix_pixel(text_face *face, picture_image *image, int32_t x, int32_t y, const uint8_t color[3], float coverage)
{
    if (x < 0 || y < 0 || x >= (int32_t)image->width || y >= (int32_t)image->height)
        return;
    uint8_t *pixel = image->pixels + 3 * ((size_t)y * image->width + (size_t)x);
    for (int channel = 0; channel < 3; channel++) {
        float below = face->decoder.linear[pixel[channel]], above = face->decoder.linear[color[channel]];
        pixel[channel] = (uint8_t)(color_encode(&face->encoder, below + (above - below) * coverage) + 0.5f);
    }
}

static void draw_character(text_face *face, picture_image *image, FT_ULong character, pen *at, float y,
                           const uint8_t color[3])
{
    if (!load(face, character, FT_LOAD_DEFAULT, at))
        return;
    FT_GlyphSlot slot = face->face->glyph;
    FT_Pos advance = slot->advance.x;
    /* The outline is moved by what the pen stands beside a pixel, so that letters keep their distances. */
    FT_Outline_Translate(&slot->outline, at->x & 63, 0);
    if (FT_Render_Glyph(slot, FT_RENDER_MODE_NORMAL) == 0) {
        const FT_Bitmap *bitmap = &slot->bitmap;
        int32_t left = (int32_t)(at->x >> 6) + slot->bitmap_left, top = (int32_t)lrintf(y) - slot->bitmap_top;
        for (unsigned row = 0; row < bitmap->rows; row++)
            for (unsigned column = 0; column < bitmap->width; column++) {
                unsigned char coverage = bitmap->buffer[(size_t)row * (size_t)bitmap->pitch + column];
                if (coverage > 0)
                    text_mix_pixel(face, image, left + (int32_t)column, top + (int32_t)row, color,
                                   (float)coverage / 255.0f);
            }
    }
    at->x += advance;
}

/* Where to cut a text at the size that is set, so that it and an ellipsis stay within `width` 64ths. */
static const char *find_cut(text_face *face, const char *text, FT_Pos width)
{
    pen dots = {0, 0};
    if (load(face, ELLIPSIS, FT_LOAD_DEFAULT, &dots))
        width -= face->face->glyph->advance.x;
    const char *cut = text;
    pen at = {0, 0};
    for (;;) {
        const char *next = cut;
        FT_ULong character = next_character(&next);
        if (character == 0)
            break;
        if (load(face, character, FT_LOAD_DEFAULT, &at))
            at.x += face->face->glyph->advance.x;
        if (at.x > width)
            break;
        cut = next;
    }
    return cut;
}

/* Sets a size at which the text fits and returns its end: NULL, or where an ellipsis replaces the rest. */
static const char *fit(text_face *face, const char *text, float width, const text_style *style, FT_Pos *taken)
{
    float size = style->size, wide = text_width(face, text, size);
    if (wide > width)
        size = fmaxf(size * width / wide, fminf(style->least_size, size));
    set_size(face, size);
    *taken = measure(face, text, NULL);
    const char *end = NULL;
    if ((float)*taken > 64.0f * width + 64.0f) {
        end = find_cut(face, text, (FT_Pos)(64.0f * width));
        pen dots = {measure(face, text, end), 0};
        if (load(face, ELLIPSIS, FT_LOAD_DEFAULT, &dots))
            dots.x += face->face->glyph->advance.x;
        *taken = dots.x;
    }
    return end;
}

/* `middle` is 0 to start at x and 0.5 to stand around it. */
static void draw(text_face *face, picture_image *image, float x, float y, float width, float middle,
                 const text_style *style, const char *text)
{
    FT_Pos taken;
    const char *end = fit(face, text, width, style, &taken);
    pen at = {(FT_Pos)lrintf(x * 64.0f - middle * (float)taken), 0};
    for (FT_ULong character; (end == NULL || text < end) && (character = next_character(&text)) != 0;)
        draw_character(face, image, character, &at, y, style->color);
    if (end != NULL)
        draw_character(face, image, ELLIPSIS, &at, y, style->color);
}

void text_draw(text_face *face, picture_image *image, float x, float y, float width, const text_style *style,
               const char *text)
{
    draw(face, image, x, y, width, 0.0f, style, text);
}

void text_draw_centered(text_face *face, picture_image *image, float x, float y, float width, const text_style *style,
                        const char *text)
{
    draw(face, image, x, y, width, 0.5f, style, text);
}
