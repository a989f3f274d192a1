/*
 * triposg_field.h: the field of a part, exact where it decides.
 *
 *     triposg_field field = {.fine = run_in_f32, .quick = run_in_bf16};
 *     status = triposg_field_load(&config, &loader, TENSOR_BF16, &field);
 *     status = triposg_field_begin(&field, latents, tokens, &error);               // once for a part
 *     status = triposg_field_ask(&field, points, count, values, &error);           // as often as wanted
 *
 * A surface lies where a field changes its sign, so what matters is the sign, and how near to zero a value is.
 * The 16 layers that make keys and values of a part's tokens run once for a part; what they err in bf16 (a bias of the
 * whole field, for the most part from rounding their weights) no point could mend, so they run in f32. Points are many:
 * they are asked in bf16, some three times as fast, and those whose value is so small that bf16 may have its sign wrong
 * are asked again in f32. How far bf16 errs differs from part to part and is measured on each part.
 */
#ifndef LUMEN_NETWORKS_TRIPOSG_FIELD_H
#define LUMEN_NETWORKS_TRIPOSG_FIELD_H

#include "networks/triposg_decoder.h"

typedef struct triposg_field {
    operators *fine, *quick; /* the caller's: in f32, and in bf16 or NULL where all is asked in f32 */
    triposg_decoder decoder; /* in `fine` */
    triposg_decoder points;  /* in `quick`, only what points go through */
    triposg_part part, quick_part;
    float doubt;              /* magnitude below which values are asked again; 0 without `quick` */
    uint64_t asked, doubtful; /* points, since triposg_field_begin */
} triposg_field;

/* `in` loads in f32, into field->fine, or counts alone. With `type` bf16 it also loads (counts) what points go through
 * in bf16, into field->quick. */
lumen_status triposg_field_load(const triposg_decoder_config *config, layer_loader *in, tensor_type type,
                                triposg_field *field);

/* Makes a part ready for points, in place of the one before; both arenas are its own. latents (tokens, channels).
 * Reports as "decoder", cancellable between blocks. Errors: what the operators note (LUMEN_ERROR_MEMORY, _CANCELLED).
 */
lumen_status triposg_field_begin(triposg_field *field, const float *latents, size_t tokens, lumen_error *error);

/* The field at `count` points (x, y, z each), as triposg_decoder_field has it. A value depends on its point alone. */
lumen_status triposg_field_ask(triposg_field *field, const float *points, size_t count, float *values,
                               lumen_error *error);

/* Bounds for parts of `tokens`, in bytes: of the arenas of `fine` and of `quick`, the latter 0 for `type` f32. */
size_t triposg_fine_bytes(const triposg_decoder_config *config, size_t tokens);
size_t triposg_quick_bytes(const triposg_decoder_config *config, tensor_type type, size_t tokens);

#endif
