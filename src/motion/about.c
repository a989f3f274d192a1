/* What the primitives are called, do and take: for the templates' reader, the documentation and the motion lab. */
#include "motion/internal.h"

/* The places of the floats in a row. */
enum { PHASE = 1, DURATION = 3, AXIS = 4, AMPLITUDE = 7, PIVOT = 8, FREQUENCY = 11, SPREAD, EASE, OVERSHOOT, STAGGER };

/* clang-format off */
#define PHASE_ROW {"phase", "where in the cycle it begins, in cycles", PHASE, 0.0f, 1.0f, 0.0f}
#define DURATION_ROW(usual) {"duration", "how long it takes, in seconds", DURATION, 0.1f, 10.0f, usual}
#define AXIS_ROWS(what, x, y, z)                           \
    {"axis_x", what ", to the left", AXIS, -1, 1, x},      \
    {"axis_y", what ", upward", AXIS + 1, -1, 1, y},       \
    {"axis_z", what ", forward", AXIS + 2, -1, 1, z}
#define PIVOT_ROWS(what)                                         \
    {"pivot_x", what ", to the left", PIVOT, -1.5f, 1.5f, 0.0f}, \
    {"pivot_y", what ", upward", PIVOT + 1, -1.5f, 1.5f, 0.0f},  \
    {"pivot_z", what ", forward", PIVOT + 2, -1.5f, 1.5f, 0.0f}
#define FREQUENCY_ROW(usual) {"frequency", "cycles a second", FREQUENCY, 0.0f, 5.0f, usual}
#define SIDES_ROW \
    {"spread", "how many cycles the left side is ahead of the right; 0.5: they alternate", SPREAD, -1.0f, 1.0f, 0.0f}
#define CYCLE_EASE_ROW \
    {"ease", "0: a sine; 1: rests at both ends; -1: thrown and caught, between 0 and 1", EASE, -1.0f, 1.0f, 0.0f}
#define SHOT_EASE_ROW(usual) {"ease", "0: steady; 1: slow at both ends; -1: fast first", EASE, -1.0f, 1.0f, usual}
#define OVERSHOOT_ROW {"overshoot", "how far beyond its end it goes before it comes back", OVERSHOOT, 0.0f, 1.0f, 0.0f}
#define CYCLE_STAGGER_ROW {"stagger", "how many cycles the extremity lags behind", STAGGER, -1.0f, 1.0f, 0.0f}
#define SHOT_STAGGER_ROW {"stagger", "how many durations the extremity lags behind", STAGGER, 0.0f, 2.0f, 0.0f}
/* clang-format on */

