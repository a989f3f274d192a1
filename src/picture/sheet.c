/*
 * What stands around the shapes: captions, the legend, the tiles of a sheet.
 */
#include "base/error.h"
#include "picture/render.h"
#include "picture/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE_USUAL = 256,        /* pixels of a shape on a sheet */
    TILE_USUAL_CAPTION = 34, /* and of the text below it, which grows with the tile */
    SHEET_MARGIN = 10,
    SHEET_GAP = 6,
    NAME_BYTES = 128
};

/* A picture of one shape never needs more: the largest size with millions of triangles. */
static const size_t MEMORY_LIMIT = (size_t)4 << 30;

static const uint8_t CAPTION_COLOR[3] = {232, 236, 246};
static const uint8_t LEGEND_COLOR[3] = {168, 177, 200};
static const uint8_t SHEET_COLOR[3] = {5, 6, 11};

static lumen_status make_image(uint32_t width, uint32_t height, picture_image *image, lumen_error *error)
{
    *image = (picture_image){.width = width, .height = height, .pixels = malloc((size_t)3 * width * height)};
    if (image->pixels == NULL) {
        *image = (picture_image){0};
        return lumen_fail_memory(error, "a picture");
    }
    for (size_t i = 0; i < (size_t)width * height; i++)
        memcpy(image->pixels + 3 * i, SHEET_COLOR, 3);
    return LUMEN_OK;
}

/* ---- Legend ----------------------------------------------------------------------------------------- */

/* The legend is a few rows of "(dot) name". */
typedef struct legend {
    text_face *face;
    const lumen_shape *shape;
    float size;  /* of the text */
    float x;     /* where rows begin */
    float width; /* of a row at most */
} legend;

/* The name of a part for reading, "front legs"; false for a part without a surface. */
static bool legend_name(const legend *list, uint32_t part, char name[NAME_BYTES])
{
    const lumen_shape *shape = list->shape;
    if (shape->part_names == NULL || shape->part_names[part] == NULL)
        return false;
    if (shape->part_meshes != NULL && shape->part_meshes[part].triangle_count == 0)
        return false;
    size_t length = strlen(shape->part_names[part]);
    length = length < NAME_BYTES ? length : NAME_BYTES - 1;
    for (size_t i = 0; i < length; i++)
        name[i] = shape->part_names[part][i] == '_' ? ' ' : shape->part_names[part][i];
    name[length] = '\0';
    return true;
}

static float entry_width(const legend *list, const char *name)
{
    return text_width(list->face, name, list->size) + 2.1f * list->size;
}

/* The parts from `first` that fit into one row: how many, and how wide it is. */
static uint32_t legend_row(const legend *list, uint32_t first, float *width)
{
    uint32_t part = first;
    *width = 0.0f;
    for (; part < list->shape->part_count; part++) {
        char name[NAME_BYTES];
        if (!legend_name(list, part, name))
            continue;
        float wide = entry_width(list, name);
        if (*width > 0.0f && *width + wide > list->width)
            break;
        *width += wide;
    }
    return part - first;
}

static uint32_t legend_rows(const legend *list)
{
    uint32_t rows = 0;
    float width;
    for (uint32_t part = 0; part < list->shape->part_count; part += legend_row(list, part, &width))
        rows++;
    return rows;
}

/* A filled circle with a soft edge. */
static void draw_dot(text_face *face, picture_image *image, float x, float y, float radius, const uint8_t color[3])
{
    for (int32_t row = (int32_t)(y - radius - 1.0f); (float)row <= y + radius + 1.0f; row++)
        for (int32_t column = (int32_t)(x - radius - 1.0f); (float)column <= x + radius + 1.0f; column++) {
            float dx = (float)column + 0.5f - x, dy = (float)row + 0.5f - y;
            float coverage = float_clamp(radius - sqrtf(dx * dx + dy * dy) + 0.5f, 0.0f, 1.0f);
            if (coverage > 0.0f)
                text_mix_pixel(face, image, column, row, color, coverage);
        }
}

/* Draws the legend; `y` is the base line of the first row. */
static void draw_legend(const legend *list, picture_image *image, float y)
{
    const lumen_shape *shape = list->shape;
    text_style style = {list->size, list->size, {LEGEND_COLOR[0], LEGEND_COLOR[1], LEGEND_COLOR[2]}};
    float width;
    for (uint32_t part = 0, count; part < shape->part_count; part += count, y += 1.75f * list->size) {
        count = legend_row(list, part, &width);
        float x = list->x;
        for (uint32_t i = part; i < part + count; i++) {
            char name[NAME_BYTES];
            if (!legend_name(list, i, name))
                continue;
            uint8_t color[3];
            scene_part_color(shape, i, PICTURE_BY_PART, color);
            draw_dot(list->face, image, x + 0.3f * list->size, y - 0.36f * list->size, 0.34f * list->size, color);
            text_draw(list->face, image, x + 0.95f * list->size, y, list->width, &style, name);
            x += entry_width(list, name);
        }
    }
}

