/* Primitives of oneDNN, one for each shape, and the layouts of packed weights. */

#include "operators/cpu/cpu.h"

#include <string.h>

#include "base/random.h"

void onednn_failed(operators *run, const char *what, dnnl_status_t status)
{
    if (status == dnnl_out_of_memory)
        operators_fail(run, LUMEN_ERROR_MEMORY, "memory ran out while making %s; free some and try again", what);
    else
        operators_fail(run, LUMEN_ERROR_FAILED,
                       "oneDNN could not make %s (status %d); it writes code "
                       "as it runs, which systemd's MemoryDenyWriteExecute forbids where it is set",
                       what, (int)status);
}

dnnl_data_type_t onednn_type(tensor_type type)
{
    return type == TENSOR_BF16 ? dnnl_bf16 : dnnl_f32;
}

onednn_finish onednn_finish_of(activation which, onednn_combine combine)
{
    onednn_finish finish = {.activated = true, .combine = combine};
    switch (which) {
    case ACTIVATION_NONE: finish.activated = false; break;
    case ACTIVATION_SILU:
        finish.activation = dnnl_eltwise_swish;
        finish.alpha = 1.0f;
        break;
    case ACTIVATION_GELU: finish.activation = dnnl_eltwise_gelu_erf; break;
    case ACTIVATION_QUICK_GELU:
        finish.activation = dnnl_eltwise_swish;
        finish.alpha = 1.702f;
        break;
    case ACTIVATION_RELU: finish.activation = dnnl_eltwise_relu; break;
    case ACTIVATION_SIGMOID: finish.activation = dnnl_eltwise_logistic; break;
    }
    return finish;
}

/* ---- Layouts --------------------------------------------------------------------------------------------- */

size_t layout_index(operators *run, const onednn_layout *layout)
{
    cpu *device = cpu_of(run);
    for (size_t i = 0; i < device->layout_count; i++)
        if (onednn_layout_equal(&device->layouts[i], layout))
            return i;
    if (device->layout_count == device->layout_capacity) {
        size_t capacity = device->layout_capacity > 0 ? 2 * device->layout_capacity : 16;
        onednn_layout *larger = operators_allocate_cleared(run, capacity, sizeof *larger);
        if (larger == NULL) {
            onednn_failed(run, "an order of weights", dnnl_out_of_memory);
            return (size_t)-1;
        }
        if (device->layout_count > 0)
            memcpy(larger, device->layouts, device->layout_count * sizeof *larger);
        operators_free(device->layouts);
        device->layouts = larger;
        device->layout_capacity = capacity;
    }
    dnnl_status_t status = onednn_layout_copy(&device->layouts[device->layout_count], layout);
    if (status != dnnl_success) {
        onednn_failed(run, "an order of weights", status);
        return (size_t)-1;
    }
    return device->layout_count++;
}

/* ---- Primitives -------------------------------------------------------------------------------------------- */

static primitive **bucket_of(const operators *run, const primitive_key *key)
{
    return &cpu_of(run)->buckets[fnv1a(FNV_START, key, sizeof *key) % PRIMITIVE_BUCKETS];
}

primitive *primitive_find(const operators *run, const primitive_key *key)
{
    primitive *found = *bucket_of(run, key);
    while (found != NULL && memcmp(&found->key, key, sizeof *key) != 0)
        found = found->next;
    return found;
}

static void free_primitive(primitive *made)
{
    for (unsigned user = 0; user < made->users; user++)
        for (int slot = 0; slot < PRIMITIVE_SLOTS; slot++)
            if (made->memories[user].slots[slot] != NULL)
                dnnl_memory_destroy(made->memories[user].slots[slot]);
    if (made->handle != NULL)
        dnnl_primitive_destroy(made->handle);
    operators_free(made);
}

static dnnl_status_t make_memories(primitive *made, unsigned user, const primitive_parts *parts,
                                   const onednn_layout *scratch, dnnl_engine_t engine)
{
    const onednn_layout *layouts[PRIMITIVE_SLOTS] = {
        [SLOT_SOURCE] = parts->source,
        [SLOT_WEIGHTS] = parts->weights,
        [SLOT_BIAS] = parts->bias,
        [SLOT_DESTINATION] = parts->destination,
        [SLOT_COMBINED] = parts->finish.combine >= ONEDNN_COMBINE_ADD ? parts->destination : NULL,
        [SLOT_SCRATCH] = onednn_layout_bytes(scratch) > 0 ? scratch : NULL,
    };
    dnnl_status_t status = dnnl_success;
    for (int slot = 0; status == dnnl_success && slot < PRIMITIVE_SLOTS; slot++)
        if (layouts[slot] != NULL)
            status = onednn_memory(&made->memories[user].slots[slot], layouts[slot], engine);
    return status;
}

