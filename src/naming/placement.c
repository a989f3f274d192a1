#include "naming/placement.h"

#include <math.h>

#include "base/dispatch.h"

/* Bounds of what a refinement may do, so that no hole or missing part drags the shape out of shape. */
static const float DISTORTION_MAX = 1.8f; /* of an axis against the mean of all */
static const float SCALE_MIN = 0.35f;
static const float SCALE_MAX = 2.5f;
static const float COSINE_MIN = 0.82f; /* of the small turn: 35 degrees */

/* How much the axes want equal scales, and the shape no turn, in units of the points' own variance. */
static const float EQUAL_SCALES = 0.25f;
static const float NO_TURN = 0.1f;

static bool make_points(uint32_t count, arena *memory, points *at)
{
    at->count = count;
    for (int k = 0; k < 3; k++)
        at->axis[k] = arena_array(memory, float, count);
    return at->axis[0] != NULL && at->axis[1] != NULL && at->axis[2] != NULL;
}

bool placement_room_make(uint32_t generated_count, uint32_t reference_count, arena *memory, placement_room *room)
{
    room->nearest_reference = arena_array(memory, uint32_t, generated_count);
    room->nearest_generated = arena_array(memory, uint32_t, reference_count);
    room->distance_generated = arena_array(memory, float, generated_count);
    room->distance_reference = arena_array(memory, float, reference_count);
    return make_points(generated_count, memory, &room->turned) && make_points(generated_count, memory, &room->placed) &&
           room->nearest_reference != NULL && room->nearest_generated != NULL && room->distance_generated != NULL &&
           room->distance_reference != NULL;
}

/* ---- Moving points ------------------------------------------------------------------------------------- */

/* Quarter turns and mirror alone. */
static void turn(const placement *one, const points *from, points *to)
{
    static const float cosine[4] = {1, 0, -1, 0};
    static const float sine[4] = {0, 1, 0, -1};
    float c = cosine[one->quarter_turns];
    float s = sine[one->quarter_turns];
    float side = one->mirrored ? -1.0f : 1.0f;
    to->count = from->count;
    for (uint32_t p = 0; p < from->count; p++) {
        float x = from->axis[0][p];
        float z = from->axis[2][p];
        to->axis[0][p] = side * (c * x + s * z);
        to->axis[1][p] = from->axis[1][p];
        to->axis[2][p] = c * z - s * x;
    }
}

/* The rest, from points that are turned. */
static void place(const placement *one, const points *turned, points *to)
{
    to->count = turned->count;
    for (uint32_t p = 0; p < turned->count; p++) {
        float x = turned->axis[0][p];
        float z = turned->axis[2][p];
        to->axis[0][p] = one->scale[0] * (one->cosine * x + one->sine * z) + one->offset[0];
        to->axis[1][p] = one->scale[1] * turned->axis[1][p] + one->offset[1];
        to->axis[2][p] = one->scale[2] * (one->cosine * z - one->sine * x) + one->offset[2];
    }
}

void placement_apply(const placement *one, const points *generated, points *placed)
{
    turn(one, generated, placed);
    place(one, placed, placed);
}

void placement_matrix(const placement *one, float linear[9], float offset[3])
{
    static const float cosine[4] = {1, 0, -1, 0};
    static const float sine[4] = {0, 1, 0, -1};
    float c = cosine[one->quarter_turns];
    float s = sine[one->quarter_turns];
    float side = one->mirrored ? -1.0f : 1.0f;
    const float first[2][2] = {{side * c, side * s}, {-s, c}}; /* rows x, z over columns x, z */
    const float then[2][2] = {{one->cosine, one->sine}, {-one->sine, one->cosine}};
    for (int k = 0; k < 9; k++)
        linear[k] = 0.0f;
    linear[4] = one->scale[1];
    for (int row = 0; row < 2; row++)
        for (int column = 0; column < 2; column++)
            linear[6 * row + 2 * column] =
                one->scale[2 * row] * (then[row][0] * first[0][column] + then[row][1] * first[1][column]);
    for (int k = 0; k < 3; k++)
        offset[k] = one->offset[k];
}

