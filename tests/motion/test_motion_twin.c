/* The primitives exist twice, in C and in GLSL. Here both move the same points by the same plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <GLES3/gl3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "motion/motion.h"
#include "offscreen/offscreen.h"

/* Points of one run: SIDE * SIDE. */
enum { SIDE = 64, POINTS = SIDE * SIDE };

/* ---- A program that writes a float for each pixel ---------------------------------------------------- */

static GLuint make_shader(GLenum kind, const char *const *texts, GLsizei count)
{
    GLuint shader = glCreateShader(kind);
    glShaderSource(shader, count, texts, NULL);
    glCompileShader(shader);
    GLint done = 0;
    glGetShaderiv(shader, GL_COMPILE_STATUS, &done);
    if (!done) {
        char words[2048] = "";
        glGetShaderInfoLog(shader, sizeof words, NULL, words);
        fail_msg("%s", words);
    }
    return shader;
}

/* `defines` go ahead of the motion. */
static GLuint make_program(const char *defines, const char *fragment)
{
    static const char *const vertex[] = {
        "#version 300 es\n"
        "void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }"};
    const char *const texts[] = {"#version 300 es\n", defines, motion_glsl(), fragment};
    GLuint program = glCreateProgram();
    GLuint shaders[2] = {make_shader(GL_VERTEX_SHADER, vertex, 1), make_shader(GL_FRAGMENT_SHADER, texts, 4)};
    for (int i = 0; i < 2; i++) {
        glAttachShader(program, shaders[i]);
        glDeleteShader(shaders[i]);
    }
    glLinkProgram(program);
    GLint done = 0;
    glGetProgramiv(program, GL_LINK_STATUS, &done);
    assert_true(done);
    return program;
}

static GLuint make_texture(GLsizei width, GLsizei height, const float *values)
{
    GLuint texture;
    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA32F, width, height, 0, GL_RGBA, GL_FLOAT, values);
    return texture;
}

/* ---- Plans and points at random ---------------------------------------------------------------------- */

typedef struct points {
    float homes[4 * POINTS];  /* x, y, z, attachment */
    float others[4 * POINTS]; /* part, seed */
} points;

static void make_points(points *out, random_state *random)
{
    for (int i = 0; i < POINTS; i++) {
        for (int k = 0; k < 3; k++)
            out->homes[4 * i + k] = 2.0f * random_float(random) - 1.0f;
        out->homes[4 * i + 3] = random_float(random);
        out->others[4 * i] = (float)(random_u32(random) % MOTION_ROWS);
        out->others[4 * i + 1] = random_float(random);
        out->others[4 * i + 2] = 0.0f;
        out->others[4 * i + 3] = 0.0f;
    }
}

/* Anything that the about table calls usual for a primitive, and a direction of any kind. */
static motion_row random_row(int primitive, random_state *random)
{
    motion_row row = motion_row_usual(primitive, vec3_make(0.0f, 0.0f, 0.0f));
    const motion_about *about = motion_primitive_about(primitive);
    float *values = &row.primitive;
    for (uint32_t i = 0; about != NULL && i < about->parameter_count; i++) {
        const motion_parameter *one = &about->parameters[i];
        values[one->place] = one->least + (one->most - one->least) * random_float(random);
    }
    row.start = 2.0f * random_float(random);
    return row;
}

/* Part rows cycle through the primitives, the whole body's row is given. */
static void make_plan(motion_plan *plan, int whole, random_state *random)
{
    plan->rows[0] = random_row(whole, random);
    for (int k = 1; k < MOTION_ROWS; k++)
        plan->rows[k] = random_row((whole + k) % (MOTION_PRIMITIVES + 1) - 1, random);
}

typedef struct twin {
    offscreen *place;
    GLuint program, target, frame_buffer;
    GLint now;
} twin;

static float pixels[4 * POINTS];

static bool open_twin(twin *out, const char *fragment)
{
    lumen_error error;
    if (offscreen_open(SIDE, SIDE, &out->place, &error) != LUMEN_OK) {
        print_message("%s\n", error.message);
        return false;
    }
    if (strstr((const char *)glGetString(GL_EXTENSIONS), "GL_EXT_color_buffer_float") == NULL) {
        offscreen_close(out->place);
        return false;
    }
    out->program = make_program("", fragment);
    out->target = make_texture(SIDE, SIDE, NULL);
    glGenFramebuffers(1, &out->frame_buffer);
    glBindFramebuffer(GL_FRAMEBUFFER, out->frame_buffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, out->target, 0);
    assert_int_equal(glCheckFramebufferStatus(GL_FRAMEBUFFER), GL_FRAMEBUFFER_COMPLETE);
    glViewport(0, 0, SIDE, SIDE);
    glUseProgram(out->program);
    return true;
}

