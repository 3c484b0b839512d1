/*
 * synth_quants.c: the table of quantisations, and which element type each gives a matrix.
 *
 * A quantisation is a mix: most matrices have its base type, and those that cost most when they are
 * rounded have a finer one. The mixes here are the ones that GGUF files are published in, so that a
 * synthetic file has the size and the types of a real one. They are defined by the program that
 * made such files first (llama.cpp, src/llama-quant.cpp, without an importance matrix):
 *
 *   - output.weight is Q6_K, or Q8_0 where the base is that; so is token_embd.weight where it is
 *     also the output. A row that base blocks do not divide makes it Q8_0.
 *   - attn_v, ffn_down and attn_output have a type for some of the layers and one for the others.
 *   - Llama 70B shares each value head among 8 query heads, so that attn_v is small: at least Q5_K.
 *   - With 8 experts attn_k and attn_v, small beside those, are Q8_0.
 *   - A row that is no multiple of 256 cannot have a type of 256-element blocks. Its type is the
 *     nearest of 32 elements, or F16 where those do not divide it either.
 *   - Vectors and the experts' router are F32 (synth_tensors.c).
 */
#include <strings.h>

#include "model/synth.h"

/* Which layers have the finer type of a mix. */
typedef enum layers {
    NONE,
    ALL,
    FIRST_2,
    FIRST_4,
    FIRST_16TH,
    FIRST_8TH,
    ENDS_AND_THIRDS, /* the first and last eighth, and every third in between */
    IF_GROUPED,      /* all, in models where at least 4 query heads share a key head */
} layers;

typedef struct mix {
    layers where;
    rf_type fine;
    rf_type other;
} mix;

struct rf_synth_quant {
    const char *name;
    const char *description;
    rf_type base;
    uint32_t file_type; /* llama.h, enum llama_ftype */
    mix v;
    mix down;
    rf_type attention_output;
    rf_type attention_output_8; /* with 8 experts */
    bool experts_alone;         /* the base is that of experts; other matrices are Q8_0 */
};

#define T(name) RF_TYPE_##name

/* One type for all but, perhaps, the output. */
#define UNIFORM(type, number, text)                                                                \
    {                                                                                              \
        .name = #type, .description = (text), .base = T(type), .file_type = (number),              \
        .v = {NONE, T(type), T(type)}, .down = {NONE, T(type), T(type)},                           \
        .attention_output = T(type), .attention_output_8 = T(type)                                 \
    }

