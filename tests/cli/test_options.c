/* test_options.c: the table of options, and command lines that are right and wrong. */
#include "support/cmocka.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "cli/options.h"

enum { MAX_WORDS = 16 };

/* Parses a command line whose words are separated by single spaces; the words live in `storage`. */
static rf_status parse(rf_cli_command command, const char *line, char storage[256],
                       rf_cli_settings *settings, rf_error *error)
{
    static char *words[MAX_WORDS];
    size_t count = 0;
    assert_in_range(strlen(line), 0, 255);
    memcpy(storage, line, strlen(line) + 1);
    for (char *word = strtok(storage, " "); word; word = strtok(NULL, " ")) {
        assert_in_range(count, 0, MAX_WORDS - 1);
        words[count++] = word;
    }
    return rf_cli_parse(command, count, words, settings, error);
}

static bool takes(const rf_cli_option *option, int command)
{
    return (option->commands >> command & 1) != 0;
}

static void names_are_unique_within_a_command(void **state)
{
    (void)state;
    for (int command = 0; command < RF_CLI_COMMAND_COUNT; command++) {
        for (size_t i = 0; i < rf_cli_option_count(); i++) {
            const rf_cli_option *a = rf_cli_option_at(i);
            for (size_t k = 0; k < i; k++) {
                const rf_cli_option *b = rf_cli_option_at(k);
                if (!takes(a, command) || !takes(b, command))
                    continue;
                assert_string_not_equal(a->name, b->name);
                assert_true(!a->short_name || a->short_name != b->short_name);
                assert_true(!a->alias || strcmp(a->alias, b->name) != 0);
                assert_true(!b->alias || strcmp(b->alias, a->name) != 0);
            }
        }
    }
}

static void rows_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < rf_cli_option_count(); i++) {
        const rf_cli_option *option = rf_cli_option_at(i);
        assert_non_null(option->help);
        assert_true(option->commands != 0);
        assert_int_equal(option->required & ~option->commands, 0);
        assert_int_equal(option->kind == RF_CLI_FLAG, option->argument == NULL);
        assert_true(option->minimum <= option->maximum);
        assert_true(!option->required || option->kind == RF_CLI_TEXT);
    }
}

/* The defaults that the help shows are those that the library has. */
static void defaults_are_the_librarys(void **state)
{
    (void)state;
    char storage[256];
    rf_cli_settings s;
    rf_error error;
    rf_sampling sampling = RF_SAMPLING_INIT;
    assert_int_equal(parse(RF_CLI_RUN, "", storage, &s, &error), RF_OK);
    assert_true((float)s.temperature == sampling.temperature);
    assert_int_equal(s.top_k, sampling.top_k);
    assert_true((float)s.top_p == sampling.top_p);
    assert_true((float)s.min_p == sampling.min_p);
    assert_true((float)s.repeat_penalty == sampling.repeat_penalty);
    assert_true((float)s.frequency_penalty == sampling.frequency_penalty);
    assert_true((float)s.presence_penalty == sampling.presence_penalty);
    assert_int_equal(s.repeat_last_n, sampling.penalty_last_n);
    assert_false(s.seed_given);
    assert_string_equal(s.kv_type, "f16");
    assert_int_equal(s.batch, 512);
    assert_int_equal(s.page_tokens, 16);
    assert_int_equal(s.pool_size, (uint64_t)1 << 30);
    assert_int_equal(s.alignment, 4096);
    assert_int_equal(s.context, 0);
    assert_int_equal(s.max_tokens, 0);
    assert_true(s.gpu_layers == RF_CLI_LAYERS_AUTO && !s.gpu_layers_given);
    assert_int_equal(parse(RF_CLI_PERPLEXITY, "", storage, &s, &error), RF_OK);
    assert_int_equal(s.context, 512);
    assert_int_equal(parse(RF_CLI_PLAN, "", storage, &s, &error), RF_OK);
    assert_int_equal(s.parallel, 1);
    assert_true(s.gpu_layers == RF_CLI_LAYERS_ALL && !s.gpu_layers_given);
}

