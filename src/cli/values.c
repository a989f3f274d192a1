#include "cli/values.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "files/files.h"

bool value_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
    uint64_t value = 0;
    bool good = *text != '\0';
    for (const char *at = text; good && *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(unsigned char)*at - '0';
        good = *at >= '0' && *at <= '9' && value <= (UINT64_MAX - digit) / 10;
        value = good ? value * 10 + digit : 0;
    }
    if (good && value >= low && value <= high) {
        *number = value;
        return true;
    }
    complain(EXIT_USAGE, "--%s is '%s'; give a whole number from %llu to %llu", name, text, (unsigned long long)low,
             (unsigned long long)high);
    return false;
}

bool value_small_number(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *number)
{
    uint64_t value;
    if (!value_number(name, text, low, high, &value))
        return false;
    *number = (uint32_t)value;
    return true;
}

bool value_size(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *width, uint32_t *height)
{
    char first[16];
    const char *cross = strchr(text, 'x');
    if (cross == NULL) {
        bool good = value_small_number(name, text, low, high, width);
        *height = *width;
        return good;
    }
    size_t length = (size_t)(cross - text);
    if (length >= sizeof first)
        length = sizeof first - 1; /* too long to be in any range */
    memcpy(first, text, length);
    first[length] = '\0';
    return value_small_number(name, first, low, high, width) && value_small_number(name, cross + 1, low, high, height);
}

bool value_real(const char *name, const char *text, double low, double high, float *number)
{
    char *end = NULL;
    const bool plain = text[0] != '\0' && strspn(text, "0123456789.") == strlen(text);
    const double value = plain ? strtod(text, &end) : 0.0;
    if (plain && *end == '\0' && value >= low && value <= high) {
        *number = (float)value;
        return true;
    }
    complain(EXIT_USAGE, "--%s is '%s'; give a number from %g to %g", name, text, low, high);
    return false;
}

bool value_quality(const char *text, lumen_quality *quality)
{
    static const struct {
        const char *name;
        lumen_quality quality;
    } names[] = {{"fast", LUMEN_QUALITY_FAST}, {"standard", LUMEN_QUALITY_STANDARD}, {"high", LUMEN_QUALITY_HIGH}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, text) == 0) {
            *quality = names[i].quality;
            return true;
        }
    }
    complain(EXIT_USAGE, "--quality is '%s'; give fast, standard or high", text);
    return false;
}

bool value_precision(const char *text, tensor_type *type)
{
    *type = strcmp(text, "f32") == 0 ? TENSOR_F32 : strcmp(text, "bf16") == 0 ? TENSOR_BF16 : TENSOR_NONE;
    if (*type == TENSOR_NONE)
        complain(EXIT_USAGE, "--precision is '%s'; give bf16 or f32", text);
    return *type != TENSOR_NONE;
}

bool value_png_output(const char *path, const char *example)
{
    files_format format;
    lumen_error error;
    if (path == NULL)
        complain(EXIT_USAGE, "say where the picture shall go: -o %s", example);
    else if (files_format_of(path, &format, &error) != LUMEN_OK || format != FILES_PNG)
        complain(EXIT_USAGE, "-o %s is no PNG picture; end its name in .png", path);
    else
        return true;
    return false;
}
