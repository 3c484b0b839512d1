"""The network: a llama of a few million parameters, as GGUF's "llama" architecture defines it.

RMSNorm before each half of a block, rotary positions, grouped-query attention, SwiGLU, output tied to the embedding.
The rotary embedding turns neighbouring pairs (0,1), (2,3), ... of each head, which is the convention that GGUF's
llama architecture expects of attn_q and attn_k. So the export writes these two as they are, with no permutation.
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    n_vocab: int
    n_context: int = 512
    n_embd: int = 256
    n_layer: int = 6
    n_head: int = 8
    n_head_kv: int = 4
    n_ff: int = 704
    rope_base: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_size(self):
        return self.n_embd // self.n_head


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(config):
    """Cosine and sine of every position and pair, each [n_context, head_size / 2]."""
    pair = torch.arange(0, config.head_size, 2, dtype=torch.float64)
    frequency = config.rope_base ** (-pair / config.head_size)
    angle = torch.arange(config.n_context, dtype=torch.float64)[:, None] * frequency
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """x [batch, n_tokens, n_head, head_size], neighbouring pairs turned by the angles of their positions."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[:, None, :], sin[:, None, :]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        kv_size = config.n_head_kv * config.head_size
        self.q = nn.Linear(config.n_embd, config.n_embd, bias=False)
        self.k = nn.Linear(config.n_embd, kv_size, bias=False)
        self.v = nn.Linear(config.n_embd, kv_size, bias=False)
        self.output = nn.Linear(config.n_embd, config.n_embd, bias=False)

    def forward(self, x, cos, sin, mask):
        c = self.config
        batch, n_tokens, _ = x.shape
        q = rotate(self.q(x).view(batch, n_tokens, c.n_head, c.head_size), cos, sin)
        k = rotate(self.k(x).view(batch, n_tokens, c.n_head_kv, c.head_size), cos, sin)
        v = self.v(x).view(batch, n_tokens, c.n_head_kv, c.head_size)
        # The heads of one group share a key and value head: they are folded into the query's token axis.
        group = c.n_head // c.n_head_kv
        q = q.view(batch, n_tokens, c.n_head_kv, group, c.head_size).permute(0, 2, 3, 1, 4)
        k = k.permute(0, 2, 3, 1)[:, :, None]  # [batch, n_head_kv, 1, head_size, n_tokens]
        v = v.permute(0, 2, 1, 3)[:, :, None]  # [batch, n_head_kv, 1, n_tokens, head_size]
        score = (q @ k) * c.head_size ** -0.5 + mask[:, None, None]
        mixed = score.softmax(-1).to(v.dtype) @ v
        return self.output(mixed.permute(0, 3, 1, 2, 4).reshape(batch, n_tokens, c.n_embd))


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate = nn.Linear(config.n_embd, config.n_ff, bias=False)
        self.up = nn.Linear(config.n_embd, config.n_ff, bias=False)
        self.down = nn.Linear(config.n_ff, config.n_embd, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attn_norm = RMSNorm(config.n_embd, config.norm_eps)
        self.attn = Attention(config)
        self.ffn_norm = RMSNorm(config.n_embd, config.norm_eps)
        self.ffn = FeedForward(config)

    def forward(self, x, cos, sin, mask):
        x = x + self.attn(self.attn_norm(x), cos, sin, mask)
        return x + self.ffn(self.ffn_norm(x))


def document_mask(tokens, end_id):
    """An additive mask [batch, n_tokens, n_tokens]: each token sees itself and what came before it in its document.

    Several documents share one training window, each ended by end_id. Rotary positions are relative, so a document
    in the middle of a window is seen exactly as if it stood alone, which is how a prompt arrives.
    """
    ends = (tokens == end_id).int()
    document = ends.cumsum(1) - ends  # the end token belongs to the document that it ends
    same = document[:, :, None] == document[:, None, :]
    causal = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool, device=tokens.device).tril()
    return torch.zeros(same.shape, device=tokens.device).masked_fill_(~(same & causal), float("-inf"))


class Llama(nn.Module):
    def __init__(self, config, end_id):
        super().__init__()
        self.config = config
        self.end_id = end_id
        self.embedding = nn.Embedding(config.n_vocab, config.n_embd)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = RMSNorm(config.n_embd, config.norm_eps)
        cos, sin = rope_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.initialise()

    def initialise(self):
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                # What is added to the residual stream starts smaller, so that its sum over the blocks stays even.
                into_stream = name.endswith(("output.weight", "down.weight"))
                scale = (2 * self.config.n_layer) ** -0.5 if into_stream else 1.0
                nn.init.normal_(weight, std=0.02 * scale)

    def hidden(self, tokens):
        """tokens [batch, n_tokens] -> the last hidden state, normed, [batch, n_tokens, n_embd]."""
        n_tokens = tokens.shape[1]
        x = self.embedding(tokens)
        mask = document_mask(tokens, self.end_id)
        for block in self.blocks:
            x = block(x, self.cos[:n_tokens], self.sin[:n_tokens], mask)
        return self.norm(x)

    def forward(self, tokens):
        """tokens [batch, n_tokens] -> logits [batch, n_tokens, n_vocab]."""
        return F.linear(self.hidden(tokens), self.embedding.weight)
