/*
 * The surface of an expensive field: how many values are asked, and how true the surface is.
 *
 *     bench_surface table [SHAPE [WAY]]                   in Markdown; -1: all shapes
 *     bench_surface beside [SHAPE [WAY]]                  the same with the reference beside it (minutes, 1 GiB)
 *     bench_surface thin                                  how thin rods and plates may be
 *     bench_surface draw PNG                              some of the shapes
 *     bench_surface mesh SHAPE KIND WIDTH QUALITY OBJ     one mesh
 *     bench_surface reference SHAPE DEPTH LOW HIGH F32 OBJ   the reference's schedule for bench/surface.py
 *     bench_surface values F32 SIDE                       the mesh of an array, for bench/surface.py
 *
 * For each shape of tests/geometry/surface_fields.h and each way of telling its distance: queries; vertices' mean and
 * greatest distance from the true surface; and of 20,000 points of the true surface those that have no vertex within
 * two cells (lost).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../tests/geometry/surface_fields.h"
#include "base/clock.h"
#include "base/random.h"
#include "geometry/isosurface.h"
#include "geometry/mesh.h"
#include "geometry/sample.h"
#include "picture/picture.h"

enum { TRUE_POINTS = 20000, SAMPLES = 4096 };

typedef struct way {
    const char *name;
    field_kind kind;
    float width;
    float noise;
} way;

static const way ways[] = {
    {"distance", FIELD_DISTANCE, 1.0f, 0.0f},         {"logit 0.1", FIELD_LOGIT, 0.1f, 0.0f},
    {"logit 0.1, noise", FIELD_LOGIT, 0.1f, 0.05f},   {"logit 0.03", FIELD_LOGIT, 0.03f, 0.0f},
    {"truncated 0.03", FIELD_TRUNCATED, 0.03f, 0.0f}, {"truncated 0.01", FIELD_TRUNCATED, 0.01f, 0.0f},
};

static const char *const quality_names[] = {"standard", "fast", "high"};

static void gradient(distance_function *distance, const float p[3], float out[3])
{
    const float step = 1e-3f;
    float length = 0.0f;
    for (int axis = 0; axis < 3; axis++) {
        float ahead[3] = {p[0], p[1], p[2]};
        float behind[3] = {p[0], p[1], p[2]};
        ahead[axis] += step;
        behind[axis] -= step;
        out[axis] = distance(ahead) - distance(behind);
        length += out[axis] * out[axis];
    }
    length = sqrtf(length);
    for (int axis = 0; axis < 3; axis++)
        out[axis] = length > 0.0f ? out[axis] / length : 0.0f;
}

/* Points of the true surface: random points of the box, brought down along the gradient. */
static void true_points(distance_function *distance, float *points)
{
    random_state generator = random_seed(1);
    for (size_t found = 0; found < TRUE_POINTS;) {
        float p[3];
        for (int axis = 0; axis < 3; axis++)
            p[axis] = 2.0f * random_float(&generator) - 1.0f;
        for (int step = 0; step < 6; step++) {
            float normal[3];
            gradient(distance, p, normal);
            float far = distance(p);
            for (int axis = 0; axis < 3; axis++)
                p[axis] -= far * normal[axis];
        }
        if (fabsf(distance(p)) > 1e-4f)
            continue;
        memcpy(&points[3 * found++], p, sizeof p);
    }
}

/* Which places of a lattice over the box have a vertex near: marks of whole cells of size `reach`, so that a vertex
 * within reach is found in the 27 around. */
