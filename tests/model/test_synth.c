/*
 * test_synth.c: synthetic models: sizes against those of the published models and files, every
 * quantisation written and computed with, and what must not leave a file behind.
 */
#include "support/cmocka.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "model/synth.h"
#include "support/session.h"

#define N_TOKENS 8

static char folder[] = "/tmp/rocmforge-synth-XXXXXX";
static char file[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof(file), "%s/m.gguf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

/* Files in the folder, temporary ones too. */
static int count_files(void)
{
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

static rf_synth_options options_of(const char *shape, const char *quant)
{
    rf_synth_options options = RF_SYNTH_OPTIONS_INIT;
    options.shape = shape;
    options.quant = quant;
    options.overwrite = true;
    options.n_threads = 2;
    return options;
}

static rf_synth_summary measure(const char *shape, const char *quant)
{
    rf_error error;
    rf_synth_summary summary;
    rf_synth_options options = options_of(shape, quant);
    ok(rf_synth_measure(&options, &summary, &error), &error);
    return summary;
}

static void write_model(const rf_synth_options *options)
{
    rf_error error;
    ok(rf_synth_write(file, options, &error), &error);
}

/* The whole file; freed by the caller. */
static char *read_file(size_t *bytes)
{
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    struct stat there;
    assert_int_equal(fstat(fileno(stream), &there), 0);
    *bytes = (size_t)there.st_size;
    char *data = malloc(*bytes);
    assert_int_equal(fread(data, 1, *bytes, stream), *bytes);
    fclose(stream);
    return data;
}

/* ------------------------------------------------------------------------------------- sizes ---
 */

/* As the models' own pages state them. */
static void parameters_are_those_of_the_published_models(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        uint64_t n_parameters;
    } published[] = {
        {"llama-1b", 1235814400},      {"llama-3b", 3212749824},       {"llama-8b", 8030261248},
        {"llama-70b", 70553706496},    {"llama2-7b", 6738415616},      {"mistral-7b", 7248023552},
        {"mixtral-8x7b", 46702792704}, {"qwen2.5-0.5b", 494032768},    {"qwen3-4b", 4022468096},
        {"qwen3-8b", 8190735360},      {"qwen3-30b-a3b", 30532122624},
    };
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        rf_synth_summary summary = measure(published[i].shape, "Q4_K_M");
        print_message("%s: %llu\n", published[i].shape, (unsigned long long)summary.n_parameters);
        assert_int_equal(summary.n_parameters, published[i].n_parameters);
    }
}

/* Sizes of files made by llama-quantize, in GB (10^9) with two decimals, as the model cards state
 * them; metadata is in those, so that the tensors may be 10 MB smaller. */
static void files_have_the_size_of_published_files(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        const char *quant;
        double gigabytes;
    } published[] = {
        {"llama-8b", "Q8_0", 8.54},       {"llama-8b", "Q6_K", 6.59},
        {"llama-8b", "Q5_K_M", 5.73},     {"llama-8b", "Q5_K_S", 5.59},
        {"llama-8b", "Q4_K_M", 4.92},     {"llama-8b", "Q4_K_S", 4.69},
        {"llama-8b", "Q3_K_L", 4.32},     {"llama-8b", "Q3_K_M", 4.01},
        {"llama-8b", "Q3_K_S", 3.66},     {"llama-8b", "Q2_K", 3.17},
        {"qwen3-4b", "BF16", 8.05},       {"qwen3-4b", "Q8_0", 4.28},
        {"qwen3-4b", "Q6_K", 3.31},       {"qwen3-4b", "Q5_K_M", 2.89},
        {"qwen3-4b", "Q5_K_S", 2.82},     {"qwen3-4b", "Q4_1", 2.60},
        {"qwen3-4b", "Q4_K_M", 2.50},     {"qwen3-4b", "Q4_K_S", 2.38},
        {"qwen3-30b-a3b", "BF16", 61.10}, {"qwen3-30b-a3b", "Q8_0", 32.48},
        {"llama-1b", "Q4_K_M", 0.81},     {"qwen2.5-0.5b", "Q4_K_M", 0.40},
    };
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        rf_synth_summary summary = measure(published[i].shape, published[i].quant);
        double gigabytes = (double)summary.tensor_bytes * 1e-9;
        print_message("%s %s: %.3f, published %.2f\n", published[i].shape, published[i].quant,
                      gigabytes, published[i].gigabytes);
        assert_true(gigabytes < published[i].gigabytes + 0.006);
        assert_true(gigabytes > published[i].gigabytes - 0.016);
        assert_true(summary.file_bytes > summary.tensor_bytes);
    }
    /* 4.58 GiB, the size by which this file is known. */
    assert_int_equal(lround((double)measure("llama-8b", "Q4_K_M").tensor_bytes / 0x1p30 * 100),
                     458);
}

