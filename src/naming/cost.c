#include "naming/cost.h"

#include <math.h>
#include <string.h>

#include "naming/assignment.h"

const cost_weights cost_default = {
    .overlap = 0.45f,
    .nearness = 0.96f,
    .position = 0.195f,
    .size = 0.0286f,
    .axes = 0.125f,
    .spread = 0.125f,
    .evenness = 0.41f,
    .side = 0.48f,
    .piece = 0.896f,
    .piece_share = 0.75f,
    .piece_nearness = 0.96f,
    .piece_size = 0.3f,
    .stranger = 1.6f,
    .missing = 0.122f,
    .misfit = 2.56f,
    .distortion = 0.118f,
    .mirror = 0.0246f,
    .doubt_name = 0.15f,
    .doubt_placement = 0.03f,
};

static float smaller(float a, float b)
{
    return a < b ? a : b;
}

/* 0 for equal, toward 1 for very different sizes. */
static float ratio_difference(float a, float b)
{
    float large = a > b ? a : b;
    return large > 1e-9f ? 1.0f - smaller(a, b) / large : 0.0f;
}

/* Half the sum of differences of three shares. */
static float share_difference(const float a[3], const float b[3])
{
    float sum_a = a[0] + a[1] + a[2] + 1e-9f;
    float sum_b = b[0] + b[1] + b[2] + 1e-9f;
    float sum = 0.0f;
    for (int k = 0; k < 3; k++)
        sum += fabsf(a[k] / sum_a - b[k] / sum_b);
    return 0.5f * sum;
}

static float whole_cost(const cost_weights *weights, const evidence *known, uint32_t i, uint32_t j)
{
    const part_measure *a = &known->generated[i];
    const part_measure *b = &known->reference[j];
    float square = 0.0f;
    for (int k = 0; k < 3; k++) {
        float d = a->center[k] - b->center[k];
        square += d * d;
    }
    float overlap = 0.5f * (known->share[i][j] + known->claim[i][j]);
    float nearness = 0.5f * (known->near_to[i][j] + known->near_from[i][j]);
    return weights->overlap * (1.0f - overlap) + weights->nearness * (1.0f - nearness) +
           weights->position * smaller(sqrtf(square) * 2.0f, 1.0f) +
           weights->size * ratio_difference(a->size, b->size) + weights->axes * share_difference(a->axes, b->axes) +
           weights->spread * share_difference(a->spread, b->spread) +
           weights->evenness * smaller(fabsf(a->evenness - b->evenness) * 4.0f, 1.0f) +
           weights->side * 0.5f * fabsf(a->side - b->side);
}

static float piece_cost(const cost_weights *weights, const evidence *known, uint32_t i, uint32_t j)
{
    float whole = known->reference[j].size;
    float piece = known->generated[i].size;
    float larger = piece > whole ? ratio_difference(piece, whole) : 0.0f;
    return weights->piece + weights->piece_share * (1.0f - known->share[i][j]) +
           weights->piece_nearness * (1.0f - known->near_to[i][j]) + weights->piece_size * larger;
}

/* How probable the chosen cost is among all that the part could have: Boltzmann's distribution. */
static float probability(const float *costs, uint32_t count, float chosen, float doubt)
{
    float sum = 0.0f;
    for (uint32_t k = 0; k < count; k++)
        sum += expf((chosen - costs[k]) / doubt);
    return sum > 1.0f ? 1.0f / sum : 1.0f;
}

void cost_assign(const cost_weights *weights, const evidence *known, const cloud *generated, const cloud *reference,
                 cost_names *out)
{
    uint32_t rows = 0;
    uint32_t part[LUMEN_PARTS_MAX]; /* of each row */
    uint32_t names = 0;
    uint32_t name[LUMEN_PARTS_MAX]; /* of each column */
    for (uint32_t i = 0; i < known->generated_count; i++) {
        out->name[i] = COST_STRANGER;
        out->probability[i] = 0.0f;
        if (generated->first[i + 1] > generated->first[i])
            part[rows++] = i;
    }
    for (uint32_t j = 0; j < known->reference_count; j++)
        if (reference->first[j + 1] > reference->first[j])
            name[names++] = j;

    /* A column for each name as a whole, and for each part one of its own: one more piece of the name that is best for
     * it, or none. So the optimum over pieces needs no copies of names. */
    float costs[ASSIGNMENT_ROWS_MAX * ASSIGNMENT_COLUMNS_MAX] = {0};
    int32_t piece_of[LUMEN_PARTS_MAX];
    uint32_t columns = names + rows;
    for (uint32_t row = 0; row < rows; row++) {
        float *cost = costs + (size_t)row * columns;
        float own = weights->stranger;
        piece_of[row] = COST_STRANGER;
        for (uint32_t column = 0; column < names; column++) {
            cost[column] = whole_cost(weights, known, part[row], name[column]);
            float piece = piece_cost(weights, known, part[row], name[column]);
            if (piece < own) {
                own = piece;
                piece_of[row] = (int32_t)name[column];
            }
        }
        for (uint32_t other = 0; other < rows; other++)
            cost[names + other] = other == row ? own : 1e3f;
    }

    uint32_t chosen[LUMEN_PARTS_MAX];
    assignment_solve(rows, columns, costs, chosen);
    bool taken[LUMEN_PARTS_MAX] = {false};
    uint32_t owner[LUMEN_PARTS_MAX]; /* row that has a column's name as the whole */
    for (uint32_t column = 0; column < names; column++)
        owner[column] = rows;
    for (uint32_t row = 0; row < rows; row++)
        if (chosen[row] < names)
            owner[chosen[row]] = row;
    out->total = 0.0f;
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t i = part[row];
        const float *cost = costs + (size_t)row * columns;
        float best[LUMEN_PARTS_MAX + 1]; /* what each name would cost this part; the last: none */
        best[names] = weights->stranger;
        for (uint32_t column = 0; column < names; column++) {
            best[column] = piece_cost(weights, known, i, name[column]);
            if (owner[column] == row || owner[column] == rows)
                best[column] = smaller(best[column], cost[column]);
        }
        out->name[i] = chosen[row] < names ? (int32_t)name[chosen[row]] : piece_of[row];
        out->probability[i] = probability(best, names + 1, cost[chosen[row]], weights->doubt_name);
        out->total += generated->part_weight[i] * cost[chosen[row]];
        if (out->name[i] >= 0)
            taken[out->name[i]] = true;
    }
    for (uint32_t column = 0; column < names; column++)
        if (!taken[name[column]])
            out->total += reference->part_weight[name[column]] * weights->missing;
}