static uint32_t count_lost(const lumen_mesh *mesh, size_t count, const float *points, float reach)
{
    const int side = (int)(2.01f / reach) + 1;
    uint32_t *head = calloc((size_t)side * (size_t)side * (size_t)side, sizeof *head);
    uint32_t *next = calloc((size_t)mesh->vertex_count + 1, sizeof *next);
    uint32_t lost = 0;
    if (head == NULL || next == NULL)
        exit(EXIT_FAILURE);
    for (uint32_t v = 0; v < mesh->vertex_count; v++) {
        size_t place = 0;
        for (int axis = 2; axis >= 0; axis--)
            place = place * (size_t)side + (size_t)((mesh->positions[3 * v + (uint32_t)axis] + 1.005f) / reach);
        next[v + 1] = head[place];
        head[place] = v + 1;
    }
    for (size_t i = 0; i < count; i++) {
        int at[3];
        for (int axis = 0; axis < 3; axis++)
            at[axis] = (int)((points[3 * i + (size_t)axis] + 1.005f) / reach);
        bool found = false;
        for (int n = 0; n < 27 && !found; n++) {
            int x = at[0] + n % 3 - 1;
            int y = at[1] + n / 3 % 3 - 1;
            int z = at[2] + n / 9 - 1;
            if (x < 0 || y < 0 || z < 0 || x >= side || y >= side || z >= side)
                continue;
            for (uint32_t v = head[x + side * (y + side * z)]; v != 0 && !found; v = next[v]) {
                const float *p = &mesh->positions[3 * (size_t)(v - 1)];
                found = length3(p[0] - points[3 * i], p[1] - points[3 * i + 1], p[2] - points[3 * i + 2]) <= reach;
            }
        }
        lost += !found;
    }
    free(head);
    free(next);
    return lost;
}

typedef struct closeness {
    double mean, greatest;
    double angle; /* mean, degrees */
} closeness;

static closeness measure(distance_function *distance, size_t count, const float *positions, const float *normals)
{
    closeness result = {0};
    for (size_t i = 0; i < count; i++) {
        double far = fabs((double)distance(&positions[3 * i]));
        float normal[3];
        gradient(distance, &positions[3 * i], normal);
        float dot = normal[0] * normals[3 * i] + normal[1] * normals[3 * i + 1] + normal[2] * normals[3 * i + 2];
        result.mean += far;
        result.angle += acos((double)fminf(fmaxf(dot, -1.0f), 1.0f)) * 57.29578;
        result.greatest = far > result.greatest ? far : result.greatest;
    }
    if (count != 0) {
        result.mean /= (double)count;
        result.angle /= (double)count;
    }
    return result;
}

static void complain(const lumen_error *error)
{
    fprintf(stderr, "surface: %s\n", error->message);
    exit(EXIT_FAILURE);
}

static void write_obj(const lumen_mesh *mesh, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    for (size_t v = 0; v < mesh->vertex_count; v++)
        fprintf(file, "v %.7g %.7g %.7g\n", (double)mesh->positions[3 * v], (double)mesh->positions[3 * v + 1],
                (double)mesh->positions[3 * v + 2]);
    for (size_t t = 0; t < mesh->triangle_count; t++)
        fprintf(file, "f %u %u %u\n", (unsigned)mesh->triangles[3 * t] + 1, (unsigned)mesh->triangles[3 * t + 1] + 1,
                (unsigned)mesh->triangles[3 * t + 2] + 1);
    fclose(file);
}

