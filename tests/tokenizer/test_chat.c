/* test_chat.c: each family is recognised by an excerpt of a published template, and writes what
 * that template prints with add_generation_prompt, without the BOS that rf_tokenize adds. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tokenizer/support.h"

static const char *const tokens[] = {"<unk>", "<s>", "</s>", NULL};
static const float scores[] = {0, 0, 0};
static const int32_t types[] = {2, 3, 3};

static const char mistral_tekken[] =
    "{%- if messages[0][\"role\"] == \"system\" %}[AVAILABLE_TOOLS]"
    "{{- \"[INST]\" + system_message + \"\\n\\n\" + message[\"content\"] + \"[/INST]\" }}";
static const char mistral_v3[] =
    "[AVAILABLE_TOOLS]{{- \"[INST] \" + system_message + \"\\n\\n\" + message[\"content\"] + "
    "\"[/INST]\" }}{{- \" \" + message[\"content\"]|trim + eos_token}}";

static const struct {
    const char *family;
    const char *chat_template;
    /* After a system message "Be kind.", "Hi ", " Hello." and "Bye". */
    const char *expected;
} cases[] = {
    {"chatml",
     "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
     "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}",
     "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi <|im_end|>\n"
     "<|im_start|>assistant\n Hello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
     "<|im_start|>assistant\n"},
    {"llama2",
     "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] "
     "%}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}",
     "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] Bye [/INST]"},
    {"llama3",
     "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | "
     "trim + '<|eot_id|>'",
     "<|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\n"},
    {"mistral", "{{ '[INST] ' + message['content'] + ' [/INST]' }}",
     "[INST] Be kind.\n\nHi  [/INST] Hello.</s>[INST] Bye [/INST]"},
    {"mistral", "{{ ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}",
     " [INST] Be kind.\n\nHi  [/INST]  Hello.</s> [INST] Bye [/INST]"},
    {"mistral", mistral_v3, "[INST] Hi [/INST] Hello.</s>[INST] Be kind.\n\nBye[/INST]"},
    {"mistral", mistral_tekken, "[INST]Hi [/INST] Hello.</s>[INST]Be kind.\n\nBye[/INST]"},
    {"mistral", "\"[SYSTEM_PROMPT] \" + content + \"[/SYSTEM_PROMPT]\" \"[INST] \"",
     "[SYSTEM_PROMPT] Be kind.[/SYSTEM_PROMPT][INST] Hi [/INST]  Hello.</s>[INST] Bye[/INST]"},
    {"mistral", "'[SYSTEM_PROMPT]' + content + '[/SYSTEM_PROMPT]' '[INST]'",
     "[SYSTEM_PROMPT]Be kind.[/SYSTEM_PROMPT][INST]Hi [/INST] Hello.</s>[INST]Bye[/INST]"},
    {"gemma",
     "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}",
     "<start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
     "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"},
    {"phi3",
     "{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{{'<|assistant|>\\n'}}{{eos_token}}",
     "<|system|>\nBe kind.<|end|>\n<|user|>\nHi <|end|>\n<|assistant|>\n Hello.<|end|>\n"
     "<|user|>\nBye<|end|>\n<|assistant|>\n"},
    {"zephyr",
     "{{ '<|user|>\\n' + message['content'] + eos_token }}{{ '<|assistant|>\\n' + "
     "message['content'] + eos_token }}",
     "<|system|>\nBe kind.</s>\n<|user|>\nHi </s>\n<|assistant|>\n Hello.</s>\n<|user|>\nBye</s>\n"
     "<|assistant|>\n"},
    {"zephyr", "{{ '<|user|>\\n' + message['content'] + '<|endoftext|>' }}",
     "<|system|>\nBe kind.<|endoftext|>\n<|user|>\nHi <|endoftext|>\n<|assistant|>\n "
     "Hello.<|endoftext|>\n<|user|>\nBye<|endoftext|>\n<|assistant|>\n"},
    {"deepseek", "'<｜User｜>' + message['content'] {{'<｜Assistant｜>'}}",
     "Be kind.<｜User｜>Hi <｜Assistant｜> "
     "Hello.<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜>"},
    {"deepseek", "'<｜User｜>' + message['content'] {{'<｜Assistant｜><think>\\n'}}",
     "Be kind.<｜User｜>Hi <｜Assistant｜> Hello.<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜>"
     "<think>\n"},
    {"deepseek",
     "{{ 'User: ' + message['content'] + '\\n\\n' }}{{ 'Assistant: ' + message['content'] + "
     "eos_token }}",
     "Be kind.\n\nUser: Hi \n\nAssistant:  Hello.</s>User: Bye\n\nAssistant:"},
    {"deepseek", "{{'### Instruction:\\n' + message['content'] + '\\n'}} <|EOT|>",
     "Be kind.### Instruction:\nHi \n### Response:\n Hello.\n<|EOT|>\n### Instruction:\nBye\n"
     "### Response:\n"},
    {"plain", NULL, "Be kind.\nHi \n Hello.\nBye\n"},
    {"plain", "{{ 'USER: ' + message['content'] }}", "Be kind.\nHi \n Hello.\nBye\n"},
    {"plain", "<|im_start|>user<|im_sep|>", "Be kind.\nHi \n Hello.\nBye\n"},
};

