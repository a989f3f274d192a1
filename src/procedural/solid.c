/* Distances to implicit solids, many points at once, in loops that the compiler turns into vectors. */

#include "procedural/solid.h"

#include "base/dispatch.h"

/* ---- Points in the frame of a solid ------------------------------------------------------------------------ */

LUMEN_DISPATCH
static void to_local(const solid *one, uint32_t count, const float *restrict x, const float *restrict y,
                     const float *restrict z, float *restrict lx, float *restrict ly, float *restrict lz)
{
    const float *r = one->rotation;
    float flip = one->mirrored ? -1.0f : 1.0f;
    for (uint32_t i = 0; i < count; i++) {
        float dx = x[i] * flip - one->origin.x;
        float dy = y[i] - one->origin.y;
        float dz = z[i] - one->origin.z;
        lx[i] = dx * r[0] + dy * r[1] + dz * r[2];
        ly[i] = dx * r[3] + dy * r[4] + dz * r[5];
        lz[i] = dx * r[6] + dy * r[7] + dz * r[8];
    }
}

/* ---- Solids -------------------------------------------------------------------------------------------------- */

LUMEN_DISPATCH
static void ball_distances(const solid *one, uint32_t count, const float *restrict x, const float *restrict y,
                           const float *restrict z, float *restrict distances)
{
    vec3 c = one->center; /* mirrored already */
    float radius = one->size[0];
    for (uint32_t i = 0; i < count; i++) {
        float dx = x[i] - c.x;
        float dy = y[i] - c.y;
        float dz = z[i] - c.z;
        distances[i] = sqrtf(dx * dx + dy * dy + dz * dz) - radius;
    }
}

/* With k0 = |p / r| and k1 = |p / r^2|, k0 (k0 - 1) / k1 is the first-order distance (Quilez, "ellipsoid SDF"). */
LUMEN_DISPATCH
static void ellipsoid_distances(const solid *one, uint32_t count, const float *restrict x, const float *restrict y,
                                const float *restrict z, float *restrict distances)
{
    float ax = 1.0f / one->size[0];
    float ay = 1.0f / one->size[1];
    float az = 1.0f / one->size[2];
    float deepest = -0.5f * one->thickness;
    for (uint32_t i = 0; i < count; i++) {
        float px = x[i] * ax;
        float py = y[i] * ay;
        float pz = z[i] * az;
        float k0 = sqrtf(px * px + py * py + pz * pz);
        px *= ax;
        py *= ay;
        pz *= az;
        float k1 = sqrtf(px * px + py * py + pz * pz);
        float estimate = k0 * (k0 - 1.0f) / (k1 + 1e-12f);
        distances[i] = k0 < 1e-4f ? deepest : estimate;
    }
}

LUMEN_DISPATCH
static void box_distances(const solid *one, uint32_t count, const float *restrict x, const float *restrict y,
                          const float *restrict z, float *restrict distances)
{
    float hx = one->size[0] - one->round;
    float hy = one->size[1] - one->round;
    float hz = one->size[2] - one->round;
    for (uint32_t i = 0; i < count; i++) {
        float qx = fabsf(x[i]) - hx;
        float qy = fabsf(y[i]) - hy;
        float qz = fabsf(z[i]) - hz;
        float ox = qx > 0.0f ? qx : 0.0f;
        float oy = qy > 0.0f ? qy : 0.0f;
        float oz = qz > 0.0f ? qz : 0.0f;
        float inner = qx > qy ? qx : qy;
        inner = inner > qz ? inner : qz;
        inner = inner < 0.0f ? inner : 0.0f;
        distances[i] = sqrtf(ox * ox + oy * oy + oz * oz) + inner - one->round;
    }
}

LUMEN_DISPATCH
static void ring_distances(const solid *one, uint32_t count, const float *restrict x, const float *restrict y,
                           const float *restrict z, float *restrict distances)
{
    for (uint32_t i = 0; i < count; i++) {
        float radial = sqrtf(x[i] * x[i] + z[i] * z[i]) - one->size[0];
        distances[i] = sqrtf(radial * radial + y[i] * y[i]) - one->size[1];
    }
}

/* Spheres of radius r(u) = r0 - s u swept along a straight piece. With the point at (u, v) along and off the axis, the
 * nearest sphere is the one at u - v s / sqrt(1 - s^2) (set the derivative of its distance to zero), or the one at an
 * end. */