/* ---- One shape ---------------------------------------------------------------------------------------- */

static lumen_status check_size(uint32_t size, const char *what, lumen_error *error)
{
    if (size >= PICTURE_SIZE_MIN && size <= PICTURE_SIZE_MAX)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_INVALID, "a picture's %s is %u pixels; choose %d to %d", what, size,
                      PICTURE_SIZE_MIN, PICTURE_SIZE_MAX);
}

/* Draws the shape and, below it, its caption; with a legend also the names of its parts, and to their right the
 * shape once more, small and in the colors of the legend: the shape itself wears its natural ones. */
static lumen_status compose(const lumen_shape *shape, const picture_options *options, text_face *face, arena *scratch,
                            picture_image *image, lumen_error *error)
{
    float width = (float)image->width, height = (float)image->height;
    float unit = fminf(width, height), margin = 0.06f * unit;
    bool captioned = options->caption != NULL && options->caption[0] != '\0';
    bool keyed = options->legend && options->coloring == PICTURE_NATURAL;
    float key_width = keyed ? 0.2f * unit : 0.0f, key_height = 0.15f * unit;
    legend list = {face, shape, unit * 0.0205f, margin, width - 2.0f * margin - key_width};
    uint32_t rows = options->legend ? legend_rows(&list) : 0;

    /* From the bottom up: a margin, the legend, the caption; the rest is for the shape. */
    float line = 1.75f * list.size, bottom = height - 0.05f * unit;
    float legend_y = bottom - line * ((float)rows - 1.0f);
    float caption_y = rows > 0 ? legend_y - 2.4f * list.size : bottom;
    float floor_y = captioned ? caption_y - 0.05f * unit : rows > 0 ? legend_y - line : bottom;
    floor_y = fmaxf(fminf(floor_y, keyed ? height - key_height : height) - 0.04f * unit, 0.3f * height);

    render_target target = {.image = image,
                            .width = image->width,
                            .height = image->height,
                            .content = {0.085f * width, 0.07f * height, 0.83f * width, floor_y - 0.07f * height},
                            .coloring = options->coloring,
                            .azimuth = options->azimuth,
                            .elevation = options->elevation};
    lumen_status status = render_shape(shape, &target, scratch, error);
    if (status == LUMEN_OK && keyed) {
        render_target key = target;
        key.over = true;
        key.coloring = PICTURE_BY_PART;
        key.width = (uint32_t)(key_width + margin);
        key.height = (uint32_t)(key_height + 0.05f * unit);
        key.x = image->width - key.width;
        key.y = image->height - key.height;
        key.content = (camera_frame){0.0f, 0.0f, key_width, key_height};
        status = render_shape(shape, &key, scratch, error);
    }
    if (status != LUMEN_OK)
        return status;
    if (captioned) {
        text_style style = {0.037f * unit, 0.02f * unit, {CAPTION_COLOR[0], CAPTION_COLOR[1], CAPTION_COLOR[2]}};
        if (rows > 0)
            text_draw(face, image, margin, caption_y, list.width, &style, options->caption);
        else
            text_draw_centered(face, image, 0.5f * width, caption_y, 0.9f * width, &style, options->caption);
    }
    if (rows > 0)
        draw_legend(&list, image, legend_y);
    return LUMEN_OK;
}

lumen_status picture_render(const lumen_shape *shape, const picture_options *options, picture_image *image,
                            lumen_error *error)
{
    static const picture_options usual = {0};
    *image = (picture_image){0};
    if (options == NULL)
        options = &usual;
    uint32_t width = options->width == 0 ? PICTURE_SIZE_DEFAULT : options->width;
    uint32_t height = options->height == 0 ? PICTURE_SIZE_DEFAULT : options->height;
    lumen_status status = check_size(width, "width", error);
    if (status == LUMEN_OK)
        status = check_size(height, "height", error);
    if (status != LUMEN_OK)
        return status;

    text_face *face = NULL;
    arena *scratch = arena_create(MEMORY_LIMIT);
    status = scratch == NULL ? lumen_fail_memory(error, "a picture") : text_open(&face, error);
    if (status == LUMEN_OK)
        status = make_image(width, height, image, error);
    if (status == LUMEN_OK)
        status = compose(shape, options, face, scratch, image, error);
    if (status != LUMEN_OK)
        picture_free(image);
    text_close(face);
    arena_destroy(scratch);
    return status;
}

/* ---- A sheet -------------------------------------------------------------------------------------------- */

/* The number of columns that makes a sheet of `count` tiles about as wide as high. */
static uint32_t choose_columns(size_t count)
{
    uint32_t columns = 1;
    while ((size_t)columns * columns < count)
        columns++;
    return columns;
}

