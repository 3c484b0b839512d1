/*
 * synth_metadata.c: the metadata of a synthetic model, under the keys of the GGUF specification,
 * and a tokenizer that takes any text.
 *
 * The tokenizer is byte-level BPE with the 256 bytes, a few merges so that merging is exercised,
 * numbered fillers up to the size of the vocabulary, and BOS and EOS at its end. Text goes in
 * nearly byte by byte, and what a random model says is mostly fillers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/architecture.h"
#include "model/synth.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/vocabulary.h"

#define KEY_BYTES 128

/* Common English pairs, each made of what stands before it ("Ġ" is a space). */
static const char *const merges[][2] = {
    {"Ġ", "t"}, {"Ġ", "a"}, {"h", "e"}, {"i", "n"},   {"r", "e"},  {"o", "n"},
    {"e", "r"}, {"n", "d"}, {"l", "l"}, {"Ġt", "he"}, {"in", "g"}, {"Ġa", "nd"},
};

#define N_BYTES   256
#define N_MERGES  (sizeof(merges) / sizeof(merges[0]))
#define N_SPECIAL 2 /* BOS and EOS */

/* Room for the longest filler, "<tok_4294967295>", and its NUL. */
#define TOKEN_BYTES 20

/* ---------------------------------------------------------------------------------- metadata ---
 */

/* Keys of the architecture's own, "llama.block_count" and so on. */
typedef struct keys {
    rf_gguf_writer *writer;
    const char *architecture;
    rf_error *error;
} keys;

static rf_status put_count(const keys *k, const char *name, uint32_t value)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof(key), "%s.%s", k->architecture, name);
    return rf_gguf_write_u32(k->writer, key, value, k->error);
}

static rf_status put_real(const keys *k, const char *name, float value)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof(key), "%s.%s", k->architecture, name);
    return rf_gguf_write_f32(k->writer, key, value, k->error);
}

static rf_status put_general(rf_gguf_writer *writer, const rf_synth_model *model,
                             const rf_synth_quant *quant, rf_error *error)
{
    char name[KEY_BYTES];
    snprintf(name, sizeof(name), "synthetic %s %s", model->name, rf_synth_quant_name(quant));
    RF_TRY(rf_gguf_write_text(writer, "general.architecture", model->architecture, error));
    RF_TRY(rf_gguf_write_text(writer, "general.type", "model", error));
    RF_TRY(rf_gguf_write_text(writer, "general.name", name, error));
    RF_TRY(rf_gguf_write_text(writer, "general.description",
                              "random weights in the shapes of a published model", error));
    RF_TRY(rf_gguf_write_u32(writer, "general.file_type", rf_synth_quant_file_type(quant), error));
    return rf_gguf_write_u32(writer, "general.quantization_version", 2, error);
}

static rf_status put_experts(const keys *k, const rf_synth_model *model)
{
    if (model->n_experts == 0)
        return RF_OK;
    RF_TRY(put_count(k, "expert_count", model->n_experts));
    RF_TRY(put_count(k, "expert_used_count", model->n_experts_used));
    return put_count(k, "expert_feed_forward_length", model->n_ff_expert);
}

rf_status rf_synth_write_metadata(rf_gguf_writer *writer, const rf_synth_model *model,
                                  const rf_synth_quant *quant, rf_error *error)
{
    const keys k = {writer, model->architecture, error};
    RF_TRY(put_general(writer, model, quant, error));
    RF_TRY(put_count(&k, "block_count", model->n_layers));
    RF_TRY(put_count(&k, "context_length", model->n_context));
    RF_TRY(put_count(&k, "embedding_length", model->n_embd));
    RF_TRY(put_count(&k, "feed_forward_length", model->n_ff));
    RF_TRY(put_count(&k, "attention.head_count", model->n_heads));
    RF_TRY(put_count(&k, "attention.head_count_kv", model->n_kv_heads));
    RF_TRY(put_count(&k, "attention.key_length", model->head_size));
    RF_TRY(put_count(&k, "attention.value_length", model->head_size));
    RF_TRY(put_real(&k, "attention.layer_norm_rms_epsilon", model->norm_epsilon));
    RF_TRY(put_count(&k, "rope.dimension_count", model->head_size));
    RF_TRY(put_real(&k, "rope.freq_base", model->rope_base));
    RF_TRY(put_count(&k, "vocab_size", model->n_vocab));
    return put_experts(&k, model);
}

