/* lumen.h, implemented on the rooms. */

#include "base/clock.h"
#include "pipeline/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/random.h"
#include "procedural/procedural.h"
#include "shape/shape.h"

/* Bounds for one request. A shape of 32 parts at high quality stays far below. */
static const size_t SCRATCH_BYTES_MAX = (size_t)512 << 20;
static const size_t SHAPE_BYTES_MAX = (size_t)2 << 30; /* sixteen parts of a network's finest lattice */

/* An unusually large request gives its scratch memory back. */
static const size_t WORKSPACE_BYTES_KEPT = (size_t)16 << 20;

enum { WORKSPACES_KEPT = 8, ADDED_ENGINES_MAX = 8 };

/* data/sculpt, embedded at build time. */
extern const unsigned char builtin_shapes[];
extern const size_t builtin_shapes_size;

struct lumen {
    sculpt_library *shapes;
    uint64_t own_shapes; /* a hash of the concepts that came with the options; 0: none */
    procedural_engine procedural;
    const engine *added_engines[ADDED_ENGINES_MAX];
    size_t added_engine_count;
    network_engines *networks; /* NULL: none */
    /* Scratch memory that has been used and may be used again, so that a steady stream of requests takes no
     * pages from the system for it. */
    pthread_mutex_t lock;
    arena *workspaces[WORKSPACES_KEPT];
    size_t workspace_count;
};

/* ---- Opening and closing ------------------------------------------------------------------------------ */

lumen_status lumen_open(const lumen_options *options, lumen **out, lumen_error *error)
{
    *out = NULL;
    lumen *library = calloc(1, sizeof *library);
    if (library == NULL)
        return lumen_fail_memory(error, "the library");
    sculpt_source sources[2] = {
        {.name = "built-in shapes", .text = (const char *)builtin_shapes, .size = builtin_shapes_size}};
    size_t count = 1;
    if (options != NULL && options->concepts != NULL) {
        library->own_shapes = fnv1a(FNV_START, options->concepts, strlen(options->concepts));
        sources[count++] = (sculpt_source){
            .name = options->concepts_name != NULL ? options->concepts_name : "concepts",
            .text = options->concepts,
            .size = strlen(options->concepts),
        };
    }
    lumen_status status = sculpt_library_open(sources, count, &library->shapes, error);
    if (status == LUMEN_OK && pthread_mutex_init(&library->lock, NULL) != 0) {
        sculpt_library_close(library->shapes);
        status = lumen_fail_memory(error, "the library");
    }
    if (status != LUMEN_OK) {
        free(library);
        return status;
    }
    library->procedural = procedural_engine_make(library->shapes);
    status = network_engines_open(options, library->shapes, &library->networks, error);
    if (status == LUMEN_OK)
        *out = library;
    else
        lumen_close(library);
    return status;
}

void lumen_close(lumen *library)
{
    if (library == NULL)
        return;
    network_engines_close(library->networks);
    for (size_t i = 0; i < library->workspace_count; i++)
        arena_destroy(library->workspaces[i]);
    pthread_mutex_destroy(&library->lock);
    sculpt_library_close(library->shapes);
    free(library);
}