static void every_shape_has_a_size_in_every_quantisation(void **state)
{
    (void)state;
    for (size_t s = 0; s < rf_synth_shape_count(); s++) {
        const char *shape = rf_synth_shape_at(s).name;
        double widest = (double)measure(shape, "F32").tensor_bytes;
        for (size_t q = 0; q < rf_synth_quant_count(); q++) {
            rf_synth_summary summary = measure(shape, rf_synth_quant_at(q).name);
            double part = (double)summary.tensor_bytes / widest;
            assert_true(part > 2.5 / 32 && part <= 1);
            assert_true(summary.largest_tensor <= summary.tensor_bytes);
        }
    }
    assert_null(rf_synth_shape_at(rf_synth_shape_count()).name);
    assert_null(rf_synth_quant_at(rf_synth_quant_count()).name);
    assert_true(measure("big-tensor", "Q8_0").largest_tensor > (uint64_t)2 << 30);
    assert_true(measure("big-tensor", "F16").largest_tensor > (uint64_t)4 << 30);
}

/* --------------------------------------------------------------------------------- the mixes ---
 */

static rf_type type_of(const char *shape, const char *quant, rf_synth_role role, uint32_t layer,
                       uint64_t row)
{
    const rf_synth_model *model;
    const rf_synth_quant *q;
    rf_error error;
    ok(rf_synth_model_find(shape, &model, &error), &error);
    ok(rf_synth_quant_find(quant, &q, &error), &error);
    return rf_synth_type(q, model, false, role, layer, row);
}

static void mixes_follow_the_layers(void **state)
{
    (void)state;
    /* The first and last eighth of 32 layers, and every third from the sixth on in between. */
    static const char finer[] = "11110010010010010010010010011111";
    for (uint32_t i = 0; i < 32; i++) {
        rf_type expected = finer[i] == '1' ? RF_TYPE_Q6_K : RF_TYPE_Q4_K;
        assert_int_equal(type_of("llama-8b", "Q4_K_M", RF_SYNTH_DOWN, i, 14336), expected);
        assert_int_equal(type_of("llama-8b", "Q4_K_M", RF_SYNTH_V, i, 4096), expected);
    }
    assert_int_equal(type_of("llama-8b", "q4_k_m", RF_SYNTH_OUTPUT, 0, 4096), RF_TYPE_Q6_K);
    assert_int_equal(type_of("llama-8b", "Q4_K", RF_SYNTH_EMBEDDING, 0, 4096), RF_TYPE_Q4_K);
    assert_int_equal(type_of("llama-1b", "Q4_K_M", RF_SYNTH_EMBEDDING, 0, 2048), RF_TYPE_Q6_K);
    assert_int_equal(type_of("llama-8b", "Q8_0", RF_SYNTH_OUTPUT, 0, 4096), RF_TYPE_Q8_0);
    assert_int_equal(type_of("llama-8b", "Q2_K", RF_SYNTH_V, 9, 4096), RF_TYPE_Q4_K);
    assert_int_equal(type_of("llama2-7b", "Q2_K", RF_SYNTH_V, 9, 4096), RF_TYPE_Q3_K);
    assert_int_equal(type_of("llama-8b", "Q3_K_M", RF_SYNTH_V, 1, 4096), RF_TYPE_Q5_K);
    assert_int_equal(type_of("llama-8b", "Q3_K_M", RF_SYNTH_V, 2, 4096), RF_TYPE_Q4_K);
    assert_int_equal(type_of("llama-70b", "Q3_K_S", RF_SYNTH_V, 9, 8192), RF_TYPE_Q5_K);
    assert_int_equal(type_of("mixtral-8x7b", "Q4_K_M", RF_SYNTH_K, 9, 4096), RF_TYPE_Q8_0);
    assert_int_equal(type_of("mixtral-8x7b", "Q4_K_M", RF_SYNTH_ATTENTION_OUTPUT, 9, 4096),
                     RF_TYPE_Q5_K);
    assert_int_equal(type_of("tiny-moe", "MXFP4_MOE", RF_SYNTH_DOWN_EXPERTS, 1, 256),
                     RF_TYPE_MXFP4);
    assert_int_equal(type_of("tiny-moe", "MXFP4_MOE", RF_SYNTH_V, 1, 256), RF_TYPE_Q8_0);
}