primitive *primitive_add(operators *run, const primitive_key *key, dnnl_primitive_desc_t description,
                         const primitive_parts *parts)
{
    onednn_layout scratch = {0};
    unsigned users = parts->users > 0 ? parts->users : 1;
    primitive *made = operators_allocate_cleared(run, 1, sizeof *made + users * sizeof made->memories[0]);
    dnnl_status_t status = made != NULL ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success) {
        made->key = *key;
        made->users = users;
        made->finish = parts->finish;
        status = dnnl_primitive_create(&made->handle, description);
    }
    if (status == dnnl_success)
        status = onednn_wanted_layout(&scratch, description, dnnl_query_scratchpad_md);
    for (unsigned user = 0; status == dnnl_success && user < users; user++)
        status = make_memories(made, user, parts, &scratch, cpu_of(run)->engine);
    if (status == dnnl_success) {
        made->scratch_bytes = onednn_layout_bytes(&scratch);
        primitive **bucket = bucket_of(run, key);
        made->next = *bucket;
        *bucket = made;
    } else {
        if (made != NULL)
            free_primitive(made);
        made = NULL;
        onednn_failed(run, "a matrix product", status);
    }
    onednn_layout_free(&scratch);
    dnnl_primitive_desc_destroy(description);
    return made;
}

void primitives_forget(operators *run)
{
    cpu *device = cpu_of(run);
    for (size_t i = 0; i < PRIMITIVE_BUCKETS; i++)
        while (device->buckets[i] != NULL) {
            primitive *first = device->buckets[i];
            device->buckets[i] = first->next;
            free_primitive(first);
        }
    for (size_t i = 0; i < device->layout_count; i++)
        onednn_layout_free(&device->layouts[i]);
    operators_free(device->layouts);
    device->layouts = NULL;
    device->layout_count = device->layout_capacity = 0;
}

/* oneDNN's handles are not const, though it only reads sources, weights and biases. */
static void *writable(const void *data)
{
    void *same;
    memcpy(&same, &data, sizeof same);
    return same;
}

dnnl_status_t primitive_execute(const operators *run, const primitive *made, unsigned user, const primitive_data *data)
{
    static const int names[PRIMITIVE_SLOTS] = {[SLOT_SOURCE] = DNNL_ARG_SRC,
                                               [SLOT_WEIGHTS] = DNNL_ARG_WEIGHTS,
                                               [SLOT_BIAS] = DNNL_ARG_BIAS,
                                               [SLOT_DESTINATION] = DNNL_ARG_DST,
                                               [SLOT_SCRATCH] = DNNL_ARG_SCRATCHPAD};
    void *handles[PRIMITIVE_SLOTS] = {
        [SLOT_SOURCE] = writable(data->source),     [SLOT_WEIGHTS] = writable(data->weights),
        [SLOT_BIAS] = writable(data->bias),         [SLOT_DESTINATION] = data->destination,
        [SLOT_COMBINED] = writable(data->combined), [SLOT_SCRATCH] = data->scratch};
    const dnnl_memory_t *slots = made->memories[user].slots;
    dnnl_exec_arg_t arguments[PRIMITIVE_SLOTS + 1];
    int count = 0;
    for (int slot = 0; slot < PRIMITIVE_SLOTS; slot++) {
        if (slots[slot] == NULL)
            continue;
        dnnl_status_t status = dnnl_memory_set_data_handle(slots[slot], handles[slot]);
        if (status != dnnl_success)
            return status;
        /* The combined tensor belongs to the operation after the activation, if there is one. */
        int name = slot == SLOT_COMBINED
                       ? DNNL_ARG_ATTR_MULTIPLE_POST_OP(made->finish.activated ? 1 : 0) | DNNL_ARG_SRC_1
                       : names[slot];
        arguments[count++] = (dnnl_exec_arg_t){.arg = name, .memory = slots[slot]};
    }
    if (data->weights_memory != NULL)
        arguments[count++] = (dnnl_exec_arg_t){.arg = DNNL_ARG_WEIGHTS, .memory = data->weights_memory};
    return dnnl_primitive_execute(made->handle, cpu_of(run)->stream, count, arguments);
}

void primitive_run(operators *run, const primitive *made, const primitive_data *data)
{
    size_t mark = operators_mark(run);
    primitive_data whole = *data;
    if (made->scratch_bytes > 0)
        whole.scratch = op_empty_of(run, TENSOR_U8, 1, &made->scratch_bytes).data;
    if (!operators_failed(run)) {
        dnnl_status_t status = primitive_execute(run, made, 0, &whole);
        if (status != dnnl_success)
            onednn_failed(run, "a matrix product", status);
    }
    operators_release(run, mark);
}
