/* The differences between oneDNN 2.6 and 3. */

#include "operators/cpu/onednn.h"

#include <string.h>

#if DNNL_VERSION_MAJOR >= 3

/* ---- Version 3: descriptors are opaque --------------------------------------------------------------------- */

dnnl_status_t onednn_layout_make(onednn_layout *out, dnnl_data_type_t type, int rank, const dnnl_dim_t *sizes,
                                 const dnnl_dim_t *strides)
{
    *out = (onednn_layout){0};
    dnnl_status_t status =
        strides != NULL ? dnnl_memory_desc_create_with_strides(&out->descriptor, rank, sizes, type, strides)
                        : dnnl_memory_desc_create_with_tag(&out->descriptor, rank, sizes, type, dnnl_format_tag_any);
    out->filled = status == dnnl_success;
    return status;
}

dnnl_status_t onednn_layout_copy(onednn_layout *out, const onednn_layout *from)
{
    *out = (onednn_layout){0};
    dnnl_status_t status = dnnl_memory_desc_clone(&out->descriptor, from->descriptor);
    out->filled = status == dnnl_success;
    return status;
}

void onednn_layout_free(onednn_layout *layout)
{
    if (layout->filled)
        dnnl_memory_desc_destroy(layout->descriptor);
    *layout = (onednn_layout){0};
}

bool onednn_layout_equal(const onednn_layout *a, const onednn_layout *b)
{
    return a->filled && b->filled && dnnl_memory_desc_equal(a->descriptor, b->descriptor) != 0;
}

size_t onednn_layout_bytes(const onednn_layout *layout)
{
    return layout->filled ? dnnl_memory_desc_get_size(layout->descriptor) : 0;
}

dnnl_status_t onednn_memory(dnnl_memory_t *out, const onednn_layout *layout, dnnl_engine_t engine)
{
    return dnnl_memory_create(out, layout->descriptor, engine, DNNL_MEMORY_NONE);
}

static const_dnnl_memory_desc_t descriptor_of(const onednn_layout *layout)
{
    return layout != NULL && layout->filled ? layout->descriptor : NULL;
}

static dnnl_status_t append_activation(dnnl_post_ops_t operations, const onednn_finish *finish)
{
    return dnnl_post_ops_append_eltwise(operations, finish->activation, finish->alpha, 0.0f);
}

static dnnl_status_t append_sum(dnnl_post_ops_t operations)
{
    return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
}

static dnnl_status_t describe_matmul(dnnl_primitive_desc_t *out, const onednn_matmul *call, dnnl_primitive_attr_t how,
                                     dnnl_engine_t engine)
{
    return dnnl_matmul_primitive_desc_create(out, engine, descriptor_of(call->source), descriptor_of(call->weights),
                                             descriptor_of(call->bias), descriptor_of(call->destination), how);
}

static dnnl_status_t describe_convolution(dnnl_primitive_desc_t *out, const onednn_convolution *call,
                                          dnnl_primitive_attr_t how, dnnl_engine_t engine)
{
    const dnnl_dims_t strides = {call->stride, call->stride}, between = {call->dilation - 1, call->dilation - 1};
    const dnnl_dims_t padding = {call->padding, call->padding};
    return dnnl_convolution_forward_primitive_desc_create(out, engine, dnnl_forward_inference, dnnl_convolution_direct,
                                                          descriptor_of(call->source), descriptor_of(call->weights),
                                                          descriptor_of(call->bias), descriptor_of(call->destination),
                                                          strides, between, padding, padding, how);
}

static dnnl_status_t describe_reorder(dnnl_primitive_desc_t *out, const onednn_layout *from, const onednn_layout *to,
                                      dnnl_primitive_attr_t how, dnnl_engine_t engine)
{
    return dnnl_reorder_primitive_desc_create(out, from->descriptor, engine, to->descriptor, engine, how);
}

dnnl_status_t onednn_wanted_layout(onednn_layout *out, const_dnnl_primitive_desc_t description, dnnl_query_t which)
{
    *out = (onednn_layout){0};
    const_dnnl_memory_desc_t found = dnnl_primitive_desc_query_md(description, which, 0);
    if (found == NULL)
        return dnnl_success;
    dnnl_status_t status = dnnl_memory_desc_clone(&out->descriptor, found);
    out->filled = status == dnnl_success;
    return status;
}

#else

/* ---- Version 2: descriptors are plain structures ------------------------------------------------------------- */

dnnl_status_t onednn_layout_make(onednn_layout *out, dnnl_data_type_t type, int rank, const dnnl_dim_t *sizes,
                                 const dnnl_dim_t *strides)
{
    *out = (onednn_layout){0};
    dnnl_status_t status = strides != NULL
                               ? dnnl_memory_desc_init_by_strides(&out->descriptor, rank, sizes, type, strides)
                               : dnnl_memory_desc_init_by_tag(&out->descriptor, rank, sizes, type, dnnl_format_tag_any);
    out->filled = status == dnnl_success;
    return status;
}

dnnl_status_t onednn_layout_copy(onednn_layout *out, const onednn_layout *from)
{
    *out = *from;
    return dnnl_success;
}

void onednn_layout_free(onednn_layout *layout)
{
    *layout = (onednn_layout){0};
}

bool onednn_layout_equal(const onednn_layout *a, const onednn_layout *b)
{
    return a->filled && b->filled && dnnl_memory_desc_equal(&a->descriptor, &b->descriptor) != 0;
}

size_t onednn_layout_bytes(const onednn_layout *layout)
{
    return layout->filled ? dnnl_memory_desc_get_size(&layout->descriptor) : 0;
}

