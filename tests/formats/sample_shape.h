/*
 * sample_shape.h: shapes made by hand, for the tests of files and pictures, which need no engine.
 */
#ifndef LUMEN_TESTS_SAMPLE_SHAPE_H
#define LUMEN_TESTS_SAMPLE_SHAPE_H

#include "lumen.h"

typedef enum sample_kind {
    SAMPLE_HORSE, /* six parts, smooth */
    SAMPLE_CAR,   /* four parts, boxes and wheels; one part is empty: the windshield */
    SAMPLE_TREE,
    SAMPLE_KINDS
} sample_kind;

/* A shape with meshes and 2,048 points, ended by sample_shape_free. The fields may be changed before use.
 * Aborts when memory runs out: it is only a test. */
lumen_shape *sample_shape_make(sample_kind kind);
void sample_shape_free(lumen_shape *shape);

#endif
