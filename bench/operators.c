/*
 * What the operators cost at the shapes of SDXL and PartCrafter, beside what oneDNN takes for the matrix work in them
 * alone.
 *
 *     bench_operators unet|vae|small|dit|field [ROUNDS] [THREADS] [f32|bf16]
 *
 * All layers of the network are loaded, each with weights of its own (5.1 GB for the UNet in bf16, once for us and once
 * for oneDNN; `small` is a part of it, `dit` six of the 21 blocks on four parts of 1024 tokens, `field` the points of
 * TripoSG's decoder), and called in the network's order. A round is one pass through the operators and one through bare
 * oneDNN primitives with weights of their own, without bias, activation, residual, norms or softmax. A row is a kind of
 * operator and a shape; its times are those of the best round: processor time, divided by the number of threads. The
 * clock's time is said for whole rounds. `share` is the bare primitive's part of the operator's time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "operators/cpu/cpu.h"

enum { ROWS_MAX = 128, CALLS_MAX = 4096, SOURCES_MAX = 64 };

typedef enum kind { LINEAR, GEGLU, CONVOLUTION, UPSAMPLED, GROUP_NORM, LAYER_NORM, HEAD_NORM, ATTENTION, CONCAT } kind;

static const char *const kind_names[] = {"linear",     "geglu",     "convolution", "upsampled", "group norm",
                                         "layer norm", "head norm", "attention",   "concat"};

/* One kind and shape. */
typedef struct row {
    kind kind;
    size_t rows, in, out;                       /* rows: tokens or pixels; for attention in: keys, out: channels */
    size_t side, kernel, stride, heads, pieces; /* pieces: attention within each, 0 counts as 1 */
    bool add, channels, activated;              /* SiLU after a group norm, GELU after a linear layer; of a convolution:
                                    a group norm with SiLU comes before it */
    unsigned calls;
    double sum, best, bare_sum, bare_best, macs;
} row;

typedef struct call {
    size_t row;
    const linear *linear, *bare_linear;
    const convolution *convolution, *bare_convolution;
    const norm *norm;
} call;

static row rows[ROWS_MAX];
static call calls[CALLS_MAX];
static size_t row_count, call_count;
static operators *run, *bare_run; /* the second keeps its weights as oneDNN wants them */
static void *weights;             /* f32, enough for any layer: the values do not matter */
static dnnl_primitive_t bare[ROWS_MAX][2];
static dnnl_exec_arg_t bare_arguments[ROWS_MAX][2][5];
static int bare_counts[ROWS_MAX];

/* Processor time of all threads, divided among them: other programs on the machine disturb it less than the clock.
 * Threads of OpenMP spin while they wait for one another (OMP_WAIT_POLICY=active makes them do so for any time), so
 * that waiting counts too. */
static uint64_t ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec) / run->threads;
}

static void require(bool fine, const char *what)
{
    lumen_error error = {0};
    if (run != NULL)
        operators_status(run, &error);
    if (fine && error.status == LUMEN_OK)
        return;
    fprintf(stderr, "bench_operators: %s: %s\n", what, error.message);
    exit(1);
}

/* ---- The networks -------------------------------------------------------------------------------------------- */

static call *add_call(row like)
{
    size_t index = 0;
    while (index < row_count &&
           (rows[index].kind != like.kind || rows[index].rows != like.rows || rows[index].in != like.in ||
            rows[index].out != like.out || rows[index].kernel != like.kernel || rows[index].stride != like.stride ||
            rows[index].add != like.add || rows[index].channels != like.channels ||
            rows[index].activated != like.activated || rows[index].pieces != like.pieces))
        index++;
    require(index < ROWS_MAX && call_count < CALLS_MAX, "too many rows");
    if (index == row_count)
        rows[row_count++] = like;
    rows[index].calls++;
    calls[call_count].row = index;
    return &calls[call_count++];
}

static void add_activated_linear(kind which, size_t tokens, size_t in, size_t out, bool add, bool activated)
{
    call *made =
        add_call((row){.kind = which, .rows = tokens, .in = in, .out = out, .add = add, .activated = activated});
    tensor weight = tensor_make(run->type, 2, (size_t[]){out, in}, weights);
    linear *loaded = NULL;
    lumen_error error;
    require(linear_load(run, &weight, NULL, &loaded, &error) == LUMEN_OK, "loading");
    made->linear = loaded;
    require(linear_load(bare_run, &weight, NULL, &loaded, &error) == LUMEN_OK, "loading");
    made->bare_linear = loaded;
}

