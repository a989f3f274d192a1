/*
 * internal.h: what a page's Lumen consists of.
 */
#ifndef LUMEN_BROWSER_INTERNAL_H
#define LUMEN_BROWSER_INTERNAL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "browser/browser.h"
#include "files/document.h"
#include "motion/motion.h"
#include "viewer/viewer.h"
#include "voice/voice.h"

struct browser {
    lumen *library;
    motion_library *motions;
    lumen_error error;
    browser_arrays arrays;
    buffer bytes;
    lumen_shape *draft;
    arena *draft_memory; /* the draft owns it */

    viewer *sculpture; /* NULL while nothing is seen */
    double frame_ms;   /* what a frame takes of the page's thread, on the mean */
    int context;       /* of WebGL, as the library knows it; 0: none */
    motion_plan plan;  /* of the motion lab */
    voice *ear;        /* NULL while the microphone is off */
    voice_features heard;
    float *particles; /* read back: positions and part ids; NULL until then */
};

/* Writes a document into one->bytes and frees it. `whole`: false when it could not be made in full. */
bool browser_write_document(browser *one, document_value *value, bool whole);

#endif
