/*
 * files.h: a shape becomes the bytes of a file, and is read back.
 *
 *     status = files_write(shape, "horse.glb", &error);       // the ending chooses the format
 *
 *     buffer bytes;                                           // or only the bytes, for a service
 *     buffer_open(&bytes, FILES_BYTES_MAX);
 *     status = files_json(shape, &bytes, &error);
 *     buffer_close(&bytes);
 *
 *     status = files_read_shape("horse.glb", &shape, &error); // anyone's .glb, .ply or our .json
 *     lumen_shape_free(shape);
 *
 * Formats append to a buffer that the caller opened and closes, whether or not they fail. They read the
 * shape and nothing else, write no file, and the same shape gives the same bytes. Names and texts inside
 * a shape come from outside: no format lets one break out of its field.
 *
 * Every array of a shape except the positions may be NULL, and so may the optional arrays of a mesh;
 * parts may be empty. Errors of all formats: LUMEN_ERROR_MEMORY when memory or the buffer's bound is
 * reached, LUMEN_ERROR_FAILED when a mesh is broken (an index beyond its vertices, a coordinate that is
 * not finite).
 */
#ifndef LUMEN_FILES_FILES_H
#define LUMEN_FILES_FILES_H

#include "base/buffer.h"
#include "lumen.h"
#include "picture/picture.h"

/* A bound for the buffer of any one file. The largest real shapes stay far below. */
#define FILES_BYTES_MAX ((size_t)1 << 30)

typedef enum files_format {
    FILES_PLY,
    FILES_GLB,
    FILES_STL,
    FILES_JSON,
    FILES_PNG,
    FILES_FORMATS /* how many there are */
} files_format;

/* The format that the ending of `path` names, in any case. LUMEN_ERROR_INVALID lists those there are. */
lumen_status files_format_of(const char *path, files_format *format, lumen_error *error);

/* The bytes of a shape in a format: one of the functions below, or a picture (picture/picture.h). */
lumen_status files_encode(const lumen_shape *shape, files_format format, buffer *out, lumen_error *error);

/* ---- Formats ---------------------------------------------------------------------------------- */

/* PLY 1.0, binary_little_endian: the points. x y z nx ny nz (float), red green blue part_id (uchar),
 * attachment (float): 32 bytes a point. Comments say the text, the template, the pipeline, the key, the
 * seed and the parts ("comment part 1 head"), and, unless they are certain, how sure their names are ("comment
 * confidence 1 0.930000"); what is not printable ASCII there is escaped, and "end_header" becomes "end-header". */
lumen_status files_ply(const lumen_shape *shape, buffer *out, lumen_error *error);

/* glTF 2.0 binary: the part meshes. A root node named after the subject has one named node per part that
 * is not empty, with the mesh, the normals, the vertex colors and a material of its own. Colors are linear;
 * what is seen is baseColorFactor (the brightest of the part) times COLOR_0. The extras of a node say its part_id and
 * its name, and, unless it is certain, how sure that is: confidence. */
lumen_status files_glb(const lumen_shape *shape, buffer *out, lumen_error *error);

/* Binary STL: all triangles of all parts, in the frame of the shape (+Y up), a normal per facet. */
lumen_status files_stl(const lumen_shape *shape, buffer *out, lumen_error *error);

/* The JSON object that the service answers and that `generate` writes: positions (base64, float32 little-
 * endian, xyz), part_ids and attachments (base64, uint8; attachments 0..255), part_names, part_colors
 * ("#rrggbb"), template_type, bounding_box, pipeline, cached, generation_time_ms, key, seed, subject,
 * concept, verb, text and motion; part_confidence unless all names are certain. Seeds above 2^63 - 1, which no request can carry, become a string. */
lumen_status files_json(const lumen_shape *shape, buffer *out, lumen_error *error);

/* The object of files_json without its long arrays: positions, part_ids, attachments. */
lumen_status files_json_facts(const lumen_shape *shape, buffer *out, lumen_error *error);

/* Appends the (N) attachments as bytes, 255 at the extremity; zeros for a shape without them. */
void files_attachments(const lumen_shape *shape, buffer *out);

