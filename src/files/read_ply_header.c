#include "files/read_ply.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096, WORDS_MAX = 8 };

const struct ply_type_about ply_types[PLY_TYPES] = {
    [INT8] = {"char", "int8", 1, 127.0},         [UINT8] = {"uchar", "uint8", 1, 255.0},
    [INT16] = {"short", "int16", 2, 32767.0},    [UINT16] = {"ushort", "uint16", 2, 65535.0},
    [INT32] = {"int", "int32", 4, 2147483647.0}, [UINT32] = {"uint", "uint32", 4, 4294967295.0},
    [FLOAT32] = {"float", "float32", 4, 1.0},    [FLOAT64] = {"double", "float64", 8, 1.0},
};

static const struct {
    const char *name;
    ply_role role;
} roles[] = {
    {"x", X},
    {"y", Y},
    {"z", Z},
    {"nx", NORMAL_X},
    {"ny", NORMAL_Y},
    {"nz", NORMAL_Z},
    {"red", RED},
    {"green", GREEN},
    {"blue", BLUE},
    {"r", RED},
    {"g", GREEN},
    {"b", BLUE},
    {"diffuse_red", RED},
    {"diffuse_green", GREEN},
    {"diffuse_blue", BLUE},
    {"part_id", PART},
    {"part", PART},
    {"label", PART},
    {"segment", PART},
    {"attachment", ATTACHMENT},
};

/* The next line without its end, which may be of Windows; false at the end of the file or when it is too long. */
static bool take_line(ply_reader *from, char line[LINE_MAX_BYTES])
{
    size_t left = (size_t)(from->end - from->at);
    const unsigned char *end = left == 0 ? NULL : memchr(from->at, '\n', left < LINE_MAX_BYTES ? left : LINE_MAX_BYTES);
    if (end == NULL)
        return false;
    size_t length = (size_t)(end - from->at);
    if (memchr(from->at, 0, length) != NULL)
        return false;
    memcpy(line, from->at, length);
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    from->at = end + 1;
    return true;
}

/* Cuts a line into words in place. Returns how many, WORDS_MAX at most. */
static size_t cut(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    for (char *rest = NULL, *word = strtok_r(line, " \t", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " \t", &rest))
        words[count++] = word;
    return count;
}

static ply_type type_of(const char *name)
{
    int type = 0;
    while (type < PLY_TYPES && strcmp(ply_types[type].name, name) != 0 && strcmp(ply_types[type].other, name) != 0)
        type++;
    return (ply_type)type;
}

static bool add_element(ply_reader *from, char **words, size_t count)
{
    char *end = NULL;
    unsigned long long number =
        count == 3 && words[2][0] >= '0' && words[2][0] <= '9' ? strtoull(words[2], &end, 10) : 0;
    if (end == NULL || *end != '\0' || from->element_count == PLY_ELEMENTS_MAX)
        return false;
    for (uint32_t i = 0; i < from->element_count; i++)
        if (from->elements[i].is_vertex && strcmp(words[1], "vertex") == 0)
            return false;
    from->elements[from->element_count++] = (ply_element){
        .count = number,
        .first = from->property_count,
        .is_vertex = strcmp(words[1], "vertex") == 0,
        .is_face = strcmp(words[1], "face") == 0,
    };
    return true;
}

static bool add_property(ply_reader *from, char **words, size_t count)
{
    if (from->element_count == 0 || from->property_count == PLY_PROPERTIES_MAX || count < 3)
        return false;
    ply_element *element = &from->elements[from->element_count - 1];
    ply_property property = {.is_list = strcmp(words[1], "list") == 0};
    if (count != (property.is_list ? 5u : 3u))
        return false;
    const char *name = words[count - 1];
    property.type = type_of(words[count - 2]);
    property.count_type = property.is_list ? type_of(words[2]) : INT8;
    if (property.type == PLY_TYPES || property.count_type == PLY_TYPES || property.count_type >= FLOAT32)
        return false;
    property.is_corners = element->is_face && property.is_list &&
                          (strcmp(name, "vertex_indices") == 0 || strcmp(name, "vertex_index") == 0);
    for (size_t i = 0; element->is_vertex && !property.is_list && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(name, roles[i].name) == 0 && !from->has[roles[i].role]) {
            property.role = roles[i].role;
            from->has[property.role] = true;
        }
    if (property.role == RED)
        from->color_full = ply_types[property.type].full;
    from->properties[from->property_count++] = property;
    element->property_count++;
    return true;
}

/* What files_escape wrote, as the bytes that it stood for; in place. Returns their number. */
static size_t unescape(char *text)
{
    size_t used = 0;
    for (const char *at = text; *at != '\0';) {
        size_t digits = at[0] != '\\' ? 0 : at[1] == 'x' ? 2 : at[1] == 'u' ? 4 : at[1] == 'U' ? 8 : 0;
        if (digits > 0 && strspn(at + 2, "0123456789abcdefABCDEF") >= digits) {
            char number[9] = {0};
            memcpy(number, at + 2, digits);
            unsigned long code = strtoul(number, NULL, 16);
            at += 2 + digits;
            if (digits == 2 || code < 0x80)
                text[used++] = (char)(code & 0xff);
            else if (code < 0x800)
                text[used++] = (char)(0xc0 | code >> 6), text[used++] = (char)(0x80 | (code & 0x3f));
            else if (code < 0x10000)
                text[used++] = (char)(0xe0 | code >> 12), text[used++] = (char)(0x80 | (code >> 6 & 0x3f)),
                text[used++] = (char)(0x80 | (code & 0x3f));
            else
                text[used++] = (char)(0xf0 | (code >> 18 & 7)), text[used++] = (char)(0x80 | (code >> 12 & 0x3f)),
                text[used++] = (char)(0x80 | (code >> 6 & 0x3f)), text[used++] = (char)(0x80 | (code & 0x3f));
        } else {
            at += at[0] == '\\' && at[1] == '\\' ? 1 : 0;
            text[used++] = *at++;
        }
    }
    return used;
}

