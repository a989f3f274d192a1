#include "cli/view_lab.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files/files.h"

/* The panel from its upper edge, in pixels at a ratio of 1. */
static const float LEFT = 20.0f, RIGHT = LAB_WIDTH - 20.0f;
static const float ROW_LINE = 62.0f, PRIMITIVE_LINE = 92.0f, SUMMARY_LINE = 114.0f, FIRST_SLIDER = 144.0f;
static const float SLIDER_HEIGHT = 34.0f, FOOT = 76.0f;

enum { FILES_TRIED = 1000 };

static const uint8_t bright[3] = {232, 238, 250}, soft[3] = {128, 140, 165}, dim[3] = {44, 50, 66};

void lab_begin(lab *bench, viewer *sculpture)
{
    bench->sculpture = sculpture;
    bench->slider = -1;
    bench->row = 0;
    bench->told[0] = '\0';
    motion_plan_clear(&bench->plan);
}

static const motion_about *about_row(const lab *bench)
{
    return motion_primitive_about((int)bench->plan.rows[bench->row].primitive);
}

/* Which of a primitive's numbers have a slider. Where it pivots is said in words in a template ("at joint"), so the
 * lab leaves that as it is. */
static bool has_slider(const motion_parameter *parameter)
{
    return strncmp(parameter->name, "pivot", 5) != 0;
}

/* The nth number with a slider; NULL beyond the last. */
static const motion_parameter *slider_at(const motion_about *about, int n)
{
    for (uint32_t i = 0; about != NULL && i < about->parameter_count; i++)
        if (has_slider(&about->parameters[i]) && n-- == 0)
            return &about->parameters[i];
    return NULL;
}

static int slider_count(const motion_about *about)
{
    int count = 0;
    while (slider_at(about, count) != NULL)
        count++;
    return count;
}

uint32_t lab_height(const lab *bench)
{
    return (uint32_t)(FIRST_SLIDER + SLIDER_HEIGHT * (float)slider_count(about_row(bench)) + FOOT);
}

static float *value_of(motion_plan *plan, uint32_t row, const motion_parameter *parameter)
{
    return (float *)&plan->rows[row] + parameter->place;
}

static float value_in(const motion_plan *plan, uint32_t row, const motion_parameter *parameter)
{
    motion_plan copy = *plan;
    return *value_of(&copy, row, parameter);
}

static const char *row_name(const lab *bench, uint32_t row)
{
    return row == 0 ? "the whole body" : viewer_joints(bench->sculpture)->names[row - 1];
}

/* ---- Saving -------------------------------------------------------------------------------------------------- */

static void print_number(buffer *out, const char *name, float value)
{
    buffer_print(out, " %s %.3g", name, (double)value);
}

/* One rule in the language of docs/motion.md: what differs from the usual is said. */
static void print_rule(buffer *out, const lab *bench, uint32_t row)
{
    const motion_plan *plan = &bench->plan;
    const motion_about *about = motion_primitive_about((int)plan->rows[row].primitive);
    if (row == 0)
        buffer_print(out, "  body : %s", about->name);
    else
        buffer_print(out, "  part %s : %s", row_name(bench, row), about->name);
    bool axis = false;
    for (uint32_t i = 0; i < about->parameter_count; i++) {
        const motion_parameter *parameter = &about->parameters[i];
        if (strncmp(parameter->name, "axis", 4) == 0)
            axis = true;
        else if (has_slider(parameter) && value_in(plan, row, parameter) != parameter->usual)
            print_number(out, parameter->name, value_in(plan, row, parameter));
    }
    if (axis)
        buffer_print(out, " axis %.3g %.3g %.3g", (double)plan->rows[row].axis[0], (double)plan->rows[row].axis[1],
                     (double)plan->rows[row].axis[2]);
    buffer_print(out, "\n");
}

static void save(lab *bench)
{
    const motion_joints *joints = viewer_joints(bench->sculpture);
    char path[64] = "";
    for (int i = 1; i < FILES_TRIED; i++) {
        snprintf(path, sizeof path, "motion-%d.motion", i);
        if (access(path, F_OK) != 0)
            break;
    }
    buffer out;
    buffer_open(&out, 1u << 16);
    buffer_print(&out, "# Made in the motion lab of a %s. lumen view --motions %s\n", joints->template_type, path);
    buffer_print(&out, "motion mine\n  verbs mine\n");
    for (uint32_t row = 0; row <= joints->part_count; row++)
        if (motion_primitive_about((int)bench->plan.rows[row].primitive) != NULL)
            print_rule(&out, bench, row);
    lumen_error error = {0};
    if (files_save(&out, path, &error) == LUMEN_OK)
        snprintf(bench->told, sizeof bench->told, "saved as %s", path);
    else
        snprintf(bench->told, sizeof bench->told, "%.150s", error.message);
    buffer_close(&out);
}

/* ---- The hand -------------------------------------------------------------------------------------------------- */

static void set_primitive(lab *bench, int primitive)
{
    motion_row *row = &bench->plan.rows[bench->row];
    *row = motion_row_usual(primitive, viewer_joints(bench->sculpture)->joint[bench->row]);
    if (motion_primitive_about(primitive) == NULL)
        row->primitive = MOTION_NONE;
    viewer_move_plan(bench->sculpture, &bench->plan);
}

