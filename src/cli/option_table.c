/* option_table.c: the one table of options, in the order in which the help shows them. */
#include "cli/options.h"

#define BIT(command) (1U << (command))
#define ALL          (BIT(RF_CLI_COMMAND_COUNT) - 1)
#define RUN          BIT(RF_CLI_RUN)
#define INSPECT      BIT(RF_CLI_INSPECT)
#define PLAN         BIT(RF_CLI_PLAN)
#define TOKENIZE     BIT(RF_CLI_TOKENIZE)
#define DETOKENIZE   BIT(RF_CLI_DETOKENIZE)
#define LOGITS       BIT(RF_CLI_LOGITS)
#define PERPLEXITY   BIT(RF_CLI_PERPLEXITY)
#define MODELS       BIT(RF_CLI_MODELS)
#define DEVICES      BIT(RF_CLI_DEVICES)
#define SYNTH        BIT(RF_CLI_SYNTH)
#define BENCH        BIT(RF_CLI_BENCH)
#define COMPUTES     (RUN | LOGITS | PERPLEXITY)
#define LOADS        (COMPUTES | PLAN | BENCH)
#define FIELD(name)  offsetof(rf_cli_settings, name)

/* Limits that the library has too, named here because the help shows them; the library's are what
 * counts. */
#define MAX_THREADS   512
#define MAX_READERS   64
#define MAX_BUFFERS   256
#define MIN_BUFFER    (128U << 10)
#define MAX_BUFFER    (256U << 20)
#define MAX_REPEAT    100
#define MAX_TOKENS    (1U << 30)
#define MAX_LAYERS    4096
#define MAX_PAGE      256
#define MIN_ALIGNMENT 256
#define MAX_ALIGNMENT (1U << 30)
#define MIN_POOL      (1U << 20)
#define MAX_POOL      0x1p46
#define MIN_MEMORY    1
#define MAX_MEMORY    0x1p62 /* far above any device's: sums with it fit 64 bits */
/* A seed is any 64-bit number: limits are doubles, and one of 2^64 is taken as the largest of them.
 */
#define MAX_SEED 0x1p64

#define OPTION(NAME, SHORT, ARGUMENT, KIND, GROUP, COMMANDS, FIELD_NAME, ...)                      \
    {                                                                                              \
        .name = (NAME), .short_name = (SHORT), .argument = (ARGUMENT), .kind = (KIND),             \
        .group = RF_CLI_GROUP_##GROUP, .commands = (COMMANDS), .field = FIELD(FIELD_NAME),         \
        __VA_ARGS__                                                                                \
    }
#define FLAG(NAME, SHORT, GROUP, COMMANDS, FIELD_NAME, ...)                                        \
    OPTION(NAME, SHORT, NULL, RF_CLI_FLAG, GROUP, COMMANDS, FIELD_NAME, __VA_ARGS__)
#define TEXT(NAME, SHORT, ARGUMENT, GROUP, COMMANDS, FIELD_NAME, ...)                              \
    OPTION(NAME, SHORT, ARGUMENT, RF_CLI_TEXT, GROUP, COMMANDS, FIELD_NAME, __VA_ARGS__)
#define NUMBER(KIND, NAME, SHORT, ARGUMENT, MIN, MAX, GROUP, COMMANDS, FIELD_NAME, ...)            \
    OPTION(NAME, SHORT, ARGUMENT, RF_CLI_##KIND, GROUP, COMMANDS, FIELD_NAME, .minimum = (MIN),    \
           .maximum = (MAX), __VA_ARGS__)

