/*
 * The packed shape: a head, the texts, the arrays of the points, the parts. No padding; all numbers little-endian.
 *
 *     magic "LMSH", version u32, size u64 of the whole
 *     points N u32, parts P u32, seed u64, generation_time_ms f64, tempo f32, size f32, cached u8
 *     bounding box min and max, 6 f32
 *     9 texts (in the order of text_fields): length u32, bytes
 *     positions 3N f32, normals 3N f32, attachments N f32, part_ids N u8, colors 3N u8
 *     part_colors 3P u8, P names (length u32, bytes)
 *     P meshes: vertices V u32, triangles T u32, arrays u8 (a bit for each that is there), then in the order of the
 * bits positions 3V f32, normals 3V f32, attachments V f32, colors 3V u8, triangles 3T u32, hidden T u8
 *     where names are not certain: part_confidence P f32
 */

#include "shape/pack.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/dispatch.h"
#include "base/error.h"
#include "shape/shape.h"

static const char magic[4] = {'L', 'M', 'S', 'H'};
static const uint32_t VERSION = 1;

static const size_t text_fields[] = {
    offsetof(lumen_shape, template_type), offsetof(lumen_shape, concept_name), offsetof(lumen_shape, subject),
    offsetof(lumen_shape, verb),          offsetof(lumen_shape, text),         offsetof(lumen_shape, prompt),
    offsetof(lumen_shape, pipeline),      offsetof(lumen_shape, key),          offsetof(lumen_shape, motion.motion),
};
enum { TEXT_FIELDS = sizeof text_fields / sizeof *text_fields };

enum { HAS_POSITIONS = 1, HAS_NORMALS = 2, HAS_ATTACHMENTS = 4, HAS_COLORS = 8, HAS_TRIANGLES = 16, HAS_HIDDEN = 32 };

static const bool machine_is_little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

static uint32_t swap_u32(uint32_t value)
{
    return value >> 24 | (value >> 8 & 0xff00u) | (value << 8 & 0xff0000u) | value << 24;
}

/* ---- Packing ------------------------------------------------------------------------------------------ */

static void put_u64(buffer *out, uint64_t value)
{
    buffer_u32(out, (uint32_t)(value & 0xffffffffu));
    buffer_u32(out, (uint32_t)(value >> 32));
}

static void put_text(buffer *out, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length > UINT32_MAX) {
        out->failed = true;
        return;
    }
    buffer_u32(out, (uint32_t)length);
    if (length > 0)
        buffer_append(out, text, length);
}

/* `count` floats or 32-bit numbers. */
static void put_words(buffer *out, const void *words, size_t count)
{
    if (machine_is_little_endian) {
        buffer_append(out, words, count * 4);
        return;
    }
    const uint32_t *word = words;
    for (size_t i = 0; i < count; i++)
        buffer_u32(out, word[i]);
}

static void put_mesh(buffer *out, const lumen_mesh *mesh)
{
    size_t vertices = mesh->vertex_count, triangles = mesh->triangle_count;
    buffer_u32(out, mesh->vertex_count);
    buffer_u32(out, mesh->triangle_count);
    buffer_u8(out,
              (uint8_t)((mesh->positions != NULL ? HAS_POSITIONS : 0) | (mesh->normals != NULL ? HAS_NORMALS : 0) |
                        (mesh->attachments != NULL ? HAS_ATTACHMENTS : 0) | (mesh->colors != NULL ? HAS_COLORS : 0) |
                        (mesh->triangles != NULL ? HAS_TRIANGLES : 0) | (mesh->hidden != NULL ? HAS_HIDDEN : 0)));
    if (mesh->positions != NULL)
        put_words(out, mesh->positions, 3 * vertices);
    if (mesh->normals != NULL)
        put_words(out, mesh->normals, 3 * vertices);
    if (mesh->attachments != NULL)
        put_words(out, mesh->attachments, vertices);
    if (mesh->colors != NULL)
        buffer_append(out, mesh->colors, 3 * vertices);
    if (mesh->triangles != NULL)
        put_words(out, mesh->triangles, 3 * triangles);
    if (mesh->hidden != NULL)
        buffer_append(out, mesh->hidden, triangles);
}

