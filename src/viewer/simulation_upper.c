/* The particles in float textures: a velocity pass and a position pass, each from one texture into another. */

#include <stdlib.h>
#include <string.h>

#include "viewer/program.h"
#include "viewer/simulation_inside.h"

#define TEXT(shader) ((const char *)(shader))

static void find_places(upper_pass *pass)
{
    const struct {
        GLint *place;
        const char *name;
    } all[] = {
        {&pass->arrival, "arrival"},
        {&pass->spring_loose, "spring_loose"},
        {&pass->spring_tight, "spring_tight"},
        {&pass->way_loose, "way_loose"},
        {&pass->way_tight, "way_tight"},
        {&pass->plan_blend, "plan_blend"},
        {&pass->plan_now, "plan_now"},
        {&pass->rounds, "rounds"},
        {&pass->noise, "noise"},
        {&pass->noise_time, "noise_time"},
        {&pass->center, "center"},
        {&pass->pulse, "pulse"},
        {&pass->ring, "ring"},
        {&pass->ray_origin, "ray_origin"},
        {&pass->ray_direction, "ray_direction"},
        {&pass->push, "push"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i].place = glGetUniformLocation(pass->program, all[i].name);
}

void upper_prepare(upper_pass *pass, uint32_t side)
{
    static const struct {
        const char *name;
        GLint unit;
    } samplers[] = {
        {"positions", UNIT_POSITIONS}, {"velocities", UNIT_VELOCITIES},
        {"homes", UNIT_HOMES},         {"paints", UNIT_PAINTS},
        {"normals", UNIT_NORMALS},     {"plan_a", UNIT_PLAN_A},
        {"plan_b", UNIT_PLAN_B},       {"velocities_after", UNIT_VELOCITIES_AFTER},
    };
    for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++)
        program_sampler(pass->program, samplers[i].name, samplers[i].unit);
    glUniform1i(glGetUniformLocation(pass->program, "side"), (GLint)side);
    find_places(pass);
}

static lumen_status open_target(GLuint texture, GLuint *frame, lumen_error *error)
{
    glGenFramebuffers(1, frame);
    glBindFramebuffer(GL_FRAMEBUFFER, *frame);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    GLenum state = glCheckFramebufferStatus(GL_FRAMEBUFFER);
    if (state != GL_FRAMEBUFFER_COMPLETE)
        return lumen_fail(error, LUMEN_ERROR_FAILED,
                          "the driver offers float textures but cannot draw into one (state 0x%x); "
                          "open the viewer without float targets",
                          state);
    const GLfloat zero[4] = {0};
    glClearBufferfv(GL_COLOR, 0, zero);
    return LUMEN_OK;
}

lumen_status upper_open(simulation *one, lumen_error *error)
{
    uint32_t side = one->side;
    GLint outside = 0;
    glGetIntegerv(GL_FRAMEBUFFER_BINDING, &outside);
    one->positions[1] = simulation_texture(side, side, GL_RGBA32F, GL_FLOAT, NULL);
    one->velocities[0] = simulation_texture(side, side, GL_RGBA32F, GL_FLOAT, NULL);
    one->velocities[1] = simulation_texture(side, side, GL_RGBA32F, GL_FLOAT, NULL);
    one->homes = simulation_texture(side, side, GL_RGBA32F, GL_FLOAT, NULL);
    one->normals = simulation_texture(side, side, GL_RGBA8, GL_UNSIGNED_BYTE, NULL);
    for (int i = 0; i < 2; i++)
        one->plans[i] = simulation_texture(4, MOTION_ROWS, GL_RGBA32F, GL_FLOAT, &one->plan[i]);
    glGenVertexArrays(1, &one->nothing);
    if (glGetError() == GL_OUT_OF_MEMORY)
        return lumen_fail(error, LUMEN_ERROR_MEMORY, "the graphics memory has no room for %u particles; take fewer",
                          side * side);

    lumen_status status = LUMEN_OK;
    for (int i = 0; i < 2 && status == LUMEN_OK; i++) {
        status = open_target(one->positions[i], &one->position_frames[i], error);
        if (status == LUMEN_OK)
            status = open_target(one->velocities[i], &one->velocity_frames[i], error);
    }
    glBindFramebuffer(GL_FRAMEBUFFER, (GLuint)outside);

    if (status == LUMEN_OK)
        status = velocity_open(&one->velocity, side, error);
    if (status == LUMEN_OK) {
        const char *const vertex[] = {TEXT(shader_whole), NULL};
        const char *const position[] = {TEXT(shader_particle), TEXT(shader_forces), TEXT(shader_position), NULL};
        status = program_open("position", vertex, position, &one->position_pass.program, error);
    }
    if (status == LUMEN_OK)
        upper_prepare(&one->position_pass, side);
    return status;
}

