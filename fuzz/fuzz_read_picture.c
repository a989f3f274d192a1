/* Any bytes as a PNG or JPEG: refused with a reason, or a picture of the sizes that it says. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "picture/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { PIXELS_MAX = 1 << 16 };
    picture_photograph photograph;
    lumen_error error = {0};
    lumen_status status = picture_read("fuzz", data, size, PIXELS_MAX, &photograph, &error);
    if (status != LUMEN_OK) {
        if (photograph.color.pixels != NULL || photograph.alpha != NULL || error.message[0] == '\0')
            abort();
        return 0;
    }
    const size_t pixels = (size_t)photograph.color.width * photograph.color.height;
    if (pixels == 0 || pixels > PIXELS_MAX)
        abort();
    /* Reads every byte, so that a sanitizer sees one that is not there. */
    unsigned sum = 0;
    for (size_t i = 0; i < 3 * pixels; i++)
        sum += photograph.color.pixels[i];
    for (size_t i = 0; photograph.alpha != NULL && i < pixels; i++)
        sum += photograph.alpha[i];
    if (sum > 4u * 255 * pixels)
        abort();
    picture_photograph_free(&photograph);
    return 0;
}
