#include "disturb.h"

#include <math.h>
#include <string.h>

#include "base/vector.h"
#include "geometry/mesh.h"

const char *const disturbance_names[DISTURB_COUNT] = {"nothing",     "noise",   "missing",  "merged",
                                                      "split",       "turned",  "any turn", "mirrored",
                                                      "proportions", "leaning", "stranger", "posed"};

/* ---- Pieces of meshes ---------------------------------------------------------------------------------------- */

static bool make_mesh(uint32_t vertices, uint32_t triangles, arena *memory, lumen_mesh *mesh, uint8_t **truth)
{
    *mesh = (lumen_mesh){.vertex_count = vertices, .triangle_count = triangles};
    mesh->positions = arena_allocate_array(memory, vertices, 3 * sizeof(float));
    mesh->triangles = arena_allocate_array(memory, triangles, 3 * sizeof(uint32_t));
    *truth = arena_array(memory, uint8_t, triangles);
    return mesh->positions != NULL && mesh->triangles != NULL && *truth != NULL;
}

/* Takes the hidden triangles away. */
static void keep_visible(const uint8_t *hidden, lumen_mesh *mesh)
{
    uint32_t kept = 0;
    for (uint32_t t = 0; t < mesh->triangle_count; t++)
        if (hidden[t] == 0)
            memmove(mesh->triangles + 3 * (size_t)kept++, mesh->triangles + 3 * (size_t)t, 3 * sizeof(uint32_t));
    mesh->triangle_count = kept;
}

bool disturbed_from(const engine_result *made, bool open, arena *memory, disturbed *out)
{
    *out = (disturbed){.names = made->part_names, .name_count = made->part_count};
    for (uint32_t k = 0; k < made->part_count; k++) {
        const lumen_mesh *from = &made->part_meshes[k];
        if (from->triangle_count == 0)
            continue;
        lumen_mesh *to = &out->meshes[out->part_count];
        uint8_t **truth = &out->truth[out->part_count];
        if (!make_mesh(from->vertex_count, from->triangle_count, memory, to, truth))
            return false;
        memcpy(to->positions, from->positions, from->vertex_count * 3 * sizeof(float));
        memcpy(to->triangles, from->triangles, from->triangle_count * 3 * sizeof(uint32_t));
        memset(*truth, (int)k, from->triangle_count);
        if (open && from->hidden != NULL)
            keep_visible(from->hidden, to);
        out->part_count += to->triangle_count > 0 ? 1 : 0;
    }
    return true;
}

static void remove_part(disturbed *shape, uint32_t part)
{
    shape->part_count--;
    for (uint32_t i = part; i < shape->part_count; i++) {
        shape->meshes[i] = shape->meshes[i + 1];
        shape->truth[i] = shape->truth[i + 1];
    }
}

static vec3 corner(const lumen_mesh *mesh, size_t index)
{
    const float *p = &mesh->positions[3 * (size_t)mesh->triangles[index]];
    return vec3_make(p[0], p[1], p[2]);
}

static double triangle_area(const lumen_mesh *mesh, uint32_t t)
{
    vec3 a = corner(mesh, 3 * (size_t)t);
    vec3 u = vec3_subtract(corner(mesh, 3 * (size_t)t + 1), a);
    vec3 v = vec3_subtract(corner(mesh, 3 * (size_t)t + 2), a);
    return 0.5 * (double)vec3_length(vec3_cross(u, v));
}

static double mesh_area(const lumen_mesh *mesh)
{
    double sum = 0.0;
    for (uint32_t t = 0; t < mesh->triangle_count; t++)
        sum += triangle_area(mesh, t);
    return sum;
}

static float between(random_state *random, float low, float high)
{
    return low + (high - low) * random_float(random);
}

/* The middle and the longest side of everything. */
static float measure(const disturbed *shape, float center[3])
{
    float low[3] = {0};
    float high[3] = {0};
    mesh_bounds(shape->meshes, shape->part_count, low, high);
    float side = 1e-9f;
    for (int k = 0; k < 3; k++) {
        center[k] = 0.5f * (low[k] + high[k]);
        side = high[k] - low[k] > side ? high[k] - low[k] : side;
    }
    return side;
}

/* ---- Disturbances --------------------------------------------------------------------------------------------- */

static void add_noise(disturbed *shape, random_state *random)
{
    float center[3];
    float side = measure(shape, center);
    float phase[3];
    for (int k = 0; k < 3; k++)
        phase[k] = between(random, 0.0f, 360.0f);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        for (uint32_t v = 0; v < shape->meshes[i].vertex_count; v++) {
            float *p = &shape->meshes[i].positions[3 * (size_t)v];
            float from[3] = {p[0], p[1], p[2]};
            for (int k = 0; k < 3; k++) {
                p[k] += side * between(random, -0.015f, 0.015f);
                p[k] +=
                    side * 0.03f * sin_degrees(phase[k] + 360.0f * (from[(k + 1) % 3] - center[(k + 1) % 3]) / side);
            }
        }
    }
}

