/* The part of lumen.h that writes files, which a browser does without. */

#include "files/files.h"

lumen_status lumen_shape_write(const lumen_shape *shape, const char *path, lumen_error *error)
{
    return files_write(shape, path, error);
}

lumen_status lumen_sheet_write(const lumen_shape *const *shapes, size_t count, uint32_t columns, const char *path,
                               lumen_error *error)
{
    return files_write_sheet(shapes, count, columns, 0, path, error);
}
