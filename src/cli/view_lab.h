/*
 * view_lab.h: the motion lab of `lumen view --lab`: a panel with a row of the plan, its primitive, and a slider for
 * each of its numbers.
 *
 *     lab bench = {0};
 *     lab_begin(&bench, sculpture, shape);            // a new shape: nothing is moved by hand yet
 *     if (lab_press(&bench, x, y)) ...                // coordinates within the panel, in pixels at a ratio of 1
 *     lab_write(&bench, words, width, height, ratio); // between overlay_begin and overlay_end
 */
#ifndef LUMEN_CLI_VIEW_LAB_H
#define LUMEN_CLI_VIEW_LAB_H

#include "viewer/viewer.h"
#include "window/overlay.h"

enum { LAB_WIDTH = 300 };

typedef struct lab {
    viewer *sculpture;
    motion_plan plan;
    uint32_t row;
    int slider; /* that is being dragged; -1: none */
    char told[160];
} lab;

void lab_begin(lab *bench, viewer *sculpture);

/* The height that the panel needs for what it shows now. */
uint32_t lab_height(const lab *bench);

/* The main button goes down, moves while it is down, and goes up. */
void lab_press(lab *bench, float x, float y);
void lab_drag(lab *bench, float x);
void lab_release(lab *bench);

void lab_write(const lab *bench, overlay *words, float ratio);

#endif