/* A picture of the shape with its legend as PNG, `size` by `size` pixels; 0: 1024. */
lumen_status files_picture(const lumen_shape *shape, uint32_t size, buffer *out, lumen_error *error);

/* ---- Writing ---------------------------------------------------------------------------------- */

/* Puts bytes into a file that appears whole or not at all: they are written to a new file in the same
 * folder, flushed to the disk and renamed. On failure that file is removed, an older file of the name stays
 * as it was, and LUMEN_ERROR_IO names the path, the reason and the mend. */
lumen_status files_save(const buffer *bytes, const char *path, lumen_error *error);

/* Draws a shape with its legend as a PNG of `size` by `size` pixels; 0: 1024. */
lumen_status files_write_picture(const lumen_shape *shape, uint32_t size, const char *path, lumen_error *error);

/* An image as a PNG file. */
lumen_status files_save_image(const picture_image *image, const char *path, lumen_error *error);

/* files_format_of, files_encode and files_save in one. */
lumen_status files_write(const lumen_shape *shape, const char *path, lumen_error *error);

/* Draws `count` shapes, each with its text below, as one PNG of `columns` columns (0: chosen) with tiles of `tile`
 * pixels (0: 256). */
lumen_status files_write_sheet(const lumen_shape *const *shapes, size_t count, uint32_t columns, uint32_t tile,
                               const char *path, lumen_error *error);

/* ---- Reading ----------------------------------------------------------------------------------- */

/* A file that is larger is refused. */
#define FILES_READ_BYTES_MAX ((size_t)256 << 20)

/* Reads a shape from a .json, .ply or .glb: ours, with everything that the format holds, or anyone's. What is not there
 * is filled in as well as can be:
 *
 *     .json  the object of files_json: points, parts, motion. No normals (outward from the middle), no meshes; every
 *            point has the color of its part.
 *     .ply   a cloud of points (ascii, binary_little_endian, binary_big_endian) with x y z and, if they are there, nx ny
 *            nz, red green blue, part_id (or part, label, segment: 1 to 32), attachment; or, with faces, a mesh of one
 *            part. Of more than LUMEN_POINTS_MAX points so many are taken, spread evenly.
 *     .glb   each node with triangles becomes a part with the node's name (the 32nd and all further ones share one).
 *            Not: compression, sparse accessors, files outside the file.
 *
 * From meshes LUMEN_POINTS_DEFAULT points are sampled, and the meshes come with the shape. Everything is brought into
 * [-1, 1] (shapes of ours are there already and keep every bit). Attachments that a file does not hold are computed from
 * where the parts touch. The motion is that of the file or of the text that it holds; "idle" for others.
 *
 * Every byte is distrusted. `*out` is yours: lumen_shape_free. Errors: LUMEN_ERROR_IO, LUMEN_ERROR_INVALID with what is
 * wrong in the file, LUMEN_ERROR_MEMORY. */
lumen_status files_read_shape(const char *path, lumen_shape **out, lumen_error *error);

/* The same from bytes; `name` is what messages call them, and names the shape where the bytes do not. */
lumen_status files_decode(const void *bytes, size_t size, files_format format, const char *name, lumen_shape **out,
                          lumen_error *error);

/* ---- Encodings -------------------------------------------------------------------------------- */

/* Appends `size` bytes as base64 with padding (RFC 4648, section 4). */
void files_base64(buffer *out, const void *bytes, size_t size);

/* How many bytes a text of that length stands for, by its length and padding alone; 0 where it cannot be base64 with
 * padding. */
size_t files_base64_size(const char *text, size_t length);

/* Writes the bytes that a text stands for, files_base64_size of them. False, and `bytes` is of no use, where a
 * character is not of the standard alphabet (white space is none), or the last one says more than there is. */
bool files_base64_read(const char *text, size_t length, unsigned char *bytes);

/* Appends at most `limit` bytes of printable ASCII that stand for `text`: anything else and the backslash
 * becomes \\ \xNN \uNNNN or \UNNNNNNNN, and a text that would be longer ends in "...". */
void files_escape(buffer *out, const char *text, size_t limit);

#endif
