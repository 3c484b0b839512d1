"""tiny_gguf.py: GGUF files for tests of the command, written value by value so that any of them can be wrong."""
import struct

U32, F32, STRING, ARRAY = 4, 6, 8, 9
FORMATS = {U32: "<I", 5: "<i", F32: "<f", 7: "<B", 12: "<d"}


def encode(kind, value):
    if kind == STRING:
        return struct.pack("<Q", len(value)) + value
    if kind == ARRAY:
        item, values = value
        return struct.pack("<IQ", item, len(values)) + b"".join(encode(item, v) for v in values)
    return struct.pack(FORMATS[kind], value)


def tiny_keys():
    """A llama of one layer, 64 tokens and 32 elements: {key: (type, value)}."""
    return {
        b"general.architecture": (STRING, b"llama"),
        b"llama.block_count": (U32, 1),
        b"llama.context_length": (U32, 64),
        b"llama.embedding_length": (U32, 32),
        b"llama.feed_forward_length": (U32, 32),
        b"llama.attention.head_count": (U32, 2),
        b"llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        b"tokenizer.ggml.model": (STRING, b"gpt2"),
        b"tokenizer.ggml.pre": (STRING, b"gpt-2"),
        b"tokenizer.ggml.tokens": (ARRAY, (STRING, [bytes([33 + i]) for i in range(64)])),
        b"tokenizer.ggml.merges": (ARRAY, (STRING, [b"! \""])),
    }


def tiny_tensors():
    """Its tensors, f32: {name: shape}."""
    block = {"attn_norm": [32], "attn_q": [32, 32], "attn_k": [32, 32], "attn_v": [32, 32], "attn_output": [32, 32],
             "ffn_norm": [32], "ffn_gate": [32, 32], "ffn_up": [32, 32], "ffn_down": [32, 32]}
    tensors = {b"token_embd.weight": [32, 64], b"output_norm.weight": [32]}
    tensors.update({f"blk.0.{name}.weight".encode(): shape for name, shape in block.items()})
    return tensors


def write_gguf(path, keys, tensors):
    """Weights are small numbers that differ from one to the next."""
    table, data = b"", b""
    for name, shape in tensors.items():
        count = 1
        for size in shape:
            count *= size
        table += encode(STRING, name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += struct.pack(f"<{count}f", *((i * 37 % 19 - 9) / 50 for i in range(count)))
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(encode(STRING, key) + struct.pack("<I", kind) + encode(kind, value)
                     for key, (kind, value) in keys.items())
    head += table
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32) + data)