lumen_status pipeline_add_engine(lumen *library, const engine *added, lumen_error *error)
{
    if (strcmp(added->name, "auto") == 0 || strcmp(added->name, library->procedural.base.name) == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the engine name %s is taken; choose another", added->name);
    if (library->added_engine_count == ADDED_ENGINES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "there are %d more engines already; the engine %s is one too many", ADDED_ENGINES_MAX,
                          added->name);
    library->added_engines[library->added_engine_count++] = added;
    return LUMEN_OK;
}

const sculpt_library *pipeline_shapes(const lumen *library)
{
    return library->shapes;
}

/* ---- Scratch memory ------------------------------------------------------------------------------------- */

static arena *take_workspace(lumen *library)
{
    arena *workspace = NULL;
    pthread_mutex_lock(&library->lock);
    if (library->workspace_count > 0)
        workspace = library->workspaces[--library->workspace_count];
    pthread_mutex_unlock(&library->lock);
    return workspace != NULL ? workspace : arena_create(SCRATCH_BYTES_MAX);
}

static void return_workspace(lumen *library, arena *workspace)
{
    arena_reset(workspace);
    pthread_mutex_lock(&library->lock);
    bool kept = library->workspace_count < WORKSPACES_KEPT && arena_held(workspace) <= WORKSPACE_BYTES_KEPT;
    if (kept)
        library->workspaces[library->workspace_count++] = workspace;
    pthread_mutex_unlock(&library->lock);
    if (!kept)
        arena_destroy(workspace);
}

/* ---- From a request to a plan ----------------------------------------------------------------------------- */

static lumen_status check_numbers(const lumen_request *request, lumen_error *error)
{
    if (request->num_parts > LUMEN_REQUEST_PARTS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the number of parts is %u; ask for 1 to %d", request->num_parts,
                          LUMEN_REQUEST_PARTS_MAX);
    if (request->points != 0 && (request->points < LUMEN_POINTS_MIN || request->points > LUMEN_POINTS_MAX))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the number of points is %u; ask for %d to %d", request->points,
                          LUMEN_POINTS_MIN, LUMEN_POINTS_MAX);
    if (request->quality != LUMEN_QUALITY_FAST && request->quality != LUMEN_QUALITY_STANDARD &&
        request->quality != LUMEN_QUALITY_HIGH)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the quality %d is unknown; ask for fast, standard or high",
                          (int)request->quality);
    return LUMEN_OK;
}

static bool is_auto(const char *name)
{
    return name == NULL || strcmp(name, "auto") == 0;
}

const engine *pipeline_engine(const lumen *library, const char *name)
{
    const engine *one;
    if (strcmp(name, library->procedural.base.name) == 0)
        return &library->procedural.base;
    for (size_t i = 0; (one = network_engines_at(library->networks, i)) != NULL; i++)
        if (strcmp(name, one->name) == 0)
            return one;
    for (size_t i = 0; i < library->added_engine_count; i++)
        if (strcmp(name, library->added_engines[i]->name) == 0)
            return library->added_engines[i];
    return NULL;
}

/* The best that can work now. A picture is never left out. */
static lumen_status choose_best(const lumen *library, bool with_image, const engine **chosen, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    *chosen = &library->procedural.base;
    const engine *one;
    for (size_t i = 0; (one = network_engines_at(library->networks, i)) != NULL; i++) {
        status = one->check(one, error);
        if (status != LUMEN_OK)
            continue;
        *chosen = one;
        return LUMEN_OK;
    }
    if (!with_image)
        return LUMEN_OK;
    return status != LUMEN_OK ? status
                              : lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                                           "a picture can only be made into a shape by networks, and no folder of "
                                           "models was named; see lumen pull");
}

static lumen_status choose_engine(const lumen *library, const lumen_request *request, const engine **chosen,
                                  lumen_error *error)
{
    /* Engines whose names are contracts, whether they are there or not. */
    static const char *const networks[] = {"partcrafter", "hunyuan3d"};
    const char *name = request->engine;
    if (is_auto(name))
        return choose_best(library, request->image != NULL, chosen, error);
    *chosen = pipeline_engine(library, name);
    if (*chosen != NULL && request->image != NULL && !(*chosen)->takes_images)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the engine %.64s starts from words, not from a picture; use auto or partcrafter", name);
    if (*chosen != NULL)
        return (*chosen)->check != NULL ? (*chosen)->check(*chosen, error) : LUMEN_OK;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (strcmp(name, networks[i]) == 0)
            return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "the engine %s is not here (%s); use auto or procedural",
                              name, i == 0 ? "no folder of models was named" : "this version does not have it");
    return lumen_fail(error, LUMEN_ERROR_INVALID, "there is no engine '%.64s'; use auto or procedural", name);
}

/* ---- Concepts that came with the options ------------------------------------------------------------------------ */

/* True when `length` (below WORDS_WORD_BYTES) bytes of a text are the name of an added concept, in the singular or the
 * plural. */
static bool own_concept_at(const lumen *library, const char *words, size_t length, char name[WORDS_WORD_BYTES])
{
    for (size_t i = 0; i < length; i++)
        name[i] = words[i] == ' ' ? '_' : words[i] >= 'A' && words[i] <= 'Z' ? (char)(words[i] - 'A' + 'a') : words[i];
    name[length] = '\0';
    const sculpt_concept *entry = sculpt_find_concept(library->shapes, name);
    if (entry == NULL && length > 1 && name[length - 1] == 's') {
        name[length - 1] = '\0';
        entry = sculpt_find_concept(library->shapes, name);
    }
    return entry != NULL && sculpt_is_added(entry);
}

