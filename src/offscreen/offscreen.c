#include "offscreen/offscreen.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <stdlib.h>
#include <string.h>

struct offscreen {
    uint32_t width, height;
    EGLDisplay display;
    EGLContext context;
    GLuint frame, color, depth;
};

enum { DEVICES_MAX = 16 };

static bool names(const char *extensions, const char *wanted)
{
    size_t length = strlen(wanted);
    for (const char *at = extensions; at != NULL && (at = strstr(at, wanted)) != NULL; at += length)
        if ((at == extensions || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* Displays in the order in which they are worth trying. Each that does not start is left. */
static EGLDisplay open_display(void)
{
    const char *extensions = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
    PFNEGLGETPLATFORMDISPLAYEXTPROC get_display =
        (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
    EGLDisplay display = EGL_NO_DISPLAY;
    if (get_display != NULL && names(extensions, "EGL_MESA_platform_surfaceless")) {
        display = get_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
        if (display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL))
            return display;
    }
    PFNEGLQUERYDEVICESEXTPROC query_devices = (PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
    if (get_display != NULL && query_devices != NULL && names(extensions, "EGL_EXT_platform_device")) {
        EGLDeviceEXT devices[DEVICES_MAX];
        EGLint count = 0;
        if (query_devices(DEVICES_MAX, devices, &count))
            for (EGLint i = 0; i < count; i++) {
                display = get_display(EGL_PLATFORM_DEVICE_EXT, devices[i], NULL);
                if (display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL))
                    return display;
            }
    }
    display = eglGetDisplay(EGL_DEFAULT_DISPLAY);
    return display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL) ? display : EGL_NO_DISPLAY;
}

static lumen_status open_context(offscreen *place, lumen_error *error)
{
    place->display = open_display();
    if (place->display == EGL_NO_DISPLAY)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "EGL offers no way to draw without a display; install Mesa's drivers (libegl1 libgles2 "
                          "libgl1-mesa-dri)");
    static const EGLint config_wanted[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_ES3_BIT, EGL_SURFACE_TYPE, 0, EGL_NONE};
    static const EGLint context_wanted[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 0, EGL_NONE};
    EGLConfig config = NULL;
    EGLint count = 0;
    bool bound = eglBindAPI(EGL_OPENGL_ES_API) && eglChooseConfig(place->display, config_wanted, &config, 1, &count) &&
                 count > 0;
    if (bound)
        place->context = eglCreateContext(place->display, config, EGL_NO_CONTEXT, context_wanted);
    if (place->context == EGL_NO_CONTEXT)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "the graphics driver has no OpenGL ES 3.0 (EGL error 0x%x); install a newer one, or Mesa's "
                          "software driver (libgl1-mesa-dri)",
                          (unsigned)eglGetError());
    if (!eglMakeCurrent(place->display, EGL_NO_SURFACE, EGL_NO_SURFACE, place->context))
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "the graphics driver cannot draw without a surface (EGL error 0x%x); install a newer one",
                          (unsigned)eglGetError());
    return LUMEN_OK;
}

static lumen_status open_picture(offscreen *place, lumen_error *error)
{
    GLint most = 0;
    glGetIntegerv(GL_MAX_RENDERBUFFER_SIZE, &most);
    if (place->width > (uint32_t)most || place->height > (uint32_t)most)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %u x %u pixels is too large for the graphics driver; give %d at most",
                          place->width, place->height, most);
    glGenRenderbuffers(1, &place->color);
    glBindRenderbuffer(GL_RENDERBUFFER, place->color);
    glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, (GLsizei)place->width, (GLsizei)place->height);
    glGenRenderbuffers(1, &place->depth);
    glBindRenderbuffer(GL_RENDERBUFFER, place->depth);
    glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH_COMPONENT24, (GLsizei)place->width, (GLsizei)place->height);
    glGenFramebuffers(1, &place->frame);
    glBindFramebuffer(GL_FRAMEBUFFER, place->frame);
    glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, place->color);
    glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, place->depth);
    if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
        return lumen_fail(error, LUMEN_ERROR_MEMORY,
                          "the graphics driver has no room for a picture of %u x %u pixels; take a smaller one",
                          place->width, place->height);
    glViewport(0, 0, (GLsizei)place->width, (GLsizei)place->height);
    return LUMEN_OK;
}

lumen_status offscreen_open(uint32_t width, uint32_t height, offscreen **out, lumen_error *error)
{
    *out = NULL;
    if (width == 0 || height == 0 || width > OFFSCREEN_SIZE_MAX || height > OFFSCREEN_SIZE_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a picture of %u x %u pixels cannot be drawn; give 1 to %d",
                          width, height, OFFSCREEN_SIZE_MAX);
    offscreen *place = calloc(1, sizeof *place);
    if (place == NULL)
        return lumen_fail_memory(error, "a picture");
    place->width = width;
    place->height = height;
    place->display = EGL_NO_DISPLAY;
    place->context = EGL_NO_CONTEXT;
    lumen_status status = open_context(place, error);
    if (status == LUMEN_OK)
        status = open_picture(place, error);
    if (status != LUMEN_OK) {
        offscreen_close(place);
        return status;
    }
    *out = place;
    return LUMEN_OK;
}

void offscreen_close(offscreen *place)
{
    if (place == NULL)
        return;
    if (place->context != EGL_NO_CONTEXT) {
        glDeleteFramebuffers(1, &place->frame);
        glDeleteRenderbuffers(1, &place->color);
        glDeleteRenderbuffers(1, &place->depth);
        eglMakeCurrent(place->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
        eglDestroyContext(place->display, place->context);
    }
    /* The display stays: EGL hands the same one to everybody in this process and does not count them. */
    eglReleaseThread();
    free(place);
}

const char *offscreen_renderer(const offscreen *place)
{
    (void)place;
    const GLubyte *name = glGetString(GL_RENDERER);
    return name != NULL ? (const char *)name : "unknown";
}

lumen_status offscreen_read(offscreen *place, uint8_t *rgba, lumen_error *error)
{
    size_t row = (size_t)place->width * 4;
    uint8_t *swap = malloc(row);
    if (swap == NULL)
        return lumen_fail_memory(error, "a row of pixels");
    glBindFramebuffer(GL_READ_FRAMEBUFFER, place->frame);
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    glReadPixels(0, 0, (GLsizei)place->width, (GLsizei)place->height, GL_RGBA, GL_UNSIGNED_BYTE, rgba);
    /* OpenGL counts rows from below. */
    for (size_t y = 0; y < place->height / 2; y++) {
        uint8_t *upper = rgba + y * row, *lower = rgba + (place->height - 1 - y) * row;
        memcpy(swap, upper, row);
        memcpy(upper, lower, row);
        memcpy(lower, swap, row);
    }
    free(swap);
    GLenum fault = glGetError();
    return fault == GL_NO_ERROR ? LUMEN_OK
                                : lumen_fail(error, LUMEN_ERROR_FAILED,
                                             "the picture could not be read from the graphics driver (error 0x%x); "
                                             "take a smaller one",
                                             fault);
}