/* The size stands in the head but is known at the end. */
static void set_size(buffer *out, size_t start)
{
    uint64_t size = out->size - start;
    for (size_t i = 0; i < 8; i++)
        out->data[start + 8 + i] = (unsigned char)(size >> 8 * i & 0xff);
}

lumen_status shape_pack(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    size_t start = out->size, points = shape->point_count;
    uint64_t time_bits;
    memcpy(&time_bits, &shape->generation_time_ms, sizeof time_bits);

    buffer_append(out, magic, sizeof magic);
    buffer_u32(out, VERSION);
    put_u64(out, 0);
    buffer_u32(out, shape->point_count);
    buffer_u32(out, shape->part_count);
    put_u64(out, shape->seed);
    put_u64(out, time_bits);
    buffer_f32(out, shape->motion.tempo);
    buffer_f32(out, shape->motion.size);
    buffer_u8(out, shape->cached ? 1 : 0);
    put_words(out, shape->bounding_box_min, 3);
    put_words(out, shape->bounding_box_max, 3);
    for (size_t i = 0; i < TEXT_FIELDS; i++) {
        const char *text;
        memcpy(&text, (const unsigned char *)shape + text_fields[i], sizeof text);
        put_text(out, text);
    }
    put_words(out, shape->positions, 3 * points);
    put_words(out, shape->normals, 3 * points);
    put_words(out, shape->attachments, points);
    buffer_append(out, shape->part_ids, points);
    buffer_append(out, shape->colors, 3 * points);
    buffer_append(out, shape->part_colors, 3 * (size_t)shape->part_count);
    for (uint32_t k = 0; k < shape->part_count; k++)
        put_text(out, shape->part_names[k]);
    for (uint32_t k = 0; k < shape->part_count; k++)
        put_mesh(out, &shape->part_meshes[k]);
    if (shape->part_confidence != NULL)
        put_words(out, shape->part_confidence, shape->part_count);

    if (buffer_failed(out))
        return lumen_fail_memory(error, "a packed shape");
    set_size(out, start);
    return LUMEN_OK;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* What is still to be read, where it goes, and what went wrong. After a failure every read gives zeros, so that the
 * code reads top to bottom and asks where it matters. */
typedef struct reader {
    const unsigned char *at;
    size_t left;
    arena *memory;
    const char *fault; /* NULL: none so far */
} reader;

static void set_fault(reader *from, const char *fault)
{
    if (from->fault == NULL)
        from->fault = fault;
    from->left = 0;
}

static const unsigned char *take(reader *from, size_t size)
{
    if (from->fault != NULL || size > from->left) {
        set_fault(from, "it ends too early");
        return NULL;
    }
    const unsigned char *bytes = from->at;
    from->at += size;
    from->left -= size;
    return bytes;
}

static uint8_t take_u8(reader *from)
{
    const unsigned char *byte = take(from, 1);
    return byte == NULL ? 0 : *byte;
}

static uint32_t take_u32(reader *from)
{
    const unsigned char *bytes = take(from, 4);
    return bytes == NULL
               ? 0
               : (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t take_u64(reader *from)
{
    uint64_t low = take_u32(from);
    return low | (uint64_t)take_u32(from) << 32;
}

/* `count` elements of `element` bytes as an array of their own, or NULL. Counts are at most 3 * 2^32, so the product
 * does not overflow; memory is taken only for what is there to be read. */
static void *take_array(reader *from, uint64_t count, size_t element)
{
    _Static_assert(sizeof(size_t) == 8, "sizes of arrays are counted in 64 bits");
    const unsigned char *bytes = take(from, count * element);
    if (bytes == NULL)
        return NULL;
    void *array = arena_allocate(from->memory, count * element);
    if (array == NULL) {
        set_fault(from, "memory ran out");
        return NULL;
    }
    memcpy(array, bytes, count * element);
    if (!machine_is_little_endian && element == 4)
        for (uint32_t *word = array, *end = word + count; word < end; word++)
            *word = swap_u32(*word);
    return array;
}

/* A float is infinite or not a number when all bits of its exponent are set. No early way out: so it is a loop over
 * vectors. */
LUMEN_DISPATCH
static uint32_t count_not_finite(const float *values, size_t count)
{
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        found += (bits & 0x7f800000u) == 0x7f800000u;
    }
    return found;
}

LUMEN_DISPATCH
static uint32_t largest_u32(const uint32_t *values, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
}

LUMEN_DISPATCH
static uint8_t largest_u8(const uint8_t *values, size_t count)
{
    uint8_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
}

static float *take_floats(reader *from, uint64_t count)
{
    float *values = take_array(from, count, sizeof *values);
    if (values != NULL && count_not_finite(values, count) > 0)
        set_fault(from, "it holds a number that is not finite");
    return values;
}

static float take_f32(reader *from)
{
    uint32_t bits = take_u32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    if (count_not_finite(&value, 1) > 0)
        set_fault(from, "it holds a number that is not finite");
    return value;
}

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) without a zero inside. */
static bool is_text(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned char first = bytes[i++];
        if (first == 0)
            return false;
        if (first < 0x80)
            continue;
        size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || more > length - i)
            return false;
        unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (; more > 0; more--, i++, low = 0x80, high = 0xbf)
            if (bytes[i] < low || bytes[i] > high)
                return false;
    }
    return true;
}

