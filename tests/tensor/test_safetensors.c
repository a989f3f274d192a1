/* Weight files: what is read of good ones, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/buffer.h"
#include "tensor/safetensors.h"

/* ---- Files by hand ---------------------------------------------------------------------------------------------- */

/* A file of this header and `data_size` bytes 0, 1, 2, ... */
static buffer make_file(const char *header, size_t data_size)
{
    buffer file;
    buffer_open(&file, 64u << 20);
    buffer_u32(&file, (uint32_t)strlen(header));
    buffer_u32(&file, 0);
    buffer_text(&file, header);
    for (size_t i = 0; i < data_size; i++)
        buffer_u8(&file, (uint8_t)i);
    assert_false(buffer_failed(&file));
    return file;
}

static safetensors *open_bytes(const buffer *file)
{
    safetensors *weights;
    lumen_error error = {0};
    if (safetensors_from_bytes("weights", file->data, file->size, &weights, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return weights;
}

static void refuse(const char *header, size_t data_size, const char *reason)
{
    buffer file = make_file(header, data_size);
    safetensors *weights;
    lumen_error error = {0};
    if (safetensors_from_bytes("weights", file.data, file.size, &weights, &error) == LUMEN_OK)
        fail_msg("%s is taken", header);
    assert_null(weights);
    assert_int_equal(error.status, LUMEN_ERROR_INVALID);
    if (strstr(error.message, reason) == NULL || strstr(error.message, "weights") == NULL)
        fail_msg("%s: %s; not a word of \"%s\"", header, error.message, reason);
    buffer_close(&file);
}

static char folder[] = "/tmp/lumen-safetensors-XXXXXX";

static const char *write_file(const char *name, const void *bytes, size_t size)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

#define TENSOR(name, type, shape, begin, end)                                                                          \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

/* ---- Good files ------------------------------------------------------------------------------------------------- */

static void a_tensor_is_a_view_into_the_file(void **state)
{
    (void)state;
    buffer file = make_file("{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("b", "F16", "[2,3]", 0, 12) "," TENSOR(
                                "a", "I64", "[]", 12, 20) "}   ",
                            20);
    safetensors *weights = open_bytes(&file);
    assert_int_equal(safetensors_count(weights), 2);
    assert_string_equal(safetensors_name(weights, 0), "a"); /* in the order of names */
    assert_null(safetensors_name(weights, 2));
    assert_true(safetensors_has(weights, "b"));

    tensor view;
    lumen_error error;
    assert_int_equal(safetensors_find(weights, "b", &view, &error), LUMEN_OK);
    assert_int_equal(view.type, TENSOR_F16);
    assert_int_equal(view.rank, 2);
    assert_int_equal(view.sizes[0], 2);
    assert_int_equal(view.sizes[1], 3);
    assert_int_equal(view.sizes[2], 1);
    assert_ptr_equal(view.data, file.data + file.size - 20);
    assert_int_equal(safetensors_find(weights, "a", &view, &error), LUMEN_OK);
    assert_int_equal(view.rank, 0);
    assert_int_equal(tensor_bytes(&view), 8);
    safetensors_close(weights);
    buffer_close(&file);
}

static void a_file_may_be_without_tensors(void **state)
{
    (void)state;
    buffer file = make_file("{}", 0);
    safetensors *weights = open_bytes(&file);
    assert_int_equal(safetensors_count(weights), 0);
    assert_false(safetensors_has(weights, "a"));
    safetensors_close(weights);
    buffer_close(&file);
}

static void a_tensor_may_be_without_elements(void **state)
{
    (void)state;
    buffer file =
        make_file("{" TENSOR("a", "F32", "[0,9223372036854775807]", 0, 0) "," TENSOR("b", "U8", "[1]", 0, 1) "}", 1);
    safetensors *weights = open_bytes(&file);
    tensor view;
    lumen_error error;
    assert_int_equal(safetensors_find(weights, "a", &view, &error), LUMEN_OK);
    assert_int_equal(tensor_bytes(&view), 0);
    safetensors_close(weights);
    buffer_close(&file);
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    buffer file = make_file("{" TENSOR("a", "U8", "[1]", 0, 1) "}", 1);
    safetensors *weights = open_bytes(&file);
    tensor view;
    lumen_error error;
    assert_int_equal(safetensors_find(weights, "conv_in.weight", &view, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "conv_in.weight"));
    safetensors_close(weights);
    buffer_close(&file);
}

static void a_type_without_arithmetic_is_refused_only_where_it_is_used(void **state)
{
    (void)state;
    buffer file = make_file("{" TENSOR("a", "F64", "[1]", 0, 8) "," TENSOR("b", "F4", "[4]", 8, 10) "}", 10);
    safetensors *weights = open_bytes(&file);
    tensor view;
    lumen_error error;
    assert_true(safetensors_has(weights, "a"));
    assert_int_equal(safetensors_find(weights, "a", &view, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "F64"));
    safetensors_close(weights);
    buffer_close(&file);
}

static void thousands_of_tensors_are_found_by_name(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    buffer header;
    buffer_open(&header, 16u << 20);
    for (unsigned i = 0; i < COUNT; i++) /* written backwards */
        buffer_print(&header, "%s\"t.%u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%u,%u]}",
                     i == 0 ? "{" : ",", i, COUNT - 1 - i, COUNT - i);
    buffer_append(&header, "}", 2);
    buffer file = make_file((const char *)header.data, COUNT);
    safetensors *weights = open_bytes(&file);
    assert_int_equal(safetensors_count(weights), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[32];
        tensor view;
        lumen_error error;
        snprintf(name, sizeof name, "t.%u", i);
        assert_int_equal(safetensors_find(weights, name, &view, &error), LUMEN_OK);
        assert_int_equal(*(unsigned char *)view.data, (COUNT - 1 - i) & 0xff);
    }
    safetensors_close(weights);
    buffer_close(&file);
    buffer_close(&header);
}

static void forgotten_pages_come_back(void **state)
{
    (void)state;
    buffer file =
        make_file("{" TENSOR("a", "U8", "[20000]", 0, 20000) "," TENSOR("b", "U8", "[30000]", 20000, 50000) "}", 50000);
    safetensors *weights;
    tensor a, b;
    lumen_error error;
    const char *path = write_file("forgotten.safetensors", file.data, file.size);
    assert_int_equal(safetensors_open(path, &weights, &error), LUMEN_OK);
    assert_int_equal(safetensors_find(weights, "a", &a, &error), LUMEN_OK);
    assert_int_equal(safetensors_find(weights, "b", &b, &error), LUMEN_OK);
    safetensors_forget(weights, &a);
    safetensors_forget(weights, &b);
    assert_memory_equal(a.data, file.data + file.size - 50000, 20000);
    assert_memory_equal(b.data, file.data + file.size - 30000, 30000);
    safetensors_close(weights);
    buffer_close(&file);
}

/* ---- Shards ----------------------------------------------------------------------------------------------------- */

static lumen_status open_index(const char *index, lumen_error *error, safetensors **weights)
{
    return safetensors_open(write_file("model.safetensors.index.json", index, strlen(index)), weights, error);
}

static void write_shards(void)
{
    buffer first = make_file("{" TENSOR("a", "U8", "[3]", 0, 3) "}", 3);
    buffer second = make_file("{" TENSOR("b", "U8", "[2]", 0, 2) "," TENSOR("c", "U8", "[1]", 2, 3) "}", 3);
    write_file("model-1.safetensors", first.data, first.size);
    write_file("model-2.safetensors", second.data, second.size);
    buffer_close(&first);
    buffer_close(&second);
}

static void an_index_opens_all_its_shards_as_one(void **state)
{
    (void)state;
    write_shards();
    safetensors *weights;
    tensor view;
    lumen_error error = {0};
    assert_int_equal(open_index("{\"metadata\":{\"total_size\":6},\"weight_map\":{\"a\":\"model-1.safetensors\","
                                "\"b\":\"model-2.safetensors\",\"c\":\"model-2.safetensors\"}}",
                                &error, &weights),
                     LUMEN_OK);
    assert_int_equal(safetensors_count(weights), 3);
    assert_int_equal(safetensors_find(weights, "c", &view, &error), LUMEN_OK);
    assert_int_equal(*(unsigned char *)view.data, 2);
    safetensors_forget(weights, &view);
    safetensors_close(weights);
}

static void an_index_that_lies_is_refused(void **state)
{
    (void)state;
    write_shards();
    static const struct {
        const char *index, *reason;
    } lies[] = {
        {"{}", "weight_map"},
        {"[]", "object"},
        {"", "header"},
        {"{\"weight_map\":[]}", "weight_map"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{\"weight_map\":{\"a\":7}}", "same folder"},
        {"{\"weight_map\":{\"a\":\"\"}}", "same folder"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "same folder"},
        {"{\"weight_map\":{\"a\":\"../model-1.safetensors\"}}", "same folder"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "same folder"},
        {"{\"weight_map\":{\"a\":\"model-9.safetensors\"}}", "model-9"},
        {"{\"weight_map\":{\"a\":\"model-2.safetensors\"}}", "tensor a"},
        {"{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-1.safetensors\",\"c\":\"model-2.safetensors\"}}",
         "tensor b"},
        {"{\"weight_map\":{\"a\":\"model-1.safetensors\",\"a\":\"model-2.safetensors\"}}", "duplicate"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        safetensors *weights;
        lumen_error error = {0};
        if (open_index(lies[i].index, &error, &weights) == LUMEN_OK)
            fail_msg("%s is taken", lies[i].index);
        assert_null(weights);
        if (strstr(error.message, lies[i].reason) == NULL)
            fail_msg("%s: %s", lies[i].index, error.message);
    }
}

static void the_same_tensor_in_two_shards_is_refused(void **state)
{
    (void)state;
    write_shards();
    buffer second = make_file("{" TENSOR("a", "U8", "[3]", 0, 3) "," TENSOR("b", "U8", "[1]", 3, 4) "}", 4);
    write_file("model-2.safetensors", second.data, second.size);
    buffer_close(&second);
    safetensors *weights;
    lumen_error error = {0};
    assert_int_equal(
        open_index("{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}", &error, &weights),
        LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "another shard"));
}

/* ---- Bad files -------------------------------------------------------------------------------------------------- */

static void places_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refuse("{" TENSOR("a", "F32", "[2]", 0, 8) "}", 7, "tensor a");       /* beyond the end */
    refuse("{" TENSOR("a", "F32", "[2]", 0, 8) "}", 9, "1 bytes behind"); /* bytes left over */
    refuse("{" TENSOR("a", "F32", "[2]", 8, 0) "}", 8, "tensor a");       /* backwards */
    refuse("{" TENSOR("a", "F32", "[2]", -8, 0) "}", 8, "tensor a");      /* negative */
    refuse("{" TENSOR("a", "F32", "[2]", 0.0, 8.0) "}", 8, "tensor a");   /* no whole numbers */
    refuse("{" TENSOR("a", "F32", "[2]", 1, 9) "}", 9, "gap");            /* a gap at the start */
    refuse("{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[2]", 3, 5) "}", 5, "gap");
    refuse("{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[2]", 1, 3) "}", 3, "overlaps");
    refuse("{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[2]", 0, 2) "}", 2, "overlaps");
    refuse("{" TENSOR("a", "U8", "[1]", 9223372036854775806, 9223372036854775807) "}", 1, "tensor a");
    refuse("{" TENSOR("a", "U8", "[1]", 0, 18446744073709551615) "}", 1, "header");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, "tensor a");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "tensor a");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "tensor a");
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refuse("{" TENSOR("a", "F32", "[3]", 0, 8) "}", 8, "8 bytes");
    refuse("{" TENSOR("a", "F32", "[]", 0, 8) "}", 8, "8 bytes");
    refuse("{" TENSOR("a", "F32", "[-2]", 0, 8) "}", 8, "whole number");
    refuse("{" TENSOR("a", "F32", "[2.0]", 0, 8) "}", 8, "whole number");
    refuse("{" TENSOR("a", "F32", "[\"2\"]", 0, 8) "}", 8, "whole number");
    refuse("{" TENSOR("a", "F32", "2", 0, 8) "}", 8, "shape");
    refuse("{" TENSOR("a", "F32", "[1,1,1,1,1,1,2]", 0, 8) "}", 8, "at most 6 sizes");
    refuse("{" TENSOR("a", "F4", "[3]", 0, 1) "}", 1, "tensor a");
    /* Products that are 8 bytes only after an overflow. */
    refuse("{" TENSOR("a", "F32", "[4611686018427387906]", 0, 8) "}", 8, "8 bytes");
    refuse("{" TENSOR("a", "U8", "[4294967296,4294967296]", 0, 0) "}", 0, "0 bytes");
    refuse("{" TENSOR("a", "U8", "[4294967296,4294967296,0]", 0, 0) "}", 0, "0 bytes");
}

