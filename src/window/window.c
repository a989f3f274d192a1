#include "window/window.h"

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

#include <math.h>
#include <stdlib.h>

enum { EVENTS_MAX = 256, MESSAGE_BYTES = 128 };

struct window {
    GLFWwindow *handle;
    window_event events[EVENTS_MAX]; /* a ring; what comes when it is full is lost, but for the wish to quit */
    unsigned first, count;
    bool quit_told;
    double pointer_x, pointer_y; /* pixels of the desktop */
    bool full;
    int x, y, width, height; /* of the window before it filled the screen */
};

/* ---- Events ------------------------------------------------------------------------------------------- */

static void add(GLFWwindow *handle, window_event event)
{
    window *place = glfwGetWindowUserPointer(handle);
    if (place == NULL || place->count == EVENTS_MAX)
        return;
    double ratio = 1.0;
    int width = 0, height = 0, pixels = 0;
    glfwGetWindowSize(handle, &width, &height);
    glfwGetFramebufferSize(handle, &pixels, &height);
    if (width > 0)
        ratio = (double)pixels / width;
    if (event.kind != WINDOW_WHEEL) {
        event.x = (float)(place->pointer_x * ratio);
        event.y = (float)(place->pointer_y * ratio);
    }
    place->events[(place->first + place->count++) % EVENTS_MAX] = event;
}

static void on_character(GLFWwindow *handle, unsigned character)
{
    add(handle, (window_event){.kind = WINDOW_TEXT, .character = character});
}

static void on_key(GLFWwindow *handle, int key, int code, int action, int modifiers)
{
    static const struct {
        int glfw;
        window_key key;
    } keys[] = {
        {GLFW_KEY_ENTER, WINDOW_ENTER},     {GLFW_KEY_KP_ENTER, WINDOW_ENTER},
        {GLFW_KEY_ESCAPE, WINDOW_ESCAPE},   {GLFW_KEY_BACKSPACE, WINDOW_BACKSPACE},
        {GLFW_KEY_LEFT, WINDOW_LEFT},       {GLFW_KEY_RIGHT, WINDOW_RIGHT},
        {GLFW_KEY_UP, WINDOW_UP},           {GLFW_KEY_DOWN, WINDOW_DOWN},
        {GLFW_KEY_PAGE_UP, WINDOW_PAGE_UP}, {GLFW_KEY_PAGE_DOWN, WINDOW_PAGE_DOWN},
        {GLFW_KEY_HOME, WINDOW_HOME},       {GLFW_KEY_F1, WINDOW_F1},
        {GLFW_KEY_F2, WINDOW_F2},           {GLFW_KEY_F3, WINDOW_F3},
        {GLFW_KEY_F11, WINDOW_F11},
    };
    (void)code;
    if (action == GLFW_RELEASE)
        return;
    if (key == GLFW_KEY_V && (modifiers & GLFW_MOD_CONTROL) != 0)
        add(handle, (window_event){.kind = WINDOW_PASTED});
    if (key == GLFW_KEY_Q && (modifiers & GLFW_MOD_CONTROL) != 0)
        glfwSetWindowShouldClose(handle, GLFW_TRUE);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].glfw == key)
            add(handle, (window_event){.kind = WINDOW_PRESSED, .key = keys[i].key});
}

static void on_pointer(GLFWwindow *handle, double x, double y)
{
    window *place = glfwGetWindowUserPointer(handle);
    place->pointer_x = x;
    place->pointer_y = y;
    add(handle, (window_event){.kind = WINDOW_MOVED});
}

static void on_enter(GLFWwindow *handle, int inside)
{
    if (!inside)
        add(handle, (window_event){.kind = WINDOW_LEFT_IT});
}

static void on_button(GLFWwindow *handle, int button, int action, int modifiers)
{
    (void)modifiers;
    if (button == GLFW_MOUSE_BUTTON_LEFT)
        add(handle, (window_event){.kind = action == GLFW_PRESS ? WINDOW_DOWN_AT : WINDOW_UP_AT});
}

static void on_wheel(GLFWwindow *handle, double right, double up)
{
    (void)right;
    add(handle, (window_event){.kind = WINDOW_WHEEL, .y = (float)up});
}

void window_wait(window *place, double seconds)
{
    (void)place;
    if (seconds > 0.0)
        glfwWaitEventsTimeout(seconds);
    else
        glfwPollEvents();
}

bool window_next(window *place, window_event *event)
{
    if (place->count > 0) {
        *event = place->events[place->first];
        place->first = (place->first + 1) % EVENTS_MAX;
        place->count--;
        return true;
    }
    if (!place->quit_told && glfwWindowShouldClose(place->handle)) {
        place->quit_told = true;
        *event = (window_event){.kind = WINDOW_QUIT};
        return true;
    }
    return false;
}

/* ---- The window ------------------------------------------------------------------------------------------ */

