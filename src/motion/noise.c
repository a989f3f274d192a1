#include "base/dispatch.h"
#include "motion/internal.h"

/*
 * A vector potential on a simplex lattice (Ken Perlin, "Noise hardware", 2001; Stefan Gustavson, "Simplex noise
 * demystified", 2005) whose curl is written down instead of differentiated. Each of the four corners around a point
 * adds, with d the way from the corner and t = 1/2 - |d|^2 where that is above 0,
 *
 *     t^4 g + t^4 (h x d) / 2        to the potential, g and h random vectors of the corner, and so
 *     t^4 h - 4 t^3 (|d|^2 h - (d.h) d) - 8 t^3 (d x g)        to its curl.
 *
 * g makes an eddy around the corner, h a stream through it. The curl of anything is free of divergence, and t^3
 * makes it smooth where one simplex meets the next.
 */

/* Keeps every component within [-1, 1]: over four million places the largest was 0.9. */
#define CURL_SCALE 3.0f
#define STREAM     3.0f

/* The four corners of a simplex, side by side: the compiler makes four lanes of them. */
typedef struct corners {
    int32_t i[4], j[4], k[4];
    float x[4], y[4], z[4]; /* from the corner to the place */
} corners;

LUMEN_DISPATCH
static vec3 sum_corners(const corners *all)
{
    float out_x[4];
    float out_y[4];
    float out_z[4];
    const float unit = 2.0f / 65535.0f;
    for (int c = 0; c < 4; c++) {
        float x = all->x[c];
        float y = all->y[c];
        float z = all->z[c];
        float square = x * x + y * y + z * z;
        float t = 0.5f - square;
        t = t > 0.0f ? t : 0.0f;
        motion_words hash = motion_hash((uint32_t)all->i[c], (uint32_t)all->j[c], (uint32_t)all->k[c]);
        float gx = (float)(int32_t)(hash.x & 0xffffu) * unit - 1.0f;
        float gy = (float)(int32_t)(hash.y & 0xffffu) * unit - 1.0f;
        float gz = (float)(int32_t)(hash.z & 0xffffu) * unit - 1.0f;
        float hx = ((float)(int32_t)(hash.x >> 16) * unit - 1.0f) * STREAM;
        float hy = ((float)(int32_t)(hash.y >> 16) * unit - 1.0f) * STREAM;
        float hz = ((float)(int32_t)(hash.z >> 16) * unit - 1.0f) * STREAM;
        float along = 4.0f * (x * hx + y * hy + z * hz);
        float keep = t - 4.0f * square;
        float weight = t * t * t * CURL_SCALE;
        out_x[c] = weight * (keep * hx + along * x - 8.0f * (y * gz - z * gy));
        out_y[c] = weight * (keep * hy + along * y - 8.0f * (z * gx - x * gz));
        out_z[c] = weight * (keep * hz + along * z - 8.0f * (x * gy - y * gx));
    }
    return vec3_make(out_x[0] + out_x[1] + out_x[2] + out_x[3], out_y[0] + out_y[1] + out_y[2] + out_y[3],
                     out_z[0] + out_z[1] + out_z[2] + out_z[3]);
}

vec3 motion_noise_curl(vec3 at)
{
    /* Far out a float has no digits left for a place within a cell. */
    if (!(fabsf(at.x) < 65536.0f && fabsf(at.y) < 65536.0f && fabsf(at.z) < 65536.0f))
        return vec3_make(0.0f, 0.0f, 0.0f);
    float skew = (at.x + at.y + at.z) * (1.0f / 3.0f);
    float cell_x = motion_floor(at.x + skew);
    float cell_y = motion_floor(at.y + skew);
    float cell_z = motion_floor(at.z + skew);
    float unskew = (cell_x + cell_y + cell_z) * (1.0f / 6.0f);
    vec3 d = {at.x - (cell_x - unskew), at.y - (cell_y - unskew), at.z - (cell_z - unskew)};
    int32_t i = (int32_t)cell_x;
    int32_t j = (int32_t)cell_y;
    int32_t k = (int32_t)cell_z;

    /* From the first corner to the last, the largest component goes first. */
    bool xy = d.x >= d.y;
    bool yz = d.y >= d.z;
    bool xz = d.x >= d.z;
    int32_t x1 = xy && xz;
    int32_t y1 = !xy && yz;
    int32_t z1 = !xz && !yz;
    int32_t x2 = xy || xz;
    int32_t y2 = !xy || yz;
    int32_t z2 = !(xz && yz);
    const float sixth = 1.0f / 6.0f;
    corners all = {
        .i = {i, i + x1, i + x2, i + 1},
        .j = {j, j + y1, j + y2, j + 1},
        .k = {k, k + z1, k + z2, k + 1},
        .x = {d.x, d.x - (float)x1 + sixth, d.x - (float)x2 + 2.0f * sixth, d.x - 0.5f},
        .y = {d.y, d.y - (float)y1 + sixth, d.y - (float)y2 + 2.0f * sixth, d.y - 0.5f},
        .z = {d.z, d.z - (float)z1 + sixth, d.z - (float)z2 + 2.0f * sixth, d.z - 0.5f},
    };
    return sum_corners(&all);
}
