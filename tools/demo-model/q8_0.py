"""Q8_0, as ggml defines it: blocks of 32 numbers in a row, an f16 scale, then 32 signed bytes. x = scale * byte."""
import numpy as np

BLOCK = 32
RECORD = np.dtype([("scale", "<f2"), ("quants", "i1", BLOCK)])


def quantise(weights):
    """weights: f32 [rows, columns], columns a multiple of 32 -> an array of blocks, in the order of the file."""
    blocks = np.asarray(weights, dtype=np.float32).reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1) / np.float32(127)
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = blocks * inverse[:, None]
    records = np.empty(len(blocks), RECORD)
    records["scale"] = scale
    records["quants"] = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)  # halves away from zero
    return records


def dequantise(records, shape):
    """The f32 values that an engine sees."""
    return (records["scale"].astype(np.float32)[:, None] * records["quants"].astype(np.float32)).reshape(shape)
