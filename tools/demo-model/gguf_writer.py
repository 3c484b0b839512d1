"""Writes a GGUF file, version 3 (the format: ggml's docs/gguf.md). Little-endian, data aligned to 32 bytes."""
import struct

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32

# Value types of metadata that are used here, by GGUF's number and struct's letter.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
PACKED = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}

# Element types of tensors: GGUF's number.
TENSOR_F32, TENSOR_Q8_0, TENSOR_I32 = 0, 8, 26


def string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def value(kind, content):
    return string(content) if kind == STRING else struct.pack(PACKED[kind], content)


def padding(size):
    return b"\0" * (-size % ALIGNMENT)


class Writer:
    """Collects metadata and tensors in the order of the calls, then writes them at once."""

    def __init__(self):
        self.metadata = []
        self.tensors = []

    def add(self, key, kind, content):
        self.metadata.append(string(key) + struct.pack("<I", kind) + value(kind, content))

    def add_array(self, key, kind, contents):
        head = struct.pack("<IIQ", ARRAY, kind, len(contents))
        self.metadata.append(string(key) + head + b"".join(value(kind, content) for content in contents))

    def add_tensor(self, name, shape, kind, data):
        """shape: rows first, as numpy has it; GGUF writes the contiguous dimension first. data: the encoded bytes."""
        self.tensors.append((name, shape, kind, data))

    def write(self, path):
        head = [MAGIC, struct.pack("<IQQ", VERSION, len(self.tensors), len(self.metadata)), *self.metadata]
        offset = 0
        for name, shape, kind, data in self.tensors:
            head.append(string(name) + struct.pack("<I", len(shape)))
            head.append(b"".join(struct.pack("<Q", size) for size in reversed(shape)))
            head.append(struct.pack("<IQ", kind, offset))
            offset += len(data) + len(padding(len(data)))
        header = b"".join(head)
        with open(path, "wb") as file:
            file.write(header + padding(len(header)))
            for *_, data in self.tensors:
                file.write(data + padding(len(data)))
