#include "sample_shape.h"

#include "base/vector.h"

#include <stdlib.h>
#include <string.h>

enum { POINTS = 2048, AROUND = 28, ALONG = 18, PARTS_MAX = 8, PI_DEGREES = 180 };

/* What sample_shape_free has to give back, behind the shape itself. */
typedef struct sample {
    lumen_shape shape;
    lumen_mesh meshes[PARTS_MAX];
    const char *names[PARTS_MAX];
    uint8_t part_colors[PARTS_MAX * 3];
    float positions[POINTS * 3], normals[POINTS * 3], attachments[POINTS];
    uint8_t part_ids[POINTS], colors[POINTS * 3];
} sample;

static void *grow(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void add_vertex(lumen_mesh *mesh, vec3 position, vec3 normal, vec3 color)
{
    uint32_t i = mesh->vertex_count++;
    float *at = mesh->positions + 3 * (size_t)i, *facing = mesh->normals + 3 * (size_t)i;
    uint8_t *paint = mesh->colors + 3 * (size_t)i;
    at[0] = position.x, at[1] = position.y, at[2] = position.z;
    facing[0] = normal.x, facing[1] = normal.y, facing[2] = normal.z;
    paint[0] = (uint8_t)color.x, paint[1] = (uint8_t)color.y, paint[2] = (uint8_t)color.z;
    mesh->attachments[i] = (float)i / (2.0f + AROUND * (ALONG - 1));
}

static void add_triangle(lumen_mesh *mesh, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t *at = mesh->triangles + 3 * (size_t)mesh->triangle_count++;
    at[0] = a, at[1] = b, at[2] = c;
}

/* Where the direction of a unit ball goes, and the normal there. */
typedef struct body {
    vec3 from, to; /* a capsule between two points ... */
    float from_radius, to_radius;
    vec3 half; /* ... or, if it has a size, a box around `from` with rounded edges of from_radius */
    vec3 color;
} body;

static void place(const body *form, vec3 direction, vec3 *position, vec3 *normal)
{
    if (form->half.x > 0.0f) {
        float r = form->from_radius;
        float largest = fmaxf(fabsf(direction.x), fmaxf(fabsf(direction.y), fabsf(direction.z)));
        vec3 on_box = vec3_multiply(vec3_scale(direction, 1.0f / largest), form->half);
        vec3 core = vec3_make(float_clamp(on_box.x, r - form->half.x, form->half.x - r),
                              float_clamp(on_box.y, r - form->half.y, form->half.y - r),
                              float_clamp(on_box.z, r - form->half.z, form->half.z - r));
        *normal = vec3_normalize(vec3_subtract(on_box, core), direction);
        *position = vec3_add(form->from, vec3_add(core, vec3_scale(*normal, r)));
        return;
    }
    vec3 axis = vec3_normalize(vec3_subtract(form->to, form->from), vec3_make(0.0f, 1.0f, 0.0f));
    bool upper = vec3_dot(direction, axis) > 0.0f;
    *position =
        vec3_add(upper ? form->to : form->from, vec3_scale(direction, upper ? form->to_radius : form->from_radius));
    *normal = direction;
}

/* Appends a closed body to a mesh: a ball of poles and rings, with its poles on the axis of the body. */
static void add_body(lumen_mesh *mesh, const body *form)
{
    size_t vertices = mesh->vertex_count + 2 + AROUND * (ALONG - 1);
    size_t triangles = mesh->triangle_count + 2 * AROUND * (ALONG - 1);
    mesh->positions = grow(mesh->positions, vertices * 3 * sizeof(float));
    mesh->normals = grow(mesh->normals, vertices * 3 * sizeof(float));
    mesh->attachments = grow(mesh->attachments, vertices * sizeof(float));
    mesh->colors = grow(mesh->colors, vertices * 3);
    mesh->triangles = grow(mesh->triangles, triangles * 3 * sizeof(uint32_t));

    vec3 axis = vec3_normalize(vec3_subtract(form->to, form->from), vec3_make(0.0f, 1.0f, 0.0f));
    if (form->half.x > 0.0f)
        axis = vec3_make(0.0f, 1.0f, 0.0f);
    vec3 aside = fabsf(axis.y) < 0.9f ? vec3_make(0.0f, 1.0f, 0.0f) : vec3_make(1.0f, 0.0f, 0.0f);
    vec3 right = vec3_normalize(vec3_cross(aside, axis), aside), up = vec3_cross(axis, right);

    uint32_t base = mesh->vertex_count;
    for (int ring = 0; ring <= ALONG; ring++) {
        float polar = (float)(PI_DEGREES * ring) / (float)ALONG;
        for (int step = 0; step < (ring == 0 || ring == ALONG ? 1 : AROUND); step++) {
            float turn = (float)(2 * PI_DEGREES * step) / (float)AROUND;
            vec3 flat = vec3_add(vec3_scale(right, cos_degrees(turn)), vec3_scale(up, sin_degrees(turn)));
            vec3 direction = vec3_normalize(
                vec3_add(vec3_scale(axis, cos_degrees(polar)), vec3_scale(flat, sin_degrees(polar))), axis);
            vec3 position, normal;
            place(form, direction, &position, &normal);
            add_vertex(mesh, position, normal, form->color);
        }
    }
    uint32_t last = mesh->vertex_count - 1;
    for (uint32_t step = 0; step < AROUND; step++) {
        uint32_t next = (step + 1) % AROUND;
        add_triangle(mesh, base, base + 1 + step, base + 1 + next);
        for (uint32_t ring = 0; ring + 2 < ALONG; ring++) {
            uint32_t row = base + 1 + ring * AROUND;
            add_triangle(mesh, row + step, row + AROUND + step, row + AROUND + next);
            add_triangle(mesh, row + step, row + AROUND + next, row + next);
        }
        add_triangle(mesh, last, last - AROUND + next, last - AROUND + step);
    }
}

/* ---- Three shapes ------------------------------------------------------------------------------------ */

static lumen_mesh *add_part(sample *made, const char *name, uint8_t red, uint8_t green, uint8_t blue)
{
    uint32_t i = made->shape.part_count++;
    made->names[i] = name;
    made->part_colors[3 * i] = red, made->part_colors[3 * i + 1] = green, made->part_colors[3 * i + 2] = blue;
    return &made->meshes[i];
}

static void capsule(lumen_mesh *mesh, vec3 from, vec3 to, float from_radius, float to_radius, vec3 color)
{
    body form = {.from = from, .to = to, .from_radius = from_radius, .to_radius = to_radius, .color = color};
    add_body(mesh, &form);
}

static void box(lumen_mesh *mesh, vec3 center, vec3 half, float rounding, vec3 color)
{
    body form = {.from = center, .half = half, .from_radius = rounding, .color = color};
    add_body(mesh, &form);
}

static void make_horse(sample *made)
{
    vec3 brown = {128, 82, 48}, dark = {58, 38, 28}, pale = {176, 128, 84};
    lumen_mesh *head = add_part(made, "head", 176, 128, 84);
    capsule(head, vec3_make(0, 0.62f, 0.78f), vec3_make(0, 0.44f, 1.0f), 0.13f, 0.075f, pale);
    capsule(head, vec3_make(0.06f, 0.75f, 0.72f), vec3_make(0.08f, 0.86f, 0.72f), 0.035f, 0.012f, brown);
    capsule(head, vec3_make(-0.06f, 0.75f, 0.72f), vec3_make(-0.08f, 0.86f, 0.72f), 0.035f, 0.012f, brown);
    lumen_mesh *body_part = add_part(made, "body", 128, 82, 48);
    capsule(body_part, vec3_make(0, 0.05f, -0.45f), vec3_make(0, 0.08f, 0.35f), 0.27f, 0.25f, brown);
    lumen_mesh *front = add_part(made, "front_legs", 120, 76, 44);
    lumen_mesh *back = add_part(made, "back_legs", 110, 70, 40);
    for (int side = -1; side <= 1; side += 2) {
        float x = 0.14f * (float)side;
        capsule(front, vec3_make(x, -0.05f, 0.42f), vec3_make(x, -0.45f, 0.44f), 0.11f, 0.06f, brown);
        capsule(front, vec3_make(x, -0.45f, 0.44f), vec3_make(x, -0.86f, 0.40f), 0.06f, 0.05f, dark);
        capsule(back, vec3_make(x, -0.05f, -0.5f), vec3_make(x, -0.45f, -0.56f), 0.14f, 0.07f, brown);
        capsule(back, vec3_make(x, -0.45f, -0.56f), vec3_make(x, -0.86f, -0.52f), 0.065f, 0.05f, dark);
    }
    lumen_mesh *tail = add_part(made, "tail", 58, 38, 28);
    capsule(tail, vec3_make(0, 0.15f, -0.72f), vec3_make(0, -0.4f, -0.88f), 0.06f, 0.03f, dark);
    lumen_mesh *neck = add_part(made, "neck", 150, 104, 66);
    capsule(neck, vec3_make(0, 0.12f, 0.42f), vec3_make(0, 0.62f, 0.72f), 0.19f, 0.11f, brown);
    capsule(neck, vec3_make(0, 0.33f, 0.38f), vec3_make(0, 0.76f, 0.62f), 0.05f, 0.04f, dark);
    made->shape.text = "a horse galloping";
    made->shape.subject = made->shape.concept_name = "horse";
    made->shape.template_type = "quadruped";
    made->shape.verb = "gallop";
    made->shape.motion = (lumen_motion){"gallop", 0.6f, 1.0f};
}

static void make_car(sample *made)
{
    vec3 red = {196, 28, 34}, glass = {60, 78, 96}, black = {26, 26, 30}, steel = {170, 176, 186};
    lumen_mesh *body_part = add_part(made, "body", 196, 28, 34);
    box(body_part, vec3_make(0, -0.12f, 0), vec3_make(0.42f, 0.16f, 0.98f), 0.1f, red);
    lumen_mesh *wheels = add_part(made, "wheels", 26, 26, 30);
    for (int i = 0; i < 4; i++) {
        float x = i & 1 ? 0.36f : -0.36f, z = i & 2 ? 0.58f : -0.58f;
        capsule(wheels, vec3_make(x - 0.05f, -0.25f, z), vec3_make(x + 0.05f, -0.25f, z), 0.19f, 0.19f, black);
        capsule(wheels, vec3_make(x * 1.4f, -0.25f, z), vec3_make(x * 1.55f, -0.25f, z), 0.09f, 0.08f, steel);
    }
    add_part(made, "windshield", 60, 78, 96);
    lumen_mesh *roof = add_part(made, "roof", 180, 24, 30);
    box(roof, vec3_make(0, 0.14f, -0.1f), vec3_make(0.34f, 0.17f, 0.46f), 0.14f, glass);
    made->shape.text = "a red car";
    made->shape.subject = made->shape.concept_name = "car";
    made->shape.template_type = "vehicle";
    made->shape.verb = "";
    made->shape.motion = (lumen_motion){"idle", 1.0f, 1.0f};
}

static void make_tree(sample *made)
{
    vec3 bark = {98, 70, 48}, leaf = {66, 128, 52}, light = {104, 160, 66};
    lumen_mesh *trunk = add_part(made, "trunk", 98, 70, 48);
    capsule(trunk, vec3_make(0, -0.9f, 0), vec3_make(0.03f, 0.1f, 0), 0.1f, 0.06f, bark);
    lumen_mesh *canopy = add_part(made, "canopy", 66, 128, 52);
    for (int i = 0; i < 9; i++) {
        float angle = 137.5f * (float)i, distance = i == 0 ? 0.0f : 0.32f;
        vec3 at =
            vec3_make(distance * cos_degrees(angle), 0.35f + 0.18f * (float)(i % 3), distance * sin_degrees(angle));
        capsule(canopy, at, vec3_add(at, vec3_make(0, 0.05f, 0)), 0.3f, 0.26f, i % 2 ? leaf : light);
    }
    made->shape.text = "an old oak";
    made->shape.subject = made->shape.concept_name = "oak";
    made->shape.template_type = "plant";
    made->shape.verb = "";
    made->shape.motion = (lumen_motion){"idle", 1.0f, 1.0f};
}

/* Takes vertices in turn as points: what matters to a file is that every array says something. */
static void take_points(sample *made)
{
    lumen_shape *shape = &made->shape;
    for (int axis = 0; axis < 3; axis++) {
        shape->bounding_box_min[axis] = INFINITY;
        shape->bounding_box_max[axis] = -INFINITY;
    }
    for (uint32_t i = 0; i < POINTS; i++) {
        uint32_t part = i % shape->part_count;
        while (made->meshes[part].vertex_count == 0)
            part = (part + 1) % shape->part_count;
        const lumen_mesh *mesh = &made->meshes[part];
        size_t vertex = (size_t)i * 7919u % mesh->vertex_count;
        memcpy(made->positions + 3 * i, mesh->positions + 3 * vertex, 3 * sizeof(float));
        memcpy(made->normals + 3 * i, mesh->normals + 3 * vertex, 3 * sizeof(float));
        memcpy(made->colors + 3 * i, mesh->colors + 3 * vertex, 3);
        made->attachments[i] = mesh->attachments[vertex] < 1.0f ? mesh->attachments[vertex] : 1.0f;
        made->part_ids[i] = (uint8_t)(part + 1);
        for (int axis = 0; axis < 3; axis++) {
            float value = made->positions[3 * i + (uint32_t)axis];
            shape->bounding_box_min[axis] = fminf(shape->bounding_box_min[axis], value);
            shape->bounding_box_max[axis] = fmaxf(shape->bounding_box_max[axis], value);
        }
    }
}

lumen_shape *sample_shape_make(sample_kind kind)
{
    sample *made = calloc(1, sizeof *made);
    if (made == NULL)
        abort();
    lumen_shape *shape = &made->shape;
    switch (kind) {
    case SAMPLE_HORSE: make_horse(made); break;
    case SAMPLE_CAR: make_car(made); break;
    default: make_tree(made); break;
    }
    take_points(made);
    shape->point_count = POINTS;
    shape->positions = made->positions;
    shape->normals = made->normals;
    shape->attachments = made->attachments;
    shape->part_ids = made->part_ids;
    shape->colors = made->colors;
    shape->part_names = made->names;
    shape->part_colors = made->part_colors;
    shape->part_meshes = made->meshes;
    shape->prompt = "";
    shape->pipeline = "procedural";
    shape->key = "0123456789abcdef";
    shape->seed = 7;
    shape->generation_time_ms = 1.25;
    return shape;
}

void sample_shape_free(lumen_shape *shape)
{
    sample *made = (sample *)shape;
    if (made == NULL)
        return;
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        free(made->meshes[i].positions);
        free(made->meshes[i].normals);
        free(made->meshes[i].attachments);
        free(made->meshes[i].colors);
        free(made->meshes[i].triangles);
    }
    free(made);
}