static void table(arena *scratch, arena *result, bool with_reference, int only_shape, int only_way)
{
    lumen_error error;
    float *points = malloc(3 * TRUE_POINTS * sizeof *points);
    if (points == NULL)
        exit(EXIT_FAILURE);
    printf(
        "| shape | told as | preset | queries | of the reference | batches | vertices | pieces | lost of 20,000 | mesh "
        "mean | mesh max | points mean | points max | normals mesh ° | normals field ° | ms | MiB |\n");
    printf("|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (size_t s = 0; s < KNOWN_SHAPES; s++) {
        if (only_shape >= 0 && (int)s != only_shape)
            continue;
        true_points(known_shapes[s].distance, points);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            if (only_way >= 0 && (int)w != only_way)
                continue;
            known_field known = {.distance = known_shapes[s].distance,
                                 .kind = ways[w].kind,
                                 .width = ways[w].width,
                                 .noise = ways[w].noise};
            batch_field field = batch_of(&known);
            uint64_t reference_queries = 0;
            if (with_reference && ways[w].kind != FIELD_DISTANCE) { /* whose values all lie in its band */
                surface_reference reference = surface_reference_settings();
                lumen_mesh mesh;
                surface_report report;
                arena_reset(result);
                if (surface_extract_reference(&field, &reference, scratch, result, &mesh, NULL, &report, &error) !=
                    LUMEN_OK)
                    complain(&error);
                reference_queries = report.queries;
                printf("| %s | %s | reference | %llu | | %llu | %u | | %u |", known_shapes[s].name, ways[w].name,
                       (unsigned long long)report.queries, (unsigned long long)report.batches,
                       (unsigned)mesh.vertex_count,
                       (unsigned)count_lost(&mesh, TRUE_POINTS, points, 2.0f * 2.01f / 256.0f));
                closeness close = measure(known.distance, mesh.vertex_count, mesh.positions, mesh.normals);
                printf(" %.6f | %.6f | | | | | | |\n", close.mean, close.greatest);
            }
            for (int q = 0; q < 3; q++) {
                static const int order[3] = {LUMEN_QUALITY_FAST, LUMEN_QUALITY_STANDARD, LUMEN_QUALITY_HIGH};
                surface_settings settings = surface_settings_for((lumen_quality)order[q]);
                lumen_mesh mesh;
                surface_report report;
                arena_reset(result);
                arena *fresh = arena_create((size_t)2 << 30);
                uint64_t began = clock_now_ns();
                if (surface_extract(&field, &settings, fresh, result, &mesh, &report, &error) != LUMEN_OK)
                    complain(&error);
                double milliseconds = 1e3 * clock_seconds_between(began, clock_now_ns());
                double held = (double)arena_held(fresh) / 1048576.0;
                arena_destroy(fresh);
                closeness close = measure(known.distance, mesh.vertex_count, mesh.positions, mesh.normals);
                mesh_report checked;
                if (mesh_check(&mesh, scratch, &checked, &error) != LUMEN_OK)
                    complain(&error);
                if (!checked.closed || !checked.vertices_manifold || !checked.oriented)
                    printf("not closed! ");
                printf("| %s | %s | %s | %llu | ", known_shapes[s].name, ways[w].name, quality_names[order[q]],
                       (unsigned long long)report.queries);
                if (reference_queries != 0)
                    printf("1/%.0f", (double)reference_queries / (double)report.queries);
                printf(" | %llu | %u | %u | %u | %.6f | %.6f |", (unsigned long long)report.batches,
                       (unsigned)mesh.vertex_count, (unsigned)checked.components,
                       (unsigned)count_lost(&mesh, TRUE_POINTS, points, 2.0f * 2.01f / 128.0f), close.mean,
                       close.greatest);
                point_cloud cloud;
                if (report.empty ||
                    sample_surfaces(&mesh, 1, SAMPLES, 1, scratch, result, &cloud, &error) != LUMEN_OK) {
                    printf(" | | | | %.0f | %.0f |\n", milliseconds, held);
                    continue;
                }
                surface_projection how = {.field_normals = true};
                surface_projection_report moved;
                float *mesh_normals = arena_array(result, float, 3 * SAMPLES);
                if (mesh_normals == NULL)
                    exit(EXIT_FAILURE);
                memcpy(mesh_normals, cloud.normals, 3 * SAMPLES * sizeof *mesh_normals);
                if (surface_project(&field, &settings, &report, &how, cloud.count, cloud.positions, cloud.normals,
                                    scratch, &moved, &error) != LUMEN_OK)
                    complain(&error);
                closeness on_mesh = measure(known.distance, cloud.count, cloud.positions, mesh_normals);
                close = measure(known.distance, cloud.count, cloud.positions, cloud.normals);
                printf(" %.6f | %.6f | %.2f | %.2f | %.0f | %.0f |", close.mean, close.greatest, on_mesh.angle,
                       close.angle, milliseconds, held);
                for (int i = 0; i <= (int)settings.levels; i++)
                    printf(" %llu", (unsigned long long)report.level_queries[i]);
                printf(" v%llu specks %u moved %.4f %% %.4f %%\n", (unsigned long long)report.vertex_queries,
                       (unsigned)report.specks, 100.0 * moved.move_mean / (double)settings.side,
                       100.0 * moved.move_max / (double)settings.side);
                fflush(stdout);
            }
        }
    }
    free(points);
}