static void rows_that_blocks_do_not_divide_get_smaller_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *quant;
        rf_type rows_of_896;
    } expected[] = {
        {"Q2_K", RF_TYPE_IQ4_NL}, {"Q3_K_S", RF_TYPE_IQ4_NL}, {"IQ4_XS", RF_TYPE_IQ4_NL},
        {"Q4_K_S", RF_TYPE_Q5_0}, {"Q5_K_S", RF_TYPE_Q5_1},   {"Q6_K", RF_TYPE_Q8_0},
        {"Q4_0", RF_TYPE_Q4_0},   {"F16", RF_TYPE_F16},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const char *quant = expected[i].quant;
        assert_int_equal(type_of("llama-8b", quant, RF_SYNTH_OTHER, 9, 896),
                         expected[i].rows_of_896);
        assert_int_equal(type_of("llama-8b", quant, RF_SYNTH_OTHER, 9, 100), RF_TYPE_F16);
    }
    assert_int_equal(type_of("qwen2.5-0.5b", "Q4_K_M", RF_SYNTH_EMBEDDING, 0, 896), RF_TYPE_Q8_0);
    assert_int_equal(type_of("llama-8b", "F32", RF_SYNTH_OTHER, 9, 100), RF_TYPE_F32);
}

/* -------------------------------------------------------------------------------- end to end ---
 */

static void logits_are_sane(const float *logits, size_t n)
{
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(isfinite(logits[i]));
        sum += logits[i];
        squares += (double)logits[i] * logits[i];
    }
    double mean = sum / (double)n;
    double deviation = sqrt(squares / (double)n - mean * mean);
    if (!(deviation > 0.3 && deviation < 3 && fabs(mean) < 0.3))
        fail_msg("logits of mean %g, deviation %g", mean, deviation);
}

/* Text in, logits out. */
static void compute(void)
{
    static const rf_string text = {"hello the\n", 10};
    rf_error error;
    session_options options = session_defaults();
    session s = session_open(file, &options);
    const rf_tokenizer *tokenizer = rf_model_tokenizer(s.model);
    rf_model_info info = rf_model_describe(s.model);
    int32_t *tokens;
    size_t count;
    ok(rf_tokenize(tokenizer, text, (rf_tokenize_options){.add_bos_eos = true}, &tokens, &count,
                   &error),
       &error);
    assert_int_equal(tokens[0], rf_tokenizer_bos(tokenizer));
    assert_in_range(count, 5, N_TOKENS); /* BOS, "he", "ll", "o", "Ġthe" in parts, newline */
    float *logits = calloc(count * info.n_vocabulary, sizeof(float));
    ok(rf_engine_logits(s.engine, tokens, count, false, logits, &error), &error);
    logits_are_sane(logits, count * info.n_vocabulary);
    char *back;
    size_t length;
    ok(rf_detokenize(tokenizer, tokens, count, false, &back, &length, &error), &error);
    assert_string_equal(back, text.data);
    rf_free(back);
    rf_free(tokens);
    free(logits);
    session_close(&s);
}

static void check_file(const rf_synth_options *options)
{
    rf_error error;
    rf_gguf *gguf;
    rf_synth_summary summary;
    ok(rf_synth_measure(options, &summary, &error), &error);
    ok(rf_gguf_open(file, &gguf, &error), &error);
    uint64_t bytes = 0;
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++)
        bytes += rf_gguf_tensor_at(gguf, i)->bytes;
    assert_int_equal(rf_gguf_tensor_count(gguf), summary.n_tensors);
    assert_int_equal(bytes, summary.tensor_bytes);
    uint64_t size = rf_gguf_file_bytes(gguf, 0);
    assert_in_range(size, summary.tensor_bytes, summary.file_bytes);
    const rf_gguf_value *type = rf_gguf_find(gguf, "general.file_type");
    assert_non_null(type);
    const rf_synth_quant *quant;
    ok(rf_synth_quant_find(options->quant, &quant, &error), &error);
    assert_int_equal(type->u, rf_synth_quant_file_type(quant));
    rf_gguf_close(gguf);
}

static void every_quantisation_computes(void **state)
{
    (void)state;
    static const char *const shapes[] = {"tiny", "tiny-qwen2", "tiny-moe"};
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
        for (size_t q = 0; q < rf_synth_quant_count(); q++) {
            rf_synth_options options = options_of(shapes[s], rf_synth_quant_at(q).name);
            for (int pure = 0; pure < 2; pure++) {
                options.pure = pure;
                write_model(&options);
                check_file(&options);
                compute();
            }
        }
    }
}