static const char *take_text(reader *from)
{
    uint32_t length = take_u32(from);
    const unsigned char *bytes = take(from, length);
    if (bytes == NULL)
        return "";
    if (!is_text(bytes, length)) {
        set_fault(from, "it holds a text that is no UTF-8");
        return "";
    }
    const char *text = arena_copy_text(from->memory, (const char *)bytes, length);
    if (text == NULL) {
        set_fault(from, "memory ran out");
        return "";
    }
    return text;
}

static void take_mesh(reader *from, lumen_mesh *mesh)
{
    uint32_t vertices = take_u32(from), triangles = take_u32(from);
    uint8_t arrays = take_u8(from);
    *mesh = (lumen_mesh){.vertex_count = vertices, .triangle_count = triangles};
    if (arrays >= 2 * HAS_HIDDEN || (vertices > 0 && !(arrays & HAS_POSITIONS)) ||
        (triangles > 0 && !(arrays & HAS_TRIANGLES)))
        set_fault(from, "a mesh lacks its vertices or triangles");
    if (arrays & HAS_POSITIONS)
        mesh->positions = take_floats(from, 3 * (uint64_t)vertices);
    if (arrays & HAS_NORMALS)
        mesh->normals = take_floats(from, 3 * (uint64_t)vertices);
    if (arrays & HAS_ATTACHMENTS)
        mesh->attachments = take_floats(from, vertices);
    if (arrays & HAS_COLORS)
        mesh->colors = take_array(from, 3 * (uint64_t)vertices, 1);
    if (arrays & HAS_TRIANGLES)
        mesh->triangles = take_array(from, 3 * (uint64_t)triangles, sizeof(uint32_t));
    if (arrays & HAS_HIDDEN)
        mesh->hidden = take_array(from, triangles, 1);
    if (mesh->triangles != NULL && triangles > 0 && largest_u32(mesh->triangles, 3 * (size_t)triangles) >= vertices)
        set_fault(from, "a triangle names a vertex that is not there");
}

static void take_parts(reader *from, lumen_shape *shape)
{
    uint32_t count = shape->part_count;
    shape->part_colors = take_array(from, 3 * (uint64_t)count, 1);
    const char **names = arena_array(from->memory, const char *, count);
    lumen_mesh *meshes = arena_array(from->memory, lumen_mesh, count);
    if (names == NULL || meshes == NULL) {
        set_fault(from, "memory ran out");
        return;
    }
    for (uint32_t k = 0; k < count; k++)
        names[k] = take_text(from);
    for (uint32_t k = 0; k < count; k++)
        take_mesh(from, &meshes[k]);
    shape->part_names = names;
    shape->part_meshes = meshes;
}

