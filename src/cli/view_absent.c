/* Stands in for view.c in a build without the viewer. */

#include "cli/commands.h"
#include "cli/view_options.h"

int view_run(const view_options *options)
{
    (void)options;
    return complain(EXIT_FAILED, "lumen view is not part of this build of lumen; build it with OpenGL ES, EGL and GLFW "
                                 "there (-Dviewer=enabled), or look in the browser: lumen serve");
}
