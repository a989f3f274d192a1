#include "geometry/brick.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* One bit for each of four values: whether it is negative. */
static inline unsigned negative_bits(const float *values)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_ps(_mm_cmplt_ps(_mm_loadu_ps(values), _mm_setzero_ps()));
#else
    return (unsigned)(values[0] < 0.0f) | (unsigned)(values[1] < 0.0f) << 1 | (unsigned)(values[2] < 0.0f) << 2 |
           (unsigned)(values[3] < 0.0f) << 3;
#endif
}

void brick_signs(brick_grid *grid)
{
    const uint32_t *cells = grid->lattice->cells;
    size_t row_length = (size_t)cells[0] + 1;
    uint32_t whole = cells[0] / BRICK_SIDE; /* bricks whose four corners along x all exist: 4 × whole <= cells */

    /* Row by row, as the values lie in memory; the rows on the border are never inside. */
    for (uint32_t z = 1; z < cells[2]; z++)
        for (uint32_t y = 1; y < cells[1]; y++) {
            const float *values = grid->dense + row_length * (y + (size_t)z * (cells[1] + 1));
            uint64_t *inside = grid->inside + y / BRICK_SIDE * grid->step[1] + z / BRICK_SIDE * grid->step[2];
            unsigned shift = 4 * (y % BRICK_SIDE) + 16 * (z % BRICK_SIDE);
            for (uint32_t x = 0; x < whole; x++)
                inside[x] |= (uint64_t)negative_bits(values + (size_t)BRICK_SIDE * x) << shift;
            for (uint32_t x = whole * BRICK_SIDE; x < cells[0]; x++)
                inside[whole] |= (uint64_t)(values[x] < 0.0f) << (shift + x % BRICK_SIDE);
            inside[0] &= ~(UINT64_C(1) << shift);
        }
}