/* The rest of `line` behind `start`; NULL when it begins otherwise. */
static char *behind(char *line, const char *start)
{
    size_t length = strlen(start);
    return strncmp(line, start, length) == 0 ? line + length : NULL;
}

/* "0.930000", whatever the locale; below 0 for anything else. */
static double read_share(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    double value = 0.0, unit = 1.0;
    if (digits == 0 || (text[digits] != '.' && text[digits] != '\0'))
        return -1.0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '.' && at == text + digits)
            continue;
        if (*at < '0' || *at > '9')
            return -1.0;
        value = value * 10.0 + (*at - '0');
        unit *= at > text + digits ? 10.0 : 1.0;
    }
    return value / unit;
}

/* The number of a part at the start of `text`, and what follows its space; 0 for anything else. */
static uint32_t take_part(char *text, char **rest)
{
    unsigned long part = strtoul(text, rest, 10);
    if (part < 1 || part > LUMEN_PARTS_MAX || **rest != ' ')
        return 0;
    (*rest)++;
    return (uint32_t)part;
}

/* "comment WHAT TEXT", as files_ply writes them; others mean nothing here. */
static void take_comment(ply_reader *from, char *line)
{
    shape_draft *draft = from->draft;
    const struct {
        const char *start;
        size_t room;
        const char **text;
    } texts[] = {
        {"comment text ", READ_TEXT_BYTES, &draft->text},
        {"comment template ", READ_NAME_BYTES, &draft->template_type},
        {"comment pipeline ", READ_NAME_BYTES, &draft->pipeline},
        {"comment key ", READ_NAME_BYTES, &draft->key},
    };
    char *rest = behind(line, "comment generator lumen ");
    if (rest != NULL)
        from->is_ours = true;
    /* The words of others are not taken for ours. */
    if (!from->is_ours)
        return;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if ((rest = behind(line, texts[i].start)) != NULL) {
            size_t length = unescape(rest);
            *texts[i].text = draft_text(draft, rest, length, texts[i].room);
            return;
        }
    if ((rest = behind(line, "comment seed ")) != NULL)
        draft->seed = strtoull(rest, NULL, 10);
    uint32_t part;
    char *value;
    if ((rest = behind(line, "comment part ")) != NULL && (part = take_part(rest, &value)) > 0) {
        size_t length = unescape(value);
        draft->part_names[part - 1] = draft_text(draft, value, length, READ_NAME_BYTES);
        if (part > from->named_parts)
            from->named_parts = part;
    }
    if ((rest = behind(line, "comment confidence ")) != NULL && (part = take_part(rest, &value)) > 0)
        draft_sure(draft, part - 1, read_share(value));
}

static bool take_format(ply_reader *from, char **words, size_t count)
{
    static const char *const names[] = {
        [PLY_TEXT] = "ascii", [PLY_LITTLE_ENDIAN] = "binary_little_endian", [PLY_BIG_ENDIAN] = "binary_big_endian"};
    for (size_t i = 0; count == 3 && i < sizeof names / sizeof *names; i++)
        if (strcmp(words[1], names[i]) == 0 && strcmp(words[2], "1.0") == 0) {
            from->format = (ply_format)i;
            return true;
        }
    return false;
}

lumen_status read_ply_header(ply_reader *from)
{
    char line[LINE_MAX_BYTES], *words[WORDS_MAX];
    bool has_format = false;
    if (!take_line(from, line) || strcmp(line, "ply") != 0)
        return draft_fail(from->draft, from->error, PLY_MEND, "it is no PLY file");
    for (unsigned number = 2;; number++) {
        if (!take_line(from, line))
            return draft_fail(from->draft, from->error, PLY_MEND, "its header has no end");
        if (strcmp(line, "end_header") == 0)
            break;
        if (behind(line, "comment") != NULL || behind(line, "obj_info") != NULL) {
            take_comment(from, line);
            continue;
        }
        size_t count = cut(line, words);
        bool understood = count == 0;
        if (count > 0 && strcmp(words[0], "format") == 0)
            understood = has_format = take_format(from, words, count);
        else if (count > 0 && strcmp(words[0], "element") == 0)
            understood = add_element(from, words, count);
        else if (count > 0 && strcmp(words[0], "property") == 0)
            understood = add_property(from, words, count);
        if (!understood)
            return draft_fail(from->draft, from->error, PLY_MEND, "line %u of its header is not understood", number);
    }
    if (!has_format || !from->has[X] || !from->has[Y] || !from->has[Z])
        return draft_fail(from->draft, from->error, PLY_MEND, "it has no format, or its vertices lack x, y or z");
    return LUMEN_OK;
}