LUMEN_DISPATCH
static void limb_piece(const float *a, const float *b, bool first, uint32_t count, const float *restrict x,
                       const float *restrict y, const float *restrict z, float flip, float *restrict distances)
{
    float ax = b[0] - a[0];
    float ay = b[1] - a[1];
    float az = b[2] - a[2];
    float length = sqrtf(ax * ax + ay * ay + az * az);
    float shrink = a[3] - b[3];
    float r0 = a[3];
    float slope = 0.0f;
    float lean = 0.0f;
    /* One sphere may hold the other: then the piece is that sphere. */
    if (length <= fabsf(shrink) * 1.001f || length < 1e-9f) {
        if (shrink < 0.0f)
            a = b;
        r0 = a[3];
        length = 0.0f;
        ax = ay = az = 0.0f;
    } else {
        slope = shrink / length;
        lean = slope / sqrtf(1.0f - slope * slope);
        ax /= length;
        ay /= length;
        az /= length;
    }
    for (uint32_t i = 0; i < count; i++) {
        float dx = x[i] * flip - a[0];
        float dy = y[i] - a[1];
        float dz = z[i] - a[2];
        float u = dx * ax + dy * ay + dz * az;
        float square = dx * dx + dy * dy + dz * dz - u * u;
        float v2 = square > 0.0f ? square : 0.0f;
        float nearest = u - sqrtf(v2) * lean;
        nearest = nearest < 0.0f ? 0.0f : nearest;
        nearest = nearest > length ? length : nearest;
        float along = u - nearest;
        float distance = sqrtf(v2 + along * along) - (r0 - slope * nearest);
        distances[i] = first || distance < distances[i] ? distance : distances[i];
    }
}

static void limb_distances(const solid *one, piece_range pieces, uint32_t count, const float *x, const float *y,
                           const float *z, float *distances)
{
    float flip = one->mirrored ? -1.0f : 1.0f;
    for (uint32_t n = pieces.first; n < pieces.end; n++)
        limb_piece(one->nodes + 4 * n, one->nodes + 4 * n + 4, n == pieces.first, count, x, y, z, flip, distances);
}

/* Distance to the edges of a plane outline and, by counting the edges that a ray to the right crosses, its sign. An
 * open profile of a lathe ends on the axis, where no ray from a point off the axis crosses it. */
LUMEN_DISPATCH
static void outline_distances(const float *nodes, uint32_t node_count, bool closed, uint32_t count,
                              const float *restrict u, const float *restrict v, float *restrict distances)
{
    float inside[SOLID_BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        distances[i] = 1e30f;
        inside[i] = 1.0f;
    }
    for (uint32_t n = closed ? 0 : 1; n < node_count; n++) {
        const float *a = nodes + 2 * (n == 0 ? node_count - 1 : n - 1);
        const float *b = nodes + 2 * n;
        float au = a[0], av = a[1], bv = b[1];
        float eu = b[0] - au;
        float ev = bv - av;
        float square = eu * eu + ev * ev;
        float inverse = square > 1e-20f ? 1.0f / square : 0.0f;
        float slope = ev > 1e-20f || ev < -1e-20f ? eu / ev : 0.0f;
        for (uint32_t i = 0; i < count; i++) {
            float pu = u[i] - au;
            float pv = v[i] - av;
            float t = (pu * eu + pv * ev) * inverse;
            t = t < 0.0f ? 0.0f : t;
            t = t > 1.0f ? 1.0f : t;
            float du = pu - eu * t;
            float dv = pv - ev * t;
            float d2 = du * du + dv * dv;
            distances[i] = d2 < distances[i] ? d2 : distances[i];
            float above_a = av > v[i] ? 1.0f : 0.0f;
            float above_b = bv > v[i] ? 1.0f : 0.0f;
            float right = pu < slope * pv ? 1.0f : 0.0f;
            float crossing = (above_a - above_b) * (above_a - above_b) * right;
            inside[i] = inside[i] * (1.0f - 2.0f * crossing);
        }
    }
    for (uint32_t i = 0; i < count; i++)
        distances[i] = sqrtf(distances[i]) * inside[i];
}

LUMEN_DISPATCH
static void radial_coordinate(uint32_t count, const float *restrict x, const float *restrict z, float *restrict radial)
{
    for (uint32_t i = 0; i < count; i++)
        radial[i] = sqrtf(x[i] * x[i] + z[i] * z[i]);
}

LUMEN_DISPATCH
static void grow(uint32_t count, float *restrict distances, float round)
{
    for (uint32_t i = 0; i < count; i++)
        distances[i] -= round;
}

LUMEN_DISPATCH
static void give_thickness(const solid *one, uint32_t count, const float *restrict z, float *restrict distances)
{
    float half = one->size[2] - one->round;
    for (uint32_t i = 0; i < count; i++) {
        float a = distances[i] + one->round;
        float b = fabsf(z[i]) - half;
        float oa = a > 0.0f ? a : 0.0f;
        float ob = b > 0.0f ? b : 0.0f;
        float inner = a > b ? a : b;
        inner = inner < 0.0f ? inner : 0.0f;
        distances[i] = sqrtf(oa * oa + ob * ob) + inner - one->round;
    }
}