static lumen_status fail(lumen_error *error, const char *what, const char *mend)
{
    const char *words = NULL;
    glfwGetError(&words);
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "%s: %.*s; %s", what, MESSAGE_BYTES,
                      words != NULL ? words : "no reason given", mend);
}

lumen_status window_open(const char *title, uint32_t width, uint32_t height, window **out, lumen_error *error)
{
    *out = NULL;
    if (!glfwInit())
        return fail(error, "no window could be opened",
                    "start it on a desktop (DISPLAY or WAYLAND_DISPLAY), or film without one: lumen generate TEXT "
                    "-o film.webm --animate");
    window *place = calloc(1, sizeof *place);
    if (place == NULL) {
        glfwTerminate();
        return lumen_fail_memory(error, "a window");
    }
    glfwWindowHint(GLFW_CLIENT_API, GLFW_OPENGL_ES_API);
    glfwWindowHint(GLFW_CONTEXT_CREATION_API, GLFW_EGL_CONTEXT_API);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 0);
    glfwWindowHint(GLFW_DEPTH_BITS, 24);
    glfwWindowHint(GLFW_STENCIL_BITS, 0);
    glfwWindowHint(GLFW_SAMPLES, 0);
    place->handle = glfwCreateWindow((int)width, (int)height, title, NULL, NULL);
    if (place->handle == NULL) {
        lumen_status status = fail(error, "no window with OpenGL ES 3.0 could be opened",
                                   "install a graphics driver that has it, or Mesa's software driver (libgl1-mesa-dri "
                                   "libegl1)");
        free(place);
        glfwTerminate();
        return status;
    }
    glfwMakeContextCurrent(place->handle);
    glfwSwapInterval(1);
    glfwSetWindowUserPointer(place->handle, place);
    glfwSetWindowSizeLimits(place->handle, 320, 240, GLFW_DONT_CARE, GLFW_DONT_CARE);
    glfwSetCharCallback(place->handle, on_character);
    glfwSetKeyCallback(place->handle, on_key);
    glfwSetCursorPosCallback(place->handle, on_pointer);
    glfwSetCursorEnterCallback(place->handle, on_enter);
    glfwSetMouseButtonCallback(place->handle, on_button);
    glfwSetScrollCallback(place->handle, on_wheel);
    *out = place;
    return LUMEN_OK;
}

void window_close(window *place)
{
    if (place == NULL)
        return;
    glfwDestroyWindow(place->handle);
    glfwTerminate();
    free(place);
}

void window_size(const window *place, uint32_t *width, uint32_t *height, float *pixel_ratio)
{
    int pixels_wide = 0, pixels_high = 0, wide = 0, high = 0;
    glfwGetFramebufferSize(place->handle, &pixels_wide, &pixels_high);
    glfwGetWindowSize(place->handle, &wide, &high);
    bool minimized = glfwGetWindowAttrib(place->handle, GLFW_ICONIFIED) == GLFW_TRUE;
    *width = minimized || pixels_wide < 0 ? 0 : (uint32_t)pixels_wide;
    *height = minimized || pixels_high < 0 ? 0 : (uint32_t)pixels_high;
    float scale = 1.0f, other = 1.0f;
    glfwGetWindowContentScale(place->handle, &scale, &other);
    *pixel_ratio = wide > 0 ? fmaxf(scale, (float)pixels_wide / (float)wide) : scale;
}

void window_title(window *place, const char *title)
{
    glfwSetWindowTitle(place->handle, title);
}

/* The screen on which the middle of the window lies. */
static GLFWmonitor *screen_of(const window *place)
{
    int count = 0;
    GLFWmonitor **screens = glfwGetMonitors(&count);
    for (int i = 0; i < count; i++) {
        int x, y, width, height;
        glfwGetMonitorWorkarea(screens[i], &x, &y, &width, &height);
        int across = place->x + place->width / 2 - x, down = place->y + place->height / 2 - y;
        if (across >= 0 && down >= 0 && across < width && down < height)
            return screens[i];
    }
    return glfwGetPrimaryMonitor();
}

void window_full_screen(window *place)
{
    if (place->full) {
        glfwSetWindowMonitor(place->handle, NULL, place->x, place->y, place->width, place->height, GLFW_DONT_CARE);
        place->full = false;
        return;
    }
    glfwGetWindowPos(place->handle, &place->x, &place->y);
    glfwGetWindowSize(place->handle, &place->width, &place->height);
    GLFWmonitor *screen = screen_of(place);
    const GLFWvidmode *mode = screen != NULL ? glfwGetVideoMode(screen) : NULL;
    if (mode == NULL)
        return;
    glfwSetWindowMonitor(place->handle, screen, 0, 0, mode->width, mode->height, mode->refreshRate);
    place->full = true;
}

const char *window_pasted(window *place)
{
    return glfwGetClipboardString(place->handle);
}

void window_show(window *place)
{
    glfwSwapBuffers(place->handle);
}