/* Parts go that are not most of the whole; one always stays. */
static void take_away(disturbed *shape, random_state *random)
{
    double total = 0.0;
    for (uint32_t i = 0; i < shape->part_count; i++)
        total += mesh_area(&shape->meshes[i]);
    uint32_t wanted = 1 + (shape->part_count > 4 ? random_u32(random) % 2 : 0);
    for (uint32_t tries = 0; tries < 20 && wanted > 0 && shape->part_count > 1; tries++) {
        uint32_t part = random_u32(random) % shape->part_count;
        if (mesh_area(&shape->meshes[part]) > 0.6 * total)
            continue;
        remove_part(shape, part);
        wanted--;
    }
}

/* The least distance between some vertices of two meshes. */
static float gap(const lumen_mesh *a, const lumen_mesh *b)
{
    float least = INFINITY;
    uint32_t step_a = a->vertex_count / 64 + 1;
    uint32_t step_b = b->vertex_count / 64 + 1;
    for (uint32_t i = 0; i < a->vertex_count; i += step_a) {
        for (uint32_t j = 0; j < b->vertex_count; j += step_b) {
            const float *p = &a->positions[3 * (size_t)i];
            const float *q = &b->positions[3 * (size_t)j];
            float d = vec3_length(vec3_make(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
            least = d < least ? d : least;
        }
    }
    return least;
}

static bool merge_two(disturbed *shape, random_state *random, arena *memory)
{
    if (shape->part_count < 2)
        return true;
    uint32_t a = random_u32(random) % shape->part_count;
    uint32_t b = a;
    float nearest = INFINITY;
    for (uint32_t i = 0; i < shape->part_count; i++) {
        float apart = i == a ? INFINITY : gap(&shape->meshes[a], &shape->meshes[i]);
        if (apart < nearest) {
            nearest = apart;
            b = i;
        }
    }
    if (a == b)
        return true;
    const lumen_mesh *one = &shape->meshes[a];
    const lumen_mesh *two = &shape->meshes[b];
    lumen_mesh both;
    uint8_t *truth;
    if (!make_mesh(one->vertex_count + two->vertex_count, one->triangle_count + two->triangle_count, memory, &both,
                   &truth))
        return false;
    memcpy(both.positions, one->positions, one->vertex_count * 3 * sizeof(float));
    memcpy(both.positions + 3 * (size_t)one->vertex_count, two->positions, two->vertex_count * 3 * sizeof(float));
    memcpy(both.triangles, one->triangles, one->triangle_count * 3 * sizeof(uint32_t));
    for (size_t i = 0; i < 3 * (size_t)two->triangle_count; i++)
        both.triangles[3 * (size_t)one->triangle_count + i] = two->triangles[i] + one->vertex_count;
    memcpy(truth, shape->truth[a], one->triangle_count);
    memcpy(truth + one->triangle_count, shape->truth[b], two->triangle_count);
    shape->meshes[a] = both;
    shape->truth[a] = truth;
    remove_part(shape, b);
    return true;
}

/* Triangles on one side of a plane through the middle of the vertices, across one of the axes. Both halves keep all
 * vertices: who reads them must bear with vertices that no triangle names. */
static bool split_one(disturbed *shape, random_state *random, arena *memory)
{
    if (shape->part_count == 0 || shape->part_count >= 16)
        return true;
    uint32_t part = random_u32(random) % shape->part_count;
    const lumen_mesh *whole = &shape->meshes[part];
    uint32_t axis = random_u32(random) % 3;
    double mean = 0.0;
    for (uint32_t v = 0; v < whole->vertex_count; v++)
        mean += (double)whole->positions[3 * (size_t)v + axis] / (double)whole->vertex_count;
    lumen_mesh halves[2];
    uint8_t *truths[2];
    for (int side = 0; side < 2; side++) {
        if (!make_mesh(whole->vertex_count, whole->triangle_count, memory, &halves[side], &truths[side]))
            return false;
        halves[side].vertex_count = 0;
        halves[side].triangle_count = 0;
    }
    uint32_t *moved = arena_array(memory, uint32_t, 2 * (size_t)whole->vertex_count);
    if (moved == NULL)
        return false;
    memset(moved, 0xff, 2 * (size_t)whole->vertex_count * sizeof *moved);
    for (uint32_t t = 0; t < whole->triangle_count; t++) {
        const uint32_t *corners = &whole->triangles[3 * (size_t)t];
        double middle = 0.0;
        for (int k = 0; k < 3; k++)
            middle += (double)whole->positions[3 * (size_t)corners[k] + axis] / 3.0;
        int side = middle > mean ? 1 : 0;
        lumen_mesh *half = &halves[side];
        for (int k = 0; k < 3; k++) {
            uint32_t *index = &moved[(size_t)side * whole->vertex_count + corners[k]];
            if (*index == UINT32_MAX) {
                *index = half->vertex_count++;
                memcpy(&half->positions[3 * (size_t)*index], &whole->positions[3 * (size_t)corners[k]],
                       3 * sizeof(float));
            }
            half->triangles[3 * (size_t)half->triangle_count + (size_t)k] = *index;
        }
        truths[side][half->triangle_count++] = shape->truth[part][t];
    }
    if (halves[0].triangle_count == 0 || halves[1].triangle_count == 0)
        return true;
    shape->meshes[part] = halves[0];
    shape->truth[part] = truths[0];
    shape->meshes[shape->part_count] = halves[1];
    shape->truth[shape->part_count] = truths[1];
    shape->part_count++;
    return true;
}

static void transform(disturbed *shape, const float rows[9])
{
    for (uint32_t i = 0; i < shape->part_count; i++) {
        for (uint32_t v = 0; v < shape->meshes[i].vertex_count; v++) {
            float *p = &shape->meshes[i].positions[3 * (size_t)v];
            float x = p[0];
            float y = p[1];
            float z = p[2];
            for (int k = 0; k < 3; k++)
                p[k] = rows[3 * k] * x + rows[3 * k + 1] * y + rows[3 * k + 2] * z;
        }
    }
}

static void turn(disturbed *shape, float degrees)
{
    float c = cos_degrees(degrees);
    float s = sin_degrees(degrees);
    transform(shape, (float[9]){c, 0, s, 0, 1, 0, -s, 0, c});
}

/* The name on the other side: what was the left arm is, in the mirror, a right arm. */
static uint8_t other_side(const disturbed *shape, uint8_t name)
{
    if (name == DISTURBED_STRANGER)
        return name;
    const char *own = shape->names[name];
    for (uint32_t k = 0; k < shape->name_count; k++) {
        const char *other = shape->names[k];
        if ((strncmp(own, "left_", 5) == 0 && strncmp(other, "right_", 6) == 0 && strcmp(own + 5, other + 6) == 0) ||
            (strncmp(own, "right_", 6) == 0 && strncmp(other, "left_", 5) == 0 && strcmp(own + 6, other + 5) == 0))
            return (uint8_t)k;
    }
    return name;
}

static void mirror(disturbed *shape)
{
    transform(shape, (float[9]){-1, 0, 0, 0, 1, 0, 0, 0, 1});
    for (uint32_t i = 0; i < shape->part_count; i++) {
        for (uint32_t t = 0; t < shape->meshes[i].triangle_count; t++) {
            uint32_t *corners = &shape->meshes[i].triangles[3 * (size_t)t];
            uint32_t second = corners[1];
            corners[1] = corners[2];
            corners[2] = second;
            shape->truth[i][t] = other_side(shape, shape->truth[i][t]);
        }
    }
}

/* An octahedron of a tenth to a quarter of the size, beside the shape. */
static bool add_stranger(disturbed *shape, random_state *random, arena *memory)
{
    static const uint32_t faces[8][3] = {{0, 2, 4}, {2, 1, 4}, {1, 3, 4}, {3, 0, 4},
                                         {2, 0, 5}, {1, 2, 5}, {3, 1, 5}, {0, 3, 5}};
    if (shape->part_count >= 16)
        return true;
    float low[3] = {0};
    float high[3] = {0};
    float center[3];
    float side = measure(shape, center);
    mesh_bounds(shape->meshes, shape->part_count, low, high);
    lumen_mesh *mesh = &shape->meshes[shape->part_count];
    uint8_t **truth = &shape->truth[shape->part_count];
    if (!make_mesh(6, 8, memory, mesh, truth))
        return false;
    float radius = side * between(random, 0.05f, 0.12f);
    float place[3];
    for (int k = 0; k < 3; k++)
        place[k] = between(random, low[k], high[k]);
    uint32_t axis = random_u32(random) % 3;
    place[axis] = random_u32(random) % 2 == 0 ? low[axis] - radius * 1.5f : high[axis] + radius * 1.5f;
    for (uint32_t v = 0; v < 6; v++)
        for (uint32_t k = 0; k < 3; k++)
            mesh->positions[3 * v + k] = place[k] + (v / 2 == k ? (v % 2 == 0 ? radius : -radius) : 0.0f);
    memcpy(mesh->triangles, faces, sizeof faces);
    memset(*truth, DISTURBED_STRANGER, 8);
    shape->part_count++;
    return true;
}

static void pose(disturbed *shape, random_state *random)
{
    float center[3];
    float side = measure(shape, center);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        lumen_mesh *mesh = &shape->meshes[i];
        float low[3] = {0};
        float high[3] = {0};
        mesh_bounds(mesh, 1, low, high);
        for (int k = 0; k < 3; k++) {
            float move = side * between(random, -0.05f, 0.05f);
            float grow = between(random, 0.85f, 1.15f);
            float middle = 0.5f * (low[k] + high[k]);
            for (uint32_t v = 0; v < mesh->vertex_count; v++) {
                float *p = &mesh->positions[3 * (size_t)v + (size_t)k];
                *p = middle + (*p - middle) * grow + move;
            }
        }
    }
}

static void shuffle(disturbed *shape, random_state *random)
{
    for (uint32_t i = shape->part_count; i > 1; i--) {
        uint32_t j = random_u32(random) % i;
        lumen_mesh mesh = shape->meshes[i - 1];
        uint8_t *truth = shape->truth[i - 1];
        shape->meshes[i - 1] = shape->meshes[j];
        shape->truth[i - 1] = shape->truth[j];
        shape->meshes[j] = mesh;
        shape->truth[j] = truth;
    }
    float scale = between(random, 0.2f, 5.0f);
    transform(shape, (float[9]){scale, 0, 0, 0, scale, 0, 0, 0, scale});
    for (uint32_t k = 0; k < 3; k++) {
        float move = between(random, -3.0f, 3.0f);
        for (uint32_t i = 0; i < shape->part_count; i++)
            for (uint32_t v = 0; v < shape->meshes[i].vertex_count; v++)
                shape->meshes[i].positions[3 * (size_t)v + k] += move;
    }
}

bool disturb(disturbed *shape, disturbance kind, random_state *random, arena *memory)
{
    uint32_t times = 1;
    switch (kind) {
    case DISTURB_NOTHING: break;
    case DISTURB_NOISE: add_noise(shape, random); break;
    case DISTURB_MISSING: take_away(shape, random); break;
    case DISTURB_MERGED:
        times += shape->part_count > 4 ? random_u32(random) % 2 : 0;
        for (uint32_t k = 0; k < times; k++)
            if (!merge_two(shape, random, memory))
                return false;
        break;
    case DISTURB_SPLIT:
        times += random_u32(random) % 3;
        for (uint32_t k = 0; k < times; k++)
            if (!split_one(shape, random, memory))
                return false;
        break;
    case DISTURB_TURNED: turn(shape, 90.0f * (float)(1 + random_u32(random) % 3)); break;
    case DISTURB_ANY_TURN: turn(shape, between(random, -180.0f, 180.0f)); break;
    case DISTURB_MIRRORED: mirror(shape); break;
    case DISTURB_PROPORTIONS: {
        float x = between(random, 0.7f, 1.4f);
        float y = between(random, 0.7f, 1.4f);
        float z = between(random, 0.7f, 1.4f);
        transform(shape, (float[9]){x, 0, 0, 0, y, 0, 0, 0, z});
        break;
    }
    case DISTURB_LEANING: turn(shape, between(random, -20.0f, 20.0f)); break;
    case DISTURB_STRANGER: return add_stranger(shape, random, memory);
    case DISTURB_POSED: pose(shape, random); break;
    case DISTURB_SHUFFLE: shuffle(shape, random); break;
    }
    return true;
}

void disturbed_score(const disturbed *shape, const naming_result *names, naming_score *score)
{
    *score = (naming_score){0};
    for (uint32_t i = 0; i < shape->part_count; i++) {
        double areas[256] = {0};
        for (uint32_t t = 0; t < shape->meshes[i].triangle_count; t++)
            areas[shape->truth[i][t]] += triangle_area(&shape->meshes[i], t);
        double most = 0.0;
        for (uint32_t k = 0; k < 256; k++) {
            if (!(areas[k] > 0.0))
                continue;
            most = areas[k] > most ? areas[k] : most;
            score->total += areas[k];
            const char *name = names->parts[i].name;
            bool right =
                k == DISTURBED_STRANGER ? names->parts[i].reference_part < 0 : strcmp(name, shape->names[k]) == 0;
            score->right += right ? areas[k] : 0.0;
        }
        score->possible += most;
    }
}
