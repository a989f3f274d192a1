#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

lumen_status lumen_fail(lumen_error *error, lumen_status status, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

lumen_status lumen_fail_memory(lumen_error *error, const char *what)
{
    return lumen_fail(error, LUMEN_ERROR_MEMORY, "memory ran out while making %s; free some and try again", what);
}

const char *lumen_status_name(lumen_status status)
{
    switch (status) {
    case LUMEN_OK: return "ok";
    case LUMEN_ERROR_INVALID: return "invalid";
    case LUMEN_ERROR_MEMORY: return "memory";
    case LUMEN_ERROR_IO: return "io";
    case LUMEN_ERROR_UNAVAILABLE: return "unavailable";
    case LUMEN_ERROR_FAILED: return "failed";
    case LUMEN_ERROR_CANCELLED: return "cancelled";
    }
    return "unknown";
}