static void add_linear(kind which, size_t tokens, size_t in, size_t out, bool add)
{
    add_activated_linear(which, tokens, in, out, add, false);
}

static void load_convolution(call *made, const row *like)
{
    tensor weight = tensor_make(run->type, 4, (size_t[]){like->out, like->in, like->kernel, like->kernel}, weights);
    convolution_options how = {.stride = (uint32_t)like->stride, .padding = like->kernel > 1 ? 1 : 0};
    convolution *loaded = NULL;
    lumen_error error;
    require(convolution_load(run, &weight, NULL, &how, &loaded, &error) == LUMEN_OK, "loading");
    made->convolution = loaded;
    require(convolution_load(bare_run, &weight, NULL, &how, &loaded, &error) == LUMEN_OK, "loading");
    made->bare_convolution = loaded;
}

static void add_convolution(kind which, size_t side, size_t in, size_t out, size_t kernel, size_t stride, bool add,
                            bool channels)
{
    size_t result = which == UPSAMPLED ? 2 * side : side / stride;
    row like = {.kind = which,
                .rows = result * result,
                .side = side,
                .in = in,
                .out = out,
                .kernel = kernel,
                .stride = stride,
                .add = add,
                .channels = channels};
    load_convolution(add_call(like), &like);
}

static void load_norm(call *made, size_t channels)
{
    tensor weight = tensor_make(run->type, 1, (size_t[]){channels}, weights);
    norm *loaded = NULL;
    lumen_error error;
    require(norm_load(run, &weight, &weight, &loaded, &error) == LUMEN_OK, "loading");
    made->norm = loaded;
}

static void add_norm(kind which, size_t tokens, size_t channels, bool silu)
{
    load_norm(add_call((row){.kind = which, .rows = tokens, .in = channels, .out = channels, .activated = silu}),
              channels);
}

static void add_attention(size_t tokens, size_t keys, size_t channels, size_t heads)
{
    add_call((row){.kind = ATTENTION, .rows = tokens, .in = keys, .out = channels, .heads = heads});
}

/* The conditional branch; q and k are columns of q, k, v. */
static void add_dit_block(size_t tokens, size_t parts, bool global, bool skip)
{
    enum { WIDTH = 2048, HEADS = 16, IMAGE_TOKENS = 257 };
    size_t pieces = global ? 1 : parts;
    if (skip) {
        add_call((row){.kind = CONCAT, .rows = tokens, .in = WIDTH, .out = WIDTH});
        add_linear(LINEAR, tokens, 2 * WIDTH, WIDTH, false);
        add_norm(LAYER_NORM, tokens, WIDTH, false);
    }
    add_norm(LAYER_NORM, tokens, WIDTH, false);
    add_linear(LINEAR, tokens, WIDTH, 3 * WIDTH, false);
    for (int i = 0; i < 2; i++)
        add_call((row){.kind = HEAD_NORM, .rows = tokens, .in = 3 * WIDTH, .out = WIDTH, .heads = HEADS});
    add_call((row){.kind = ATTENTION,
                   .rows = tokens / pieces,
                   .in = tokens / pieces,
                   .out = WIDTH,
                   .heads = HEADS,
                   .pieces = pieces});
    add_linear(LINEAR, tokens, WIDTH, WIDTH, true);
    add_norm(LAYER_NORM, tokens, WIDTH, false);
    add_linear(LINEAR, tokens, WIDTH, WIDTH, false);
    add_call((row){.kind = HEAD_NORM, .rows = tokens, .in = WIDTH, .out = WIDTH, .heads = HEADS});
    add_attention(tokens, IMAGE_TOKENS, WIDTH, HEADS);
    add_linear(LINEAR, tokens, WIDTH, WIDTH, true);
    add_norm(LAYER_NORM, tokens, WIDTH, false);
    add_activated_linear(LINEAR, tokens, WIDTH, 4 * WIDTH, false, true);
    add_linear(LINEAR, tokens, 4 * WIDTH, WIDTH, true);
}

static void make_dit(void)
{
    for (size_t i = 0; i < 6; i++)
        add_dit_block((size_t)4 * 1025, 4, i % 2 == 0, i >= 3);
}