/* ---- Starting ------------------------------------------------------------------------------------------ */

static void extent(const points *at, int axis, float *low, float *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (uint32_t p = 0; p < at->count; p++) {
        float value = at->axis[axis][p];
        *low = value < *low ? value : *low;
        *high = value > *high ? value : *high;
    }
}

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* One box over the other. */
static void start_by_box(const cloud *generated, const cloud *reference, bool by_axis, placement *one)
{
    float sizes[2] = {0};
    float low[2][3];
    float high[2][3];
    for (int k = 0; k < 3; k++) {
        int source = one->quarter_turns % 2 == 0 ? k : 2 - k;
        extent(&generated->at, source, &low[0][k], &high[0][k]);
        extent(&reference->at, k, &low[1][k], &high[1][k]);
        /* Where a turn or the mirror reverses the axis, it reverses the extent. */
        bool reversed = (k == 0 && (one->quarter_turns >= 2) != one->mirrored) ||
                        (k == 2 && (one->quarter_turns == 1 || one->quarter_turns == 2));
        if (reversed) {
            float swap = low[0][k];
            low[0][k] = -high[0][k];
            high[0][k] = -swap;
        }
        for (int side = 0; side < 2; side++)
            sizes[side] += high[side][k] - low[side][k];
    }
    float mean = clamp(sizes[1] / sizes[0], SCALE_MIN, SCALE_MAX);
    for (int k = 0; k < 3; k++) {
        float own = high[0][k] - low[0][k];
        float other = high[1][k] - low[1][k];
        one->scale[k] = mean;
        if (by_axis && own > 1e-3f)
            one->scale[k] = clamp(other / own, mean / DISTORTION_MAX, mean * DISTORTION_MAX);
        one->offset[k] = 0.5f * (low[1][k] + high[1][k]) - one->scale[k] * 0.5f * (low[0][k] + high[0][k]);
    }
}

/* Center of some parts, each by its area. */
static void center_of(const cloud *of, uint32_t first_part, uint32_t end_part, double center[3], double *area)
{
    *area = 0.0;
    center[0] = center[1] = center[2] = 0.0;
    for (uint32_t i = first_part; i < end_part; i++) {
        uint32_t count = of->first[i + 1] - of->first[i];
        for (uint32_t p = of->first[i]; p < of->first[i + 1]; p++)
            for (int k = 0; k < 3; k++)
                center[k] += of->area[i] * (double)of->at.axis[k][p] / (double)count;
        *area += of->area[i];
    }
    for (int k = 0; k < 3; k++)
        center[k] /= *area;
}

static uint32_t largest_part(const cloud *of)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < of->part_count; i++)
        largest = of->area[i] > of->area[largest] ? i : largest;
    return largest;
}

/* Equal areas over each other: of everything, or of the largest parts. */
static void start_by_area(const cloud *generated, const cloud *reference, bool largest, placement *one)
{
    double from[3];
    double to[3];
    double from_area;
    double to_area;
    if (largest) {
        uint32_t i = largest_part(generated);
        uint32_t j = largest_part(reference);
        center_of(generated, i, i + 1, from, &from_area);
        center_of(reference, j, j + 1, to, &to_area);
    } else {
        center_of(generated, 0, generated->part_count, from, &from_area);
        center_of(reference, 0, reference->part_count, to, &to_area);
    }
    float scale = clamp((float)sqrt(to_area / from_area), SCALE_MIN, SCALE_MAX);
    float linear[9];
    float offset[3];
    for (int k = 0; k < 3; k++)
        one->scale[k] = scale;
    placement_matrix(one, linear, offset);
    for (int k = 0; k < 3; k++)
        one->offset[k] = (float)(to[k] - (double)linear[3 * k] * from[0] - (double)linear[3 * k + 1] * from[1] -
                                 (double)linear[3 * k + 2] * from[2]);
}

placement placement_start(const cloud *generated, const cloud *reference, uint32_t quarter_turns, bool mirrored,
                          placement_start_kind kind)
{
    placement one = {.quarter_turns = quarter_turns, .mirrored = mirrored, .cosine = 1.0f};
    if (kind == PLACEMENT_BOX || kind == PLACEMENT_BOX_BY_AXIS)
        start_by_box(generated, reference, kind == PLACEMENT_BOX_BY_AXIS, &one);
    else
        start_by_area(generated, reference, kind == PLACEMENT_LARGEST, &one);
    return one;
}