static void close_twin(twin *one)
{
    glDeleteFramebuffers(1, &one->frame_buffer);
    glDeleteTextures(1, &one->target);
    glDeleteProgram(one->program);
    offscreen_close(one->place);
}

static void draw_and_read(void)
{
    glDrawArrays(GL_TRIANGLES, 0, 3);
    glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_FLOAT, pixels);
    assert_int_equal(glGetError(), GL_NO_ERROR);
}

static const char *const mover =
    "uniform sampler2D plan, homes, others;\n"
    "uniform float now;\n"
    "out vec4 moved;\n"
    "void main() {\n"
    "    ivec2 at = ivec2(gl_FragCoord.xy);\n"
    "    vec4 home = texelFetch(homes, at, 0);\n"
    "    vec4 other = texelFetch(others, at, 0);\n"
    "    moved = vec4(motion_move(plan, home.xyz, int(other.x), home.w, other.y, now), 1.0);\n"
    "}\n";

/* ---- Tests ------------------------------------------------------------------------------------------- */

static double difference(vec3 moved, const float *pixel)
{
    double x = fabs((double)moved.x - (double)pixel[0]);
    double y = fabs((double)moved.y - (double)pixel[1]);
    double z = fabs((double)moved.z - (double)pixel[2]);
    return x > y ? (x > z ? x : z) : (y > z ? y : z);
}

/* Where a program moves the points by a plan: in `pixels`. */
static void move_points(GLuint program, const motion_plan *plan, const points *all, float now)
{
    GLuint textures[3];
    static const char *const names[3] = {"plan", "homes", "others"};
    textures[0] = make_texture(4, MOTION_ROWS, &plan->rows[0].primitive);
    textures[1] = make_texture(SIDE, SIDE, all->homes);
    textures[2] = make_texture(SIDE, SIDE, all->others);
    glUseProgram(program);
    for (GLuint i = 0; i < 3; i++) {
        glActiveTexture(GL_TEXTURE0 + i);
        glBindTexture(GL_TEXTURE_2D, textures[i]);
        glUniform1i(glGetUniformLocation(program, names[i]), (GLint)i);
    }
    glUniform1f(glGetUniformLocation(program, "now"), now);
    draw_and_read();
    glDeleteTextures(3, textures);
}

/* The largest distance from where C moves them. */
static double distance_from_c(const motion_plan *plan, const points *all, float now)
{
    double worst = 0.0;
    int worst_at = 0;
    for (int i = 0; i < POINTS; i++) {
        const float *home = &all->homes[4 * i];
        vec3 moved = motion_move(plan, vec3_make(home[0], home[1], home[2]), (uint32_t)all->others[4 * i], home[3],
                                 all->others[4 * i + 1], now);
        double off = difference(moved, &pixels[4 * i]);
        assert_true(off >= 0.0);
        if (off > worst) {
            worst = off;
            worst_at = i;
        }
    }
    if (worst > 1e-4)
        fail_msg("whole body %g, part's row %g: %g apart at %g seconds", (double)plan->rows[0].primitive,
                 (double)plan->rows[(int)all->others[4 * worst_at]].primitive, worst, (double)now);
    return worst;
}

static void glsl_moves_every_point_where_c_moves_it(void **state)
{
    (void)state;
    twin gpu;
    if (!open_twin(&gpu, mover)) {
        print_message("no OpenGL ES 3.0 with float targets here\n");
        skip();
    }
    static points all;
    static motion_plan plan;
    random_state random = random_seed(7);
    double worst = 0.0;
    for (int round = 0; round < 4 * MOTION_PRIMITIVES; round++) {
        make_points(&all, &random);
        make_plan(&plan, round % (MOTION_PRIMITIVES + 1) - 1, &random);
        float now = 60.0f * random_float(&random) * random_float(&random);
        move_points(gpu.program, &plan, &all, now);
        worst = fmax(worst, distance_from_c(&plan, &all, now));
    }
    print_message("largest difference of %d points: %.2g\n", 4 * MOTION_PRIMITIVES * POINTS, worst);
    close_twin(&gpu);
}

static void a_program_of_the_plans_own_primitives_moves_as_the_one_of_all_does(void **state)
{
    (void)state;
    twin gpu;
    if (!open_twin(&gpu, mover)) {
        print_message("no OpenGL ES 3.0 with float targets here\n");
        skip();
    }
    static points all;
    static motion_plan plan;
    static float expected[4 * POINTS];
    random_state random = random_seed(11);
    for (int round = 0; round < 2 * MOTION_PRIMITIVES; round++) {
        int one = round % MOTION_PRIMITIVES, other = (one + 1 + round / 2) % MOTION_PRIMITIVES;
        motion_plan_clear(&plan);
        if (round % 3 != 0)
            plan.rows[0] = random_row(other, &random);
        for (int k = 1; k < MOTION_ROWS; k += 2)
            plan.rows[k] = random_row(k % 4 == 1 ? one : other, &random);
        motion_among among = motion_plan_among(&plan);
        assert_int_equal(among.parts, (1u << one) | (1u << other));
        assert_int_equal(among.whole, round % 3 != 0 ? 1u << other : 0u);
        char defines[96];
        snprintf(defines, sizeof defines, "#define MOTION_AMONG_PARTS 0x%x\n#define MOTION_AMONG_WHOLE 0x%x\n",
                 among.parts, among.whole);
        GLuint program = make_program(defines, mover);
        make_points(&all, &random);
        float now = 60.0f * random_float(&random);
        move_points(gpu.program, &plan, &all, now);
        memcpy(expected, pixels, sizeof expected);
        move_points(program, &plan, &all, now);
        for (int i = 0; i < 4 * POINTS; i++)
            assert_float_equal(pixels[i], expected[i], 2e-5);
        glDeleteProgram(program);
    }
    close_twin(&gpu);
}

