/* Stands in for animate.c in a build without the viewer. */

#include "base/error.h"
#include "cli/animate.h"

bool animate_takes(const char *path)
{
    (void)path;
    return false;
}

bool animate_only(const char *path)
{
    (void)path;
    return false;
}

uint32_t animate_points(const animate_settings *settings)
{
    (void)settings;
    return 0;
}

lumen_status animate_write(const lumen_shape *shape, const animate_settings *settings, const char *path,
                           animate_progress progress, void *user, lumen_error *error)
{
    (void)shape;
    (void)settings;
    (void)path;
    (void)progress;
    (void)user;
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                      "--animate is not part of this build of lumen; build it with OpenGL ES, EGL and GLFW there "
                      "(-Dviewer=enabled)");
}