static void make_field(void)
{
    enum { POINTS = 4096, KEYS = 1024, WIDTH = 1024 };
    add_linear(LINEAR, POINTS, 128, WIDTH, false);
    add_norm(LAYER_NORM, POINTS, WIDTH, false);
    add_linear(LINEAR, POINTS, WIDTH, WIDTH, false);
    add_attention(POINTS, KEYS, WIDTH, 8);
    add_linear(LINEAR, POINTS, WIDTH, WIDTH, true);
    add_norm(LAYER_NORM, POINTS, WIDTH, false);
    add_activated_linear(LINEAR, POINTS, WIDTH, 4 * WIDTH, false, true);
    add_linear(LINEAR, POINTS, 4 * WIDTH, WIDTH, true);
    add_norm(LAYER_NORM, POINTS, WIDTH, false);
    add_linear(LINEAR, POINTS, WIDTH, 1, false);
}

/* A convolution of 3 x 3 after a norm with SiLU. */
static void add_normed(size_t side, size_t in, size_t out, bool add, bool channels)
{
    row like = {.kind = CONVOLUTION,
                .rows = side * side,
                .side = side,
                .in = in,
                .out = out,
                .kernel = 3,
                .stride = 1,
                .add = add,
                .channels = channels,
                .activated = true};
    load_convolution(add_call(like), &like);
    load_norm(&calls[call_count - 1], in);
}

static void add_resnet(size_t side, size_t in, size_t out, bool time)
{
    if (time)
        add_linear(LINEAR, 1, 1280, out, false);
    add_normed(side, in, out, false, time);
    if (in != out)
        add_convolution(CONVOLUTION, side, in, out, 1, 1, false, false);
    add_normed(side, out, out, true, false);
}

static void add_transformer(size_t side, size_t channels, size_t depth)
{
    size_t tokens = side * side, heads = channels / 64;
    add_norm(GROUP_NORM, tokens, channels, false);
    add_linear(LINEAR, tokens, channels, channels, false);
    for (size_t i = 0; i < depth; i++) {
        add_norm(LAYER_NORM, tokens, channels, false);
        add_linear(LINEAR, tokens, channels, 3 * channels, false);
        add_attention(tokens, tokens, channels, heads);
        add_linear(LINEAR, tokens, channels, channels, true);
        add_norm(LAYER_NORM, tokens, channels, false);
        add_linear(LINEAR, tokens, channels, channels, false);
        add_linear(LINEAR, 77, 2048, 2 * channels, false);
        add_attention(tokens, 77, channels, heads);
        add_linear(LINEAR, tokens, channels, channels, true);
        add_norm(LAYER_NORM, tokens, channels, false);
        add_linear(GEGLU, tokens, channels, 8 * channels, false);
        add_linear(LINEAR, tokens, 4 * channels, channels, true);
    }
    add_linear(LINEAR, tokens, channels, channels, true);
}

static void add_joined_resnet(size_t side, size_t current, size_t skipped, size_t out)
{
    add_call((row){.kind = CONCAT, .rows = side * side, .in = current, .out = skipped});
    add_resnet(side, current + skipped, out, true);
}

static void make_small(void)
{
    add_transformer(32, 640, 2);
    add_transformer(16, 1280, 4);
}

static void make_unet(void)
{
    add_convolution(CONVOLUTION, 64, 4, 320, 3, 1, false, false);
    add_resnet(64, 320, 320, true);
    add_resnet(64, 320, 320, true);
    add_convolution(CONVOLUTION, 64, 320, 320, 3, 2, false, false);
    add_resnet(32, 320, 640, true);
    add_transformer(32, 640, 2);
    add_resnet(32, 640, 640, true);
    add_transformer(32, 640, 2);
    add_convolution(CONVOLUTION, 32, 640, 640, 3, 2, false, false);
    add_resnet(16, 640, 1280, true);
    add_transformer(16, 1280, 10);
    add_resnet(16, 1280, 1280, true);
    add_transformer(16, 1280, 10);
    add_resnet(16, 1280, 1280, true);
    add_transformer(16, 1280, 10);
    add_resnet(16, 1280, 1280, true);
    static const size_t skipped[3][3] = {{1280, 1280, 640}, {640, 640, 320}, {320, 320, 320}};
    static const size_t channels[3] = {1280, 640, 320};
    for (size_t level = 0; level < 3; level++)
        for (size_t i = 0; i < 3; i++) {
            size_t side = (size_t)16 << level, current = i == 0 && level > 0 ? channels[level - 1] : channels[level];
            add_joined_resnet(side, current, skipped[level][i], channels[level]);
            if (level < 2)
                add_transformer(side, channels[level], level == 0 ? 10 : 2);
            if (level < 2 && i == 2)
                add_convolution(UPSAMPLED, side, channels[level], channels[level], 3, 1, false, false);
        }
    add_norm(GROUP_NORM, 64 * 64, 320, true);
    add_convolution(CONVOLUTION, 64, 320, 4, 3, 1, false, false);
}

