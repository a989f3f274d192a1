#include "picture/camera.h"

/* How far the eye stands from the center, in half diagonals of the scene: a mild perspective. */
static const float DISTANCE = 4.6f;

static float smooth_step(float low, float high, float value)
{
    float t = float_clamp((value - low) / (high - low), 0.0f, 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

/* Long things (a horse, a bus) are turned more to the side than wide ones (a person, a clock). */
static float choose_azimuth(vec3 size)
{
    float length = size.z / (size.x + size.z + 1e-6f);
    return 30.0f + 26.0f * smooth_step(0.3f, 0.62f, length);
}

static float choose_elevation(vec3 size)
{
    float flatness = 1.0f - size.y / (fmaxf(size.x, size.z) + 1e-6f);
    return 15.0f + 17.0f * smooth_step(0.35f, 0.95f, flatness);
}

camera camera_fit(const scene *content, float azimuth, float elevation, camera_frame frame)
{
    vec3 size = vec3_subtract(content->high, content->low);
    vec3 center = vec3_mix(content->low, content->high, 0.5f);
    float radius = fmaxf(0.5f * vec3_length(size), 1e-3f);
    if (azimuth == 0.0f)
        azimuth = choose_azimuth(size);
    if (elevation == 0.0f)
        elevation = choose_elevation(size);
    elevation = float_clamp(elevation, -89.0f, 89.0f);

    float level = cos_degrees(elevation);
    vec3 toward = vec3_make(sin_degrees(azimuth) * level, sin_degrees(elevation), cos_degrees(azimuth) * level);
    camera view;
    view.eye = vec3_add(center, vec3_scale(toward, DISTANCE * radius));
    view.forward = vec3_scale(toward, -1.0f);
    view.right = vec3_normalize(vec3_cross(view.forward, vec3_make(0.0f, 1.0f, 0.0f)), vec3_make(1.0f, 0.0f, 0.0f));
    view.up = vec3_cross(view.right, view.forward);

    /* What the scene covers at focal length one; then focal length and center are chosen to suit the frame. */
    view.focal = 1.0f;
    view.center_x = view.center_y = 0.0f;
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
    for (size_t i = 0; i < content->vertex_count; i++) {
        float x, y, depth;
        camera_project(&view, content->positions[i], &x, &y, &depth);
        left = fminf(left, x);
        right = fmaxf(right, x);
        top = fminf(top, y);
        bottom = fmaxf(bottom, y);
    }
    if (content->vertex_count == 0) {
        left = top = -1.0f / DISTANCE;
        right = bottom = 1.0f / DISTANCE;
    }
    view.focal = fminf(frame.width / fmaxf(right - left, 1e-6f), frame.height / fmaxf(bottom - top, 1e-6f));
    view.center_x = frame.x + 0.5f * frame.width - 0.5f * view.focal * (left + right);
    view.center_y = frame.y + 0.5f * frame.height - 0.5f * view.focal * (top + bottom);
    return view;
}

void camera_project(const camera *view, vec3 point, float *x, float *y, float *depth)
{
    vec3 ray = vec3_subtract(point, view->eye);
    *depth = 1.0f / vec3_dot(ray, view->forward);
    *x = view->center_x + view->focal * vec3_dot(ray, view->right) * *depth;
    *y = view->center_y - view->focal * vec3_dot(ray, view->up) * *depth;
}

vec3 camera_ray(const camera *view, float x, float y)
{
    vec3 across = vec3_scale(view->right, (x - view->center_x) / view->focal);
    vec3 upward = vec3_scale(view->up, (view->center_y - y) / view->focal);
    return vec3_add(view->forward, vec3_add(across, upward));
}