/* ---- Nearest points ------------------------------------------------------------------------------------ */

enum { BLOCK = 256 };

/* The nearest of `to` for each of `from`: blocks of queries stay in the first cache while all candidates go by. */
LUMEN_DISPATCH
static void find_nearest(const points *from, const points *to, float *squares, uint32_t *nearest)
{
    for (uint32_t start = 0; start < from->count; start += BLOCK) {
        uint32_t count = from->count - start < BLOCK ? from->count - start : BLOCK;
        const float *x = from->axis[0] + start;
        const float *y = from->axis[1] + start;
        const float *z = from->axis[2] + start;
        float best[BLOCK];
        uint32_t index[BLOCK];
        for (uint32_t p = 0; p < BLOCK; p++) {
            best[p] = INFINITY;
            index[p] = 0;
        }
        for (uint32_t q = 0; q < to->count; q++) {
            float qx = to->axis[0][q];
            float qy = to->axis[1][q];
            float qz = to->axis[2][q];
            for (uint32_t p = 0; p < count; p++) {
                float dx = x[p] - qx;
                float dy = y[p] - qy;
                float dz = z[p] - qz;
                float square = dx * dx + dy * dy + dz * dz;
                index[p] = square < best[p] ? q : index[p];
                best[p] = square < best[p] ? square : best[p];
            }
        }
        for (uint32_t p = 0; p < count; p++) {
            squares[start + p] = best[p];
            nearest[start + p] = index[p];
        }
    }
}

static void find_pairs(const cloud *generated, const cloud *reference, placement_room *room)
{
    room->placed.count = generated->at.count;
    find_nearest(&room->placed, &reference->at, room->distance_generated, room->nearest_reference);
    find_nearest(&reference->at, &room->placed, room->distance_reference, room->nearest_generated);
}

/* 1 for points that meet, 1/2 at `width`, and nearly nothing far away (Geman and McClure's weight without its square,
 * so that a leg that stands apart still pulls a little). */
static float nearness(float square, float width)
{
    return 1.0f / (1.0f + square / (width * width));
}

/* ---- Refining ------------------------------------------------------------------------------------------ */

/* Weighted sums over pairs (u, r): u a generated point before scale and offset, r a point of the reference. */
typedef struct pair_sums {
    double weight;
    double u[3], r[3];
    double uu[3], ur[3];
    double ur_xz, ur_zx; /* u.x r.z, u.z r.x */
} pair_sums;

static void add_pair(pair_sums *sums, double weight, const float u[3], const float r[3])
{
    sums->weight += weight;
    for (int k = 0; k < 3; k++) {
        sums->u[k] += weight * (double)u[k];
        sums->r[k] += weight * (double)r[k];
        sums->uu[k] += weight * (double)u[k] * (double)u[k];
        sums->ur[k] += weight * (double)u[k] * (double)r[k];
    }
    sums->ur_xz += weight * (double)u[0] * (double)r[2];
    sums->ur_zx += weight * (double)u[2] * (double)r[0];
}

static void load(const points *at, uint32_t p, float out[3])
{
    for (int k = 0; k < 3; k++)
        out[k] = at->axis[k][p];
}

/* Over all pairs in both directions. `moving` is room->turned or room->placed. */
static void sum_pairs(const cloud *generated, const cloud *reference, const points *moving, float width,
                      const placement_room *room, const placement *one, bool with_turn, pair_sums *sums)
{
    *sums = (pair_sums){0};
    for (uint32_t direction = 0; direction < 2; direction++) {
        const cloud *each = direction == 0 ? generated : reference;
        for (uint32_t p = 0; p < each->at.count; p++) {
            uint32_t g = direction == 0 ? p : room->nearest_generated[p];
            uint32_t q = direction == 0 ? room->nearest_reference[p] : p;
            float square = direction == 0 ? room->distance_generated[p] : room->distance_reference[p];
            float u[3];
            float r[3];
            load(moving, g, u);
            load(&reference->at, q, r);
            if (with_turn) {
                float x = u[0];
                u[0] = one->cosine * x + one->sine * u[2];
                u[2] = one->cosine * u[2] - one->sine * x;
            }
            add_pair(sums, (double)(each->weight[p] * nearness(square, width)), u, r);
        }
    }
}