static void make_vae(void)
{
    add_convolution(CONVOLUTION, 64, 4, 512, 3, 1, false, false);
    add_resnet(64, 512, 512, false);
    add_norm(GROUP_NORM, 64 * 64, 512, false);
    add_linear(LINEAR, 64 * 64, 512, 3 * 512, false);
    add_attention(64 * 64, 64 * 64, 512, 1);
    add_linear(LINEAR, 64 * 64, 512, 512, true);
    add_resnet(64, 512, 512, false);
    static const size_t channels[5] = {512, 512, 512, 256, 128};
    for (size_t level = 0; level < 4; level++) {
        size_t side = (size_t)64 << level;
        for (size_t i = 0; i < 3; i++)
            add_resnet(side, i == 0 ? channels[level] : channels[level + 1], channels[level + 1], false);
        if (level < 3)
            add_convolution(UPSAMPLED, side, channels[level + 1], channels[level + 1], 3, 1, false, false);
    }
    add_norm(GROUP_NORM, 512 * 512, 128, true);
    add_convolution(CONVOLUTION, 512, 128, 3, 3, 1, false, false);
}

/* ---- Operators ------------------------------------------------------------------------------------------------- */

static void run_call(const call *one)
{
    const row *of = &rows[one->row];
    size_t mark = operators_mark(run);
    if (of->kind == ATTENTION) {
        bool self = of->rows == of->in;
        size_t pieces = of->pieces > 0 ? of->pieces : 1;
        tensor q = op_empty(run, 3, (size_t[]){pieces, of->rows, self ? 3 * of->out : of->out});
        tensor kv = op_empty(run, 3, (size_t[]){pieces, of->in, 2 * of->out});
        const tensor *from = self ? &q : &kv;
        size_t first = self ? of->out : 0;
        tensor k = op_columns(run, from, first, of->out), v = op_columns(run, from, first + of->out, of->out);
        q = op_columns(run, &q, 0, of->out);
        op_attention(run, &q, &k, &v, (uint32_t)of->heads, NULL);
    } else if (of->kind == CONVOLUTION || of->kind == UPSAMPLED) {
        size_t side = of->kind == UPSAMPLED ? 2 * of->side : of->side / of->stride;
        tensor x = op_empty(run, 4, (size_t[]){1, of->side, of->side, of->in});
        tensor add = op_empty(run, 4, (size_t[]){1, side, side, of->out});
        tensor channels = op_empty(run, 2, (size_t[]){1, of->out});
        epilogue how = {.add = of->add ? &add : NULL, .out = &add, .add_channels = of->channels ? &channels : NULL};
        const norm_before before = {one->norm, 32, 1e-5f, ACTIVATION_SILU};
        if (one->norm != NULL)
            op_norm_convolution(run, &before, one->convolution, &x, &how);
        else
            (of->kind == UPSAMPLED ? op_upsample_convolution : op_convolution)(run, one->convolution, &x, &how);
    } else if (of->kind == HEAD_NORM) {
        tensor x = op_empty(run, 3, (size_t[]){1, of->rows, of->in});
        x = op_columns(run, &x, 0, of->out);
        op_rms_norm_heads(run, NULL, &x, (uint32_t)of->heads, 1e-6f);
    } else if (of->kind == CONCAT) {
        tensor a = op_empty(run, 3, (size_t[]){1, of->rows, of->in});
        tensor b = op_empty(run, 3, (size_t[]){1, of->rows, of->out});
        op_concat_channels(run, &a, &b);
    } else {
        tensor x = op_empty(run, 3, (size_t[]){1, of->rows, of->in});
        tensor add = op_empty(run, 3, (size_t[]){1, of->rows, of->out});
        epilogue how = {
            .add = of->add ? &add : NULL, .out = &add, .activation = of->activated ? ACTIVATION_GELU : ACTIVATION_NONE};
        if (of->kind == LINEAR)
            op_linear(run, one->linear, &x, &how);
        else if (of->kind == GEGLU)
            op_linear_geglu(run, one->linear, &x);
        else if (of->kind == GROUP_NORM)
            op_group_norm(run, one->norm, &x, 32, 1e-5f, of->activated ? ACTIVATION_SILU : ACTIVATION_NONE);
        else
            op_layer_norm(run, one->norm, &x, 1e-5f);
    }
    operators_release(run, mark);
}

