/*
 * chat_style.c: the table of families. Rows are tried from the top, so the narrower markers come
 * first. Each row is what the template published with the models named beside it prints.
 */
#include "tokenizer/chat_style.h"

#include <string.h>

#define BOS RF_CHAT_BOS
#define EOS RF_CHAT_EOS

static const rf_chat_style styles[] = {
    {
        /* Qwen, SmolLM, Yi, Hermes; not Phi-4, which puts <|im_sep|> between role and message. */
        .family = "chatml",
        .present = {"<|im_start|>"},
        .absent = {"<|im_sep|>", "<end_of_utterance>"},
        .system = {"<|im_start|>system\n", "<|im_end|>\n"},
        .user = {"<|im_start|>user\n", "<|im_end|>\n"},
        .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
        .answer = "<|im_start|>assistant\n",
    },
    {
        /* Mistral Large 2411 ("v7"). */
        .family = "mistral",
        .present = {"[INST]", "[SYSTEM_PROMPT] "},
        .system = {"[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]"},
        .user = {"[INST] ", "[/INST]"},
        .assistant = {" ", EOS},
        .answer = "",
    },
    {
        /* Mistral Small 3 ("v7-tekken"). */
        .family = "mistral",
        .present = {"[INST]", "[SYSTEM_PROMPT]"},
        .system = {"[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"},
        .user = {"[INST]", "[/INST]"},
        .assistant = {"", EOS},
        .answer = "",
    },
    {
        /* Mistral Nemo ("v3-tekken"). */
        .family = "mistral",
        .present = {"\"[INST]\"", "[AVAILABLE_TOOLS]"},
        .system_place = RF_CHAT_SYSTEM_LAST_USER,
        .system = {"", "\n\n"},
        .user = {"[INST]", "[/INST]"},
        .assistant = {"", EOS},
        .answer = "",
    },
    {
        /* Mistral 7B Instruct v0.1 and v0.2 as revised in 2024 ("v1"). */
        .family = "mistral",
        .present = {" [INST]", "system_message"},
        .absent = {"<<SYS>>"},
        .system_place = RF_CHAT_SYSTEM_FIRST_USER,
        .system = {"", "\n\n"},
        .user = {" [INST] ", " [/INST]"},
        .assistant = {" ", EOS},
        .answer = "",
    },
    {
        /* Mistral 7B Instruct v0.3, Mixtral 8x22B ("v3"). */
        .family = "mistral",
        .present = {"[INST]", "[AVAILABLE_TOOLS]"},
        .system_place = RF_CHAT_SYSTEM_LAST_USER,
        .system = {"", "\n\n"},
        .user = {"[INST] ", "[/INST]"},
        .assistant = {" ", EOS, RF_CHAT_TRIM_CONTENT},
        .answer = "",
    },
    {
        /* Llama 2 Chat, Code Llama Instruct. */
        .family = "llama2",
        .present = {"[INST]", "<<SYS>>"},
        .system_place = RF_CHAT_SYSTEM_FIRST_USER,
        .system = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
        .user = {BOS "[INST] ", " [/INST]", RF_CHAT_TRIM_TURN},
        .assistant = {" ", " " EOS, RF_CHAT_TRIM_CONTENT},
        .answer = "",
    },
    {
        /* Mistral 7B Instruct and Mixtral as first published, without system messages. */
        .family = "mistral",
        .present = {"[INST]"},
        .system_place = RF_CHAT_SYSTEM_FIRST_USER,
        .system = {"", "\n\n"},
        .user = {"[INST] ", " [/INST]"},
        .assistant = {"", EOS},
        .answer = "",
    },
    {
        /* Phi-3 and Phi-3.5. */
        .family = "phi3",
        .present = {"<|assistant|>", "<|end|>"},
        .system = {"<|system|>\n", "<|end|>\n"},
        .user = {"<|user|>\n", "<|end|>\n"},
        .assistant = {"<|assistant|>\n", "<|end|>\n"},
        .answer = "<|assistant|>\n",
    },
    {
        /* Zephyr, TinyLlama Chat. */
        .family = "zephyr",
        .present = {"<|user|>", "<|assistant|>", "eos_token"},
        .absent = {"[gMASK]", "</s>"},
        .system = {"<|system|>\n", EOS "\n"},
        .user = {"<|user|>\n", EOS "\n"},
        .assistant = {"<|assistant|>\n", EOS "\n"},
        .answer = "<|assistant|>\n",
    },
    {
        /* StableLM Zephyr. */
        .family = "zephyr",
        .present = {"<|user|>", "<|endoftext|>"},
        .absent = {"[gMASK]"},
        .system = {"<|system|>\n", "<|endoftext|>\n"},
        .user = {"<|user|>\n", "<|endoftext|>\n"},
        .assistant = {"<|assistant|>\n", "<|endoftext|>\n"},
        .answer = "<|assistant|>\n",
    },
    {
        /* Gemma 1 to 3. The first two refuse system messages; the third writes them so. */
        .family = "gemma",
        .present = {"<start_of_turn>"},
        .system_place = RF_CHAT_SYSTEM_FIRST_USER,
        .system = {"", "\n\n"},
        .user = {"<start_of_turn>user\n", "<end_of_turn>\n", RF_CHAT_TRIM_CONTENT},
        .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n", RF_CHAT_TRIM_CONTENT},
        .answer = "<start_of_turn>model\n",
    },
    {
        /* Llama 3 to 3.3. */
        .family = "llama3",
        .present = {"<|start_header_id|>", "<|end_header_id|>"},
        .system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>",
                   RF_CHAT_TRIM_CONTENT},
        .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>",
                 RF_CHAT_TRIM_CONTENT},
        .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>",
                      RF_CHAT_TRIM_CONTENT},
        .answer = "<|start_header_id|>assistant<|end_header_id|>\n\n",
    },
    {
        /* DeepSeek R1 and its distillations, which open the answer with its thoughts. */
        .family = "deepseek",
        .present = {"<｜User｜>", "<｜Assistant｜><think>\\n"},
        .system = {"", ""},
        .user = {"<｜User｜>", ""},
        .assistant = {"<｜Assistant｜>", "<｜end▁of▁sentence｜>"},
        .answer = "<｜Assistant｜><think>\n",
    },
    {
        /* DeepSeek V2.5, V3. */
        .family = "deepseek",
        .present = {"<｜User｜>", "<｜Assistant｜>"},
        .system = {"", ""},
        .user = {"<｜User｜>", ""},
        .assistant = {"<｜Assistant｜>", "<｜end▁of▁sentence｜>"},
        .answer = "<｜Assistant｜>",
    },
    {
        /* DeepSeek LLM Chat, DeepSeek V2. */
        .family = "deepseek",
        .present = {"'User: ' + ", "'Assistant: ' + ", "eos_token"},
        .system = {"", "\n\n"},
        .user = {"User: ", "\n\n"},
        .assistant = {"Assistant: ", EOS},
        .answer = "Assistant:",
    },
    {
        /* DeepSeek Coder Instruct. */
        .family = "deepseek",
        .present = {"### Instruction:", "<|EOT|>"},
        .system = {"", ""},
        .user = {"### Instruction:\n", "\n"},
        .assistant = {"### Response:\n", "\n<|EOT|>\n"},
        .answer = "### Response:\n",
    },
};

/* The messages alone, one a line. */
static const rf_chat_style plain = {
    .family = "plain",
    .system = {RF_CHAT_NEWLINE, ""},
    .user = {RF_CHAT_NEWLINE, ""},
    .assistant = {RF_CHAT_NEWLINE, ""},
    .answer = RF_CHAT_NEWLINE,
};

static bool contains(rf_string text, const char *part)
{
    return memmem(text.data, text.length, part, strlen(part)) != NULL;
}

static bool fits(const rf_chat_style *style, rf_string text)
{
    for (size_t i = 0; i < RF_CHAT_MARKERS_MAX; i++) {
        if (style->present[i] && !contains(text, style->present[i]))
            return false;
        if (style->absent[i] && contains(text, style->absent[i]))
            return false;
    }
    return true;
}

const rf_chat_style *rf_chat_style_find(rf_string chat_template)
{
    for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
        if (fits(&styles[i], chat_template))
            return &styles[i];
    }
    return &plain;
}
