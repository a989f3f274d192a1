#include "viewer/simulation.h"

#include <stdlib.h>
#include <string.h>

#include "viewer/program.h"
#include "viewer/simulation_inside.h"

bool simulation_has_float_targets(void)
{
    return program_has_extension("EXT_color_buffer_float");
}

GLuint simulation_texture(uint32_t width, uint32_t height, GLenum inside, GLenum type, const void *pixels)
{
    GLuint texture = 0;
    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexImage2D(GL_TEXTURE_2D, 0, (GLint)inside, (GLsizei)width, (GLsizei)height, 0, GL_RGBA, type, pixels);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    return texture;
}

lumen_status simulation_open(uint32_t side, bool lower, bool live, simulation **out, lumen_error *error)
{
    *out = NULL;
    simulation *one = calloc(1, sizeof *one);
    if (one == NULL)
        return lumen_fail_memory(error, "the particles");
    one->side = side;
    one->lower = lower;
    one->velocity.live = live;
    motion_plan_clear(&one->plan[0]);
    motion_plan_clear(&one->plan[1]);
    one->positions[0] = simulation_texture(side, side, GL_RGBA32F, GL_FLOAT, NULL);
    for (int i = 0; i < 2; i++)
        one->paints[i] = simulation_texture(side, side, GL_RGBA8, GL_UNSIGNED_BYTE, NULL);
    lumen_status status = lower ? lower_open(one, error) : upper_open(one, error);
    if (status != LUMEN_OK) {
        simulation_close(one);
        return status;
    }
    *out = one;
    return LUMEN_OK;
}

void simulation_close(simulation *one)
{
    if (one == NULL)
        return;
    if (one->lower)
        lower_close(one);
    else
        upper_close(one);
    glDeleteTextures(2, one->positions);
    glDeleteTextures(2, one->paints);
    free(one);
}

void simulation_home(simulation *one, const particle_homes *homes)
{
    one->home = homes;
    GLuint before = one->paints[0];
    one->paints[0] = one->paints[1];
    one->paints[1] = before;
    glActiveTexture(GL_TEXTURE0 + UNIT_PAINTS);
    glBindTexture(GL_TEXTURE_2D, one->paints[0]);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, (GLsizei)one->side, (GLsizei)one->side, GL_RGBA, GL_UNSIGNED_BYTE,
                    homes->paints);
    if (!one->lower)
        upper_home(one, homes);
}

void simulation_plan(simulation *one, int which, const motion_plan *plan)
{
    one->plan[which] = *plan;
    if (!one->lower)
        upper_plan(one, which, plan);
}

bool simulation_is_prepared(simulation *one)
{
    return one->lower || upper_is_prepared(one);
}

void simulation_step(simulation *one, const particle_forces *forces, meter *time)
{
    if (one->lower)
        lower_step(one, forces, time);
    else
        upper_step(one, forces, time);
    one->frame++;
}

bool simulation_is_lower(const simulation *one)
{
    return one->lower;
}

particle_textures simulation_textures(const simulation *one)
{
    return (particle_textures){
        .positions = one->positions[one->now], .paints = one->paints[0], .paints_before = one->paints[1]};
}

lumen_status simulation_read(simulation *one, float *positions, lumen_error *error)
{
    if (!one->lower)
        return upper_read(one, positions, error);
    for (size_t i = 0; i < (size_t)one->side * one->side; i++)
        memcpy(positions + 3 * i, one->places + 4 * i, 3 * sizeof *positions);
    return LUMEN_OK;
}