/* ---- Bare primitives ------------------------------------------------------------------------------------------- */

static void check(dnnl_status_t status)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "bench_operators: oneDNN status %d\n", (int)status);
    exit(1);
}

/* A memory with zeros of its own. */
static dnnl_memory_t memory_of(const onednn_layout *layout)
{
    dnnl_memory_t made;
    size_t bytes = onednn_layout_bytes(layout);
    void *data = aligned_alloc(64, (bytes / 64 + 1) * 64);
    require(data != NULL, "memory");
    memset(data, 0, bytes);
    check(onednn_memory(&made, layout, cpu_of(bare_run)->engine));
    check(dnnl_memory_set_data_handle(made, data));
    return made;
}

static void finish_bare(size_t index, int which, dnnl_primitive_desc_t description, const onednn_layout *source,
                        const onednn_layout *factor, const onednn_layout *destination)
{
    onednn_layout scratch;
    check(onednn_wanted_layout(&scratch, description, dnnl_query_scratchpad_md));
    check(dnnl_primitive_create(&bare[index][which], description));
    dnnl_exec_arg_t *arguments = bare_arguments[index][which];
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory_of(source)};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_DST, memory_of(destination)};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, factor != NULL ? memory_of(factor) : NULL};
    bare_counts[index] = 3;
    if (onednn_layout_bytes(&scratch) > 0)
        arguments[bare_counts[index]++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, memory_of(&scratch)};
    dnnl_primitive_desc_destroy(description);
}

static void make_bare(const call *one)
{
    size_t index = one->row;
    const row *of = &rows[index];
    dnnl_engine_t engine = cpu_of(bare_run)->engine;
    dnnl_data_type_t type = onednn_type(run->type);
    dnnl_dim_t count = (dnnl_dim_t)of->rows, in = (dnnl_dim_t)of->in, out = (dnnl_dim_t)of->out;
    onednn_layout source = {0}, destination = {0};
    dnnl_primitive_desc_t description = NULL;
    if (one->bare_linear != NULL) {
        size_t layout = ((const cpu_linear *)one->bare_linear)->weight.layout;
        check(onednn_layout_make(&source, type, 2, (dnnl_dims_t){count, in}, (dnnl_dims_t){in, 1}));
        check(onednn_layout_make(&destination, type, 2, (dnnl_dims_t){count, out}, (dnnl_dims_t){out, 1}));
        onednn_matmul product = {
            .source = &source, .weights = &cpu_of(bare_run)->layouts[layout], .destination = &destination};
        check(onednn_matmul_describe(&description, &product, engine));
        finish_bare(index, 0, description, &source, NULL, &destination);
    } else if (one->bare_convolution != NULL) {
        size_t layout = ((const cpu_convolution *)one->bare_convolution)->weight.layout;
        dnnl_dim_t side = (dnnl_dim_t)(of->kind == UPSAMPLED ? 2 * of->side : of->side);
        dnnl_dim_t result = side / (dnnl_dim_t)of->stride;
        check(onednn_layout_make(&source, type, 4, (dnnl_dims_t){1, in, side, side},
                                 (dnnl_dims_t){side * side * in, 1, side * in, in}));
        check(onednn_layout_make(&destination, type, 4, (dnnl_dims_t){1, out, result, result},
                                 (dnnl_dims_t){result * result * out, 1, result * out, out}));
        onednn_convolution product = {.source = &source,
                                      .weights = &cpu_of(bare_run)->layouts[layout],
                                      .destination = &destination,
                                      .stride = (dnnl_dim_t)of->stride,
                                      .dilation = 1,
                                      .padding = of->kernel > 1 ? 1 : 0};
        check(onednn_convolution_describe(&description, &product, engine));
        finish_bare(index, 0, description, &source, NULL, &destination);
    } else if (of->kind == ATTENTION) {
        /* Several pieces as so many heads more. */
        dnnl_dim_t size = out / (dnnl_dim_t)of->heads;
        dnnl_dim_t heads = (dnnl_dim_t)(of->heads * (of->pieces > 0 ? of->pieces : 1));
        out = heads * size;
        onednn_layout scores = {0}, keys = {0}, values = {0};
        check(onednn_layout_make(&source, type, 3, (dnnl_dims_t){heads, count, size}, (dnnl_dims_t){size, out, 1}));
        check(onednn_layout_make(&keys, type, 3, (dnnl_dims_t){heads, size, in}, (dnnl_dims_t){size, 1, out}));
        check(onednn_layout_make(&scores, type, 3, (dnnl_dims_t){heads, count, in}, (dnnl_dims_t){count * in, in, 1}));
        check(onednn_layout_make(&values, type, 3, (dnnl_dims_t){heads, in, size}, (dnnl_dims_t){size, out, 1}));
        onednn_matmul first = {.source = &source, .weights = &keys, .destination = &scores};
        check(onednn_matmul_describe(&description, &first, engine));
        finish_bare(index, 0, description, &source, &keys, &scores);
        onednn_matmul second = {.source = &scores, .weights = &values, .destination = &source};
        check(onednn_matmul_describe(&description, &second, engine));
        finish_bare(index, 1, description, &scores, &values, &source);
    }
}