static void many_layers_neither_blow_up_nor_fade(void **state)
{
    (void)state;
    rf_synth_options options = options_of("tiny", "Q4_0");
    options.n_layers = 128;
    write_model(&options);
    check_file(&options);
    compute();
}

static void overrides_stand_in_the_metadata(void **state)
{
    (void)state;
    rf_error error;
    rf_gguf *gguf;
    rf_synth_options options = options_of("tiny", "q8_0");
    options.n_layers = 7;
    options.n_context = 12345;
    write_model(&options);
    ok(rf_gguf_open(file, &gguf, &error), &error);
    assert_int_equal(rf_gguf_find(gguf, "llama.block_count")->u, 7);
    assert_int_equal(rf_gguf_find(gguf, "llama.context_length")->u, 12345);
    assert_non_null(rf_gguf_find_tensor(gguf, "blk.6.ffn_down.weight"));
    assert_null(rf_gguf_find_tensor(gguf, "blk.7.ffn_down.weight"));
    rf_gguf_close(gguf);
}

/* ------------------------------------------------------------------------------- determinism ---
 */

static void the_seed_alone_decides_the_bytes(void **state)
{
    (void)state;
    size_t n_first;
    size_t n_second;
    rf_synth_options options = options_of("tiny-moe", "F32"); /* tensors of several pieces */
    options.n_threads = 1;
    options.seed = 7;
    write_model(&options);
    char *first = read_file(&n_first);
    options.n_threads = 5;
    write_model(&options);
    char *second = read_file(&n_second);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    free(second);
    options.seed = 8;
    write_model(&options);
    second = read_file(&n_second);
    assert_int_equal(n_first, n_second);
    size_t same = 0;
    for (size_t i = 0; i < n_first; i++)
        same += first[i] == second[i];
    assert_true(same < n_first / 4); /* metadata, and what agrees by chance */
    free(first);
    free(second);
}

/* Weights of a matrix: mean 0, variance 1 / row, and no two rows alike. */
static void weights_are_as_wide_as_they_should_be(void **state)
{
    (void)state;
    rf_error error;
    rf_gguf *gguf;
    size_t n_bytes;
    rf_synth_options options = options_of("tiny", "F32");
    write_model(&options);
    char *data = read_file(&n_bytes);
    ok(rf_gguf_open(file, &gguf, &error), &error);
    const rf_gguf_tensor *t = rf_gguf_find_tensor(gguf, "blk.1.ffn_down.weight");
    const float *x = (const float *)(const void *)(data + t->offset);
    double sum = 0;
    double squares = 0;
    for (uint64_t i = 0; i < t->n_elements; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    double n = (double)t->n_elements;
    double row = (double)t->shape[0];
    assert_true(fabs(sum / n) * sqrt(row) < 0.01);
    assert_true(fabs(squares / n * row - 1) < 0.02);
    for (uint64_t i = 1; i < t->shape[1]; i++)
        assert_memory_not_equal(x, x + i * t->shape[0], t->shape[0] * sizeof(float));
    rf_gguf_close(gguf);
    free(data);
}

/* ---------------------------------------------------------------------------------- failures ---
 */

static void expect_refusal(const char *path, const rf_synth_options *options, rf_status expected,
                           const char *words)
{
    rf_error error = {0};
    assert_int_equal(rf_synth_write(path, options, &error), expected);
    if (!strstr(error.message, words))
        fail_msg("no '%s' in: %s", words, error.message);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    unlink(file);
    rf_synth_options good = options_of("tiny", "Q8_0");
    rf_synth_options bad = good;
    expect_refusal(file, NULL, RF_ERROR_ARGUMENT, "no shape given");
    bad.shape = "llama-9b";
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, "'llama-9b' is none of llama-1b");
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, " tiny-moe"); /* the whole list */
    bad = good;
    bad.quant = "Q4_X";
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, " MXFP4_MOE");
    bad.quant = NULL;
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, "no quantisation given");
    bad = good;
    bad.n_layers = 5000;
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, "n_layers is 5000, the most is 4096");
    bad = good;
    bad.n_threads = 513;
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, "n_threads is 513");
    bad = good;
    bad.size = 4096;
    expect_refusal(file, &bad, RF_ERROR_ARGUMENT, "rf_synth_options.size");
    expect_refusal("", &good, RF_ERROR_ARGUMENT, "no path");
    expect_refusal(folder, &good, RF_ERROR_ARGUMENT, "no regular file");
    expect_refusal("/dev/null", &good, RF_ERROR_ARGUMENT, "/dev/null: is no regular file");
    expect_refusal("/nonexistent/m.gguf", &good, RF_ERROR_IO, "/nonexistent/");
    assert_int_equal(count_files(), 0);
}