void upper_close(simulation *one)
{
    glDeleteFramebuffers(2, one->position_frames);
    glDeleteFramebuffers(2, one->velocity_frames);
    glDeleteTextures(2, one->velocities);
    glDeleteTextures(1, &one->homes);
    glDeleteTextures(1, &one->normals);
    glDeleteTextures(2, one->plans);
    glDeleteVertexArrays(1, &one->nothing);
    velocity_close(&one->velocity);
    glDeleteProgram(one->position_pass.program);
}

static void fill(int unit, GLuint texture, uint32_t width, uint32_t height, GLenum type, const void *pixels)
{
    glActiveTexture(GL_TEXTURE0 + (GLenum)unit);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, (GLsizei)width, (GLsizei)height, GL_RGBA, type, pixels);
}

void upper_home(simulation *one, const particle_homes *homes)
{
    fill(UNIT_HOMES, one->homes, one->side, one->side, GL_FLOAT, homes->places);
    fill(UNIT_NORMALS, one->normals, one->side, one->side, GL_UNSIGNED_BYTE, homes->normals);
}

void upper_plan(simulation *one, int which, const motion_plan *plan)
{
    one->among[which] = motion_plan_among(plan);
    fill(UNIT_PLAN_A + which, one->plans[which], 4, MOTION_ROWS, GL_FLOAT, plan);
}

static void bind(int unit, GLuint texture)
{
    glActiveTexture(GL_TEXTURE0 + (GLenum)unit);
    glBindTexture(GL_TEXTURE_2D, texture);
}

/* All rows; with the normals of one quarter of them worked out anew when they move. */
static void draw_strips(const simulation *one, const upper_pass *pass, bool deforming)
{
    GLsizei side = (GLsizei)one->side, height = side / NORMAL_STRIPS;
    GLint renewed = (GLint)(one->frame % NORMAL_STRIPS);
    if (!deforming) {
        glUniform1i(pass->rounds, 1);
        glDrawArrays(GL_TRIANGLES, 0, 3);
        return;
    }
    glEnable(GL_SCISSOR_TEST);
    const GLint begins[3] = {0, renewed * height, (renewed + 1) * height};
    const GLint ends[3] = {begins[1], begins[2], side};
    for (int i = 0; i < 3; i++) {
        if (begins[i] == ends[i])
            continue;
        glUniform1i(pass->rounds, i == 1 ? 2 : 1);
        glScissor(0, begins[i], side, ends[i] - begins[i]);
        glDrawArrays(GL_TRIANGLES, 0, 3);
    }
    glDisable(GL_SCISSOR_TEST);
}

static motion_among among_both(const simulation *one)
{
    return (motion_among){one->among[0].parts | one->among[1].parts, one->among[0].whole | one->among[1].whole};
}

bool upper_is_prepared(simulation *one)
{
    /* The one for what comes after, too. */
    velocity_choose(&one->velocity, 1, one->among[1], one->side, one->frame);
    return velocity_choose(&one->velocity, 2, among_both(one), one->side, one->frame) != NULL;
}

