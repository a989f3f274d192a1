#include "motion/motion.h"

/* primitives.glsl as tools/embed wrote it, with a zero behind. */
extern const unsigned char motion_primitives_glsl[];

const char *motion_glsl(void)
{
    return (const char *)motion_primitives_glsl;
}