static const rf_synth_quant quants[] = {
    UNIFORM(F32, 0, "every matrix F32"),
    UNIFORM(F16, 1, "every matrix F16"),
    UNIFORM(BF16, 32, "every matrix BF16"),
    UNIFORM(Q8_0, 7, "every matrix Q8_0"),
    UNIFORM(Q4_0, 2, "Q4_0, the output Q6_K"),
    UNIFORM(Q4_1, 3, "Q4_1, the output Q6_K"),
    UNIFORM(Q5_0, 8, "Q5_0, the output Q6_K"),
    UNIFORM(Q5_1, 9, "Q5_1, the output Q6_K"),
    {"Q2_K", "Q2_K, with ffn_down and attn_output Q3_K, attn_v Q4_K", T(Q2_K), 10,
     .v = {IF_GROUPED, T(Q4_K), T(Q3_K)}, .down = {ALL, T(Q3_K), T(Q3_K)},
     .attention_output = T(Q3_K), .attention_output_8 = T(Q5_K)},
    {"Q2_K_S", "Q2_K, with attn_v and some ffn_down Q4_K", T(Q2_K), 21,
     .v = {IF_GROUPED, T(Q4_K), T(Q2_K)}, .down = {FIRST_8TH, T(Q4_K), T(Q2_K)},
     .attention_output = T(Q2_K), .attention_output_8 = T(Q2_K)},
    {"Q3_K_S", "Q3_K", T(Q3_K), 11, .v = {NONE, T(Q3_K), T(Q3_K)}, .down = {NONE, T(Q3_K), T(Q3_K)},
     .attention_output = T(Q3_K), .attention_output_8 = T(Q5_K)},
    {"Q3_K_M", "Q3_K, with attn_v, attn_output and ffn_down Q4_K or Q5_K", T(Q3_K), 12,
     .v = {FIRST_2, T(Q5_K), T(Q4_K)}, .down = {FIRST_16TH, T(Q5_K), T(Q4_K)},
     .attention_output = T(Q4_K), .attention_output_8 = T(Q5_K)},
    {"Q3_K_L", "Q3_K, with attn_v, attn_output and ffn_down Q5_K", T(Q3_K), 13,
     .v = {ALL, T(Q5_K), T(Q5_K)}, .down = {ALL, T(Q5_K), T(Q5_K)}, .attention_output = T(Q5_K),
     .attention_output_8 = T(Q3_K)},
    {"Q4_K_S", "Q4_K, with attn_v and ffn_down of the first layers Q5_K", T(Q4_K), 14,
     .v = {FIRST_4, T(Q5_K), T(Q4_K)}, .down = {FIRST_8TH, T(Q5_K), T(Q4_K)},
     .attention_output = T(Q4_K), .attention_output_8 = T(Q5_K)},
    {"Q4_K_M", "Q4_K, with half of attn_v and ffn_down Q6_K", T(Q4_K), 15,
     .v = {ENDS_AND_THIRDS, T(Q6_K), T(Q4_K)}, .down = {ENDS_AND_THIRDS, T(Q6_K), T(Q4_K)},
     .attention_output = T(Q4_K), .attention_output_8 = T(Q5_K)},
    {"Q5_K_S", "Q5_K", T(Q5_K), 16, .v = {NONE, T(Q5_K), T(Q5_K)}, .down = {NONE, T(Q5_K), T(Q5_K)},
     .attention_output = T(Q5_K), .attention_output_8 = T(Q5_K)},
    {"Q5_K_M", "Q5_K, with half of attn_v and ffn_down Q6_K", T(Q5_K), 17,
     .v = {ENDS_AND_THIRDS, T(Q6_K), T(Q5_K)}, .down = {ENDS_AND_THIRDS, T(Q6_K), T(Q5_K)},
     .attention_output = T(Q5_K), .attention_output_8 = T(Q5_K)},
    UNIFORM(Q6_K, 18, "every matrix Q6_K"),
    {"IQ4_NL", "IQ4_NL, with attn_v and ffn_down of the first layers Q5_K", T(IQ4_NL), 25,
     .v = {IF_GROUPED, T(Q5_K), T(IQ4_NL)}, .down = {FIRST_8TH, T(Q5_K), T(IQ4_NL)},
     .attention_output = T(IQ4_NL), .attention_output_8 = T(Q5_K)},
    {"IQ4_XS", "IQ4_XS, with attn_v and ffn_down of the first layers Q5_K", T(IQ4_XS), 30,
     .v = {IF_GROUPED, T(Q5_K), T(IQ4_XS)}, .down = {FIRST_8TH, T(Q5_K), T(IQ4_XS)},
     .attention_output = T(IQ4_XS), .attention_output_8 = T(Q5_K)},
    /* No published mix: the type by itself has no number of its own, and takes that of the next. */
    UNIFORM(MXFP4, 38, "MXFP4, the output Q6_K"),
    {"MXFP4_MOE", "experts MXFP4, every other matrix Q8_0", T(MXFP4), 38,
     .v = {NONE, T(Q8_0), T(Q8_0)}, .down = {NONE, T(Q8_0), T(Q8_0)}, .attention_output = T(Q8_0),
     .attention_output_8 = T(Q8_0), .experts_alone = true},
};

/* Names that stand for another row. */
static const struct {
    const char *name;
    const char *means;
} aliases[] = {{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}};

#define N_QUANTS  (sizeof(quants) / sizeof(quants[0]))
#define N_ALIASES (sizeof(aliases) / sizeof(aliases[0]))

size_t rf_synth_quant_count(void)
{
    return N_QUANTS;
}

rf_synth_entry rf_synth_quant_at(size_t i)
{
    if (i >= N_QUANTS)
        return (rf_synth_entry){NULL, NULL};
    return (rf_synth_entry){quants[i].name, quants[i].description};
}

rf_status rf_synth_quant_find(const char *name, const rf_synth_quant **out, rf_error *error)
{
    const char *wanted = name;
    for (size_t i = 0; name && i < N_ALIASES; i++) {
        if (strcasecmp(aliases[i].name, name) == 0)
            wanted = aliases[i].means;
    }
    for (size_t i = 0; wanted && i < N_QUANTS; i++) {
        if (strcasecmp(quants[i].name, wanted) == 0) {
            *out = &quants[i];
            return RF_OK;
        }
    }
    return rf_synth_unknown("quantisation", name, rf_synth_quant_at, error);
}

const char *rf_synth_quant_name(const rf_synth_quant *quant)
{
    return quant->name;
}