/* ---- How thin -------------------------------------------------------------------------------------- */

/* A rod or plate anywhere, in any direction: 1.2 long, a plate 0.8 wide. */
typedef struct placed_part {
    known_field told; /* how its distance is told */
    float center[3];
    float frame[3][3];
    float half[3];
    bool round;
} placed_part;

static float placed_distance(const placed_part *part, const float p[3])
{
    float q[3];
    for (int axis = 0; axis < 3; axis++) {
        q[axis] = 0.0f;
        for (int i = 0; i < 3; i++)
            q[axis] += part->frame[axis][i] * (p[i] - part->center[i]);
    }
    if (part->round)
        return rod(q, (const float[3]){-part->half[0], 0, 0}, (const float[3]){part->half[0], 0, 0}, part->half[1]);
    return block(q, 0, 0, 0, part->half[0], part->half[1], part->half[2]);
}

static lumen_status placed_evaluate(void *user, const float *points, size_t count, float *values, lumen_error *error)
{
    (void)error;
    const placed_part *part = user;
    for (size_t i = 0; i < count; i++)
        values[i] = known_value(&part->told, placed_distance(part, &points[3 * i]));
    return LUMEN_OK;
}

/* The first of each four placements lies along the axes, the others in any direction. */
static void place_part(placed_part *part, int number, random_state *generator)
{
    for (int i = 0; i < 3; i++)
        part->center[i] = 0.3f * (random_float(generator) - 0.5f);
    float a[3];
    float b[3];
    for (int i = 0; i < 3; i++) {
        a[i] = number % 4 == 0 ? (float)(i == number / 4 % 3) : random_float(generator) - 0.5f;
        b[i] = number % 4 == 0 ? (float)(i == (number / 4 + 1) % 3) : random_float(generator) - 0.5f;
    }
    float length = length3(a[0], a[1], a[2]);
    float along = 0.0f;
    for (int i = 0; i < 3; i++) {
        part->frame[0][i] = a[i] / length;
        along += part->frame[0][i] * b[i];
    }
    for (int i = 0; i < 3; i++)
        b[i] -= along * part->frame[0][i];
    length = length3(b[0], b[1], b[2]);
    for (int i = 0; i < 3; i++)
        part->frame[1][i] = b[i] / length;
    for (int i = 0; i < 3; i++)
        part->frame[2][i] = part->frame[0][(i + 1) % 3] * part->frame[1][(i + 2) % 3] -
                            part->frame[0][(i + 2) % 3] * part->frame[1][(i + 1) % 3];
}

/* How thin a rod or plate may be: of PLACEMENTS, how many come out in one piece, and how many percent of the places
 * along them have no surface near. */