/* A small turn about +Y of the placed points that brings them nearer. */
static void update_turn(const pair_sums *sums, placement *one)
{
    double w = sums->weight;
    double along = (sums->ur[0] - sums->u[0] * sums->r[0] / w) + (sums->ur[2] - sums->u[2] * sums->r[2] / w);
    double across = (sums->ur_zx - sums->u[2] * sums->r[0] / w) - (sums->ur_xz - sums->u[0] * sums->r[2] / w);
    double spread = (sums->uu[0] - sums->u[0] * sums->u[0] / w) + (sums->uu[2] - sums->u[2] * sums->u[2] / w);
    along = (along > 0.0 ? along : 0.0) + (double)NO_TURN * spread;
    double length = sqrt(along * along + across * across);
    if (!(length > 1e-12))
        return;
    float c = (float)(along / length);
    float s = (float)(across / length);
    float cosine = one->cosine * c - one->sine * s;
    float sine = one->cosine * s + one->sine * c;
    if (cosine >= COSINE_MIN) {
        one->cosine = cosine;
        one->sine = sine;
    }
}

/* Scale and offset by least squares, axis by axis, the scales drawn toward one for all. */
static void update_scale(const pair_sums *sums, placement *one)
{
    double w = sums->weight;
    double covariance[3];
    double variance[3];
    double all_covariance = 0.0;
    double all_variance = 0.0;
    for (int k = 0; k < 3; k++) {
        covariance[k] = sums->ur[k] - sums->u[k] * sums->r[k] / w;
        variance[k] = sums->uu[k] - sums->u[k] * sums->u[k] / w;
        all_covariance += covariance[k];
        all_variance += variance[k];
    }
    if (!(all_variance > 1e-12))
        return;
    float mean = clamp((float)(all_covariance / all_variance), SCALE_MIN, SCALE_MAX);
    double pull = (double)EQUAL_SCALES * all_variance / 3.0;
    for (int k = 0; k < 3; k++) {
        float scale = (float)((covariance[k] + pull * (double)mean) / (variance[k] + pull));
        one->scale[k] = clamp(scale, mean / DISTORTION_MAX, mean * DISTORTION_MAX);
        one->offset[k] = (float)((sums->r[k] - (double)one->scale[k] * sums->u[k]) / w);
    }
}

void placement_refine(const cloud *generated, const cloud *reference, float width, uint32_t rounds,
                      placement_room *room, placement *one)
{
    turn(one, &generated->at, &room->turned);
    for (uint32_t round = 0; round < rounds; round++) {
        pair_sums sums;
        place(one, &room->turned, &room->placed);
        find_pairs(generated, reference, room);
        sum_pairs(generated, reference, &room->placed, width, room, one, false, &sums);
        update_turn(&sums, one);
        sum_pairs(generated, reference, &room->turned, width, room, one, true, &sums);
        update_scale(&sums, one);
    }
}

float placement_fit(const cloud *generated, const cloud *reference, float width, placement_room *room,
                    const placement *one)
{
    placement_apply(one, &generated->at, &room->placed);
    find_pairs(generated, reference, room);
    float own = 0.0f;
    float other = 0.0f;
    for (uint32_t p = 0; p < generated->at.count; p++)
        own += generated->weight[p] * nearness(room->distance_generated[p], width);
    for (uint32_t q = 0; q < reference->at.count; q++)
        other += reference->weight[q] * nearness(room->distance_reference[q], width);
    return 0.5f * (own + other);
}

float placement_distortion(const placement *one)
{
    float mean = (one->scale[0] + one->scale[1] + one->scale[2]) / 3.0f;
    float sum = 0.0f;
    for (int k = 0; k < 3; k++)
        sum += fabsf(one->scale[k] / mean - 1.0f);
    return sum / 3.0f;
}