/* Everything behind the size of the whole. */
static void take_shape(reader *from, lumen_shape *shape)
{
    uint64_t points = shape->point_count = take_u32(from);
    shape->part_count = take_u32(from);
    if (points > LUMEN_POINTS_MAX || shape->part_count > LUMEN_PARTS_MAX) {
        set_fault(from, "it has too many points or parts");
        return;
    }
    shape->seed = take_u64(from);
    uint64_t time_bits = take_u64(from);
    memcpy(&shape->generation_time_ms, &time_bits, sizeof time_bits);
    if ((time_bits >> 52 & 0x7ff) == 0x7ff)
        set_fault(from, "it holds a number that is not finite");
    shape->motion.tempo = take_f32(from);
    shape->motion.size = take_f32(from);
    uint8_t cached = take_u8(from);
    if (cached > 1)
        set_fault(from, "it holds a truth that is neither true nor false");
    shape->cached = cached == 1;
    for (int axis = 0; axis < 3; axis++)
        shape->bounding_box_min[axis] = take_f32(from);
    for (int axis = 0; axis < 3; axis++)
        shape->bounding_box_max[axis] = take_f32(from);
    for (size_t i = 0; i < TEXT_FIELDS; i++) {
        const char *text = take_text(from);
        memcpy((unsigned char *)shape + text_fields[i], &text, sizeof text);
    }
    shape->positions = take_floats(from, 3 * points);
    shape->normals = take_floats(from, 3 * points);
    shape->attachments = take_floats(from, points);
    shape->part_ids = take_array(from, points, 1);
    shape->colors = take_array(from, 3 * points, 1);
    if (shape->part_ids != NULL && largest_u8(shape->part_ids, points) > shape->part_count)
        set_fault(from, "a point belongs to a part that is not there");
    take_parts(from, shape);
    if (from->fault == NULL && from->left > 0 && from->left == sizeof(float) * (size_t)shape->part_count)
        shape->part_confidence = take_floats(from, shape->part_count);
    if (from->fault == NULL && from->left > 0)
        set_fault(from, "bytes are left over");
}

/* An arena with one piece of memory that is surely enough: what is read is never larger than its bytes but for the
 * rounding of each array, and each array has at least a bit in a mesh's head, a name or a place in text_fields. */
static arena *reserve(size_t size)
{
    enum { ARRAYS = 17 + TEXT_FIELDS + 7 * LUMEN_PARTS_MAX, ROUNDING = 64 };
    size_t room =
        size + ARRAYS * ROUNDING + LUMEN_PARTS_MAX * (sizeof(lumen_mesh) + sizeof(char *)) + 2 * sizeof(lumen_shape);
    room = (room + ROUNDING - 1) / ROUNDING * ROUNDING;
    arena *memory = arena_create(room);
    if (memory != NULL && arena_allocate(memory, room) == NULL) {
        arena_destroy(memory);
        return NULL;
    }
    if (memory != NULL)
        arena_reset(memory);
    return memory;
}

lumen_status shape_unpack(const void *bytes, size_t size, lumen_shape **out, lumen_error *error)
{
    *out = NULL;
    reader from = {.at = bytes, .left = size};
    const unsigned char *start = take(&from, sizeof magic);
    if (start == NULL || memcmp(start, magic, sizeof magic) != 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the bytes are no packed shape; make the shape again");
    uint32_t version = take_u32(&from);
    if (version != VERSION)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the packed shape has version %u, this program reads version %u; make the shape again",
                          version, VERSION);
    if (take_u64(&from) != size || size > SHAPE_PACK_BYTES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the packed shape is broken (its size is not what it says); make the shape again");
    from.memory = reserve(size);
    lumen_shape *shape = from.memory == NULL ? NULL : shape_allocate(from.memory);
    if (shape == NULL) {
        arena_destroy(from.memory);
        return lumen_fail_memory(error, "an unpacked shape");
    }
    take_shape(&from, shape);
    if (from.fault != NULL) {
        lumen_shape_free(shape);
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the packed shape is broken (%s); make the shape again",
                          from.fault);
    }
    *out = shape;
    return LUMEN_OK;
}