static uint32_t caption_height(uint32_t tile)
{
    return tile * TILE_USUAL_CAPTION / TILE_USUAL;
}

static lumen_status draw_tile(const lumen_shape *shape, text_face *face, arena *scratch, picture_image *image,
                              uint32_t tile, uint32_t x, uint32_t y, lumen_error *error)
{
    float size = (float)tile;
    float caption = (float)caption_height(tile);
    float side = 0.09f * size;
    render_target target = {.image = image,
                            .x = x,
                            .y = y,
                            .width = tile,
                            .height = tile + caption_height(tile),
                            .content = {side, side, size - 2.0f * side, size - 1.9f * side}};
    lumen_status status = render_shape(shape, &target, scratch, error);
    if (status != LUMEN_OK || shape->text == NULL)
        return status;
    float scale = size / (float)TILE_USUAL;
    text_style style = {15.0f * scale, 11.0f * scale, {CAPTION_COLOR[0], CAPTION_COLOR[1], CAPTION_COLOR[2]}};
    text_draw_centered(face, image, (float)x + 0.5f * size, (float)y + size + 0.58f * caption, 0.92f * size, &style,
                       shape->text);
    return LUMEN_OK;
}

struct sheet_drawing {
    picture_image image;
    text_face *face;
    arena *scratch;
    size_t count;
    uint32_t columns;
    uint32_t tile;
};

lumen_status sheet_open(size_t count, uint32_t columns, uint32_t tile, sheet_drawing **out, lumen_error *error)
{
    *out = NULL;
    if (count == 0 || count > PICTURE_SHEET_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a sheet of %zu shapes cannot be drawn; choose 1 to %d", count,
                          PICTURE_SHEET_MAX);
    if (tile == 0)
        tile = TILE_USUAL;
    if (tile < PICTURE_TILE_MIN || tile > PICTURE_TILE_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "tiles of %u pixels cannot be drawn; choose %d to %d", tile,
                          PICTURE_TILE_MIN, PICTURE_TILE_MAX);
    if (columns == 0)
        columns = choose_columns(count);
    columns = columns < count ? columns : (uint32_t)count;
    uint32_t rows = (uint32_t)((count + columns - 1) / columns);
    sheet_drawing *sheet = calloc(1, sizeof *sheet);
    if (sheet == NULL)
        return lumen_fail_memory(error, "a sheet");
    sheet->count = count;
    sheet->columns = columns;
    sheet->tile = tile;
    sheet->scratch = arena_create(MEMORY_LIMIT);
    lumen_status status = sheet->scratch == NULL ? lumen_fail_memory(error, "a sheet") : text_open(&sheet->face, error);
    if (status == LUMEN_OK)
        status = make_image(2 * SHEET_MARGIN + columns * (tile + SHEET_GAP) - SHEET_GAP,
                            2 * SHEET_MARGIN + rows * (tile + caption_height(tile) + SHEET_GAP) - SHEET_GAP,
                            &sheet->image, error);
    if (status != LUMEN_OK) {
        sheet_close(sheet, NULL);
        return status;
    }
    *out = sheet;
    return LUMEN_OK;
}

lumen_status sheet_draw(sheet_drawing *sheet, size_t index, const lumen_shape *shape, lumen_error *error)
{
    if (index >= sheet->count)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a sheet of %zu tiles has no tile %zu; open a larger one",
                          sheet->count, index + 1);
    uint32_t x = SHEET_MARGIN + (uint32_t)(index % sheet->columns) * (sheet->tile + SHEET_GAP);
    uint32_t y =
        SHEET_MARGIN + (uint32_t)(index / sheet->columns) * (sheet->tile + caption_height(sheet->tile) + SHEET_GAP);
    return draw_tile(shape, sheet->face, sheet->scratch, &sheet->image, sheet->tile, x, y, error);
}

void sheet_close(sheet_drawing *sheet, picture_image *image)
{
    if (sheet == NULL)
        return;
    if (image != NULL)
        *image = sheet->image;
    else
        picture_free(&sheet->image);
    text_close(sheet->face);
    arena_destroy(sheet->scratch);
    free(sheet);
}

lumen_status picture_sheet(const lumen_shape *const *shapes, size_t count, uint32_t columns, uint32_t tile,
                           picture_image *image, lumen_error *error)
{
    *image = (picture_image){0};
    sheet_drawing *sheet;
    lumen_status status = sheet_open(count, columns, tile, &sheet, error);
    for (size_t i = 0; status == LUMEN_OK && i < count; i++)
        status = sheet_draw(sheet, i, shapes[i], error);
    if (sheet != NULL)
        sheet_close(sheet, status == LUMEN_OK ? image : NULL);
    return status;
}