static void glsl_and_c_have_the_same_noise(void **state)
{
    (void)state;
    twin gpu;
    if (!open_twin(&gpu, "uniform sampler2D homes;\nout vec4 moved;\n"
                         "void main() {\n"
                         "    moved = vec4(motion_noise_curl(texelFetch(homes, ivec2(gl_FragCoord.xy), 0).xyz), 1.0);\n"
                         "}\n"))
        skip();
    static points all;
    random_state random = random_seed(8);
    make_points(&all, &random);
    for (int i = 0; i < 4 * POINTS; i++)
        all.homes[i] *= 20.0f;
    GLuint texture = make_texture(SIDE, SIDE, all.homes);
    draw_and_read();
    double worst = 0.0;
    for (int i = 0; i < POINTS; i++) {
        const float *at = &all.homes[4 * i];
        worst = fmax(worst, difference(motion_noise_curl(vec3_make(at[0], at[1], at[2])), &pixels[4 * i]));
    }
    print_message("largest difference of the noise: %.2g\n", worst);
    assert_true(worst <= 1e-4);
    glDeleteTextures(1, &texture);
    close_twin(&gpu);
}

static void glsl_leaves_hostile_rows_and_points_alone_as_c_does(void **state)
{
    (void)state;
    twin gpu;
    if (!open_twin(&gpu, mover))
        skip();
    static points all;
    static motion_plan plan;
    random_state random = random_seed(9);
    static const float hostile[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3e38f, 0.0f, -1.0f, 1e-30f};
    for (int round = 0; round < 40; round++) {
        make_points(&all, &random);
        make_plan(&plan, round % (MOTION_PRIMITIVES + 1) - 1, &random);
        float *values = &plan.rows[0].primitive;
        /* Numbers that are huge but finite may lose all digits of a phase: those rows are asked for bounds alone. */
        for (int i = 0; i < 64; i++)
            values[random_u32(&random) % (MOTION_ROWS * MOTION_ROW_FLOATS)] =
                hostile[random_u32(&random) % (sizeof hostile / sizeof *hostile)];
        for (int i = 0; i < 16; i++)
            all.homes[random_u32(&random) % (4 * POINTS)] = hostile[random_u32(&random) % 6];
        GLuint textures[3] = {make_texture(4, MOTION_ROWS, values), make_texture(SIDE, SIDE, all.homes),
                              make_texture(SIDE, SIDE, all.others)};
        static const char *const names[3] = {"plan", "homes", "others"};
        for (GLuint i = 0; i < 3; i++) {
            glActiveTexture(GL_TEXTURE0 + i);
            glBindTexture(GL_TEXTURE_2D, textures[i]);
            glUniform1i(glGetUniformLocation(gpu.program, names[i]), (GLint)i);
        }
        glUniform1f(glGetUniformLocation(gpu.program, "now"), 10.0f);
        draw_and_read();
        glDeleteTextures(3, textures);
        for (int i = 0; i < POINTS; i++) {
            const float *home = &all.homes[4 * i];
            vec3 moved = motion_move(&plan, vec3_make(home[0], home[1], home[2]), (uint32_t)all.others[4 * i], home[3],
                                     all.others[4 * i + 1], 10.0f);
            const float to[3] = {moved.x, moved.y, moved.z};
            for (int k = 0; k < 3; k++) {
                if (!(fabsf(home[k]) <= 2.0f))
                    continue;
                assert_true(fabsf(to[k] - home[k]) <= 2.001f * MOTION_FARTHEST);
                assert_true(fabsf(pixels[4 * i + k] - home[k]) <= 2.001f * MOTION_FARTHEST);
            }
        }
    }
    close_twin(&gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glsl_moves_every_point_where_c_moves_it),
        cmocka_unit_test(a_program_of_the_plans_own_primitives_moves_as_the_one_of_all_does),
        cmocka_unit_test(glsl_and_c_have_the_same_noise),
        cmocka_unit_test(glsl_leaves_hostile_rows_and_points_alone_as_c_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
