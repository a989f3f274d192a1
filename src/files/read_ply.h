/*
 * read_ply.h: what a PLY file says that it holds, shared by the readers of its header and of its rows.
 */
#ifndef LUMEN_FILES_READ_PLY_H
#define LUMEN_FILES_READ_PLY_H

#include "files/read.h"

enum { PLY_ELEMENTS_MAX = 16, PLY_PROPERTIES_MAX = 128 };

/* What mends most faults of a file. */
#define PLY_MEND "export it again as PLY with x, y and z"

typedef enum ply_format { PLY_TEXT, PLY_LITTLE_ENDIAN, PLY_BIG_ENDIAN } ply_format;

typedef enum ply_type { INT8, UINT8, INT16, UINT16, INT32, UINT32, FLOAT32, FLOAT64, PLY_TYPES } ply_type;

/* Of each type. */
extern const struct ply_type_about {
    const char *name, *other;
    size_t size;
    double full; /* what stands for the full strength of a color */
} ply_types[PLY_TYPES];

typedef enum ply_role {
    NO_ROLE,
    X,
    Y,
    Z,
    NORMAL_X,
    NORMAL_Y,
    NORMAL_Z,
    RED,
    GREEN,
    BLUE,
    PART,
    ATTACHMENT,
    ROLES
} ply_role;

typedef struct ply_property {
    ply_type type;
    bool is_list;
    ply_type count_type;
    ply_role role;
    bool is_corners; /* the list of a face's vertices */
} ply_property;

typedef struct ply_element {
    uint64_t count;
    uint32_t first, property_count; /* in ply_reader.properties */
    bool is_vertex, is_face;
} ply_element;

typedef struct ply_reader {
    shape_draft *draft;
    lumen_error *error;
    const unsigned char *at, *end;
    ply_format format;
    uint32_t element_count, property_count;
    ply_element elements[PLY_ELEMENTS_MAX];
    ply_property properties[PLY_PROPERTIES_MAX];
    uint32_t named_parts;
    bool is_ours;    /* the points come in an order that is meant */
    bool has[ROLES]; /* of the vertices */
    double color_full;
    uint32_t vertex_count;
    float *positions, *normals, *attachments;
    uint8_t *part_ids, *colors;
    buffer triangles; /* uint32_t, three for each */
} ply_reader;

/* Reads the header: `at` stands behind it then. */
lumen_status read_ply_header(ply_reader *from);

#endif
