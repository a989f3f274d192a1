/*
 * attention.h: the part of attention that only processors with AMX have; the rest is in attention.c.
 */
#ifndef LUMEN_OPERATORS_CPU_ATTENTION_H
#define LUMEN_OPERATORS_CPU_ATTENTION_H

#include "operators/cpu/cpu.h"

/* Whether processor and system have AMX for bf16; asks the system for its use. */
bool attention_tiles_usable(void);

/* Operands of bf16. */
void attention_on_tiles(operators *run, const attention_call *call, tensor *out);

#endif
