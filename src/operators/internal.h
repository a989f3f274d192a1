/*
 * internal.h: between the front of the operators (context.c, layers.c, operators.c, elementwise.c) and its back ends.
 *
 * The front checks types and sizes, makes the results' tensors in the arena, keeps the time and then calls the back
 * end, which may rely on all that. Only a back end touches data: for one with memory of its own, tensor.data is an
 * address over there. What fails in a back end is noted with operators_fail.
 */
#ifndef LUMEN_OPERATORS_INTERNAL_H
#define LUMEN_OPERATORS_INTERNAL_H

#include "operators/operators.h"

typedef enum cost_kind { COST_LINEAR, COST_CONVOLUTION, COST_ATTENTION, COST_NORM, COST_OTHER } cost_kind;

enum { COST_KINDS = COST_OTHER + 1 };

/* What every loaded layer begins with. A back end allocates its own structure around the public one. */
typedef struct loaded_layer {
    struct loaded_layer *next;
    void (*release)(operators *run, struct loaded_layer *self); /* all of it, itself too */
} loaded_layer;

struct linear {
    loaded_layer base;
    size_t in, out;
};

struct convolution {
    loaded_layer base;
    size_t in, out, kernel_height, kernel_width;
    convolution_options how; /* with its zeros replaced */
};

struct norm {
    loaded_layer base;
    size_t channels;
    float *weight, *bias; /* f32; NULL: 1 and 0 */
};

struct embedding {
    loaded_layer base;
    size_t count, channels;
};

typedef struct attention_call {
    const tensor *q, *k, *v;
    size_t heads, head_size;
    bool causal;
    float scale;
    const float *mask; /* (T, S) or NULL */
} attention_call;

/* Results are dense; operands too, but for those of `linear`, `head_norm`, `attention` and `copy`, whose rows may have
 * a stride. */
typedef struct backend {
    const char *name;
    lumen_status (*open)(operators *run, lumen_error *error); /* sets run->type where it is none, run->description */
    void (*close)(operators *run);

    /* Address space of the arena; its pages come when they are first touched. */
    void *(*reserve)(operators *run, size_t bytes);
    void (*unreserve)(operators *run, void *arena, size_t bytes);

    void (*unloaded)(operators *run); /* after all layers are gone; NULL: nothing to do */

    lumen_status (*load_linear)(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                                lumen_error *error);
    lumen_status (*load_convolution)(operators *run, const tensor *weight, const tensor *bias,
                                     const convolution_options *how, convolution **out, lumen_error *error);
    lumen_status (*load_norm)(operators *run, const tensor *weight, const tensor *bias, norm **out, lumen_error *error);
    lumen_status (*load_embedding)(operators *run, const tensor *table, embedding **out, lumen_error *error);

    /* `how` is never NULL. */
    void (*linear)(operators *run, const linear *layer, const tensor *x, const epilogue *how, tensor *out);
    void (*linear_geglu)(operators *run, const linear *layer, const tensor *x, tensor *out);
    void (*convolution)(operators *run, const convolution *layer, const tensor *x, const epilogue *how, tensor *out);
    void (*upsample_convolution)(operators *run, const convolution *layer, const tensor *x, const epilogue *how,
                                 tensor *out); /* NULL: the front upsamples first */
    void (*norm_convolution)(operators *run, const norm_before *before, const convolution *layer, const tensor *x,
                             const epilogue *how, tensor *out); /* NULL: the front does one after the other */
    void (*embedding)(operators *run, const embedding *table, const tensor *ids, tensor *out);
    void (*group_norm)(operators *run, const norm *layer, const tensor *x, size_t groups, float epsilon,
                       activation after, tensor *out);
    void (*row_norm)(operators *run, const norm *layer, const tensor *x, float epsilon, bool centered, tensor *out);
    void (*head_norm)(operators *run, const norm *layer, const tensor *x, size_t heads, float epsilon); /* in place */
    void (*attention)(operators *run, const attention_call *call, tensor *out);
    void (*activation)(operators *run, const tensor *x, activation which, tensor *out);
    void (*add)(operators *run, const tensor *a, const tensor *b, tensor *out);
    void (*scale)(operators *run, const tensor *x, float factor, float offset, tensor *out);
    void (*concat)(operators *run, const tensor *a, const tensor *b, tensor *out);
    void (*upsample)(operators *run, const tensor *x, size_t factor, tensor *out);
    void (*resize)(operators *run, const tensor *x, tensor *out);
    void (*max_pool)(operators *run, const tensor *x, tensor *out);
    void (*softmax)(operators *run, const tensor *x, tensor *out);

    /* From a host tensor (maybe unaligned or columns) of f32, f16, bf16 or the result's type; and back to f32. */
    void (*copy)(operators *run, const tensor *x, tensor *out);
    void (*to_f32)(operators *run, const tensor *x, float *to);
} backend;

extern const backend plain_backend;
const backend *operators_cpu_backend(void); /* NULL: built without oneDNN */

struct operators {
    const backend *back;
    void *device; /* the back end's own */
    tensor_type type;
    unsigned threads;
    char description[96];

    char *arena;
    size_t capacity, used, peak;

    loaded_layer *layers; /* newest first */
    size_t weight_bytes;

    lumen_error error; /* the first failure */
    lumen_progress progress;
    void *progress_user;
    bool (*allow)(void *user, size_t bytes);
    void *allow_user;
    operators_cost costs[COST_KINDS];
};

/* ---- Memory of layers and back ends: aligned to 64 bytes, not cleared ---- */

void *operators_allocate(operators *run, size_t bytes);
void operators_free(void *memory);

/* An array that is cleared. */
void *operators_allocate_cleared(operators *run, size_t count, size_t element);

/* ---- Failures ---- */

/* Notes the first failure of the context. */
void operators_fail(operators *run, lumen_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static inline bool operators_failed(const operators *run)
{
    return run->error.status != LUMEN_OK;
}

/* "(1, 77, 768) bf16" for messages. */
enum { TENSOR_TEXT_MAX = 160 };
const char *tensor_text(const tensor *x, char text[TENSOR_TEXT_MAX]);

/* ---- Costs: uint64_t began = cost_begin(); ...; cost_end(run, kind, began, macs); ---- */

uint64_t cost_begin(void);
void cost_end(operators *run, cost_kind kind, uint64_t began, double macs);

/* ---- The result of an operator: a new tensor of the arena or `wanted`, without data when something is wrong ---- */

/* Whether `x` is a tensor of the context's type that may be read; notes the failure when not. */
bool operand_usable(operators *run, const char *operation, const tensor *x, bool may_be_columns);

#endif