uint32_t rf_synth_quant_file_type(const rf_synth_quant *quant)
{
    return quant->file_type;
}

static bool is_float(rf_type type)
{
    return type == RF_TYPE_F32 || type == RF_TYPE_F16 || type == RF_TYPE_BF16;
}

static bool divides(rf_type type, uint64_t row)
{
    return row % rf_type_describe((uint32_t)type)->block_elements == 0;
}

static bool applies(layers where, const rf_synth_model *model, uint32_t layer)
{
    uint32_t n = model->n_layers;
    switch (where) {
    case NONE:
        return false;
    case ALL:
        return true;
    case FIRST_2:
        return layer < 2;
    case FIRST_4:
        return layer < 4;
    case FIRST_16TH:
        return layer < n / 16;
    case FIRST_8TH:
        return layer < n / 8;
    case ENDS_AND_THIRDS:
        return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
    case IF_GROUPED:
        return model->n_heads / model->n_kv_heads >= 4;
    }
    return false;
}

static rf_type pick(const mix *m, const rf_synth_model *model, uint32_t layer)
{
    return applies(m->where, model, layer) ? m->fine : m->other;
}

/* Whether it is Llama 70B: no other published model of this architecture has its 80 layers. */
static bool is_70b(const rf_synth_model *model)
{
    return strcasecmp(model->architecture, "llama") == 0 && model->n_layers == 80 &&
           model->n_heads != model->n_kv_heads;
}

static rf_type v_type(const rf_synth_quant *quant, const rf_synth_model *model, uint32_t layer)
{
    rf_type type = pick(&quant->v, model, layer);
    if (model->n_experts == 8)
        return RF_TYPE_Q8_0;
    bool coarse = type == RF_TYPE_Q3_K || type == RF_TYPE_Q4_K;
    return coarse && is_70b(model) ? RF_TYPE_Q5_K : type;
}

static rf_type output_type(const rf_synth_quant *quant, uint64_t row)
{
    bool eight = quant->base == RF_TYPE_Q8_0 || quant->experts_alone || !divides(quant->base, row);
    return eight ? RF_TYPE_Q8_0 : RF_TYPE_Q6_K;
}

/* The type before it is known whether its blocks divide the row. */
static rf_type mixed_type(const rf_synth_quant *quant, const rf_synth_model *model,
                          rf_synth_role role, uint32_t layer, uint64_t row)
{
    rf_type other = quant->experts_alone ? RF_TYPE_Q8_0 : quant->base;
    switch (role) {
    case RF_SYNTH_EMBEDDING:
        return model->tied ? output_type(quant, row) : other;
    case RF_SYNTH_OUTPUT:
        return output_type(quant, row);
    case RF_SYNTH_K:
        return model->n_experts == 8 ? RF_TYPE_Q8_0 : other;
    case RF_SYNTH_V:
        return v_type(quant, model, layer);
    case RF_SYNTH_ATTENTION_OUTPUT:
        return model->n_experts == 8 ? quant->attention_output_8 : quant->attention_output;
    case RF_SYNTH_DOWN:
        return pick(&quant->down, model, layer);
    case RF_SYNTH_DOWN_EXPERTS:
        return quant->experts_alone ? quant->base : pick(&quant->down, model, layer);
    case RF_SYNTH_OTHER_EXPERTS:
        return quant->base;
    case RF_SYNTH_OTHER:
        break;
    }
    return other;
}

/* The type of 32-element blocks that stands in for one of 256; others stand for themselves. */
static rf_type smaller_blocks(rf_type type)
{
    switch (type) {
    case RF_TYPE_Q2_K:
    case RF_TYPE_Q3_K:
    case RF_TYPE_IQ4_XS:
        return RF_TYPE_IQ4_NL;
    case RF_TYPE_Q4_K:
        return RF_TYPE_Q5_0;
    case RF_TYPE_Q5_K:
        return RF_TYPE_Q5_1;
    case RF_TYPE_Q6_K:
        return RF_TYPE_Q8_0;
    default:
        return type;
    }
}

rf_type rf_synth_type(const rf_synth_quant *quant, const rf_synth_model *model, bool pure,
                      rf_synth_role role, uint32_t layer, uint64_t row)
{
    bool same = pure || is_float(quant->base);
    rf_type type = same ? quant->base : mixed_type(quant, model, role, layer, row);
    if (!divides(type, row))
        type = smaller_blocks(type);
    return divides(type, row) ? type : RF_TYPE_F16;
}