piece_range solid_pieces(const solid *one)
{
    return (piece_range){0, (uint16_t)(one->kind == SOLID_LIMB ? one->node_count - 1 : 1)};
}

float solid_look(const solid *one, vec3 point, float radius, piece_range *pieces)
{
    float distance;
    *pieces = solid_pieces(one);
    if (one->kind != SOLID_LIMB || pieces->end < 4) {
        solid_distances(one, *pieces, 1, &point.x, &point.y, &point.z, &distance);
        return distance;
    }
    /* Spheres around the pieces bound their distances without a look at each. */
    float x = one->mirrored ? -point.x : point.x;
    float above = 1e30f; /* no less than the distance of the nearest piece */
    for (uint32_t n = 0; n < one->node_count; n++) {
        const float *node = one->nodes + 4 * n;
        float gap = vec3_length(vec3_make(x - node[0], point.y - node[1], point.z - node[2])) - node[3];
        above = gap < above ? gap : above;
    }
    piece_range kept = {pieces->end, 0};
    for (uint32_t n = pieces->first; n < pieces->end; n++) {
        const float *a = one->nodes + 4 * n;
        const float *b = a + 4;
        vec3 middle = {0.5f * (a[0] + b[0]), 0.5f * (a[1] + b[1]), 0.5f * (a[2] + b[2])};
        float half = vec3_length(vec3_make(b[0] - middle.x, b[1] - middle.y, b[2] - middle.z));
        float reach = half + (a[3] > b[3] ? a[3] : b[3]);
        float below = vec3_length(vec3_make(x - middle.x, point.y - middle.y, point.z - middle.z)) - reach;
        if (below > above + 2.0f * radius)
            continue;
        kept.first = n < kept.first ? (uint16_t)n : kept.first;
        kept.end = (uint16_t)(n + 1);
    }
    *pieces = kept;
    solid_distances(one, kept, 1, &point.x, &point.y, &point.z, &distance);
    return distance;
}

void solid_distances(const solid *one, piece_range pieces, uint32_t count, const float *x, const float *y,
                     const float *z, float *distances)
{
    float lx[SOLID_BATCH_MAX];
    float ly[SOLID_BATCH_MAX];
    float lz[SOLID_BATCH_MAX];
    float radial[SOLID_BATCH_MAX];
    if (count == 0)
        return;
    if (one->kind == SOLID_BALL) {
        ball_distances(one, count, x, y, z, distances);
        return;
    }
    if (one->kind == SOLID_LIMB) {
        limb_distances(one, pieces, count, x, y, z, distances);
        return;
    }
    to_local(one, count, x, y, z, lx, ly, lz);
    switch ((solid_kind)one->kind) {
    case SOLID_ELLIPSOID: ellipsoid_distances(one, count, lx, ly, lz, distances); break;
    case SOLID_BOX: box_distances(one, count, lx, ly, lz, distances); break;
    case SOLID_RING: ring_distances(one, count, lx, ly, lz, distances); break;
    case SOLID_LATHE:
        radial_coordinate(count, lx, lz, radial);
        outline_distances(one->nodes, one->node_count, false, count, radial, ly, distances);
        grow(count, distances, one->round);
        break;
    default:
        outline_distances(one->nodes, one->node_count, true, count, lx, ly, distances);
        give_thickness(one, count, lz, distances);
        break;
    }
}

/* ---- Combining ------------------------------------------------------------------------------------------------ */

/* The smooth minimum of s * a and t * b, times s: with s = 1 a union, with s = -1 an intersection or a difference. */
LUMEN_DISPATCH
static void combine(uint32_t count, float *restrict a, const float *restrict b, float blend, float s, float t)
{
    float inverse = blend > 1e-9f ? 1.0f / blend : 0.0f;
    float quarter = 0.25f * blend;
    for (uint32_t i = 0; i < count; i++) {
        float p = a[i] * s;
        float q = b[i] * t;
        float gap = p > q ? p - q : q - p;
        float h = 1.0f - gap * inverse;
        h = h > 0.0f ? h : 0.0f;
        float low = p < q ? p : q;
        a[i] = (low - h * h * quarter) * s;
    }
}

void solid_unite(uint32_t count, float *a, const float *b, float blend)
{
    combine(count, a, b, blend, 1.0f, 1.0f);
}

void solid_subtract(uint32_t count, float *a, const float *b, float blend)
{
    combine(count, a, b, blend, -1.0f, 1.0f);
}

void solid_intersect(uint32_t count, float *a, const float *b, float blend)
{
    combine(count, a, b, blend, -1.0f, -1.0f);
}