/* A convolution's weights take the order that its picture's size wants. */
static void settle_bare(const call *one)
{
    const row *of = &rows[one->row];
    if (one->bare_convolution == NULL)
        return;
    size_t side = of->kind == UPSAMPLED ? 2 * of->side : of->side;
    tensor x = op_empty(bare_run, 4, (size_t[]){1, side, side, of->in});
    op_convolution(bare_run, one->bare_convolution, &x, NULL);
    operators_release(bare_run, 0);
}

static void run_bare(const call *one)
{
    size_t index = one->row;
    for (int which = 0; which < 2 && bare[index][which] != NULL; which++) {
        dnnl_exec_arg_t *arguments = bare_arguments[index][which];
        if (one->bare_linear != NULL)
            arguments[2].memory = ((const cpu_linear *)one->bare_linear)->weight.memory;
        else if (one->bare_convolution != NULL)
            arguments[2].memory = ((const cpu_convolution *)one->bare_convolution)->weight.memory;
        check(dnnl_primitive_execute(bare[index][which], cpu_of(bare_run)->stream, bare_counts[index], arguments));
    }
}

/* ---- Rounds ----------------------------------------------------------------------------------------------------- */

/* What a round took. */
typedef struct pass_times {
    double processor, clock;
} pass_times;

static pass_times pass(bool operators_too)
{
    for (size_t i = 0; i < row_count; i++)
        *(operators_too ? &rows[i].sum : &rows[i].bare_sum) = 0.0;
    uint64_t began = ticks(), clock_began = clock_now_ns();
    for (size_t i = 0; i < call_count; i++) {
        uint64_t start = ticks();
        (operators_too ? run_call : run_bare)(&calls[i]);
        double seconds = clock_seconds_between(start, ticks());
        *(operators_too ? &rows[calls[i].row].sum : &rows[calls[i].row].bare_sum) += seconds;
    }
    pass_times whole = {clock_seconds_between(began, ticks()), clock_seconds_between(clock_began, clock_now_ns())};
    require(true, "an operator");
    for (size_t i = 0; i < row_count; i++) {
        double sum = operators_too ? rows[i].sum : rows[i].bare_sum;
        double *best = operators_too ? &rows[i].best : &rows[i].bare_best;
        if (*best == 0.0 || sum < *best)
            *best = sum;
    }
    return whole;
}