static const motion_about abouts[MOTION_PRIMITIVES] = {
    [MOTION_OSCILLATE_BEND] =
        {"oscillate_bend",
         "A limb swings to and fro about its joint and bends: the joint stays, the extremity swings most.",
         false,
         13,
         {PHASE_ROW,
          AXIS_ROWS("the axis of the swing", 1, 0, 0),
          {"amplitude", "the angle at the extremity, in radians", AMPLITUDE, -2.0f, 2.0f, 0.6f},
          PIVOT_ROWS("the joint"),
          FREQUENCY_ROW(1.0f),
          SIDES_ROW,
          CYCLE_EASE_ROW,
          OVERSHOOT_ROW,
          CYCLE_STAGGER_ROW}},
    [MOTION_OSCILLATE_TRANSLATE] = {"oscillate_translate",
                                    "Moves to and fro along the axis; thrown (ease -1) it hops.",
                                    false,
                                    10,
                                    {PHASE_ROW,
                                     AXIS_ROWS("the direction", 0, 1, 0),
                                     {"amplitude", "how far to either side", AMPLITUDE, -1.0f, 1.0f, 0.2f},
                                     FREQUENCY_ROW(1.0f),
                                     SIDES_ROW,
                                     CYCLE_EASE_ROW,
                                     OVERSHOOT_ROW,
                                     CYCLE_STAGGER_ROW}},
    [MOTION_ARC_TRANSLATE] = {"arc_translate",
                              "Goes once along the axis, in an arc, and stays there.",
                              true,
                              9,
                              {DURATION_ROW(1.5f),
                               AXIS_ROWS("the direction", 0, 0, 1),
                               {"amplitude", "how far", AMPLITUDE, -2.0f, 2.0f, 0.6f},
                               {"spread", "the height of the arc", SPREAD, -1.0f, 1.0f, 0.4f},
                               SHOT_EASE_ROW(0.0f),
                               OVERSHOOT_ROW,
                               SHOT_STAGGER_ROW}},
    [MOTION_RIGID_ROTATE] =
        {"rigid_rotate",
         "Turns round and round as a whole; a row of equal wheels turns each about its own axle.",
         false,
         13,
         {PHASE_ROW,
          AXIS_ROWS("the axis", 1, 0, 0),
          {"amplitude", "whole turns in a cycle; below 0: the other way", AMPLITUDE, -4.0f, 4.0f, 1.0f},
          PIVOT_ROWS("the middle of the turn"),
          FREQUENCY_ROW(0.5f),
          {"spread", "how far from the axle, across the axis, stands the next equal one; 0: there is one", SPREAD,
           -2.0f, 2.0f, 0.0f},
          {"ease", "0: steady; 1: a rest after each cycle; -1: a jerk at the beginning of each", EASE, -1.0f, 1.0f,
           0.0f},
          OVERSHOOT_ROW,
          {"stagger", "how much higher stands the next axle", STAGGER, -1.0f, 1.0f, 0.0f}}},
    [MOTION_SPRING_SETTLE] = {"spring_settle",
                              "Lets go from beside its place and swings home as on a spring.",
                              true,
                              8,
                              {DURATION_ROW(2.0f),
                               AXIS_ROWS("the direction in which it was pulled", 0, 1, 0),
                               {"amplitude", "how far it was pulled", AMPLITUDE, -2.0f, 2.0f, 0.5f},
                               {"frequency", "swings a second", FREQUENCY, 0.0f, 5.0f, 2.0f},
                               {"overshoot", "how far beyond its place the first swing goes, as a part of the pull",
                                OVERSHOOT, 0.0f, 1.0f, 0.5f},
                               SHOT_STAGGER_ROW}},
    [MOTION_RADIAL_BURST] = {"radial_burst",
                             "Flies apart, away from the pivot, and stays scattered.",
                             true,
                             9,
                             {DURATION_ROW(1.5f),
                              {"amplitude", "how far", AMPLITUDE, -2.0f, 2.0f, 0.8f},
                              PIVOT_ROWS("where it bursts"),
                              {"spread", "how much of a random direction is mixed in", SPREAD, 0.0f, 2.0f, 0.5f},
                              SHOT_EASE_ROW(-1.0f),
                              OVERSHOOT_ROW,
                              SHOT_STAGGER_ROW}},
    [MOTION_RADIAL_CONTRACT] =
        {"radial_contract",
         "Draws together at the pivot and stays so; below 0 it grows out of the pivot.",
         true,
         12,
         {DURATION_ROW(2.0f),
          AXIS_ROWS("the direction that spread spares", 0, 1, 0),
          {"amplitude", "how much of the way; 1: all; below 0: from there back home", AMPLITUDE, -1.0f, 1.0f, 0.9f},
          PIVOT_ROWS("where to"),
          {"spread", "0: from all sides; 1: along the axis alone; above 1: swells across it", SPREAD, 0.0f, 2.0f, 0.0f},
          SHOT_EASE_ROW(1.0f),
          OVERSHOOT_ROW,
          SHOT_STAGGER_ROW}},
    [MOTION_SPIRAL] = {"spiral",
                       "Turns about the axis, a turn in a cycle, drawing near and far and along it every four.",
                       false,
                       13,
                       {PHASE_ROW,
                        AXIS_ROWS("the axis", 0, 1, 0),
                        {"amplitude", "how much nearer and farther, as a part of the distance", AMPLITUDE, -1.0f, 1.0f,
                         0.3f},
                        PIVOT_ROWS("the middle"),
                        FREQUENCY_ROW(0.5f),
                        {"spread", "how far along the axis", SPREAD, -1.0f, 1.0f, 0.2f},
                        CYCLE_EASE_ROW,
                        OVERSHOOT_ROW,
                        CYCLE_STAGGER_ROW}},
    [MOTION_LAMINAR_FLOW] =
        {"laminar_flow",
         "Streams along the axis in layers, the middle one fastest; each point comes back to its place.",
         false,
         11,
         {PHASE_ROW,
          AXIS_ROWS("the direction", 0, 0, 1),
          {"amplitude", "half the way", AMPLITUDE, -1.0f, 1.0f, 0.4f},
          PIVOT_ROWS("the middle of the stream"),
          FREQUENCY_ROW(0.5f),
          {"spread", "how many cycles the points differ, at random; 0: they go together", SPREAD, 0.0f, 1.0f, 1.0f},
          {"stagger", "how much the outer layers lag behind the middle; 0: all go alike", STAGGER, 0.0f, 4.0f, 1.0f}}},
    [MOTION_CURL_NOISE_FLOW] = {"curl_noise_flow",
                                "Drifts in eddies that neither gather nor thin the points.",
                                false,
                                7,
                                {PHASE_ROW,
                                 AXIS_ROWS("the axis about which the eddies wander", 0, 1, 0),
                                 {"amplitude", "how far at most", AMPLITUDE, -1.0f, 1.0f, 0.2f},
                                 FREQUENCY_ROW(0.1f),
                                 {"spread", "how many eddies in a unit of length", SPREAD, 0.0f, 4.0f, 1.0f}}},
    [MOTION_BROWNIAN_SCATTER] = {"brownian_scatter",
                                 "Each point trembles off in a direction of its own and stays there.",
                                 true,
                                 7,
                                 {DURATION_ROW(3.0f),
                                  {"amplitude", "how far", AMPLITUDE, -2.0f, 2.0f, 0.5f},
                                  {"frequency", "trembles a second", FREQUENCY, 0.0f, 5.0f, 1.0f},
                                  {"spread", "how much the distances differ; 1: from none to all", SPREAD, 0.0f, 1.0f,
                                   0.7f},
                                  SHOT_EASE_ROW(-0.5f),
                                  OVERSHOOT_ROW,
                                  SHOT_STAGGER_ROW}},
    [MOTION_WAVE_PROPAGATE] = {"wave_propagate",
                               "A wave runs along the axis and swings across it.",
                               false,
                               13,
                               {PHASE_ROW,
                                AXIS_ROWS("the direction in which it runs", 0, 0, -1),
                                {"amplitude", "how far across", AMPLITUDE, -1.0f, 1.0f, 0.1f},
                                PIVOT_ROWS("where it begins"),
                                FREQUENCY_ROW(1.0f),
                                {"spread",
                                 "waves in a unit of length; above 0 they swing sideways, below 0 up and down", SPREAD,
                                 -4.0f, 4.0f, 0.8f},
                                CYCLE_EASE_ROW,
                                OVERSHOOT_ROW,
                                {"stagger", "the distance from the pivot at which it has its full size; 0: everywhere",
                                 STAGGER, 0.0f, 3.0f, 0.0f}}},
    [MOTION_STRETCH_ALONG_AXIS] =
        {"stretch_along_axis",
         "Grows longer and shorter along the axis, and thinner and thicker across it.",
         false,
         13,
         {PHASE_ROW,
          AXIS_ROWS("the direction", 0, 1, 0),
          {"amplitude", "how much longer, as a part of the length", AMPLITUDE, -1.0f, 1.0f, 0.2f},
          PIVOT_ROWS("what stays"),
          FREQUENCY_ROW(1.0f),
          {"spread", "how much thinner meanwhile; 1: the volume stays about the same; -2: all sides alike", SPREAD,
           -2.0f, 2.0f, 1.0f},
          CYCLE_EASE_ROW,
          OVERSHOOT_ROW,
          CYCLE_STAGGER_ROW}},
    [MOTION_TWIST] = {"twist",
                      "Wrings itself about the axis, more the farther from the pivot.",
                      false,
                      13,
                      {PHASE_ROW,
                       AXIS_ROWS("the axis", 0, 1, 0),
                       {"amplitude", "radians in a unit of length", AMPLITUDE, -4.0f, 4.0f, 1.0f},
                       PIVOT_ROWS("what stays"),
                       FREQUENCY_ROW(0.5f),
                       {"spread", "how many cycles a unit of length lags behind", SPREAD, -2.0f, 2.0f, 0.0f},
                       CYCLE_EASE_ROW,
                       OVERSHOOT_ROW,
                       CYCLE_STAGGER_ROW}},
    [MOTION_PENDULUM] = {"pendulum",
                         "Swings as a whole about the pivot.",
                         false,
                         13,
                         {PHASE_ROW,
                          AXIS_ROWS("the axis of the swing", 0, 0, 1),
                          {"amplitude", "the angle to either side, in radians", AMPLITUDE, -2.0f, 2.0f, 0.4f},
                          PIVOT_ROWS("where it hangs"),
                          FREQUENCY_ROW(0.6f),
                          SIDES_ROW,
                          CYCLE_EASE_ROW,
                          OVERSHOOT_ROW,
                          CYCLE_STAGGER_ROW}},
};

const motion_about *motion_primitive_about(int primitive)
{
    return primitive >= 0 && primitive < MOTION_PRIMITIVES ? &abouts[primitive] : NULL;
}

int motion_primitive_of(const char *name)
{
    for (int i = 0; i < MOTION_PRIMITIVES; i++)
        if (strcmp(abouts[i].name, name) == 0)
            return i;
    return MOTION_NONE;
}

motion_row motion_row_usual(int primitive, vec3 pivot)
{
    motion_row row = {.primitive = (float)MOTION_NONE, .duration = 1.0f, .axis = {0.0f, 1.0f, 0.0f}};
    const motion_about *about = motion_primitive_about(primitive);
    if (about == NULL)
        return row;
    float *values = motion_row_floats(&row);
    for (uint32_t i = 0; i < about->parameter_count; i++)
        values[about->parameters[i].place] = about->parameters[i].usual;
    row.primitive = (float)primitive;
    row.pivot[0] = pivot.x;
    row.pivot[1] = pivot.y;
    row.pivot[2] = pivot.z;
    return row;
}
