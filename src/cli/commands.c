/* commands.c: the table of subcommands. */
#include "cli/commands.h"

#include <string.h>

/* Stands in the details of each command that computes with a model. */
#define MODEL_DETAILS                                                                              \
    "MODEL is a path, or a name found in the model folders with or without '.gguf' (see "          \
    "'rocmforge models'). Where none is given it is the demo model."

static const rf_cli_command_info commands[RF_CLI_COMMAND_COUNT] = {
    [RF_CLI_RUN] =
        {"run", "", 0, "generate text from a prompt, or chat",
         "Prints the prompt and its continuation as it is computed. The prompt comes from -p, from "
         "-f, or whole from standard input; text such as '<|im_end|>' in it becomes the model's "
         "control token.\n\n"
         "With --chat the prompt is one user message in the model's own chat template, and only "
         "the "
         "answer is printed; without a prompt, and on a terminal, it is a conversation, a line a "
         "turn, until Ctrl-D.\n\n"
         "Ctrl-C stops after the current token: statistics are printed and the exit status is 0. A "
         "second one ends the program at once.\n\n" MODEL_DETAILS},
    [RF_CLI_INSPECT] = {"inspect", "[MODEL]", 1, "show what is in a GGUF file",
                        "Prints header, metadata, tensors (shapes innermost dimension first) and "
                        "totals by element "
                        "type. Long values are cut unless --all is given.\n\n" MODEL_DETAILS},
    [RF_CLI_PLAN] = {"plan", "", 0, "show the memory that a model would take, without loading it",
                     "Prints the bytes of each class, the pools that a load with the same options "
                     "allocates, what the driver takes besides, and whether all of it fits into "
                     "the "
                     "device's free memory; the exit status is 1 where it does not. Memory of the "
                     "host is listed apart.\n\n"
                     "With --gpu-layers fewer layers than all are on a GPU: then the host is "
                     "planned too, and both have "
                     "to fit.\n\n"
                     "With --memory it is for a GPU that is not here: weights are in pools, and no "
                     "driver is opened.\n\n" MODEL_DETAILS},
    [RF_CLI_TOKENIZE] = {"tokenize", "", 0, "turn text into token ids",
                         "Prints the ids on one line, separated by spaces. The text comes from -p, "
                         "from -f, or whole "
                         "from standard input.\n\n" MODEL_DETAILS},
    [RF_CLI_DETOKENIZE] =
        {"detokenize", "[ID…]", SIZE_MAX, "turn token ids into text",
         "Prints the text of the ids given as arguments or on standard input, separated by spaces, "
         "commas or lines. Nothing is added, not even a newline.\n\n" MODEL_DETAILS},
    [RF_CLI_LOGITS] =
        {"logits", "", 0, "write the logits of every token of a text",
         "Writes little-endian 32-bit floats of shape [tokens, vocabulary]: row i holds the logits "
         "after token i. The tokens are computed in one batch, or one by one through the KV "
         "cache.\n\n" MODEL_DETAILS},
    [RF_CLI_PERPLEXITY] =
        {"perplexity", "", 0, "measure how well a model predicts a text",
         "The text is cut into pieces of the context's length; a rest that does not fill one is "
         "left "
         "out. Each piece is computed from an empty cache, with BOS in place of its first token "
         "where "
         "the model wants one, and the second half of it is scored, so that every scored token has "
         "at "
         "least half a context before it. Perplexity is exp of the mean negative log-likelihood; "
         "the number after ± is its standard error.\n\n" MODEL_DETAILS},
    [RF_CLI_MODELS] =
        {"models", "", 0, "list the GGUF files in the model folders",
         "The model folders, in the order in which a name is looked for: those in ROCMFORGE_MODELS "
         "(separated by ':'), rocmforge/models in XDG_DATA_HOME (~/.local/share), the "
         "installed ones, and the build folder's when run from there. The type is the one that "
         "most "
         "of a model's bytes have."},
    [RF_CLI_DEVICES] =
        {"devices", "", 0, "list the devices that models can run on",
         "The id is what --device takes. Free memory is as measured now, and below a GPU stands "
         "what its driver and sysfs each say of it.\n\n"
         "With --check each device is tested in what loads and runs need of it, in a "
         "few seconds and at most 1 GiB of its memory, or an eighth of what is free. "
         "One line a check says ok, failed, worked around or not available, and "
         "behind a failure stands what to report. The exit status is 1 if anything "
         "failed."},
    [RF_CLI_SYNTH] =
        {"synth", "SHAPE QUANT OUT", 3, "write a model with random weights in a real one's shapes",
         "Writes a GGUF file that loads, takes the memory and computes at the speed of the model "
         "it "
         "is shaped like, many gigabytes in seconds, so that anyone can measure without "
         "downloading. What it says is nonsense. SHAPE is a model such as llama-8b, QUANT a "
         "quantisation such as Q4_K_M; --list shows them all.\n\n"
         "A quantisation gives each matrix the type that it has in published files: the mixes "
         "(Q4_K_M and so on) as llama-quantize makes them without an importance matrix, and rows "
         "that are no multiple of 256 in the types that stand in for those of such blocks.\n\n"
         "The file appears under its name when it is complete; Ctrl-C leaves nothing."},
    [RF_CLI_BENCH] =
        {"bench", "", 0, "measure how fast this machine is with a model",
         "It measures prefill, of prompts of random tokens (pp512 is one of 512), and decode "
         "(tg128 "
         "generates 128), at a depth of context that is filled before, by one sequence or several "
         "together. Each test runs once to warm up, and then as often as --repeat says; what is "
         "shown are the median and the lowest and highest. The options take lists, such as 1,4 or "
         "0-32768+8192 or 1-64*2: every combination is measured, prefill by depth, batch and "
         "prompt, decode by depth, sequences and tokens.\n\n"
         "Beside a rate of decode stands the ceiling that the memory sets: a pass has to read the "
         "weights that it uses and the keys and values of its sequences, and the rate of the "
         "memory "
         "is measured in the same run: on a GPU by copies, which read and write, on a CPU by "
         "reading "
         "with all threads. A model that lies in caches may exceed it. Prefill is bound by "
         "arithmetic, for which no ceiling is measured: it is told in FLOP a second, those of the "
         "matrices and attention that the prompt needs.\n\n"
         "--load loads the model, frees it, and does so again: with its file read from storage "
         "(cold: the page cache is dropped before every load, and asked whether it was) and from "
         "the page cache (warm). It prints the phases of a load, and beside its rate the ceilings "
         "that this machine sets, measured in the same run: reading the same file by 1 to 16 "
         "threads, through the page cache and past it, and copying from pinned memory to the "
         "device. The options of readers and buffers take lists too.\n\n"
         "What storage gives differs from one read to the next. So each kind of plain read is made "
         "three times first, turn about, and the one with the best median is chosen; then loads "
         "and further reads of that kind are made in rounds, every second one backwards, as often "
         "as --repeat says. Before every cold read and load the page cache is dropped. The figures "
         "are medians (lowest to highest), and the share that a load reaches is its median of that "
         "of the reads beside it. Those that chose the kind have no part in it: the best of many "
         "medians is high by luck as well.\n\n"
         "Host memory is what the process has (RssAnon and RssShmem, sampled each millisecond) "
         "above what it had before the load, and on a GPU the pinned buffers, counted once more "
         "where the driver shows them to the system. The page cache is not in "
         "it.\n\n" MODEL_DETAILS},
};

const rf_cli_command_info *rf_cli_command_describe(rf_cli_command command)
{
    return &commands[command];
}

rf_cli_command rf_cli_command_find(const char *name)
{
    int i = 0;
    while (i < RF_CLI_COMMAND_COUNT && strcmp(commands[i].name, name) != 0)
        i++;
    return (rf_cli_command)i;
}
