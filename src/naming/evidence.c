#include "naming/evidence.h"

#include <math.h>
#include <string.h>

#include "base/dispatch.h"
#include "base/error.h"

/* Within this distance, two parts are equally near. */
static const float SAME_DISTANCE = 0.03f;

/* The distance that counts half in near_to and near_from. */
static const float NEAR_DISTANCE = 0.12f;

/* ---- Distances from points to parts -------------------------------------------------------------------- */

enum { BLOCK = 256 };

/* squares[j * from->count + p]: from point p to the nearest point of part j of `to`; INFINITY for a part without. */
LUMEN_DISPATCH
static void measure_distances(const points *from, const cloud *to, float *squares)
{
    for (uint32_t start = 0; start < from->count; start += BLOCK) {
        uint32_t count = from->count - start < BLOCK ? from->count - start : BLOCK;
        const float *x = from->axis[0] + start;
        const float *y = from->axis[1] + start;
        const float *z = from->axis[2] + start;
        for (uint32_t j = 0; j < to->part_count; j++) {
            float *best = squares + (size_t)j * from->count + start;
            for (uint32_t p = 0; p < count; p++)
                best[p] = INFINITY;
            for (uint32_t q = to->first[j]; q < to->first[j + 1]; q++) {
                float qx = to->at.axis[0][q];
                float qy = to->at.axis[1][q];
                float qz = to->at.axis[2][q];
                for (uint32_t p = 0; p < count; p++) {
                    float dx = x[p] - qx;
                    float dy = y[p] - qy;
                    float dz = z[p] - qz;
                    float square = dx * dx + dy * dy + dz * dz;
                    best[p] = square < best[p] ? square : best[p];
                }
            }
        }
    }
}

/* Means over the points of each part of `each`, as rows by part: of the share of every other part, and of nearness. */
static void average(const cloud *each, uint32_t others, const float *squares, float (*share)[LUMEN_PARTS_MAX],
                    float (*near)[LUMEN_PARTS_MAX])
{
    uint32_t total = each->at.count;
    for (uint32_t i = 0; i < each->part_count; i++) {
        uint32_t count = each->first[i + 1] - each->first[i];
        for (uint32_t j = 0; j < others; j++)
            share[i][j] = near[i][j] = 0.0f;
        for (uint32_t p = each->first[i]; p < each->first[i + 1]; p++) {
            float nearness[LUMEN_PARTS_MAX];
            float sum = 0.0f;
            for (uint32_t j = 0; j < others; j++) {
                float square = squares[(size_t)j * total + p];
                float one = 1.0f / (square + SAME_DISTANCE * SAME_DISTANCE);
                nearness[j] = one * one;
                sum += nearness[j];
                near[i][j] += 1.0f / (1.0f + square / (NEAR_DISTANCE * NEAR_DISTANCE));
            }
            for (uint32_t j = 0; j < others; j++)
                share[i][j] += nearness[j] / sum;
        }
        for (uint32_t j = 0; j < others && count > 0; j++) {
            share[i][j] /= (float)count;
            near[i][j] /= (float)count;
        }
    }
}

/* ---- Measures of a part -------------------------------------------------------------------------------- */

/* Roots of the eigenvalues of a symmetric matrix, largest first: Jacobi's rotations (1846), each of which makes one
 * pair of elements zero. */
static void principal_axes(double m[3][3], float axes[3])
{
    for (int sweep = 0; sweep < 12; sweep++) {
        for (int a = 0; a < 2; a++) {
            for (int b = a + 1; b < 3; b++) {
                if (fabs(m[a][b]) < 1e-15)
                    continue;
                double theta = (m[b][b] - m[a][a]) / (2.0 * m[a][b]);
                double t = (theta < 0.0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
                double c = 1.0 / sqrt(t * t + 1.0);
                double s = t * c;
                int other = 3 - a - b;
                double ma = m[a][other];
                double mb = m[b][other];
                m[a][a] -= t * m[a][b];
                m[b][b] += t * m[a][b];
                m[a][b] = m[b][a] = 0.0;
                m[a][other] = m[other][a] = c * ma - s * mb;
                m[b][other] = m[other][b] = s * ma + c * mb;
            }
        }
    }
    for (int k = 0; k < 3; k++)
        axes[k] = (float)sqrt(m[k][k] > 0.0 ? m[k][k] : 0.0);
    for (int a = 0; a < 2; a++) {
        for (int b = a + 1; b < 3; b++) {
            if (axes[b] > axes[a]) {
                float swap = axes[a];
                axes[a] = axes[b];
                axes[b] = swap;
            }
        }
    }
}

static void measure_part(const points *at, uint32_t first, uint32_t end, part_measure *out)
{
    memset(out, 0, sizeof *out);
    if (end == first)
        return;
    double count = (double)(end - first);
    double mean[3] = {0};
    double covariance[3][3] = {{0}};
    for (int k = 0; k < 3; k++) {
        for (uint32_t p = first; p < end; p++)
            mean[k] += (double)at->axis[k][p];
        mean[k] /= count;
    }
    double distances = 0.0;
    for (uint32_t p = first; p < end; p++) {
        double d[3];
        for (int k = 0; k < 3; k++)
            d[k] = (double)at->axis[k][p] - mean[k];
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                covariance[a][b] += d[a] * d[b] / count;
        distances += sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) / count;
    }
    double size = sqrt(covariance[0][0] + covariance[1][1] + covariance[2][2]);
    for (int k = 0; k < 3; k++) {
        out->center[k] = (float)mean[k];
        out->spread[k] = (float)sqrt(covariance[k][k]);
    }
    out->size = (float)size;
    out->evenness = size > 0.0 ? (float)(distances / size) : 1.0f;
    out->side = (float)(mean[0] / (fabs(mean[0]) + sqrt(covariance[0][0]) + 0.02));
    principal_axes(covariance, out->axes);
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

lumen_status evidence_gather(const cloud *generated, const points *placed, const cloud *reference, arena *scratch,
                             evidence *out, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    arena_mark mark = arena_now(scratch);
    cloud moved = *generated;
    moved.at = *placed;
    float *to_reference = arena_array(scratch, float, (size_t)reference->part_count * placed->count);
    float *to_generated = arena_array(scratch, float, (size_t)generated->part_count * reference->at.count);
    float(*columns)[LUMEN_PARTS_MAX] = arena_allocate_array(scratch, LUMEN_PARTS_MAX, 2 * sizeof *columns);
    if (to_reference == NULL || to_generated == NULL || columns == NULL) {
        status = lumen_fail_memory(error, "distances between parts");
        goto done;
    }
    out->generated_count = generated->part_count;
    out->reference_count = reference->part_count;
    measure_distances(placed, reference, to_reference);
    measure_distances(&reference->at, &moved, to_generated);
    average(&moved, reference->part_count, to_reference, out->share, out->near_to);
    average(reference, generated->part_count, to_generated, columns, columns + LUMEN_PARTS_MAX);
    for (uint32_t j = 0; j < reference->part_count; j++) {
        for (uint32_t i = 0; i < generated->part_count; i++) {
            out->claim[i][j] = columns[j][i];
            out->near_from[i][j] = columns[LUMEN_PARTS_MAX + j][i];
        }
        measure_part(&reference->at, reference->first[j], reference->first[j + 1], &out->reference[j]);
    }
    for (uint32_t i = 0; i < generated->part_count; i++)
        measure_part(placed, generated->first[i], generated->first[i + 1], &out->generated[i]);

done:
    arena_rewind(scratch, mark);
    return status;
}
