/* Threshold, pieces, outlines: a gray map becomes what stands in it. */

#include "cutout/inside.h"

#include <float.h>
#include <stdlib.h>

enum { LEVELS = 256, DIRECTIONS = 8 };

/* ---- Threshold -------------------------------------------------------------------------------------------- */

unsigned cutout_otsu(const uint8_t *values, size_t count)
{
    size_t histogram[LEVELS] = {0};
    double mean = 0.0, low_share = 0.0, low_mean = 0.0, best = 0.0;
    unsigned threshold = 0;
    for (size_t i = 0; i < count; i++)
        histogram[values[i]]++;
    for (unsigned level = 0; level < LEVELS; level++)
        mean += (double)level * (double)histogram[level] / (double)count;
    for (unsigned level = 0; level < LEVELS; level++) {
        const double share = (double)histogram[level] / (double)count;
        low_mean *= low_share;
        low_share += share;
        const double high_share = 1.0 - low_share;
        const double smaller = low_share < high_share ? low_share : high_share;
        if (smaller < (double)FLT_EPSILON)
            continue;
        low_mean = (low_mean + (double)level * share) / low_share;
        const double high_mean = (mean - low_share * low_mean) / high_share, apart = low_mean - high_mean;
        const double between = low_share * high_share * apart * apart;
        if (between > best) {
            best = between;
            threshold = level;
        }
    }
    return threshold;
}

/* ---- Outlines --------------------------------------------------------------------------------------------- */

/* Counterclockwise on the screen, from the right. */
static const int step_x[DIRECTIONS] = {1, 1, 0, -1, -1, -1, 0, 1};
static const int step_y[DIRECTIONS] = {0, -1, -1, -1, 0, 1, 1, 1};

enum { WEST = 4 };

typedef struct place {
    int64_t x, y;
} place;

typedef struct map {
    const uint8_t *values;
    int64_t width, height;
} map;

static place neighbor(place at, unsigned direction)
{
    return (place){at.x + step_x[direction], at.y + step_y[direction]};
}

static bool is_set(const map *in, place at)
{
    return at.x >= 0 && at.y >= 0 && at.x < in->width && at.y < in->height && in->values[at.y * in->width + at.x] != 0;
}

/* Follows the border with the piece at its right hand until the first step would come again (Suzuki and Abe, 1985). */
uint64_t cutout_outline_area(const uint8_t *values, uint32_t width, uint32_t height, uint32_t x, uint32_t y)
{
    const map in = {values, width, height};
    const place start = {x, y};
    unsigned direction = WEST, turned = 0;
    /* Clockwise from the west, which is empty: the last pixel of the way around. */
    while (turned < DIRECTIONS && !is_set(&in, neighbor(start, direction))) {
        direction = (direction + DIRECTIONS - 1) % DIRECTIONS;
        turned++;
    }
    if (turned == DIRECTIONS)
        return 0;
    const place last = neighbor(start, direction);
    place at = start;
    int64_t sum = 0;
    for (;;) {
        /* `direction` points to where we came from; counterclockwise from there on. */
        do
            direction = (direction + 1) % DIRECTIONS;
        while (!is_set(&in, neighbor(at, direction)));
        const place next = neighbor(at, direction);
        sum += at.x * next.y - next.x * at.y;
        if (next.x == start.x && next.y == start.y && at.x == last.x && at.y == last.y)
            break;
        at = next;
        direction = (direction + DIRECTIONS / 2) % DIRECTIONS;
    }
    return (uint64_t)(sum < 0 ? -sum : sum);
}

/* ---- Pieces ------------------------------------------------------------------------------------------------- */

enum { EMPTY = 0, UNSEEN = 255, SEEN = 254 };

typedef struct piece {
    size_t count; /* of its pixels in `queue` */
    cutout_box box;
} piece;

/* All pixels that hang together with `first`, which become SEEN. */
static piece fill(uint8_t *values, uint32_t width, uint32_t height, size_t first, uint32_t *queue)
{
    uint32_t left = width, right = 0, top = height, bottom = 0;
    size_t count = 1;
    queue[0] = (uint32_t)first;
    values[first] = SEEN;
    for (size_t i = 0; i < count; i++) {
        const uint32_t x = queue[i] % width, y = queue[i] / width;
        left = x < left ? x : left;
        right = x > right ? x : right;
        top = y < top ? y : top;
        bottom = y > bottom ? y : bottom;
        for (unsigned direction = 0; direction < DIRECTIONS; direction++) {
            const place at = neighbor((place){x, y}, direction);
            if (at.x < 0 || at.y < 0 || at.x >= (int64_t)width || at.y >= (int64_t)height)
                continue;
            const size_t index = (size_t)at.y * width + (size_t)at.x;
            if (values[index] == UNSEEN) {
                values[index] = SEEN;
                queue[count++] = (uint32_t)index;
            }
        }
    }
    return (piece){count, {left, top, right - left + 1, bottom - top + 1}};
}

lumen_status cutout_clean(uint8_t *values, uint32_t width, uint32_t height, bool *found, cutout_box *box,
                          lumen_error *error)
{
    const size_t count = (size_t)width * height;
    uint32_t *queue = malloc(count * sizeof *queue);
    uint64_t largest = 0;
    *found = false;
    if (queue == NULL)
        return lumen_fail_memory(error, "the pieces of a mask");
    for (size_t i = 0; i < count; i++) {
        if (values[i] != UNSEEN)
            continue;
        const piece made = fill(values, width, height, i, queue);
        if (made.count < CUTOUT_PIECE_MIN) {
            for (size_t j = 0; j < made.count; j++)
                values[queue[j]] = EMPTY;
            continue;
        }
        const uint64_t area = cutout_outline_area(values, width, height, (uint32_t)(i % width), (uint32_t)(i / width));
        if (!*found || area >= largest) {
            *found = true;
            largest = area;
            *box = made.box;
        }
    }
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] == SEEN ? 255 : 0;
    free(queue);
    return LUMEN_OK;
}