/* --------------------------------------------------------------------------------- tokenizer ---
 */

/* The vocabulary while it is written: texts[i] are views of room[i]. */
typedef struct vocabulary {
    rf_string *texts;
    int32_t *types;
    char (*room)[TOKEN_BYTES];
} vocabulary;

static void name_token(const rf_synth_model *model, uint32_t id, vocabulary *v)
{
    char *text = v->room[id];
    v->types[id] = RF_TOKEN_NORMAL;
    if (id < N_BYTES) {
        text[rf_alphabet_letter((unsigned char)id, text)] = '\0';
    } else if (id < N_BYTES + N_MERGES) {
        const char *const *merge = merges[id - N_BYTES];
        snprintf(text, TOKEN_BYTES, "%s%s", merge[0], merge[1]);
    } else if (id < model->n_vocab - N_SPECIAL) {
        snprintf(text, TOKEN_BYTES, "<tok_%" PRIu32 ">", id);
    } else {
        snprintf(text, TOKEN_BYTES, "%s", id + 1 == model->n_vocab ? "</s>" : "<s>");
        v->types[id] = RF_TOKEN_CONTROL;
    }
    v->texts[id] = (rf_string){text, strlen(text)};
}

static rf_status put_vocabulary(rf_gguf_writer *writer, const rf_synth_model *model, vocabulary *v,
                                rf_error *error)
{
    uint32_t n = model->n_vocab;
    v->texts = rf_calloc(n, sizeof(*v->texts));
    v->types = rf_calloc(n, sizeof(*v->types));
    v->room = rf_calloc(n, sizeof(*v->room));
    if (!v->texts || !v->types || !v->room)
        return rf_error_host_memory(error, "a vocabulary", (uint64_t)n * sizeof(*v->texts));
    for (uint32_t i = 0; i < n; i++)
        name_token(model, i, v);
    RF_TRY(rf_gguf_write_strings(writer, "tokenizer.ggml.tokens", v->texts, n, error));
    return rf_gguf_write_array(writer, "tokenizer.ggml.token_type", RF_GGUF_INT32, v->types, n,
                               error);
}

static rf_status put_merges(rf_gguf_writer *writer, rf_error *error)
{
    char room[N_MERGES][TOKEN_BYTES];
    rf_string lines[N_MERGES];
    for (size_t i = 0; i < N_MERGES; i++) {
        snprintf(room[i], sizeof(room[i]), "%s %s", merges[i][0], merges[i][1]);
        lines[i] = (rf_string){room[i], strlen(room[i])};
    }
    return rf_gguf_write_strings(writer, "tokenizer.ggml.merges", lines, N_MERGES, error);
}

rf_status rf_synth_write_tokenizer(rf_gguf_writer *writer, const rf_synth_model *model,
                                   rf_error *error)
{
    if (model->n_vocab < N_BYTES + N_MERGES + N_SPECIAL)
        return rf_error_set(error, RF_ERROR_INTERNAL, "shape %s: a vocabulary of %" PRIu32,
                            model->name, model->n_vocab);
    RF_TRY(rf_gguf_write_text(writer, "tokenizer.ggml.model", "gpt2", error));
    RF_TRY(rf_gguf_write_text(writer, "tokenizer.ggml.pre", "gpt-2", error));
    vocabulary v = {0};
    rf_status status = put_vocabulary(writer, model, &v, error);
    rf_free(v.texts);
    rf_free(v.types);
    rf_free(v.room);
    RF_TRY(status);
    RF_TRY(put_merges(writer, error));
    RF_TRY(rf_gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", model->n_vocab - 2, error));
    RF_TRY(rf_gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", model->n_vocab - 1, error));
    return rf_gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", true, error);
}

uint64_t rf_synth_head_bytes(const rf_synth_model *model, uint32_t n_tensors)
{
    enum {
        REST = 16 << 10, /* the other keys and values: about 2 KiB */
        A_TOKEN = sizeof(uint64_t) + TOKEN_BYTES + sizeof(int32_t),
        /* Name and its length, dimensions and their number, type, offset; then the data's padding.
         */
        A_TENSOR = sizeof(uint64_t) + RF_SYNTH_NAME_BYTES + 4 * sizeof(uint64_t) +
                   2 * sizeof(uint32_t) + 32,
    };
    return REST + (uint64_t)model->n_vocab * A_TOKEN + (uint64_t)n_tensors * A_TENSOR;
}