static rf_tokenizer *with_template(const char *chat_template)
{
    return small_tokenizer(&(small_vocabulary){.model = "llama",
                                               .tokens = tokens,
                                               .types = types,
                                               .scores = scores,
                                               .chat_template = chat_template},
                           NULL);
}

static void assert_renders(const rf_tokenizer *tokenizer, const rf_chat_message *messages,
                           size_t count, const char *expected)
{
    char *text = NULL;
    assert_int_equal(rf_chat_render(tokenizer, messages, count, &text, NULL), RF_OK);
    assert_string_equal(text, expected);
    rf_free(text);
}

static void families_write_what_their_templates_print(void **state)
{
    (void)state;
    static const rf_chat_message chat[] = {
        {"system", "Be kind."}, {"user", "Hi "}, {"assistant", " Hello."}, {"user", "Bye"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_tokenizer *tokenizer = with_template(cases[i].chat_template);
        assert_string_equal(rf_chat_family(tokenizer), cases[i].family);
        assert_renders(tokenizer, chat, 4, cases[i].expected);
        rf_tokenizer_free(tokenizer);
    }
}

static void chatml_may_have_a_system_message_of_its_own(void **state)
{
    (void)state;
    static const rf_chat_message chat[] = {{"system", "Be kind."}, {"user", "Hi"}};
    rf_tokenizer *tokenizer = with_template(
        "{%- if tools %}{{- '<|im_start|>system\\n' }}{{- tools }}{{- '<|im_end|>\\n' }}{%- else "
        "%}{{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}{%- endif %}");
    assert_renders(tokenizer, chat, 2,
                   "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                   "<|im_start|>assistant\n");
    assert_renders(tokenizer, chat + 1, 1,
                   "<|im_start|>system\nYou are Qwen.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                   "<|im_start|>assistant\n");
    rf_tokenizer_free(tokenizer);
}

static void empty_chats_open_an_answer(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = with_template("<start_of_turn>");
    assert_renders(tokenizer, NULL, 0, "<start_of_turn>model\n");
    rf_tokenizer_free(tokenizer);
    tokenizer = with_template(NULL);
    assert_renders(tokenizer, NULL, 0, "");
    rf_tokenizer_free(tokenizer);
}

static void refused(const rf_tokenizer *tokenizer, const rf_chat_message *messages, size_t count,
                    const char *reason)
{
    char *text = NULL;
    rf_error error;
    assert_int_equal(rf_chat_render(tokenizer, messages, count, &text, &error), RF_ERROR_ARGUMENT);
    assert_null(text);
    assert_non_null(strstr(error.message, reason));
}

static void wrong_messages_are_named(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = with_template("<start_of_turn>");
    refused(tokenizer, (rf_chat_message[]){{"user", "x"}, {"tool", "y"}}, 2,
            "message 1: role \"tool\"");
    refused(tokenizer, (rf_chat_message[]){{"user", NULL}}, 1, "message 0");
    refused(tokenizer, (rf_chat_message[]){{"system", "x"}}, 1, "gemma");
    refused(tokenizer, (rf_chat_message[]){{"user", "x"}, {"system", "y"}}, 2, "message 1");
    refused(tokenizer, NULL, 1, "messages");
    rf_tokenizer_free(tokenizer);
}

/* Searched in linear time: looked through to its end for each of the openings, it would take an
 * hour. */
static void a_template_may_be_all_openings(void **state)
{
    (void)state;
    static const char opening[] = "<|im_start|>system\\n";
    enum { COUNT = 200000 };
    char *text = calloc(COUNT, sizeof(opening));
    assert_non_null(text);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * (sizeof(opening) - 1), opening, sizeof(opening) - 1);
    static const rf_chat_message chat[] = {{"user", "Hi"}};
    rf_tokenizer *tokenizer = with_template(text);
    assert_renders(tokenizer, chat, 1, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    rf_tokenizer_free(tokenizer);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_may_be_all_openings),
        cmocka_unit_test(families_write_what_their_templates_print),
        cmocka_unit_test(chatml_may_have_a_system_message_of_its_own),
        cmocka_unit_test(empty_chats_open_an_answer),
        cmocka_unit_test(wrong_messages_are_named),
    };
    return cmocka_run_group_tests_name("chat templates", tests, NULL, NULL);
}
