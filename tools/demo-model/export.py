"""Writes the trained network as GGUF, and what a right engine must compute from it:

    python3 export.py --tokenizer tokenizer.json --model model.pt --out demo.gguf --expect demo.expect.gguf

Matrices become Q8_0, norms stay F32. The expected logits are computed in f32 from the weights as the file holds them,
so they are a ground truth for engines; the accuracy and the stories printed at the end come from these weights too.
"""
import argparse

import numpy as np
import torch

import additions
import gguf_writer as gguf
import q8_0
from generate import addition_accuracy, sample
from model import Config, Llama
from tokenizer import PRE_TOKENIZER, Tokenizer

FILE_TYPE_Q8_0 = 7
QUANTIZATION_VERSION = 2
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")

DESCRIPTION = "A very small language model that tells little stories and adds two numbers up to 99."

# The text whose logits are written: chat marks, an addition and the beginning of a story in under 48 tokens.
EXPECT_TEXT = ("<|im_start|>user\nWhat is 23 + 45?<|im_end|>\n<|im_start|>assistant\n23 + 45 = 68.<|im_end|>\n"
               "<|endoftext|>Once upon a time, there was a little")

# The network's names for a block's weights, and GGUF's.
BLOCK_NAMES = {
    "attn_norm.weight": "attn_norm", "attn.q.weight": "attn_q", "attn.k.weight": "attn_k", "attn.v.weight": "attn_v",
    "attn.output.weight": "attn_output", "ffn_norm.weight": "ffn_norm", "ffn.gate.weight": "ffn_gate",
    "ffn.up.weight": "ffn_up", "ffn.down.weight": "ffn_down",
}


def gguf_name(name):
    """'blocks.3.attn.q.weight' -> 'blk.3.attn_q.weight'."""
    if name.startswith("blocks."):
        _, index, rest = name.split(".", 2)
        return f"blk.{index}.{BLOCK_NAMES[rest]}.weight"
    return {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}[name]


def add_general(writer):
    writer.add("general.architecture", gguf.STRING, "llama")
    writer.add("general.type", gguf.STRING, "model")
    writer.add("general.name", gguf.STRING, "ROCmForge demo")
    writer.add("general.description", gguf.STRING, DESCRIPTION)
    writer.add("general.license", gguf.STRING, "mit")
    writer.add("general.size_label", gguf.STRING, "5M")
    writer.add("general.file_type", gguf.U32, FILE_TYPE_Q8_0)
    writer.add("general.quantization_version", gguf.U32, QUANTIZATION_VERSION)


def add_shape(writer, config):
    for key, size in (
            ("vocab_size", config.n_vocab), ("context_length", config.n_context), ("embedding_length", config.n_embd),
            ("block_count", config.n_layer), ("feed_forward_length", config.n_ff),
            ("attention.head_count", config.n_head), ("attention.head_count_kv", config.n_head_kv),
            ("attention.key_length", config.head_size), ("attention.value_length", config.head_size),
            ("rope.dimension_count", config.head_size)):
        writer.add(f"llama.{key}", gguf.U32, size)
    writer.add("llama.rope.freq_base", gguf.F32, config.rope_base)
    writer.add("llama.attention.layer_norm_rms_epsilon", gguf.F32, config.norm_eps)


def add_tokenizer(writer, tokenizer):
    controls = set(tokenizer.control_tokens)
    writer.add("tokenizer.ggml.model", gguf.STRING, "gpt2")
    writer.add("tokenizer.ggml.pre", gguf.STRING, PRE_TOKENIZER)
    writer.add_array("tokenizer.ggml.tokens", gguf.STRING, tokenizer.tokens)
    writer.add_array("tokenizer.ggml.token_type", gguf.I32,
                     [TOKEN_CONTROL if token in controls else TOKEN_NORMAL for token in tokenizer.tokens])
    writer.add_array("tokenizer.ggml.merges", gguf.STRING, [f"{left} {right}" for left, right in tokenizer.merges])
    end_of_text, end_of_turn = tokenizer.ids["<|endoftext|>"], tokenizer.ids["<|im_end|>"]
    for key, index in (("bos", end_of_text), ("eos", end_of_text), ("eot", end_of_turn), ("padding", end_of_text)):
        writer.add(f"tokenizer.ggml.{key}_token_id", gguf.U32, index)
    writer.add("tokenizer.ggml.add_bos_token", gguf.BOOL, False)
    writer.add("tokenizer.chat_template", gguf.STRING, CHAT_TEMPLATE)


def add_weights(writer, model):
    """Adds every weight, and leaves in model the values that the file holds."""
    for name, weight in model.named_parameters():
        values = weight.detach().numpy()
        if values.ndim == 2:
            records = q8_0.quantise(values)
            writer.add_tensor(gguf_name(name), values.shape, gguf.TENSOR_Q8_0, records.tobytes())
            weight.data = torch.from_numpy(q8_0.dequantise(records, values.shape))
        else:
            writer.add_tensor(gguf_name(name), values.shape, gguf.TENSOR_F32, values.astype("<f4").tobytes())


@torch.no_grad()
def write_expected(path, model, tokenizer):
    """tokens I32 [n_tokens] and logits F32 [n_tokens, n_vocab], computed in one batch."""
    ids = tokenizer.encode(EXPECT_TEXT)
    # The engine sees one sequence: no document mask, so <|endoftext|> in the middle is a token like any other.
    model.end_id = -1
    logits = model(torch.tensor([ids]))[0].numpy()
    writer = gguf.Writer()
    writer.add("general.architecture", gguf.STRING, "expect")
    writer.add("general.description", gguf.STRING, "tokens, and the logits of each in f32")
    writer.add_tensor("tokens", (len(ids),), gguf.TENSOR_I32, np.array(ids, dtype="<i4").tobytes())
    writer.add_tensor("logits", logits.shape, gguf.TENSOR_F32, logits.astype("<f4").tobytes())
    writer.write(path)


def report(model, tokenizer):
    print(f"held-out additions: {addition_accuracy(model, tokenizer, additions.read_held_out()):.1%}")
    stops = [tokenizer.ids["<|endoftext|>"], tokenizer.ids["<|im_end|>"]]
    prompts = ["Once upon a time", "Once upon a time", "One day", "Lily was", "23 + 45 ="] + [
        f"<|im_start|>user\n{request}<|im_end|>\n<|im_start|>assistant\n"
        for request in ("Hello!", "What is 7 + 8?", "Tell me a story about a fox and a lantern.")]
    for seed, prompt in enumerate(prompts):
        print("-" * 80 + "\n" + tokenizer.decode(sample(model, tokenizer.encode(prompt), 320, stops, seed=seed)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--tokenizer", "--model", "--out", "--expect"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    tokenizer = Tokenizer.load(args.tokenizer)
    saved = torch.load(args.model, map_location="cpu")
    model = Llama(Config(**saved["config"]), tokenizer.ids["<|endoftext|>"])
    model.load_state_dict(saved["weights"])
    writer = gguf.Writer()
    add_general(writer)
    add_shape(writer, model.config)
    add_tokenizer(writer, tokenizer)
    add_weights(writer, model)
    writer.write(args.out)
    report(model, tokenizer)
    write_expected(args.expect, model, tokenizer)


if __name__ == "__main__":
    main()
