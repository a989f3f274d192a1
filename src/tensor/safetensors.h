/*
 * safetensors.h: the official weight files, mapped into memory and checked before use.
 *
 *     safetensors *file;
 *     status = safetensors_open("unet/diffusion_pytorch_model.fp16.safetensors", &file, &error);
 *     tensor weight;
 *     status = safetensors_find(file, "conv_in.weight", &weight, &error); // a view into the map
 *     safetensors_close(file);
 *
 * Format: u64 little-endian length of the header, JSON, data. Every field is hostile: lengths, overlaps, gaps, types,
 * sizes whose product overflows, names given twice, offsets beyond the file are refused with a message that names the
 * file and the tensor. What the reference implementation refuses is refused here; beyond that, names given twice and
 * tensors of more than TENSOR_RANK_MAX sizes are.
 *
 * A path that ends in .json is an index ("model.safetensors.index.json"): all its shards are opened as one, from the
 * folder of the index and no other.
 *
 * An open file may be read by any number of threads. It must not be made shorter meanwhile: reading what is gone from a
 * map ends the program. What weights_pull fetches appears whole and is never changed in place.
 */
#ifndef LUMEN_TENSOR_SAFETENSORS_H
#define LUMEN_TENSOR_SAFETENSORS_H

#include "base/error.h"
#include "tensor/tensor.h"

typedef struct safetensors safetensors;

lumen_status safetensors_open(const char *path, safetensors **out, lumen_error *error);

/* The same of bytes in memory, which must outlive it: for tests. `name` stands in messages. */
lumen_status safetensors_from_bytes(const char *name, const void *bytes, size_t size, safetensors **out,
                                    lumen_error *error);
void safetensors_close(safetensors *file);

size_t safetensors_count(const safetensors *file);
const char *safetensors_name(const safetensors *file, size_t index);
const char *safetensors_path(const safetensors *file); /* as messages name it; of shards the first */
bool safetensors_has(const safetensors *file, const char *name);

/* A view into the file. Errors: LUMEN_ERROR_INVALID when there is no such tensor. Elements need not be aligned. */
lumen_status safetensors_find(const safetensors *file, const char *name, tensor *out, lumen_error *error);

/* Tells the system that a tensor's pages are no longer needed (its weights have been packed). */
void safetensors_forget(const safetensors *file, const tensor *view);

#endif