void upper_step(simulation *one, const particle_forces *forces, meter *time)
{
    int from = one->now, to = 1 - from;
    GLint outside = 0, view[4];
    glGetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &outside);
    glGetIntegerv(GL_VIEWPORT, view);
    glDisable(GL_BLEND);
    glDisable(GL_DEPTH_TEST);
    glDisable(GL_SCISSOR_TEST);
    glBindVertexArray(one->nothing);
    glViewport(0, 0, (GLsizei)one->side, (GLsizei)one->side);
    bind(UNIT_POSITIONS, one->positions[from]);
    bind(UNIT_VELOCITIES, one->velocities[from]);
    bind(UNIT_HOMES, one->homes);
    bind(UNIT_PAINTS, one->paints[0]);
    bind(UNIT_NORMALS, one->normals);
    bind(UNIT_PLAN_A, one->plans[0]);
    bind(UNIT_PLAN_B, one->plans[1]);

    const spring_step *loose = &forces->loose, *tight = &forces->tight;
    int plans = !forces->deforming ? 0 : forces->blend > 0.0f ? 2 : 1;
    const upper_pass *pass =
        velocity_choose(&one->velocity, plans, plans == 2 ? among_both(one) : one->among[0], one->side, one->frame);
    if (pass == NULL)
        pass = &one->velocity.full[plans];
    glUseProgram(pass->program);
    glUniform1f(pass->arrival, forces->arrival);
    glUniform4f(pass->spring_loose, loose->position, loose->velocity, loose->force, 0.0f);
    glUniform4f(pass->spring_tight, tight->position, tight->velocity, tight->force, 0.0f);
    glUniform1f(pass->plan_blend, forces->blend);
    glUniform1f(pass->plan_now, forces->now);
    glUniform1f(pass->noise, forces->noise);
    glUniform1f(pass->noise_time, forces->noise_time);
    glUniform3f(pass->center, forces->center.x, forces->center.y, forces->center.z);
    glUniform1f(pass->pulse, forces->pulse);
    glUniform4f(pass->ring, forces->ring ? 1.0f : 0.0f, forces->ring_angle, forces->ring_breath, 0.0f);
    glUniform3f(pass->ray_origin, forces->ray_origin.x, forces->ray_origin.y, forces->ray_origin.z);
    glUniform3f(pass->ray_direction, forces->ray_direction.x, forces->ray_direction.y, forces->ray_direction.z);
    glUniform1f(pass->push, forces->push);
    glBindFramebuffer(GL_DRAW_FRAMEBUFFER, one->velocity_frames[to]);
    double began = meter_now();
    draw_strips(one, pass, forces->deforming);
    time->driver_ms += meter_now() - began;

    pass = &one->position_pass;
    bind(UNIT_VELOCITIES_AFTER, one->velocities[to]);
    glUseProgram(pass->program);
    glUniform1f(pass->arrival, forces->arrival);
    glUniform2f(pass->way_loose, loose->way_after, loose->way_before);
    glUniform2f(pass->way_tight, tight->way_after, tight->way_before);
    glBindFramebuffer(GL_DRAW_FRAMEBUFFER, one->position_frames[to]);
    began = meter_now();
    glDrawArrays(GL_TRIANGLES, 0, 3);
    time->driver_ms += meter_now() - began;

    one->now = to;
    glBindFramebuffer(GL_DRAW_FRAMEBUFFER, (GLuint)outside);
    glViewport(view[0], view[1], view[2], view[3]);
}

lumen_status upper_read(simulation *one, float *positions, lumen_error *error)
{
    size_t side = one->side;
    float *row = malloc(side * 4 * sizeof *row);
    if (row == NULL)
        return lumen_fail_memory(error, "a row of particles");
    GLint outside = 0;
    glGetIntegerv(GL_READ_FRAMEBUFFER_BINDING, &outside);
    glBindFramebuffer(GL_READ_FRAMEBUFFER, one->position_frames[one->now]);
    for (size_t y = 0; y < side; y++) {
        glReadPixels(0, (GLint)y, (GLsizei)side, 1, GL_RGBA, GL_FLOAT, row);
        for (size_t x = 0; x < side; x++)
            memcpy(positions + 3 * (y * side + x), row + 4 * x, 3 * sizeof *positions);
    }
    glBindFramebuffer(GL_READ_FRAMEBUFFER, (GLuint)outside);
    free(row);
    return LUMEN_OK;
}