static void layers_are_a_number_or_a_word(void **state)
{
    (void)state;
    static const char *const wrong[] = {"-1", "", "1.5", "0x2", "autos", "ALL", "1073741825", " 3"};
    char storage[256];
    rf_cli_settings s;
    rf_error error;
    assert_int_equal(parse(RF_CLI_RUN, "--gpu-layers 0", storage, &s, &error), RF_OK);
    assert_true(s.gpu_layers == 0 && s.gpu_layers_given);
    assert_int_equal(parse(RF_CLI_BENCH, "--n-gpu-layers=33", storage, &s, &error), RF_OK);
    assert_int_equal(s.gpu_layers, 33);
    assert_int_equal(parse(RF_CLI_RUN, "--gpu-layers all", storage, &s, &error), RF_OK);
    assert_true(s.gpu_layers == RF_CLI_LAYERS_ALL);
    assert_int_equal(parse(RF_CLI_PLAN, "--gpu-layers auto", storage, &s, &error), RF_OK);
    assert_true(s.gpu_layers == RF_CLI_LAYERS_AUTO && s.gpu_layers_given);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char option[] = "--gpu-layers";
        char value[16];
        char *words[] = {option, value};
        memcpy(value, wrong[i], strlen(wrong[i]) + 1);
        assert_int_equal(rf_cli_parse(RF_CLI_RUN, 2, words, &s, &error), RF_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, "nor 'all' or 'auto'"));
    }
    assert_int_equal(parse(RF_CLI_PLAN, "--fit --gpu-layers auto", storage, &s, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(parse(RF_CLI_PLAN, "--fit --gpu-layers 3", storage, &s, &error), RF_OK);
    assert_int_equal(parse(RF_CLI_BENCH, "--load --gpu-layers 3", storage, &s, &error),
                     RF_ERROR_ARGUMENT);
}

static void every_way_of_writing_is_read(void **state)
{
    (void)state;
    char storage[256];
    rf_cli_settings s;
    rf_error error;
    assert_int_equal(parse(RF_CLI_RUN,
                           "-m x.gguf -n5 --temp=0 --seed 18446744073709551615 -c 64 "
                           "--logit-bias 3=-inf --logit-bias=4=1.5 --kv-type q8_0",
                           storage, &s, &error),
                     RF_OK);
    assert_string_equal(s.model, "x.gguf");
    assert_int_equal(s.max_tokens, 5);
    assert_true(s.temperature == 0);
    assert_true(s.seed_given);
    assert_true(s.seed == UINT64_MAX);
    assert_int_equal(s.context, 64);
    assert_string_equal(s.kv_type, "q8_0");
    assert_int_equal(s.n_biases, 2);
    assert_int_equal(s.biases[0].token, 3);
    assert_true(isinf(s.biases[0].bias) && s.biases[0].bias < 0);
    assert_true(s.biases[1].bias == 1.5F);
    rf_cli_settings_free(&s);

    assert_int_equal(parse(RF_CLI_RUN, "--presence-penalty -0.5 --context 9 -c 7 --chat --system x",
                           storage, &s, &error),
                     RF_OK);
    assert_true(s.presence_penalty == -0.5);
    assert_int_equal(s.context, 7);

    assert_int_equal(parse(RF_CLI_DETOKENIZE, "1 --special 2 -- -3", storage, &s, &error), RF_OK);
    assert_true(s.special);
    assert_int_equal(s.n_arguments, 3);
    assert_string_equal(s.arguments[1], "2");
    assert_string_equal(s.arguments[2], "-3");

    assert_int_equal(parse(RF_CLI_BENCH, "--load --readers 8,12,16 --staging-bytes=128K,1M -r2",
                           storage, &s, &error),
                     RF_OK);
    assert_int_equal(s.readers_list.count, 3);
    assert_int_equal(s.readers_list.values[2], 16);
    assert_int_equal(s.staging_bytes_list.count, 2);
    assert_int_equal(s.staging_bytes_list.values[1], 1 << 20);
    assert_int_equal(s.staging_buffers_list.count, 0);
    assert_int_equal(s.repeat, 2);
    assert_int_equal(parse(RF_CLI_BENCH, "-p 512 -n 1-4 -d 0,8192 --parallel 1-64*2 -b64 --csv -q",
                           storage, &s, &error),
                     RF_OK);
    assert_int_equal(s.prompt_list.count, 1);
    assert_int_equal(s.predict_list.values[3], 4);
    assert_int_equal(s.depth_list.values[1], 8192);
    assert_int_equal(s.parallel_list.count, 7);
    assert_int_equal(s.batch_list.values[0], 64);
    assert_true(s.csv && !s.load);

    assert_int_equal(parse(RF_CLI_RUN, "-f -", storage, &s, &error), RF_OK);
    assert_string_equal(s.file, "-");
    assert_int_equal(parse(RF_CLI_LOGITS, "--help", storage, &s, &error), RF_OK);
    assert_true(s.help);
}

static void wrong_command_lines_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        rf_cli_command command;
        const char *line;
        const char *message;
    } cases[] = {
        {RF_CLI_RUN, "--tempp 1", "unknown option '--tempp'; did you mean '--temp'?"},
        {RF_CLI_RUN, "--jsn=3", "unknown option '--jsn'"},
        {RF_CLI_RUN, "-X", "unknown option '-X'"},
        {RF_CLI_DEVICES, "-m x", "unknown option '-m'"},
        {RF_CLI_RUN, "-n", "option -n needs a value N"},
        {RF_CLI_RUN, "--top-k", "option --top-k needs a value N"},
        {RF_CLI_RUN, "--chat=1", "option --chat takes no value"},
        {RF_CLI_RUN, "-qx", "option -q takes no value"},
        {RF_CLI_RUN, "-n 1x", "option -n: '1x' is not an integer from 0 to 1073741824"},
        {RF_CLI_RUN, "-n -1", "option -n: '-1' is not an integer from 0 to 1073741824"},
        {RF_CLI_RUN, "--threads 0", "option --threads: '0' is not an integer from 1 to 512"},
        {RF_CLI_RUN, "--threads=513", "option --threads: '513' is not an integer from 1 to 512"},
        {RF_CLI_RUN, "--min-p 1", "option --min-p: '1' is not a number from 0 to 0.999"},
        {RF_CLI_RUN, "--temp nan", "option --temp: 'nan' is not a number from 0 to 100"},
        {RF_CLI_RUN, "--seed 18446744073709551616",
         "option --seed: '18446744073709551616' is not an integer from 0 to 18446744073709551615"},
        {RF_CLI_RUN, "--kv-type q4_0", "option --kv-type: 'q4_0' is none of f16|f32|q8_0"},
        {RF_CLI_RUN, "--kv-type f16|f32", "option --kv-type: 'f16|f32' is none of f16|f32|q8_0"},
        {RF_CLI_RUN, "--logit-bias 3", "option --logit-bias: '3' is not ID=BIAS"},
        {RF_CLI_RUN, "-p a -f b", "options --prompt and --file exclude each other"},
        {RF_CLI_RUN, "--system x", "option --system needs --chat"},
        {RF_CLI_RUN, "x", "'x' is one argument too many"},
        {RF_CLI_INSPECT, "x y", "'y' is one argument too many"},
        {RF_CLI_BENCH, "--cold", "option --cold needs --load"},
        {RF_CLI_BENCH, "--staging-bytes 1M", "option --staging-bytes needs --load"},
        {RF_CLI_BENCH, "--load -n 3", "options --predict and --load exclude each other"},
        {RF_CLI_BENCH, "--json --csv", "options --json and --csv exclude each other"},
        {RF_CLI_BENCH, "-d cuda", "option -d: 'cuda' is not an integer from 0 to 1073741824"},
        {RF_CLI_BENCH, "-p 1-100", "option -p: '1-100' has more than 64 numbers"},
        {RF_CLI_BENCH, "--load --readers 8,,9",
         "option --readers: '' is not an integer from 1 to 64"},
        {RF_CLI_BENCH, "--load --readers 8,65",
         "option --readers: '65' is not an integer from 1 to 64"},
        {RF_CLI_BENCH, "--load --staging-bytes 1M,64K",
         "option --staging-bytes: '64K' is not a size from 131072 to 268435456 bytes (K, M, G or T "
         "may follow)"},
        {RF_CLI_BENCH, "--load --readers 100000000000000000000000000000000000000",
         "option --readers: '100000000000000000000000000000000000000' is not an integer from 1 to "
         "64"},
        {RF_CLI_LOGITS, "--tokens 1", "option --output is missing"},
        {RF_CLI_LOGITS, "-o x", "option --tokens is missing"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char storage[256];
        rf_cli_settings s = {.n_arguments = 77};
        rf_error error;
        assert_int_equal(parse(cases[i].command, cases[i].line, storage, &s, &error),
                         RF_ERROR_ARGUMENT);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(s.n_arguments, 77);
    }
}