void lab_drag(lab *bench, float x)
{
    const motion_parameter *parameter = bench->slider < 0 ? NULL : slider_at(about_row(bench), bench->slider);
    if (parameter == NULL)
        return;
    float t = float_clamp((x - LEFT) / (RIGHT - LEFT), 0.0f, 1.0f);
    float value = parameter->least + (parameter->most - parameter->least) * t;
    /* The usual value is easy to find again. */
    if (fabsf(value - parameter->usual) < 0.012f * (parameter->most - parameter->least))
        value = parameter->usual;
    *value_of(&bench->plan, bench->row, parameter) = value;
    viewer_move_plan(bench->sculpture, &bench->plan);
}

void lab_release(lab *bench)
{
    bench->slider = -1;
}

void lab_press(lab *bench, float x, float y)
{
    uint32_t rows = viewer_joints(bench->sculpture)->part_count + 1;
    bool forward = x > 0.5f * LAB_WIDTH;
    bench->told[0] = '\0';
    bench->slider = -1;
    if (y > ROW_LINE - 22.0f && y < ROW_LINE + 8.0f) {
        bench->row = (bench->row + (forward ? 1u : rows - 1u)) % rows;
    } else if (y > PRIMITIVE_LINE - 22.0f && y < PRIMITIVE_LINE + 8.0f) {
        /* One more than there are primitives: none. */
        int now = (int)bench->plan.rows[bench->row].primitive, count = MOTION_PRIMITIVES + 1;
        set_primitive(bench, (now + 1 + (forward ? 1 : count - 1)) % count - 1);
    } else if (y >= FIRST_SLIDER && y < FIRST_SLIDER + SLIDER_HEIGHT * (float)slider_count(about_row(bench))) {
        bench->slider = (int)((y - FIRST_SLIDER) / SLIDER_HEIGHT);
        lab_drag(bench, x);
    } else if (y > (float)lab_height(bench) - FOOT) {
        if (forward)
            save(bench);
        else
            set_primitive(bench, MOTION_NONE);
    }
}

/* ---- The panel --------------------------------------------------------------------------------------------------- */

/* In as many lines as it needs, two at most. */
static void write_summary(overlay *words, float ratio, const char *summary)
{
    const float size = 11.0f * ratio, wide = (RIGHT - LEFT) * ratio, middle = 0.5f * LAB_WIDTH * ratio;
    char line[256];
    snprintf(line, sizeof line, "%s", summary);
    const char *rest = "";
    while (overlay_width(words, size, line) > wide) {
        char *space = strrchr(line, ' ');
        if (space == NULL)
            break;
        *space = '\0';
        rest = summary + (space - line) + 1;
    }
    overlay_text_centered(words, middle, SUMMARY_LINE * ratio, wide, size, soft, line);
    overlay_text_centered(words, middle, (SUMMARY_LINE + 15.0f) * ratio, wide, size, soft, rest);
}

void lab_write(const lab *bench, overlay *words, float ratio)
{
    const motion_about *about = about_row(bench);
    float wide = (RIGHT - LEFT) * ratio, middle = 0.5f * LAB_WIDTH * ratio;
    overlay_text(words, LEFT * ratio, 30.0f * ratio, wide, 14.0f * ratio, soft, "motion lab");
    const char *const names[2] = {row_name(bench, bench->row), about != NULL ? about->name : "nothing"};
    const float lines[2] = {ROW_LINE, PRIMITIVE_LINE};
    for (int i = 0; i < 2; i++) {
        overlay_text(words, LEFT * ratio, lines[i] * ratio, wide, 17.0f * ratio, soft, "\u2039");
        overlay_text(words, (RIGHT - 8.0f) * ratio, lines[i] * ratio, wide, 17.0f * ratio, soft, "\u203a");
        overlay_text_centered(words, middle, lines[i] * ratio, wide - 40.0f * ratio, 15.0f * ratio, bright, names[i]);
    }
    if (about != NULL)
        write_summary(words, ratio, about->summary);
    const motion_parameter *parameter;
    for (int i = 0; (parameter = slider_at(about, i)) != NULL; i++) {
        float top = (FIRST_SLIDER + SLIDER_HEIGHT * (float)i) * ratio,
              value = value_in(&bench->plan, bench->row, parameter);
        char number[24];
        snprintf(number, sizeof number, "%.2f", (double)value);
        overlay_text(words, LEFT * ratio, top + 16.0f * ratio, 0.7f * wide, 12.0f * ratio, soft, parameter->name);
        overlay_text(words, (RIGHT - 40.0f) * ratio, top + 16.0f * ratio, 40.0f * ratio, 12.0f * ratio, bright, number);
        float along = float_clamp((value - parameter->least) / (parameter->most - parameter->least), 0.0f, 1.0f);
        float y = top + 24.0f * ratio;
        overlay_fill(words, LEFT * ratio, y, wide, 2.0f * ratio, dim);
        overlay_fill(words, LEFT * ratio, y, wide * along, 2.0f * ratio, soft);
        overlay_dot(words, LEFT * ratio + wide * along, y + ratio, 5.0f * ratio, bright);
    }
    float foot = ((float)lab_height(bench) - FOOT + 34.0f) * ratio;
    overlay_text(words, LEFT * ratio, foot, 0.5f * wide, 14.0f * ratio, bright, "nothing here");
    overlay_text(words, (RIGHT - 120.0f) * ratio, foot, 120.0f * ratio, 14.0f * ratio, bright, "save as template");
    overlay_text_centered(words, middle, foot + 26.0f * ratio, wide, 12.0f * ratio, soft, bench->told);
}