static double macs_of(const row *of)
{
    if (of->kind == ATTENTION)
        return 2.0 * (double)of->rows * (double)of->in * (double)of->out * (double)(of->pieces > 0 ? of->pieces : 1);
    if (of->kind > UPSAMPLED)
        return 0.0;
    double kernel = of->kernel > 0 ? (double)(of->kernel * of->kernel) : 1.0;
    return (double)of->rows * (double)of->in * (double)of->out * kernel;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*make)(void);
        size_t megabytes; /* of the arena */
    } networks[] = {{"unet", make_unet, 256},
                    {"vae", make_vae, 1024},
                    {"small", make_small, 256},
                    {"dit", make_dit, 512},
                    {"field", make_field, 256}};
    size_t network = 0;
    for (size_t i = 0; count > 1 && i < sizeof networks / sizeof *networks; i++)
        network = strcmp(arguments[1], networks[i].name) == 0 ? i : network;
    int rounds = count > 2 ? atoi(arguments[2]) : 3;
    operators_options options = {.device = "cpu", .threads = count > 3 ? (unsigned)atoi(arguments[3]) : 0};
    if (count > 4)
        options.type = strcmp(arguments[4], "f32") == 0 ? TENSOR_F32 : TENSOR_BF16;
    lumen_error error = {0};
    if (operators_open(&options, &run, &error) != LUMEN_OK) {
        fprintf(stderr, "bench_operators: %s\n", error.message);
        return 1;
    }
    options.arena_bytes = 1u << 30;
    if (operators_open(&options, &bare_run, &error) != LUMEN_OK) {
        fprintf(stderr, "bench_operators: %s\n", error.message);
        return 1;
    }
    cpu_of(bare_run)->tiles = false;
    weights = calloc((size_t)32 << 20, sizeof(float));
    require(weights != NULL, "memory");
    uint64_t began = clock_now_ns();
    networks[network].make();
    printf("%s: %zu calls of %zu shapes, %.2f GB of weights packed in %.2f s (and again for oneDNN)\n",
           operators_device(run), call_count, row_count, (double)operators_weight_bytes(run) * 1e-9,
           clock_seconds_between(began, clock_now_ns()));
    /* Untouched memory would be read from one page of zeros, which is faster than any tensor. */
    tensor touched = op_empty_of(run, TENSOR_U8, 1, (size_t[]){networks[network].megabytes << 20});
    require(touched.data != NULL, "memory");
    memset(touched.data, 0, tensor_bytes(&touched));
    operators_release(run, 0);
    /* Makes the primitives, and weights take their last order. */
    pass(true);
    for (size_t i = 0; i < call_count; i++)
        settle_bare(&calls[i]);
    for (size_t i = 0; i < row_count; i++)
        rows[i].best = 0.0;
    parallel_enter(run);
    for (size_t i = 0; i < call_count; i++)
        if (bare[calls[i].row][0] == NULL)
            make_bare(&calls[i]);
    double best = 0.0, bare_best = 0.0;
    for (int round = 0; round < rounds; round++) {
        pass_times alone = pass(false), whole = pass(true);
        printf("round %d: matrix work alone %.3f s, operators %.3f s: %.2f times; by the clock %.3f and %.3f s\n",
               round + 1, alone.processor, whole.processor, whole.processor / alone.processor, alone.clock,
               whole.clock);
        bare_best = round == 0 || alone.processor < bare_best ? alone.processor : bare_best;
        best = round == 0 || whole.processor < best ? whole.processor : best;
    }
    printf("%-12s %6s %5s %5s %2s %1s%1s%1s %5s %9s %9s %7s %6s\n", "kind", "rows", "in", "out", "k", "+", "c", "s",
           "calls", "ms", "bare ms", "TFLOP/s", "share");
    double kinds[CONCAT + 1] = {0}, bare_kinds[CONCAT + 1] = {0};
    for (size_t i = 0; i < row_count; i++) {
        row *of = &rows[i];
        kinds[of->kind] += of->best;
        bare_kinds[of->kind] += of->bare_best;
        printf("%-12s %6zu %5zu %5zu %2zu %1s%1s%1s %5u %9.3f %9.3f %7.2f %5.0f%%\n", kind_names[of->kind], of->rows,
               of->in, of->out, of->kernel, of->add ? "+" : "-", of->channels ? "c" : "-", of->activated ? "s" : "-",
               of->calls, of->best * 1e3, of->bare_best * 1e3, 2e-12 * macs_of(of) * of->calls / of->best,
               100.0 * of->bare_best / of->best);
    }
    for (size_t i = 0; i <= CONCAT; i++)
        printf("all of %-12s %9.1f ms, bare %9.1f ms\n", kind_names[i], kinds[i] * 1e3, bare_kinds[i] * 1e3);
    printf("best round: matrix work alone %.3f s, operators %.3f s: %.2f times; arena %zu MiB\n", bare_best, best,
           best / bare_best, operators_peak_bytes(run) >> 20);
    operators_close(bare_run);
    operators_close(run);
    free(weights);
    return 0;
}