static const rf_cli_option options[] = {
    TEXT("prompt", 'p', "TEXT", INPUT, RUN | TOKENIZE, prompt, .help = "the text to start from"),
    TEXT("file", 'f', "FILE", INPUT, RUN | TOKENIZE | PERPLEXITY, file,
         .help = "read the text from a file; '-' is standard input"),
    FLAG("chat", 0, INPUT, RUN, chat,
         .help = "the text is a message to answer, in the model's chat template"),
    TEXT("system", 0, "TEXT", INPUT, RUN, system,
         .help = "with --chat: the system message that goes first"),
    TEXT("tokens", 0, "ID,ID,…", INPUT, LOGITS, tokens, .required = LOGITS,
         .help = "the token ids to compute, BOS included if it is wanted"),
    FLAG("one-by-one", 0, INPUT, LOGITS, one_by_one,
         .help = "compute token by token through the KV cache"),
    FLAG("special", 0, INPUT, TOKENIZE, special,
         .help = "add BOS and EOS as the model's metadata says, and take text such as '<|im_end|>' "
                 "as its control token"),

    NUMBER(COUNTS, "prompt", 'p', "N,N,…", 0, MAX_TOKENS, MEASURE, BENCH, prompt_list,
           .help = "prefill of prompts of so many tokens; 0 is off (default: 512)"),
    NUMBER(COUNTS, "predict", 'n', "N,N,…", 0, MAX_TOKENS, MEASURE, BENCH, predict_list,
           .help = "decode of so many tokens; 0 is off (default: 128)"),
    NUMBER(COUNTS, "depth", 'd', "N,N,…", 0, MAX_TOKENS, MEASURE, BENCH, depth_list,
           .help = "tokens that are in the context before (default: 0)"),
    NUMBER(COUNTS, "parallel", 0, "N,N,…", 1, MAX_TOKENS, MEASURE, BENCH, parallel_list,
           .help = "sequences that decode together (default: 1)"),
    NUMBER(COUNTS, "batch", 'b', "N,N,…", 1, MAX_TOKENS, MEASURE, BENCH, batch_list,
           .help = "tokens of a prompt computed in one pass at most (default: 512)"),
    NUMBER(COUNT, "repeat", 'r', "N", 1, MAX_REPEAT, MEASURE, BENCH, repeat, .fallback = "5",
           .help = "repetitions of each test, or of each way to load"),
    FLAG("load", 0, MEASURE, BENCH, load, .help = "the load of the model"),
    FLAG("cold", 0, MEASURE, BENCH, cold,
         .help = "load with the file on storage alone (default: this and --warm)"),
    FLAG("warm", 0, MEASURE, BENCH, warm, .help = "load with the file in the page cache"),

    TEXT("model", 'm', "MODEL", MODEL, ALL & ~(MODELS | DEVICES | SYNTH), model,
         .help = "a path or a name in the model folders (default: the demo model)"),
    FLAG("no-mmap", 0, MODEL, LOADS, no_mmap,
         .help = "read the weights into memory pools and do not use the mapped file in place"),
    NUMBER(
        COUNT, "ctx", 'c', "TOKENS", 0, MAX_TOKENS, MODEL, RUN | PLAN, context, .alias = "context",
        .help = "tokens a sequence may hold (default: the lesser of the trained length and 4096)"),
    NUMBER(COUNT, "ctx", 'c', "TOKENS", 4, MAX_TOKENS, MODEL, PERPLEXITY, context,
           .alias = "context", .fallback = "512", .help = "tokens in one piece of the text"),
    NUMBER(COUNT, "ctx", 'c', "TOKENS", 1, MAX_TOKENS, MODEL, SYNTH, context, .alias = "context",
           .help = "trained context that the file states (default: as published)"),
    NUMBER(COUNT, "layers", 0, "N", 1, MAX_LAYERS, MODEL, SYNTH, layers,
           .help = "number of layers (default: as published)"),
    FLAG("pure", 0, MODEL, SYNTH, pure,
         .help = "give every matrix the quantisation's base type, without a mix"),
    NUMBER(COUNT, "seed", 's', "N", 0, MAX_SEED, MODEL, SYNTH, seed, .fallback = "1",
           .help = "the same seed gives the same file"),
    NUMBER(COUNT, "parallel", 0, "N", 1, MAX_TOKENS, MODEL, PLAN, parallel, .fallback = "1",
           .help = "sequences that may be computed at once"),
    FLAG("fit", 0, MODEL, PLAN, fit,
         .help = "find the largest context that fits, up to --ctx or else the trained length"),
    NUMBER(COUNT, "batch", 'b', "TOKENS", 1, MAX_TOKENS, MODEL, RUN | PLAN | PERPLEXITY, batch,
           .fallback = "512", .help = "tokens computed in one pass at most"),
    OPTION("kv-type", 0, "f16|f32|q8_0", RF_CLI_CHOICE, MODEL, COMPUTES | PLAN | BENCH, kv_type,
           .fallback = "f16", .help = "element type of the KV cache"),
    NUMBER(COUNT, "page", 0, "TOKENS", 1, MAX_PAGE, MODEL, COMPUTES | PLAN | BENCH, page_tokens,
           .fallback = "16", .help = "tokens in a page of the KV cache, a power of two"),
    NUMBER(SIZE, "pool-size", 0, "BYTES", MIN_POOL, MAX_POOL, MODEL, LOADS, pool_size,
           .fallback = "1G", .help = "the most that one memory pool holds, a power of two"),
    NUMBER(SIZE, "alignment", 0, "BYTES", MIN_ALIGNMENT, MAX_ALIGNMENT, MODEL, LOADS, alignment,
           .fallback = "4K", .help = "alignment of tensors in a pool, a power of two"),
    OPTION("read-mode", 0, "auto|buffered|direct", RF_CLI_CHOICE, MODEL, LOADS, read_mode,
           .fallback = "auto",
           .help = "how weights are read into pools: through the page cache, as auto does "
                   "too, or past it"),
    NUMBER(COUNT, "readers", 0, "N", 1, MAX_READERS, MODEL, COMPUTES | PLAN, readers,
           .help = "threads that read weights into pools (default: 12)"),
    NUMBER(COUNT, "staging-buffers", 0, "N", 1, MAX_BUFFERS, MODEL, COMPUTES | PLAN,
           staging_buffers,
           .help = "pinned buffers that weights pass through to a GPU (default: 14)"),
    NUMBER(SIZE, "staging-bytes", 0, "BYTES", MIN_BUFFER, MAX_BUFFER, MODEL, COMPUTES | PLAN,
           staging_bytes, .help = "size of each, a multiple of 4096 (default: 4M)"),
    NUMBER(COUNTS, "readers", 0, "N,N,…", 1, MAX_READERS, MODEL, BENCH, readers_list,
           .help = "threads that read weights into pools (default: 12)"),
    NUMBER(COUNTS, "staging-buffers", 0, "N,N,…", 1, MAX_BUFFERS, MODEL, BENCH,
           staging_buffers_list,
           .help = "pinned buffers that weights pass through to a GPU (default: 14)"),
    NUMBER(SIZES, "staging-bytes", 0, "BYTES,…", MIN_BUFFER, MAX_BUFFER, MODEL, BENCH,
           staging_bytes_list, .help = "size of each, a multiple of 4096 (default: 4M)"),
    FLAG("verify", 0, MODEL, COMPUTES | BENCH, verify,
         .help = "read every tensor back from its pool and compare it with its file"),

    TEXT("device", 'd', "ID", DEVICE, LOADS & ~BENCH, device,
         .help =
             "a device as 'rocmforge devices' lists them (default: ROCMFORGE_DEVICE, or else the "
             "GPU with most memory that this build has kernels for, or else cpu)"),
    TEXT("device", 0, "ID", DEVICE, BENCH, device,
         .help =
             "a device as 'rocmforge devices' lists them (default: ROCMFORGE_DEVICE, or else the "
             "GPU with most memory that this build has kernels for, or else cpu)"),
    TEXT("device", 'd', "ID", DEVICE, DEVICES, device, .help = "this device only (default: all)"),
    FLAG("check", 0, DEVICE, DEVICES, check,
         .help = "test memory, copies, streams, events, graphs and the speed of each device"),
    NUMBER(SIZE, "memory", 0, "BYTES", MIN_MEMORY, MAX_MEMORY, DEVICE, PLAN, memory,
           .help = "plan for a GPU that is not here, with so much of its own memory free, such as "
                   "24GiB"),
    NUMBER(COUNT, "threads", 't', "N", 1, MAX_THREADS, DEVICE, LOADS | SYNTH, threads,
           .help = "CPU threads (default: one a core)"),
    OPTION("gpu-layers", 0, "N|all|auto", RF_CLI_LAYERS, DEVICE, COMPUTES | BENCH, gpu_layers,
           .alias = "n-gpu-layers", .maximum = MAX_TOKENS, .fallback = "auto",
           .given = FIELD(gpu_layers_given),
           .help =
               "how many of the model's layers, the last ones, are on a GPU, and the output with "
               "them; the CPU computes the others. 'auto': as many as fit"),
    OPTION("gpu-layers", 0, "N|all|auto", RF_CLI_LAYERS, DEVICE, PLAN, gpu_layers,
           .alias = "n-gpu-layers", .maximum = MAX_TOKENS, .fallback = "all",
           .given = FIELD(gpu_layers_given),
           .help =
               "plan with so many of the model's layers, the last ones, on a GPU, and the others "
               "on the host. 'auto': as many as fit"),
    FLAG("reference", 0, DEVICE, COMPUTES, reference,
         .help = "use the portable kernels only: slow, exact on dequantised weights"),

    NUMBER(COUNT, "predict", 'n', "N", 0, MAX_TOKENS, SAMPLING, RUN, max_tokens,
           .help =
               "tokens to generate at most (default: until the text ends or the context is full)"),
    NUMBER(
        COUNT, "seed", 's', "N", 0, MAX_SEED, SAMPLING, RUN, seed, .given = FIELD(seed_given),
        .help =
            "the same seed gives the same text (default: another one each time, which is printed)"),
    NUMBER(REAL, "temperature", 0, "T", 0, 100, SAMPLING, RUN, temperature, .alias = "temp",
           .fallback = "0.8", .help = "0 takes the most likely token; higher is more varied"),
    NUMBER(COUNT, "top-k", 0, "N", 0, MAX_TOKENS, SAMPLING, RUN, top_k, .fallback = "40",
           .help = "keep the N most likely tokens; 0 is off"),
    NUMBER(REAL, "top-p", 0, "P", 1e-6, 1, SAMPLING, RUN, top_p, .fallback = "0.95",
           .help = "keep the most likely tokens that together have this probability; 1 is off"),
    NUMBER(REAL, "min-p", 0, "P", 0, 0.999, SAMPLING, RUN, min_p, .fallback = "0.05",
           .help = "keep tokens at least this likely relative to the most likely one; 0 is off"),
    NUMBER(REAL, "repeat-penalty", 0, "X", 0.01, 100, SAMPLING, RUN, repeat_penalty,
           .fallback = "1", .help = "divide the logits of tokens already seen; 1 is off"),
    NUMBER(REAL, "frequency-penalty", 0, "X", -100, 100, SAMPLING, RUN, frequency_penalty,
           .fallback = "0", .help = "subtract from a token's logit for each time it was seen"),
    NUMBER(REAL, "presence-penalty", 0, "X", -100, 100, SAMPLING, RUN, presence_penalty,
           .fallback = "0", .help = "subtract from the logit of a token that was seen"),
    NUMBER(COUNT, "repeat-last-n", 0, "N", 0, MAX_TOKENS, SAMPLING, RUN, repeat_last_n,
           .fallback = "64", .help = "how many of the latest tokens count as seen"),
    OPTION("logit-bias", 0, "ID=BIAS", RF_CLI_BIAS, SAMPLING, RUN, biases,
           .help = "add to a token's logit, -inf forbids it; may be given several times"),
    FLAG("ignore-eos", 0, SAMPLING, RUN, ignore_end,
         .help = "go on after the model has ended its text"),

    TEXT("output", 'o', "FILE", OUTPUT, LOGITS, output, .required = LOGITS,
         .help = "the file to write; '-' is standard output"),
    FLAG("special", 0, OUTPUT, RUN | DETOKENIZE, special, .help = "print control tokens as well"),
    FLAG("no-echo", 0, OUTPUT, RUN, no_echo, .help = "print the continuation without the prompt"),
    TEXT("svg", 0, "FILE", OUTPUT, PLAN, svg,
         .help = "draw the memory map, pools and what lies where, as a picture"),
    FLAG("list", 'l', OUTPUT, SYNTH, list, .help = "list the shapes and quantisations"),
    FLAG("dry-run", 0, OUTPUT, SYNTH, dry_run, .help = "print sizes, write nothing"),
    FLAG("force", 0, OUTPUT, SYNTH, force, .help = "replace a file that is there"),
    FLAG("all", 'a', OUTPUT, INSPECT | PLAN, all,
         .help = "print everything: whole arrays and strings, each item of a plan"),
    FLAG("json", 0, OUTPUT, ALL & ~(RUN | DETOKENIZE | LOGITS | SYNTH), json,
         .help = "print JSON, for programs"),
    FLAG("csv", 0, OUTPUT, BENCH, csv, .help = "print comma-separated values, for programs"),
    FLAG("memory-report", 0, OUTPUT, RUN, memory_report,
         .help = "print at the end what memory was planned and taken, on standard error"),
    FLAG("quiet", 'q', OUTPUT, COMPUTES | SYNTH | BENCH, quiet,
         .help = "no progress, no statistics"),
    FLAG("verbose", 'v', OUTPUT, ALL, verbose, .help = "print the library's log on standard error"),
    FLAG("help", 'h', OUTPUT, ALL, help, .help = "show this help"),
};

size_t rf_cli_option_count(void)
{
    return sizeof(options) / sizeof(options[0]);
}

const rf_cli_option *rf_cli_option_at(size_t i)
{
    return &options[i];
}
