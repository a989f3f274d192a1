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

static vec3 of_corner(int32_t i, int32_t j, int32_t k, vec3 d)
{
    float square = vec3_dot(d, d);
    float t = 0.5f - square;
    if (t <= 0.0f)
        return vec3_make(0.0f, 0.0f, 0.0f);
    motion_words hash = motion_hash((uint32_t)i, (uint32_t)j, (uint32_t)k);
    const float unit = 2.0f / 65535.0f;
    vec3 g = {(float)(hash.x & 0xffffu) * unit - 1.0f, (float)(hash.y & 0xffffu) * unit - 1.0f,
              (float)(hash.z & 0xffffu) * unit - 1.0f};
    vec3 h = {((float)(hash.x >> 16) * unit - 1.0f) * STREAM, ((float)(hash.y >> 16) * unit - 1.0f) * STREAM,
              ((float)(hash.z >> 16) * unit - 1.0f) * STREAM};
    vec3 eddy = vec3_cross(d, g);
    float along = 4.0f * vec3_dot(d, h);
    float keep = t - 4.0f * square;
    float weight = t * t * t * CURL_SCALE;
    return vec3_make(weight * (keep * h.x + along * d.x - 8.0f * eddy.x),
                     weight * (keep * h.y + along * d.y - 8.0f * eddy.y),
                     weight * (keep * h.z + along * d.z - 8.0f * eddy.z));
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
    vec3 sum = of_corner(i, j, k, d);
    sum =
        vec3_add(sum, of_corner(i + x1, j + y1, k + z1,
                                vec3_make(d.x - (float)x1 + sixth, d.y - (float)y1 + sixth, d.z - (float)z1 + sixth)));
    sum = vec3_add(sum, of_corner(i + x2, j + y2, k + z2,
                                  vec3_make(d.x - (float)x2 + 2.0f * sixth, d.y - (float)y2 + 2.0f * sixth,
                                            d.z - (float)z2 + 2.0f * sixth)));
    return vec3_add(sum, of_corner(i + 1, j + 1, k + 1, vec3_make(d.x - 0.5f, d.y - 0.5f, d.z - 0.5f)));
}