static void headers_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refuse("", 0, "header");
    refuse("[]", 0, "object");
    refuse("null", 0, "header");
    refuse("{", 0, "header");
    refuse("{}{}", 0, "header");
    refuse("{\"a\":[]}", 0, "tensor a");
    refuse("{" TENSOR("a", "F33", "[2]", 0, 8) "}", 8, "F33");
    refuse("{" TENSOR("a", "f32", "[2]", 0, 8) "}", 8, "f32");
    refuse("{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor a");
    refuse("{" TENSOR("a", "U8", "[1]", 0, 1) "," TENSOR("a", "U8", "[1]", 1, 2) "}", 2, "duplicate");
    refuse("{\"__metadata__\":{\"format\":7}}", 0, "__metadata__");
    refuse("{\"__metadata__\":[]}", 0, "__metadata__");
    refuse("{\"\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "header");
}

static void a_parser_is_not_given_more_than_it_can_hold(void **state)
{
    (void)state;
    enum { COUNT = 5000000 };
    buffer header;
    buffer_open(&header, 64u << 20);
    buffer_text(&header, "{\"a\":[");
    for (size_t i = 0; i < COUNT; i++)
        buffer_append(&header, "[],", 3);
    buffer_append(&header, "1]}", 4);
    refuse((const char *)header.data, 0, "values");
    buffer_close(&header);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    buffer file = make_file("{" TENSOR("a", "F32", "[2]", 0, 8) "}", 8);
    for (size_t size = 0; size < file.size; size++) {
        safetensors *weights;
        lumen_error error;
        /* A copy of its own size, so that a sanitizer sees a read beyond the end. */
        unsigned char *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut, file.data, size);
        if (safetensors_from_bytes("weights", cut, size, &weights, &error) == LUMEN_OK)
            fail_msg("%zu of %zu bytes are taken", size, file.size);
        free(cut);
    }
    buffer_close(&file);
}

