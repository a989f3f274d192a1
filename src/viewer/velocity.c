/* The programs of the velocity pass.
 *
 * Motion is what costs most where graphics are made in software, which works out every branch for every particle. A
 * plan holds two or three of the fifteen primitives, so a program that can do no more is several times quicker; it is
 * made when a plan is first shown, and until the driver's compiler has done it, the program that can do everything is
 * used. */

#include <stdio.h>
#include <string.h>

#include "viewer/program.h"
#include "viewer/simulation_inside.h"

#define TEXT(shader) ((const char *)(shader))

enum {
    ALL_PRIMITIVES = (1 << MOTION_PRIMITIVES) - 1,
    PATIENCE = 4 /* frames, where the driver cannot tell whether it is done */
};

static GLuint begin(int plans, motion_among among)
{
    char defines[128];
    snprintf(defines, sizeof defines,
             "#define PLANS %d\n#define MOTION_AMONG_PARTS 0x%x\n#define MOTION_AMONG_WHOLE 0x%x\n", plans, among.parts,
             among.whole);
    const char *const vertex[] = {TEXT(shader_whole), NULL};
    const char *const fragment[] = {defines,       TEXT(shader_particle), TEXT(shader_forces),
                                    motion_glsl(), TEXT(shader_velocity), NULL};
    return program_begin(vertex, fragment);
}

lumen_status velocity_open(velocity_programs *programs, uint32_t side, lumen_error *error)
{
    const motion_among all = {ALL_PRIMITIVES, ALL_PRIMITIVES};
    for (int plans = 0; plans < 3; plans++)
        programs->full[plans].program = begin(plans, all);
    for (int plans = 0; plans < 3; plans++) {
        lumen_status status = program_finish("velocity", programs->full[plans].program, error);
        if (status != LUMEN_OK)
            return status;
        upper_prepare(&programs->full[plans], side);
    }
    programs->can_tell = program_can_tell();
    return LUMEN_OK;
}

void velocity_close(velocity_programs *programs)
{
    for (int plans = 0; plans < 3; plans++)
        glDeleteProgram(programs->full[plans].program);
    for (int i = 0; i < NARROW_PROGRAMS; i++)
        glDeleteProgram(programs->narrow[i].pass.program);
}

/* The place of the program that was wanted; if there is none, that which was not wanted for longest, begun anew. */
static narrow_program *find(velocity_programs *programs, int plans, motion_among among, uint32_t frame)
{
    narrow_program *oldest = &programs->narrow[0];
    for (int i = 0; i < NARROW_PROGRAMS; i++) {
        narrow_program *one = &programs->narrow[i];
        if (one->plans == plans && one->among.parts == among.parts && one->among.whole == among.whole)
            return one;
        if (oldest->plans != 0 && (one->plans == 0 || frame - one->used > frame - oldest->used))
            oldest = one;
    }
    glDeleteProgram(oldest->pass.program);
    *oldest = (narrow_program){.among = among, .plans = plans};
    oldest->pass.program = begin(plans, among);
    return oldest;
}

const upper_pass *velocity_choose(velocity_programs *programs, int plans, motion_among among, uint32_t side,
                                  uint32_t frame)
{
    if (plans == 0 || (among.parts | among.whole) == 0)
        return &programs->full[0]; /* nothing moves */
    narrow_program *one = find(programs, plans, among, frame);
    one->used = frame;
    if (!one->ready && !one->bad) {
        one->asked++;
        bool done =
            !programs->live || (programs->can_tell ? program_is_done(one->pass.program) : one->asked > PATIENCE);
        if (done) {
            one->ready = program_finish("velocity", one->pass.program, NULL) == LUMEN_OK;
            one->bad = !one->ready;
            if (one->ready)
                upper_prepare(&one->pass, side);
        }
    }
    return one->ready ? &one->pass : one->bad ? &programs->full[plans] : NULL;
}