/* The adjectives of a text whose noun no table knew are the words before the noun; "a red glorp" has one. */
static void take_adjectives(const char *words, size_t length, words_phrase *phrase)
{
    for (size_t at = 0; at < length && phrase->adjective_count < WORDS_ADJECTIVES_MAX;) {
        size_t letters = strcspn(words + at, " ");
        letters = letters < length - at ? letters : length - at;
        if (letters > 2 && letters < WORDS_WORD_BYTES && strncmp(words + at, "the", letters) != 0) {
            char *adjective = phrase->adjectives[phrase->adjective_count++];
            memcpy(adjective, words + at, letters);
            adjective[letters] = '\0';
        }
        at += letters + 1;
    }
}

/* The words room was compiled with the shipped concepts; others are known by their names alone. Looks for the longest
 * run of words of the text that is such a name, and makes it the subject. */
static void prefer_own_concept(const lumen *library, words_phrase *phrase)
{
    size_t total = strlen(phrase->text);
    for (size_t length = total < WORDS_WORD_BYTES ? total : WORDS_WORD_BYTES - 1; length > 0; length--) {
        for (size_t start = 0; start + length <= total; start++) {
            const char *words = phrase->text + start;
            char name[WORDS_WORD_BYTES];
            bool whole = (start == 0 || words[-1] == ' ') && (words[length] == ' ' || words[length] == '\0');
            if (!whole || !own_concept_at(library, words, length, name))
                continue;
            bool known = phrase->concept_name[0] != '\0';
            memcpy(phrase->concept_name, name, strlen(name) + 1);
            for (size_t i = 0; i <= strlen(name); i++)
                phrase->subject[i] = name[i] == '_' ? ' ' : name[i];
            if (!known)
                take_adjectives(phrase->text, start, phrase);
            return;
        }
    }
}

/* A picture that nobody says a word about. */
static void read_nothing(words_phrase *phrase)
{
    *phrase = (words_phrase){.text = "picture", .subject = "picture", .motion = "idle", .tempo = 1.0f, .size = 1.0f};
}

/* What stands for the picture and for how networks shall work, where it is not the usual. */
static uint64_t making_of(const lumen_request *request)
{
    uint32_t guidance; /* its bits: whether it makes sense, the engine says */
    memcpy(&guidance, &request->guidance, sizeof guidance);
    const uint64_t numbers[] = {
        request->image_size,          request->image_steps, request->steps, request->tokens, guidance,
        (uint64_t)request->extraction};
    uint64_t hash = fnv1a(FNV_START, numbers, sizeof numbers);
    bool usual = true;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        usual = usual && numbers[i] == 0;
    if (request->image != NULL)
        hash = fnv1a(hash, request->image, request->image_size);
    return usual ? 0 : hash;
}

static void identify(const lumen *library, const lumen_request *request, pipeline_plan *plan)
{
    const uint32_t points = request->points == 0 ? LUMEN_POINTS_DEFAULT : request->points;
    const bool networks = plan->engine->takes_images;
    shape_identity(library->own_shapes, &plan->phrase, plan->engine->name, request->quality, request->num_parts, points,
                   request->seed, networks ? making_of(request) : 0, plan->identity);
    plan->key = shape_key(plan->identity);
}

lumen_status pipeline_plan_request(const lumen *library, const lumen_request *request, pipeline_plan *plan,
                                   lumen_error *error)
{
    const bool unnamed = request->image != NULL && (request->text == NULL || request->text[0] == '\0');
    if (request->text == NULL && !unnamed)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the text is missing; give a word such as \"horse\"");
    lumen_status status = check_numbers(request, error);
    if (status != LUMEN_OK)
        return status;
    const engine *chosen = NULL;
    if (unnamed)
        read_nothing(&plan->phrase);
    else
        status = words_parse(request->text, request->verb, &plan->phrase, error);
    if (status == LUMEN_OK)
        status = choose_engine(library, request, &chosen, error);
    if (status != LUMEN_OK)
        return status;
    if (library->own_shapes != 0 && !unnamed)
        prefer_own_concept(library, &plan->phrase);
    const sculpt_concept *entry = procedural_concept(library->shapes, plan->phrase.concept_name);
    if (entry == NULL)
        return lumen_fail(error, LUMEN_ERROR_FAILED, "the library knows no shapes; build it with data/sculpt");
    plan->engine = chosen;
    plan->concept_name = sculpt_concept_name(entry);
    plan->template_type = sculpt_template_name(entry);
    identify(library, request, plan);
    return LUMEN_OK;
}

