/*
 * cpu.h: the operators on a CPU: on oneDNN, and in loops of our own where these are faster.
 *
 * In bf16 on processors with AMX, linear layers, convolutions and attention run on tile registers (tiles.h). Everywhere
 * else, and for layers whose sizes do not suit tiles, they are oneDNN primitives, made once for each shape and kept
 * (primitives.c), with weights in the order that the library asked for (layers.c). Scratch memory of a call comes from
 * the context's arena, so that the second call of a kind allocates nothing. The rest is loops over rows (rows.h; bf16.h
 * for bf16 by hand), divided among the threads of OpenMP, which oneDNN uses too (parallel.c).
 */
#ifndef LUMEN_OPERATORS_CPU_CPU_H
#define LUMEN_OPERATORS_CPU_CPU_H

#include "operators/cpu/onednn.h"
#include "operators/internal.h"

/* ---- parallel.c ---- */

/* Divides [0, count) into one range for each thread, none below `grain` items, and waits. `thread` counts from 0. */
typedef void (*parallel_work)(void *argument, size_t from, size_t to, unsigned thread);
void parallel_for(const operators *run, size_t count, size_t grain, parallel_work work, void *argument);

/* Makes the calling thread's team as large as the context wants it. */
void parallel_enter(const operators *run);

/* Between these, oneDNN plans for one thread: for primitives that run inside parallel_for. */
void parallel_plan_alone(const operators *run);
void parallel_plan_team(const operators *run);

/* ---- primitives.c ---- */

/* Equal numbers, equal primitive. */
enum { PRIMITIVE_KEY_NUMBERS = 20 };

typedef struct primitive_key {
    int64_t numbers[PRIMITIVE_KEY_NUMBERS];
} primitive_key;

typedef enum primitive_slot {
    SLOT_SOURCE,
    SLOT_WEIGHTS, /* only of primitives that own it: those of attention */
    SLOT_BIAS,
    SLOT_DESTINATION,
    SLOT_COMBINED,
    SLOT_SCRATCH
} primitive_slot;

enum { PRIMITIVE_SLOTS = SLOT_SCRATCH + 1 };

typedef struct primitive_memories {
    dnnl_memory_t slots[PRIMITIVE_SLOTS];
} primitive_memories;

typedef struct primitive {
    struct primitive *next;
    primitive_key key;
    dnnl_primitive_t handle;
    size_t scratch_bytes;
    onednn_finish finish;
    unsigned users;                /* threads that may run it at once */
    primitive_memories memories[]; /* (users) */
} primitive;

/* What a primitive is made of. */
typedef struct primitive_parts {
    const onednn_layout *source, *weights, *bias, *destination; /* weights: NULL when the layer brings its memory */
    onednn_finish finish;
    unsigned users; /* 0 counts as 1 */
} primitive_parts;

enum { PRIMITIVE_BUCKETS = 256 };

typedef struct cpu {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    primitive *buckets[PRIMITIVE_BUCKETS];
    onednn_layout *layouts; /* of packed weights; layers and keys name them by index */
    size_t layout_count, layout_capacity;
    bool tiles; /* AMX: see tiles.h */
} cpu;

static inline cpu *cpu_of(const operators *run)
{
    return run->device;
}

primitive *primitive_find(const operators *run, const primitive_key *key);

/* Takes the description over. NULL and noted when it fails. */
primitive *primitive_add(operators *run, const primitive_key *key, dnnl_primitive_desc_t description,
                         const primitive_parts *parts);

typedef struct primitive_data {
    const void *source;
    dnnl_memory_t weights_memory; /* of a layer, or */
    const void *weights;
    const float *bias;
    void *destination;
    const void *combined;
    void *scratch; /* of scratch_bytes */
} primitive_data;

/* For thread `user` of those that run it at once. */
dnnl_status_t primitive_execute(const operators *run, const primitive *made, unsigned user, const primitive_data *data);

/* With scratch memory from the arena; what fails is noted. */
void primitive_run(operators *run, const primitive *made, const primitive_data *data);
void primitives_forget(operators *run);

/* The index of an equal layout, which is kept; (size_t)-1 and noted when memory runs out. */
size_t layout_index(operators *run, const onednn_layout *layout);