static void thin(arena *scratch, arena *result)
{
    enum { PLACEMENTS = 12, PLACES = 2000 };
    static const int shares[] = {64, 80, 100, 128, 180, 256, 360};
    static float points[3 * PLACES];
    lumen_error error;
    printf("| preset | told as | part |");
    for (size_t n = 0; n < sizeof shares / sizeof *shares; n++)
        printf(" 1/%d |", shares[n]);
    printf("\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int quality = 1; quality >= 0; quality--)
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
            for (int round = 1; round >= 0; round--) {
                if (ways[w].noise > 0.0f)
                    continue;
                printf("| %s | %s | %s |", quality_names[quality], ways[w].name, round != 0 ? "rod" : "plate");
                for (size_t n = 0; n < sizeof shares / sizeof *shares; n++) {
                    random_state generator = random_seed(n + 1);
                    int whole = 0;
                    uint64_t lost = 0;
                    for (int number = 0; number < PLACEMENTS; number++) {
                        float half = 0.5f * BOX_SHARE(shares[n]);
                        placed_part part = {.told = {.kind = ways[w].kind, .width = ways[w].width},
                                            .half = {0.6f, half, 0.4f},
                                            .round = round != 0};
                        place_part(&part, number, &generator);
                        batch_field field = {.evaluate = placed_evaluate, .user = &part};
                        surface_settings settings = surface_settings_for((lumen_quality)quality);
                        lumen_mesh mesh;
                        surface_report report;
                        mesh_report checked;
                        arena_reset(result);
                        if (surface_extract(&field, &settings, scratch, result, &mesh, &report, &error) != LUMEN_OK ||
                            mesh_check(&mesh, scratch, &checked, &error) != LUMEN_OK)
                            complain(&error);
                        for (size_t i = 0; i < PLACES; i++) {
                            float u = 2.0f * random_float(&generator) - 1.0f;
                            float v = round != 0 ? 0.0f : 2.0f * random_float(&generator) - 1.0f;
                            for (size_t axis = 0; axis < 3; axis++)
                                points[3 * i + axis] = part.center[axis] + u * part.half[0] * part.frame[0][axis] +
                                                       v * part.half[2] * part.frame[2][axis];
                        }
                        whole += checked.components == 1;
                        lost +=
                            count_lost(&mesh, PLACES, points,
                                       half + 1.5f * settings.side / (float)(settings.coarse_cells << settings.levels));
                    }
                    printf(" %d, %.1f %% |", whole, 100.0 * (double)lost / (double)(PLACEMENTS * PLACES));
                    fflush(stdout);
                }
                printf("\n");
            }
}

/* A sheet of pictures: shapes from left to right, fast above standard, told as a logit of width 0.03. */
static void draw(const char *path, arena *scratch, arena *result)
{
    static const int drawn[] = {3, 7, 8, 9, 11};
    enum { COLUMNS = sizeof drawn / sizeof *drawn };
    static const char *const part_names[] = {"part"};
    static const uint8_t part_colors[3] = {200, 190, 175};
    lumen_mesh meshes[2 * COLUMNS];
    lumen_shape shapes[2 * COLUMNS];
    const lumen_shape *pointers[2 * COLUMNS];
    char texts[2 * COLUMNS][96];
    lumen_error error;
    for (int i = 0; i < 2 * COLUMNS; i++) {
        int quality = i < COLUMNS ? LUMEN_QUALITY_FAST : LUMEN_QUALITY_STANDARD;
        const known_shape *shape = &known_shapes[drawn[i % COLUMNS]];
        known_field known = {.distance = shape->distance, .kind = FIELD_LOGIT, .width = 0.03f};
        batch_field field = batch_of(&known);
        surface_settings settings = surface_settings_for((lumen_quality)quality);
        if (surface_extract(&field, &settings, scratch, result, &meshes[i], NULL, &error) != LUMEN_OK)
            complain(&error);
        snprintf(texts[i], sizeof texts[i], "%s: %s", quality_names[quality], shape->name);
        shapes[i] = (lumen_shape){.part_count = 1,
                                  .part_names = part_names,
                                  .part_colors = part_colors,
                                  .part_meshes = &meshes[i],
                                  .text = texts[i]};
        pointers[i] = &shapes[i];
    }
    picture_image image = {0};
    buffer bytes;
    buffer_open(&bytes, 64u << 20);
    if (picture_sheet(pointers, 2 * COLUMNS, COLUMNS, 200, &image, &error) != LUMEN_OK ||
        picture_write_png(&image, &bytes, &error) != LUMEN_OK)
        complain(&error);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    buffer_close(&bytes);
    picture_free(&image);
}

static field_kind kind_of(const char *name)
{
    return strcmp(name, "logit") == 0 ? FIELD_LOGIT : strcmp(name, "truncated") == 0 ? FIELD_TRUNCATED : FIELD_DISTANCE;
}

static void mesh_of(char **arguments, arena *scratch, arena *result)
{
    lumen_error error;
    int shape = atoi(arguments[0]);
    if (shape < 0 || shape >= KNOWN_SHAPES)
        exit(EXIT_FAILURE);
    known_field known = {
        .distance = known_shapes[shape].distance, .kind = kind_of(arguments[1]), .width = (float)atof(arguments[2])};
    batch_field field = batch_of(&known);
    surface_settings settings = surface_settings_for((lumen_quality)atoi(arguments[3]));
    lumen_mesh mesh;
    if (surface_extract(&field, &settings, scratch, result, &mesh, NULL, &error) != LUMEN_OK)
        complain(&error);
    write_obj(&mesh, arguments[4]);
}

static void reference_of(char **arguments, arena *scratch, arena *result)
{
    lumen_error error;
    int shape = atoi(arguments[0]);
    if (shape < 0 || shape >= PARITY_SHAPES)
        exit(EXIT_FAILURE);
    known_field known = {.distance = parity_shapes[shape].distance};
    batch_field field = batch_of(&known);
    surface_reference settings = surface_reference_settings();
    settings.depth = (uint32_t)atoi(arguments[1]);
    settings.band_low = (float)atof(arguments[2]);
    settings.band_high = (float)atof(arguments[3]);
    lumen_mesh mesh;
    surface_report report;
    float *values;
    if (surface_extract_reference(&field, &settings, scratch, result, &mesh, &values, &report, &error) != LUMEN_OK)
        complain(&error);
    size_t side = (size_t)2 << settings.depth;
    FILE *file = fopen(arguments[4], "wb");
    if (file == NULL || fwrite(values, sizeof *values, side * side * side, file) != side * side * side ||
        fclose(file) != 0) {
        perror(arguments[4]);
        exit(EXIT_FAILURE);
    }
    write_obj(&mesh, arguments[5]);
    printf("{\"dense\": %llu, \"fine\": %llu, \"vertices\": %u, \"triangles\": %u}\n",
           (unsigned long long)report.level_queries[0], (unsigned long long)report.level_queries[1],
           (unsigned)mesh.vertex_count, (unsigned)mesh.triangle_count);
}

static void values_of(char **arguments, arena *scratch, arena *result)
{
    lumen_error error;
    uint32_t side = (uint32_t)atoi(arguments[1]);
    size_t count = (size_t)side * side * side;
    float *values = arena_array(result, float, count);
    FILE *file = fopen(arguments[0], "rb");
    if (side < 2 || values == NULL || file == NULL || fread(values, sizeof *values, count, file) != count) {
        perror(arguments[0]);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    isosurface_lattice lattice = {.cell = 1.0f, .cells = {side - 1, side - 1, side - 1}};
    lumen_mesh mesh;
    if (isosurface_extract_values(values, &lattice, scratch, result, &mesh, &error) != LUMEN_OK)
        complain(&error);
    printf("{\"vertices\": %u, \"triangles\": %u}\n", (unsigned)mesh.vertex_count, (unsigned)mesh.triangle_count);
}

int main(int count, char **arguments)
{
    arena *scratch = arena_create((size_t)2 << 30);
    arena *result = arena_create((size_t)2 << 30);
    if (scratch == NULL || result == NULL)
        return EXIT_FAILURE;
    const char *task = count > 1 ? arguments[1] : "table";
    if (strcmp(task, "mesh") == 0 && count == 7)
        mesh_of(&arguments[2], scratch, result);
    else if (strcmp(task, "reference") == 0 && count == 8)
        reference_of(&arguments[2], scratch, result);
    else if (strcmp(task, "values") == 0 && count == 4)
        values_of(&arguments[2], scratch, result);
    else if ((strcmp(task, "table") == 0 || strcmp(task, "beside") == 0) && count < 5)
        table(scratch, result, strcmp(task, "beside") == 0, count > 2 ? atoi(arguments[2]) : -1,
              count > 3 ? atoi(arguments[3]) : -1);
    else if (strcmp(task, "draw") == 0 && count == 3)
        draw(arguments[2], scratch, result);
    else if (strcmp(task, "thin") == 0)
        thin(scratch, result);
    else
        return EXIT_FAILURE;
    arena_destroy(scratch);
    arena_destroy(result);
    return EXIT_SUCCESS;
}