/* ---- From a plan to a shape --------------------------------------------------------------------------------- */

static lumen_status make(const pipeline_plan *plan, const lumen_request *request, arena *scratch, arena *memory,
                         engine_result *made, lumen_error *error)
{
    const engine_request order = {.phrase = &plan->phrase,
                                  .quality = request->quality,
                                  .num_parts = request->num_parts,
                                  .seed = request->seed,
                                  .progress = request->progress,
                                  .progress_user = request->progress_user,
                                  .image = request->image,
                                  .image_size = request->image_size,
                                  .image_steps = request->image_steps,
                                  .steps = request->steps,
                                  .tokens = request->tokens,
                                  .guidance = request->guidance,
                                  .extraction = request->extraction};
    return plan->engine->generate(plan->engine, &order, scratch, memory, made, error);
}

/* Who left the choice to us gets the procedural shape when networks fail, with their reason; but not in the place of a
 * picture of one's own, and not after a mistake in the request. */
static bool does_without(const lumen *library, const lumen_request *request, const pipeline_plan *plan,
                         lumen_status status)
{
    return is_auto(request->engine) && request->image == NULL && plan->engine != &library->procedural.base &&
           status != LUMEN_OK && status != LUMEN_ERROR_CANCELLED;
}

static lumen_status finish(const pipeline_plan *plan, const lumen_request *request, engine_result *made, arena *scratch,
                           arena *memory, lumen_shape **shape, lumen_error *error)
{
    const shape_facts facts = {.phrase = &plan->phrase,
                               .pipeline = plan->engine->name,
                               .seed = request->seed,
                               .points = request->points == 0 ? LUMEN_POINTS_DEFAULT : request->points,
                               .key = plan->key};
    lumen_status status = shape_finish(made, &facts, scratch, memory, shape, error);
    if (status == LUMEN_OK && request->progress != NULL && !request->progress(request->progress_user, "done", 1.0))
        status = lumen_fail(error, LUMEN_ERROR_CANCELLED, "the shape was cancelled when it was done");
    return status;
}

lumen_status lumen_generate(lumen *library, const lumen_request *request, lumen_shape **out, lumen_error *error)
{
    uint64_t start = clock_now_ns();
    *out = NULL;
    pipeline_plan plan;
    lumen_error why = {0};
    lumen_status status = pipeline_plan_request(library, request, &plan, error);
    if (status != LUMEN_OK)
        return status;
    arena *scratch = take_workspace(library);
    arena *memory = arena_create(SHAPE_BYTES_MAX);
    lumen_shape *shape = NULL;
    if (scratch == NULL || memory == NULL) {
        status = lumen_fail_memory(error, "a shape");
        goto cleanup;
    }
    engine_result made;
    status = make(&plan, request, scratch, memory, &made, &why);
    if (does_without(library, request, &plan, status)) {
        plan.engine = &library->procedural.base;
        identify(library, request, &plan);
        arena_reset(scratch);
        arena_reset(memory);
        status = make(&plan, request, scratch, memory, &made, error);
    } else {
        if (status != LUMEN_OK && error != NULL)
            *error = why;
        why = (lumen_error){0};
    }
    if (status == LUMEN_OK)
        status = finish(&plan, request, &made, scratch, memory, &shape, error);
    if (status == LUMEN_OK && why.status != LUMEN_OK) {
        shape->fallback_reason = arena_copy_text(memory, why.message, strlen(why.message));
        if (shape->fallback_reason == NULL)
            status = lumen_fail_memory(error, "a shape");
    }
    if (status != LUMEN_OK)
        goto cleanup;
    shape->generation_time_ms = clock_seconds_between(start, clock_now_ns()) * 1e3;
    memory = NULL; /* the shape owns it now */
    *out = shape;

cleanup:
    if (scratch != NULL)
        return_workspace(library, scratch);
    arena_destroy(memory);
    return status;
}
