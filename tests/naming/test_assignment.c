/* The cheapest way to give each row a column. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "naming/assignment.h"

static void check_each_row_has_a_column_of_its_own(uint32_t rows, uint32_t columns, const uint32_t *chosen)
{
    bool taken[ASSIGNMENT_COLUMNS_MAX] = {false};
    for (uint32_t i = 0; i < rows; i++) {
        assert_true(chosen[i] < columns);
        assert_false(taken[chosen[i]]);
        taken[chosen[i]] = true;
    }
}

static void the_cheapest_whole_is_taken_not_the_cheapest_first(void **state)
{
    (void)state;
    const float costs[] = {1, 2,   /* both rows want the first column; */
                           1, 10}; /* the second row can hardly do without it */
    uint32_t chosen[2];
    assert_float_equal(assignment_solve(2, 2, costs, chosen), 3.0f, 0.0f);
    assert_int_equal(chosen[0], 1);
    assert_int_equal(chosen[1], 0);
}

static float cheapest_by_trying_all(uint32_t rows, uint32_t columns, const float *costs, uint32_t row, uint32_t taken)
{
    if (row == rows)
        return 0.0f;
    float best = 1e9f;
    for (uint32_t j = 0; j < columns; j++) {
        if ((taken >> j & 1) != 0)
            continue;
        float cost =
            costs[row * columns + j] + cheapest_by_trying_all(rows, columns, costs, row + 1, taken | (uint32_t)1 << j);
        best = cost < best ? cost : best;
    }
    return best;
}

static void no_other_choice_is_cheaper(void **state)
{
    (void)state;
    random_state random = random_seed(1);
    for (int round = 0; round < 400; round++) {
        uint32_t rows = 1 + random_u32(&random) % 6;
        uint32_t columns = rows + random_u32(&random) % 3;
        float costs[6 * 8];
        for (uint32_t k = 0; k < rows * columns; k++)
            costs[k] = (float)(random_u32(&random) % 64); /* whole numbers: sums are exact, ties happen */
        uint32_t chosen[ASSIGNMENT_ROWS_MAX];
        float sum = assignment_solve(rows, columns, costs, chosen);
        check_each_row_has_a_column_of_its_own(rows, columns, chosen);
        assert_float_equal(sum, cheapest_by_trying_all(rows, columns, costs, 0, 0), 0.0f);
    }
}

static void the_largest_problem_is_solved_the_same_each_time(void **state)
{
    (void)state;
    static float costs[ASSIGNMENT_ROWS_MAX * ASSIGNMENT_COLUMNS_MAX];
    random_state random = random_seed(2);
    for (size_t k = 0; k < sizeof costs / sizeof *costs; k++)
        costs[k] = random_float(&random);
    uint32_t first[ASSIGNMENT_ROWS_MAX];
    uint32_t second[ASSIGNMENT_ROWS_MAX];
    float sum = assignment_solve(ASSIGNMENT_ROWS_MAX, ASSIGNMENT_COLUMNS_MAX, costs, first);
    assert_true(sum >= 0.0f && sum < 2.0f); /* each row finds one of its cheapest among 64 */
    assert_float_equal(assignment_solve(ASSIGNMENT_ROWS_MAX, ASSIGNMENT_COLUMNS_MAX, costs, second), sum, 0.0f);
    assert_memory_equal(first, second, sizeof first);
    check_each_row_has_a_column_of_its_own(ASSIGNMENT_ROWS_MAX, ASSIGNMENT_COLUMNS_MAX, first);
}

static void nothing_to_assign_costs_nothing(void **state)
{
    (void)state;
    assert_float_equal(assignment_solve(0, 0, NULL, NULL), 0.0f, 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest_whole_is_taken_not_the_cheapest_first),
        cmocka_unit_test(no_other_choice_is_cheaper),
        cmocka_unit_test(the_largest_problem_is_solved_the_same_each_time),
        cmocka_unit_test(nothing_to_assign_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