static void a_file_that_is_there_stays(void **state)
{
    (void)state;
    size_t bytes;
    rf_synth_options options = options_of("tiny", "Q8_0");
    write_model(&options);
    char *before = read_file(&bytes);
    options.overwrite = false;
    options.seed = 2;
    expect_refusal(file, &options, RF_ERROR_ARGUMENT, "is there already");
    char *after = read_file(&bytes);
    assert_memory_equal(before, after, bytes);
    free(before);
    free(after);
    unlink(file);
    write_model(&options);
}

static void a_file_that_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    unlink(file);
    rf_synth_options options = options_of("llama-70b", "F32");
    options.n_layers = 4096; /* 13 TiB */
    expect_refusal(file, &options, RF_ERROR_FULL, "asked for 13");
    assert_int_equal(count_files(), 0);
}

/* Counts its calls, and cancels at one of them. */
typedef struct canceller {
    int calls;
    int cancel_at;
    uint64_t last;
    uint64_t total;
} canceller;

static bool cancel(void *user, uint64_t done, uint64_t total)
{
    canceller *c = user;
    assert_true(c->calls == 0 || done > c->last);
    assert_true(done <= total);
    c->last = done;
    c->total = total;
    return ++c->calls != c->cancel_at;
}

static void cancelling_leaves_nothing(void **state)
{
    (void)state;
    unlink(file);
    uint64_t before = rf_host_live_count();
    rf_synth_options options = options_of("tiny", "F16");
    canceller c = {0};
    options.progress = cancel;
    options.progress_user = &c;
    write_model(&options);
    int calls = c.calls;
    assert_true(calls > 10);
    assert_int_equal(c.last, c.total);
    unlink(file);
    for (int at = 1; at <= calls; at++) {
        c = (canceller){.cancel_at = at};
        expect_refusal(file, &options, RF_ERROR_CANCELLED, "cancelled after");
        assert_int_equal(c.calls, at);
        assert_int_equal(count_files(), 0);
        assert_int_equal(rf_host_live_count(), before);
    }
}

/* Every allocation, file operation and thread fails once. */
static void no_failure_leaves_anything(void **state)
{
    (void)state;
    static const rf_fault_site sites[] = {RF_FAULT_HOST_ALLOC, RF_FAULT_FILE_OPEN,
                                          RF_FAULT_FILE_WRITE, RF_FAULT_THREAD_CREATE};
    unlink(file);
    rf_synth_options options = options_of("tiny", "Q8_0");
    options.n_layers = 1;
    uint64_t before = rf_host_live_count();
    int failures = 0;
    for (size_t s = 0; s < sizeof(sites) / sizeof(sites[0]); s++) {
        bool fired = true;
        for (uint64_t n = 1; fired; n++) {
            rf_error error = {0};
            rf_fault_arm(sites[s], n);
            rf_status status = rf_synth_write(file, &options, &error);
            fired = rf_fault_fired(sites[s]);
            rf_fault_arm(sites[s], 0);
            failures += fired;
            assert_int_equal(status == RF_OK, !fired);
            assert_int_equal(error.message[0] != '\0', fired);
            assert_int_equal(count_files(), !fired);
            assert_int_equal(rf_host_live_count(), before);
            unlink(file);
        }
    }
    print_message("%d failures survived\n", failures);
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_those_of_the_published_models),
        cmocka_unit_test(files_have_the_size_of_published_files),
        cmocka_unit_test(every_shape_has_a_size_in_every_quantisation),
        cmocka_unit_test(mixes_follow_the_layers),
        cmocka_unit_test(rows_that_blocks_do_not_divide_get_smaller_blocks),
        cmocka_unit_test(every_quantisation_computes),
        cmocka_unit_test(many_layers_neither_blow_up_nor_fade),
        cmocka_unit_test(overrides_stand_in_the_metadata),
        cmocka_unit_test(the_seed_alone_decides_the_bytes),
        cmocka_unit_test(weights_are_as_wide_as_they_should_be),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(a_file_that_is_there_stays),
        cmocka_unit_test(a_file_that_does_not_fit_is_not_begun),
        cmocka_unit_test(cancelling_leaves_nothing),
        cmocka_unit_test(no_failure_leaves_anything),
    };
    return cmocka_run_group_tests_name("synthetic models", tests, make_folder, remove_folder);
}