static void a_length_from_the_moon_is_refused(void **state)
{
    (void)state;
    buffer file = make_file("{}", 0);
    static const unsigned char at[] = {1, 3, 4, 7};
    for (size_t i = 0; i < sizeof at; i++) {
        safetensors *weights;
        lumen_error error = {0};
        file.data[at[i]] = 0xff;
        assert_int_equal(safetensors_from_bytes("weights", file.data, file.size, &weights, &error),
                         LUMEN_ERROR_INVALID);
        file.data[at[i]] = 0;
    }
    buffer_close(&file);
}

static void what_is_no_file_is_told(void **state)
{
    (void)state;
    safetensors *weights;
    lumen_error error;
    assert_int_equal(safetensors_open("/tmp/none.safetensors", &weights, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, "none.safetensors"));
    assert_int_equal(safetensors_open(folder, &weights, &error), LUMEN_ERROR_IO);
    assert_int_equal(safetensors_open(write_file("empty.safetensors", "", 0), &weights, &error), LUMEN_ERROR_INVALID);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_is_a_view_into_the_file),
        cmocka_unit_test(a_file_may_be_without_tensors),
        cmocka_unit_test(a_tensor_may_be_without_elements),
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(a_type_without_arithmetic_is_refused_only_where_it_is_used),
        cmocka_unit_test(thousands_of_tensors_are_found_by_name),
        cmocka_unit_test(forgotten_pages_come_back),
        cmocka_unit_test(an_index_opens_all_its_shards_as_one),
        cmocka_unit_test(an_index_that_lies_is_refused),
        cmocka_unit_test(the_same_tensor_in_two_shards_is_refused),
        cmocka_unit_test(places_that_do_not_fit_are_refused),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(headers_that_make_no_sense_are_refused),
        cmocka_unit_test(a_parser_is_not_given_more_than_it_can_hold),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_length_from_the_moon_is_refused),
        cmocka_unit_test(what_is_no_file_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
