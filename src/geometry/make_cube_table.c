/*
 * make_cube_table: writes cube_table.c (see cube_table.h) to standard output. Runs during the build.
 *
 * For each case the surface meets the cell's six faces in segments that join the middles of cut edges.
 * A face is decided by its own four corners alone: going around it, every run of inside corners gets one
 * segment that cuts the run off. So on a face whose inside corners lie diagonally they are kept apart, and
 * two cells that share a face always agree. The segments close to loops, one for each sheet of surface.
 *
 * A loop is cut into triangles by diagonals. A diagonal between two vertices that lie on edges of one and
 * the same face is forbidden: the neighboring cell might have the same edge, which would then belong to
 * four triangles. Of the allowed triangulations the one with the shortest diagonals is taken. There is one
 * for every loop of every case; this program would stop the build if there were not.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "geometry/cube_table.h"

enum { NONE = -1, IMPOSSIBLE = 1000000 };

/* The corner at which an edge starts, and its direction. */
static int edge_axis(int edge)
{
    return edge / 4;
}

static int edge_corner(int edge)
{
    int axis = edge_axis(edge);
    int first = axis == 0 ? 1 : 0;
    int second = axis == 2 ? 1 : 2;
    return (edge & 1) << first | (edge >> 1 & 1) << second;
}

/* The edge between two neighboring corners. */
static int edge_between(int a, int b)
{
    for (int edge = 0; edge < CUBE_EDGES; edge++) {
        int start = edge_corner(edge);
        int end = start | 1 << edge_axis(edge);
        if ((start == a && end == b) || (start == b && end == a))
            return edge;
    }
    abort();
}

/* The middle of an edge in half cells. */
static void edge_middle(int edge, int middle[3])
{
    for (int axis = 0; axis < 3; axis++)
        middle[axis] = axis == edge_axis(edge) ? 1 : 2 * (edge_corner(edge) >> axis & 1);
}

static bool share_a_face(int a, int b)
{
    int p[3];
    int q[3];
    edge_middle(a, p);
    edge_middle(b, q);
    for (int axis = 0; axis < 3; axis++)
        if (p[axis] == q[axis] && p[axis] != 1)
            return true;
    return false;
}

static int squared_length(int a, int b)
{
    int p[3];
    int q[3];
    edge_middle(a, p);
    edge_middle(b, q);
    int sum = 0;
    for (int axis = 0; axis < 3; axis++)
        sum += (p[axis] - q[axis]) * (p[axis] - q[axis]);
    return sum;
}

/* Sets following[e] to the cut edge that comes after e on its loop, counter-clockwise seen from outside. */
static void trace_faces(int inside, int following[CUBE_EDGES])
{
    for (int edge = 0; edge < CUBE_EDGES; edge++)
        following[edge] = NONE;
    for (int face = 0; face < 6; face++) {
        int normal = face / 2;
        int u = 1 << (normal + 1) % 3;
        int v = 1 << (normal + 2) % 3;
        int base = (face & 1) << normal;
        int ring[4] = {base, base | u, base | u | v, base | v}; /* counter-clockwise seen from +normal */
        if ((face & 1) == 0) {
            ring[1] = base | v;
            ring[3] = base | u;
        }
        for (int i = 0; i < 4; i++) {
            int before = ring[i];
            int at = (i + 1) % 4;
            if ((inside >> before & 1) != 0 || (inside >> ring[at] & 1) == 0)
                continue;
            while ((inside >> ring[(at + 1) % 4] & 1) != 0)
                at = (at + 1) % 4;
            following[edge_between(before, ring[(i + 1) % 4])] = edge_between(ring[at], ring[(at + 1) % 4]);
        }
    }
}

/* The least sum of squared diagonals over the triangulations of loop[first..last], where (first, last) is
 * itself a side of the polygon. choice[first][last] is the third vertex of the triangle on that side. */
static int best_cut(const int *loop, int first, int last, int choice[CUBE_EDGES][CUBE_EDGES])
{
    if (last - first < 2)
        return 0;
    int best = IMPOSSIBLE;
    for (int third = first + 1; third < last; third++) {
        int cost = 0;
        if (third - first > 1)
            cost += share_a_face(loop[first], loop[third]) ? IMPOSSIBLE : squared_length(loop[first], loop[third]);
        if (last - third > 1)
            cost += share_a_face(loop[third], loop[last]) ? IMPOSSIBLE : squared_length(loop[third], loop[last]);
        if (cost >= IMPOSSIBLE)
            continue;
        int unused[CUBE_EDGES][CUBE_EDGES];
        cost += best_cut(loop, first, third, unused) + best_cut(loop, third, last, unused);
        if (cost < best) {
            best = cost;
            choice[first][last] = third;
        }
    }
    return best;
}

static void add_triangle(cube_case *result, int a, int b, int c)
{
    if (result->triangle_count == CUBE_TRIANGLES_MAX)
        abort();
    uint8_t *triangle = result->triangles[result->triangle_count++];
    triangle[0] = (uint8_t)a;
    triangle[1] = (uint8_t)b;
    triangle[2] = (uint8_t)c;
}

static void add_cut(cube_case *result, const int *loop, int first, int last)
{
    if (last - first < 2)
        return;
    int choice[CUBE_EDGES][CUBE_EDGES];
    best_cut(loop, first, last, choice);
    int third = choice[first][last];
    add_triangle(result, loop[first], loop[third], loop[last]);
    add_cut(result, loop, first, third);
    add_cut(result, loop, third, last);
}

static cube_case make_case(int inside)
{
    cube_case result = {0};
    int following[CUBE_EDGES];
    trace_faces(inside, following);
    for (int start = 0; start < CUBE_EDGES; start++) {
        int loop[CUBE_EDGES];
        int length = 0;
        for (int edge = start; following[edge] != NONE;) {
            loop[length++] = edge;
            int next = following[edge];
            following[edge] = NONE;
            edge = next;
        }
        if (length == 0)
            continue;
        int choice[CUBE_EDGES][CUBE_EDGES];
        if (best_cut(loop, 0, length - 1, choice) >= IMPOSSIBLE)
            abort();
        add_cut(&result, loop, 0, length - 1);
    }
    return result;
}

int main(void)
{
    printf("/* Written by make_cube_table.c during the build. */\n"
           "#include \"geometry/cube_table.h\"\n\nconst cube_case cube_table[256] = {\n");
    for (int inside = 0; inside < 256; inside++) {
        cube_case one = make_case(inside);
        printf("    {%d, {", one.triangle_count);
        for (int i = 0; i < one.triangle_count; i++)
            printf("%s{%d, %d, %d}", i == 0 ? "" : ", ", one.triangles[i][0], one.triangles[i][1], one.triangles[i][2]);
        printf("%s}},\n", one.triangle_count == 0 ? "{0, 0, 0}" : "");
    }
    printf("};\n");
    return fflush(stdout) != 0 || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
