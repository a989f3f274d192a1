#include "viewer/orbit.h"

#include <math.h>
#include <string.h>

static const float PI = 3.14159265f;
static const float HALF_VIEW = 0.2967f; /* 34 degrees from top to bottom: little distortion, some depth */
static const float START_PITCH = 0.20f; /* a little from above */
static const float YAW_FRONT = 0.50f;   /* three quarters, of what is wide or compact */
static const float YAW_SIDE = 0.96f;    /* of what is long: it is seen rather from its side */
static const float PITCH_MOST = 1.50f;
static const float ZOOM_LEAST = 0.35f, ZOOM_MOST = 6.0f;
static const float TURN_SPEED = 0.11f;              /* one turn in a minute */
static const float TURN_AGAIN_SECONDS = 4.0f;       /* after the last touch */
static const float GLIDE = 0.45f, TURN_EASE = 0.8f; /* time constants */
static const float ROOM = 1.28f;                    /* around the shape, for its movements */

void orbit_open(orbit *camera)
{
    *camera = (orbit){
        .turning = true, .rest = TURN_AGAIN_SECONDS, .radius = 1.0f, .goal_radius = 1.0f, .wide = 1.0f, .tall = 1.0f};
    orbit_again(camera);
}

void orbit_again(orbit *camera)
{
    camera->yaw = camera->goal_yaw;
    camera->pitch = START_PITCH;
    camera->zoom = 1.0f;
    camera->touched = false;
    camera->rest = TURN_AGAIN_SECONDS;
}

void orbit_aim(orbit *camera, vec3 center, float radius, vec3 half, bool ring)
{
    camera->goal_center = center;
    camera->goal_radius = radius;
    camera->goal_wide = hypotf(half.x, half.z);
    camera->goal_tall = half.y + 0.15f * camera->goal_wide; /* seen from above, what lies flat is also tall */
    camera->goal_yaw = ring ? 0.0f : half.z > 1.25f * half.x ? YAW_SIDE : YAW_FRONT;
}

void orbit_move(orbit *camera, float right, float up)
{
    if (!isfinite(right) || !isfinite(up))
        return;
    camera->yaw = remainderf(camera->yaw - right, 2.0f * PI);
    camera->pitch = float_clamp(camera->pitch + up, -PITCH_MOST, PITCH_MOST);
    camera->touched = true;
    camera->rest = 0.0f;
}

void orbit_zoom(orbit *camera, float factor)
{
    if (isfinite(factor) && factor > 0.0f)
        camera->zoom = float_clamp(camera->zoom * factor, ZOOM_LEAST, ZOOM_MOST);
}

bool orbit_advance(orbit *camera, float seconds, bool ring, bool still)
{
    float way = still ? 1.0f : 1.0f - expf(-seconds / GLIDE);
    orbit before = *camera;
    camera->center = vec3_mix(camera->center, camera->goal_center, way);
    camera->radius += (camera->goal_radius - camera->radius) * way;
    camera->wide += (camera->goal_wide - camera->wide) * way;
    camera->tall += (camera->goal_tall - camera->tall) * way;
    camera->rest += seconds;
    bool turns = camera->turning && !still && !ring && camera->rest > TURN_AGAIN_SECONDS;
    camera->turn_speed += ((turns ? TURN_SPEED : 0.0f) - camera->turn_speed) * (1.0f - expf(-seconds / TURN_EASE));
    if (still || camera->rest < seconds * 2.0f)
        camera->turn_speed = 0.0f;
    /* A new shape's own view comes near, while it turns on with it. */
    float turn = camera->turn_speed * seconds;
    camera->goal_yaw = remainderf(camera->goal_yaw + turn, 2.0f * PI);
    camera->yaw = remainderf(camera->yaw + turn, 2.0f * PI);
    if (!camera->touched)
        camera->yaw = remainderf(camera->yaw + remainderf(camera->goal_yaw - camera->yaw, 2.0f * PI) * way, 2.0f * PI);
    float change = fabsf(camera->yaw - before.yaw) + fabsf(camera->radius - before.radius) +
                   vec3_length(vec3_subtract(camera->center, before.center));
    return change > 1e-5f;
}

/* ---- Looking ------------------------------------------------------------------------------------------ */

orbit_view orbit_look(const orbit *camera, uint32_t width, uint32_t height)
{
    float aspect = (float)width / (float)height;
    float tangent = tanf(HALF_VIEW);
    float distance = fmaxf(camera->tall, camera->wide / aspect) * ROOM / tangent;
    distance = (distance + 0.5f * camera->wide) / camera->zoom; /* the near side is half its depth nearer */
    float least = camera->radius * 0.15f;

    orbit_view view;
    vec3 outward = vec3_make(cosf(camera->pitch) * sinf(camera->yaw), sinf(camera->pitch),
                             cosf(camera->pitch) * cosf(camera->yaw));
    view.distance = fmaxf(distance, least);
    view.forward = vec3_scale(outward, -1.0f);
    view.right = vec3_normalize(vec3_cross(view.forward, vec3_make(0, 1, 0)), vec3_make(1, 0, 0));
    view.up = vec3_cross(view.right, view.forward);
    view.eye = vec3_add(camera->center, vec3_scale(outward, view.distance));
    view.focal = (float)height / (2.0f * tangent);

    float near = fmaxf(0.02f, view.distance - 4.0f * camera->radius - 4.0f), far = view.distance + 12.0f;
    float depth = (far + near) / (near - far), shift = 2.0f * far * near / (near - far);
    float scale_x = 1.0f / (tangent * aspect), scale_y = 1.0f / tangent;
    const vec3 axes[3] = {view.right, view.up, vec3_scale(view.forward, -1.0f)};
    float away[3];
    for (int i = 0; i < 3; i++)
        away[i] = -vec3_dot(axes[i], view.eye);
    const float columns[4][3] = {{axes[0].x, axes[1].x, axes[2].x},
                                 {axes[0].y, axes[1].y, axes[2].y},
                                 {axes[0].z, axes[1].z, axes[2].z},
                                 {away[0], away[1], away[2]}};
    for (int column = 0; column < 4; column++) {
        view.matrix[4 * column] = scale_x * columns[column][0];
        view.matrix[4 * column + 1] = scale_y * columns[column][1];
        view.matrix[4 * column + 2] = depth * columns[column][2] + (column == 3 ? shift : 0.0f);
        view.matrix[4 * column + 3] = -columns[column][2];
    }
    return view;
}

vec3 orbit_ray(const orbit_view *view, uint32_t width, uint32_t height, float x, float y)
{
    vec3 through = vec3_scale(view->forward, view->focal);
    through = vec3_add(through, vec3_scale(view->right, x - 0.5f * (float)width));
    through = vec3_subtract(through, vec3_scale(view->up, y - 0.5f * (float)height));
    return vec3_normalize(through, view->forward);
}