dnnl_status_t onednn_memory(dnnl_memory_t *out, const onednn_layout *layout, dnnl_engine_t engine)
{
    return dnnl_memory_create(out, &layout->descriptor, engine, DNNL_MEMORY_NONE);
}

static const dnnl_memory_desc_t *descriptor_of(const onednn_layout *layout)
{
    return layout != NULL && layout->filled ? &layout->descriptor : NULL;
}

static dnnl_status_t append_activation(dnnl_post_ops_t operations, const onednn_finish *finish)
{
    return dnnl_post_ops_append_eltwise(operations, 1.0f, finish->activation, finish->alpha, 0.0f);
}

static dnnl_status_t append_sum(dnnl_post_ops_t operations)
{
    return dnnl_post_ops_append_sum(operations, 1.0f);
}

static dnnl_status_t describe_matmul(dnnl_primitive_desc_t *out, const onednn_matmul *call, dnnl_primitive_attr_t how,
                                     dnnl_engine_t engine)
{
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, descriptor_of(call->source), descriptor_of(call->weights),
                                                 descriptor_of(call->bias), descriptor_of(call->destination));
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, how, engine, NULL) : status;
}

static dnnl_status_t describe_convolution(dnnl_primitive_desc_t *out, const onednn_convolution *call,
                                          dnnl_primitive_attr_t how, dnnl_engine_t engine)
{
    const dnnl_dims_t strides = {call->stride, call->stride}, between = {call->dilation - 1, call->dilation - 1};
    const dnnl_dims_t padding = {call->padding, call->padding};
    dnnl_convolution_desc_t operation;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &operation, dnnl_forward_inference, dnnl_convolution_direct, descriptor_of(call->source),
        descriptor_of(call->weights), descriptor_of(call->bias), descriptor_of(call->destination), strides, between,
        padding, padding);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, how, engine, NULL) : status;
}

static dnnl_status_t describe_reorder(dnnl_primitive_desc_t *out, const onednn_layout *from, const onednn_layout *to,
                                      dnnl_primitive_attr_t how, dnnl_engine_t engine)
{
    return dnnl_reorder_primitive_desc_create(out, &from->descriptor, engine, &to->descriptor, engine, how);
}

dnnl_status_t onednn_wanted_layout(onednn_layout *out, const_dnnl_primitive_desc_t description, dnnl_query_t which)
{
    *out = (onednn_layout){0};
    const dnnl_memory_desc_t *found = dnnl_primitive_desc_query_md(description, which, 0);
    if (found == NULL)
        return dnnl_success;
    out->descriptor = *found;
    out->filled = true;
    return dnnl_success;
}

#endif

/* ---- Equal in both --------------------------------------------------------------------------------------------- */

static dnnl_status_t append_finish(dnnl_post_ops_t operations, const onednn_finish *finish,
                                   const onednn_layout *destination)
{
    dnnl_status_t status = dnnl_success;
    if (finish->activated)
        status = append_activation(operations, finish);
    if (status != dnnl_success || finish->combine == ONEDNN_COMBINE_NONE)
        return status;
    if (finish->combine == ONEDNN_COMBINE_SUM)
        return append_sum(operations);
    return dnnl_post_ops_append_binary(operations,
                                       finish->combine == ONEDNN_COMBINE_ADD ? dnnl_binary_add : dnnl_binary_mul,
                                       descriptor_of(destination));
}

/* Attributes of a primitive: the scratchpad is ours, and what happens to the result. */
static dnnl_status_t make_attributes(dnnl_primitive_attr_t *out, const onednn_finish *finish,
                                     const onednn_layout *destination)
{
    dnnl_primitive_attr_t made = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&made);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && finish != NULL) {
        status = dnnl_post_ops_create(&operations);
        if (status == dnnl_success)
            status = append_finish(operations, finish, destination);
        if (status == dnnl_success)
            status = dnnl_primitive_attr_set_post_ops(made, operations);
        if (operations != NULL)
            dnnl_post_ops_destroy(operations);
    }
    if (status != dnnl_success) {
        dnnl_primitive_attr_destroy(made);
        made = NULL;
    }
    *out = made;
    return status;
}

dnnl_status_t onednn_matmul_describe(dnnl_primitive_desc_t *out, const onednn_matmul *call, dnnl_engine_t engine)
{
    dnnl_primitive_attr_t how;
    *out = NULL;
    dnnl_status_t status = make_attributes(&how, &call->finish, call->destination);
    if (status != dnnl_success)
        return status;
    status = describe_matmul(out, call, how, engine);
    dnnl_primitive_attr_destroy(how);
    return status;
}

dnnl_status_t onednn_convolution_describe(dnnl_primitive_desc_t *out, const onednn_convolution *call,
                                          dnnl_engine_t engine)
{
    dnnl_primitive_attr_t how;
    *out = NULL;
    dnnl_status_t status = make_attributes(&how, &call->finish, call->destination);
    if (status != dnnl_success)
        return status;
    status = describe_convolution(out, call, how, engine);
    dnnl_primitive_attr_destroy(how);
    return status;
}

dnnl_status_t onednn_reorder_describe(dnnl_primitive_desc_t *out, const onednn_layout *from, const onednn_layout *to,
                                      dnnl_engine_t engine)
{
    dnnl_primitive_attr_t how;
    *out = NULL;
    dnnl_status_t status = make_attributes(&how, NULL, NULL);
    if (status != dnnl_success)
        return status;
    status = describe_reorder(out, from, to, how, engine);
    dnnl_primitive_attr_destroy(how);
    return status;
}

const char *onednn_implementation(const_dnnl_primitive_desc_t description)
{
    const char *name = NULL;
    dnnl_status_t status = dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
    return status == dnnl_success && name != NULL ? name : "";
}
