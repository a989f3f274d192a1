/*
 * everything.h: a template with one of every solid, and the digests of the shapes that it must give on every machine.
 */
#ifndef LUMEN_TESTS_EVERYTHING_H
#define LUMEN_TESTS_EVERYTHING_H

#include "base/random.h"
#include "lumen.h"
#include "words/words.h"

/* One of every solid, joined and separate parts, cuts, accents: what the engine can do, in one template that no
 * change of the shipped shapes touches. */
static const char everything[] =
    "template everything\n"
    "  parts body head leg wheel hat\n"
    "  color eye #101010\n"
    "  set head_size 0.3\n"
    "  part body join 0.06 blend 0.08 color #a06030\n"
    "    ellipsoid (0, 1, 0), (0.3, 0.35, 0.6) turn (10, 20, 0)\n"
    "    box (0, 0.8, -0.5), (0.2, 0.15, 0.2) round 0.05 turn (0, 30, 0)\n"
    "    cut rod (-1, 1.15, 0), (1, 1.15, 0), 0.1\n"
    "  part head on body join 0.05 blend 0.03 color #b07040\n"
    "    ball (0, 1.4, 0.7), head_size\n"
    "    ball (head_size * 0.5, 1.5, 0.9), 0.06 mirror color eye\n"
    "    tube (0, 1.3, 0.9), 0.09, (0, 1.2, 1.2), 0.07, (0, 1.35, 1.4), 0.03\n"
    "  part leg on body join 0.04 color #805020\n"
    "    limb (0.2, 0.8, 0.2), 0.12, (0.22, 0.4, 0.25), 0.08, (0.22, 0.05, 0.2), 0.07 mirror\n"
    "  part wheel on body\n"
    "    ring (0, 0.3, -0.9), (1, 0, 0), 0.25, 0.05\n"
    "    lathe (0, 1.8, 0.7), (0, 1, 0), 0.3, 0, 0.3, 0.03, 0.15, 0.05, 0.12, 0.3 smooth\n"
    "  part hat on head\n"
    "    slab (0, 2.2, 0.7), 0.06, 0, 0.2, 0.06, 0.05, 0.2, 0, 0.06, -0.05, 0, -0.2, -0.06, -0.05, -0.2, 0, -0.06, "
    "0.05 round 0.02\n"
    "    keep ball (0, 2.2, 0.7), 0.19\n"
    "concept everything of everything\n"
    "concept abstract of everything\n";

/* What a text that asks for it would be understood as. */
static const words_phrase everything_phrase = {.text = "everything",
                                               .subject = "everything",
                                               .concept_name = "everything",
                                               .motion = "idle",
                                               .canonical = "everything",
                                               .tempo = 1,
                                               .size = 1};

/* Of the seeds 0, 1 and 2, on little-endian machines. A change of the engine that is meant changes them; print_digests
 * says the new ones. */
static const uint64_t everything_digests[] = {0x6480aeeb4173df69, 0x1c3d469a37efbbc1, 0x121ebc76eafd4236};

static uint64_t digest(const lumen_shape *shape)
{
    uint64_t hash = fnv1a(FNV_START, shape->positions, shape->point_count * 3 * sizeof(float));
    hash = fnv1a(hash, shape->normals, shape->point_count * 3 * sizeof(float));
    hash = fnv1a(hash, shape->attachments, shape->point_count * sizeof(float));
    hash = fnv1a(hash, shape->part_ids, shape->point_count);
    return fnv1a(hash, shape->colors, shape->point_count * 3);
}

#endif