/* Notes a failure of oneDNN. */
void onednn_failed(operators *run, const char *what, dnnl_status_t status);
dnnl_data_type_t onednn_type(tensor_type type);
onednn_finish onednn_finish_of(activation which, onednn_combine combine);

/* ---- layers.c ---- */

/* Weights in an order of the library's choice. */
typedef struct packed {
    void *data;
    dnnl_memory_t memory;
    size_t layout; /* index */
} packed;

typedef struct cpu_linear {
    linear base;
    char *tiles;   /* the weights for tiles.h, or NULL and */
    packed weight; /* (in, out) for oneDNN */
    float *bias;   /* (out) */
} cpu_linear;

typedef struct cpu_convolution {
    convolution base;
    char *tiles;   /* the weights for tiles.h, or NULL and */
    packed weight; /* (out, in, kh, kw) for oneDNN */
    float *bias;   /* (out) */
    bool used;     /* a primitive relies on the layout */
} cpu_convolution;

typedef struct cpu_embedding {
    embedding base;
    void *table; /* (count, channels) of the context's type */
} cpu_embedding;

lumen_status cpu_load_linear(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                             lumen_error *error);
lumen_status cpu_load_convolution(operators *run, const tensor *weight, const tensor *bias,
                                  const convolution_options *how, convolution **out, lumen_error *error);
lumen_status cpu_load_embedding(operators *run, const tensor *table, embedding **out, lumen_error *error);

/* Moves packed weights into another layout; false and noted when that fails, with the old ones in place. */
bool cpu_repack(operators *run, packed *weight, const onednn_layout *layout);

/* ---- matrix.c, convolution.c, attention.c ---- */

void cpu_linear_run(operators *run, const linear *layer, const tensor *x, const epilogue *how, tensor *out);
void cpu_linear_geglu(operators *run, const linear *layer, const tensor *x, tensor *out);
void cpu_convolution_run(operators *run, const convolution *layer, const tensor *x, const epilogue *how, tensor *out);
void cpu_upsample_convolution(operators *run, const convolution *layer, const tensor *x, const epilogue *how,
                              tensor *out);
void cpu_norm_convolution(operators *run, const norm_before *before, const convolution *layer, const tensor *x,
                          const epilogue *how, tensor *out);
void cpu_attention(operators *run, const attention_call *call, tensor *out);

/* The layer's bias plus row n of the channels to add; NULL and noted when memory runs out. */
const float *cpu_bias_with(operators *run, const float *bias, const tensor *add_channels, size_t n);

/* ---- norms.c ---- */

void cpu_group_norm(operators *run, const norm *layer, const tensor *x, size_t groups, float epsilon, activation after,
                    tensor *out);
/* What a group norm multiplies each channel of picture n of x with, and adds: (C) each, in the arena until the caller
 * releases it. False and noted when memory runs out. */
typedef struct channel_scale {
    const float *factor, *shift;
} channel_scale;

bool cpu_group_norm_scale(operators *run, const norm_before *how, const tensor *x, size_t n, channel_scale *out);
void cpu_row_norm(operators *run, const norm *layer, const tensor *x, float epsilon, bool centered, tensor *out);
void cpu_head_norm(operators *run, const norm *layer, const tensor *x, size_t heads, float epsilon);
void cpu_softmax(operators *run, const tensor *x, tensor *out);

/* ---- elementwise.c ---- */

void cpu_embedding_run(operators *run, const embedding *table, const tensor *ids, tensor *out);
/* both (rows, 2 C): the first half times the GELU of the second. */
void cpu_geglu(operators *run, const tensor *both, tensor *out);
void cpu_activation(operators *run, const tensor *x, activation which, tensor *out);
void cpu_add(operators *run, const tensor *a, const tensor *b, tensor *out);
void cpu_scale(operators *run, const tensor *x, float factor, float offset, tensor *out);
void cpu_concat(operators *run, const tensor *a, const tensor *b, tensor *out);
void cpu_upsample(operators *run, const tensor *x, size_t factor, tensor *out);
void cpu_resize(operators *run, const tensor *x, tensor *out);
void cpu_max_pool(operators *run, const tensor *x, tensor *out);
void cpu_copy(operators *run, const tensor *x, tensor *out);
void cpu_to_f32(operators *run, const tensor *x, float *to);

#endif
