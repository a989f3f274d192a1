#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <GLES3/gl3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sculptures.h"

studio studio_open(uint32_t width, uint32_t height, const viewer_options *options)
{
    studio room = {.width = width, .height = height};
    lumen_error error = {0};
    if (lumen_open(NULL, &room.library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    if (offscreen_open(width, height, &room.place, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    if (viewer_open(options, &room.sculpture, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    viewer_resize(room.sculpture, width, height, 1.0f);
    room.count = viewer_facts_now(room.sculpture).particles;
    room.pixels = malloc((size_t)width * height * 4);
    room.positions = malloc(room.count * 3 * sizeof *room.positions);
    room.part_ids = malloc(room.count);
    assert_non_null(room.pixels);
    assert_non_null(room.positions);
    assert_non_null(room.part_ids);
    viewer_frame(room.sculpture, room.now);
    return room;
}

void studio_close(studio *room)
{
    assert_int_equal(glGetError(), GL_NO_ERROR); /* nothing that the test did was wrong */
    viewer_close(room->sculpture);
    offscreen_close(room->place);
    lumen_close(room->library);
    free(room->pixels);
    free(room->positions);
    free(room->part_ids);
}

lumen_shape *studio_shape(studio *room, const char *text, uint32_t points)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    const lumen_request request = {.text = text, .points = points, .quality = LUMEN_QUALITY_FAST};
    if (lumen_generate(room->library, &request, &shape, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return shape;
}

void studio_run(studio *room, double seconds)
{
    for (int frames = (int)lround(seconds * 60.0); frames > 0; frames--)
        viewer_frame(room->sculpture, room->now += 1.0 / 60.0);
}

void studio_read(studio *room)
{
    lumen_error error = {0};
    if (viewer_read(room->sculpture, room->positions, room->part_ids, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

void studio_picture(studio *room)
{
    lumen_error error = {0};
    if (offscreen_read(room->place, room->pixels, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

uint64_t studio_brightness(const studio *room)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)room->width * room->height; i++)
        sum += (uint64_t)room->pixels[4 * i] + room->pixels[4 * i + 1] + room->pixels[4 * i + 2];
    return sum;
}

float studio_distance(const studio *room, const lumen_shape *shape)
{
    uint32_t count = shape->point_count < room->count ? shape->point_count : room->count;
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        sum += hypot(hypot((double)(room->positions[3 * i] - shape->positions[3 * i]),
                           (double)(room->positions[3 * i + 1] - shape->positions[3 * i + 1])),
                     (double)(room->positions[3 * i + 2] - shape->positions[3 * i + 2]));
    return (float)(sum / count);
}

uint32_t studio_part(const lumen_shape *shape, const char *name)
{
    for (uint32_t part = 0; part < shape->part_count; part++)
        if (strcmp(shape->part_names[part], name) == 0)
            return part + 1;
    return 0;
}