static void failed_allocations_leak_nothing(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    bool fired = true;
    for (uint64_t n = 1; fired; n++) {
        char storage[256];
        rf_cli_settings s;
        rf_error error;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = parse(RF_CLI_RUN, "--logit-bias 1=1 --logit-bias 2=2 --logit-bias 3=3",
                                 storage, &s, &error);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        if (!fired)
            rf_cli_settings_free(&s);
        assert_int_equal(rf_host_live_count(), before);
    }
}

static void commands_are_found_by_name_and_likeness(void **state)
{
    (void)state;
    assert_int_equal(rf_cli_command_find("perplexity"), RF_CLI_PERPLEXITY);
    assert_int_equal(rf_cli_command_find("perplex"), RF_CLI_COMMAND_COUNT);
    static const struct {
        const char *word;
        const char *meant;
    } cases[] = {{"rn", "run"},        {"tokenise", "tokenize"},
                 {"modles", "models"}, {"detokenze", "detokenize"},
                 {"zzz", NULL},        {"", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *best = NULL;
        size_t distance = 0;
        for (int k = 0; k < RF_CLI_COMMAND_COUNT; k++)
            best = rf_cli_nearer(cases[i].word, rf_cli_command_describe((rf_cli_command)k)->name,
                                 best, &distance);
        if (cases[i].meant) {
            assert_non_null(best);
            assert_string_equal(best, cases[i].meant);
        } else {
            assert_null(best);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_within_a_command),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(defaults_are_the_librarys),
        cmocka_unit_test(layers_are_a_number_or_a_word),
        cmocka_unit_test(every_way_of_writing_is_read),
        cmocka_unit_test(wrong_command_lines_are_refused_by_name),
        cmocka_unit_test(failed_allocations_leak_nothing),
        cmocka_unit_test(commands_are_found_by_name_and_likeness),
    };
    return cmocka_run_group_tests_name("cli options", tests, NULL, NULL);
}
