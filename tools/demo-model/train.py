"""Trains the demo model: python3 train.py --tokenizer tokenizer.json --out model.pt

Runs on a GPU where PyTorch finds one, else on the CPU. Every step learns from one batch that was never seen before,
since the corpus is a generator.
"""
import argparse
import math
import random
import time

import torch
from torch.nn import functional as F

import additions
import packing
from generate import addition_accuracy, sample
from model import Config, Llama
from optimiser import Optimiser
from tokenizer import Tokenizer

SEED = 7
VALIDATION_SEED = 8  # another stream of the same generator
N_VALIDATION = 64  # windows
N_WARMUP = 50
FINAL_RATE = 0.03  # of the peak learning rate, at the end of the cosine


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--windows", type=int, default=16, help="windows of a batch")
    parser.add_argument("--part", type=int, default=8, help="windows computed at once (gradients are summed)")
    parser.add_argument("--short", type=int, default=384, help="tokens of a window until the last quarter")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def rate_share(step, n_steps):
    """Of the peak learning rate: a linear warm-up, then a cosine down to FINAL_RATE."""
    if step < N_WARMUP:
        return (step + 1) / N_WARMUP
    progress = (step - N_WARMUP) / max(1, n_steps - N_WARMUP)
    return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress))


def make_batch(step, args, tokenizer, device):
    """Short windows are cheaper; the last quarter of the run sees the whole context, in fewer windows."""
    length = args.short if step < args.steps * 3 // 4 else Config.n_context
    n_windows = max(1, args.windows * args.short // length)
    ids, learned = packing.batch(random.Random(f"{SEED}/{step}"), n_windows, length, tokenizer)
    return torch.tensor(ids, device=device), torch.tensor(learned, device=device)


def loss_sum(model, ids, learned):
    """Summed cross-entropy of the tokens that are to be learned; only these meet the output matrix."""
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        wanted = learned[:, 1:]
        logits = F.linear(model.hidden(ids)[:, :-1][wanted], model.embedding.weight)
    return F.cross_entropy(logits.float(), ids[:, 1:][wanted], reduction="sum")


def train_step(model, optimiser, ids, learned, part):
    """One update from the mean loss over the batch, computed in parts that fit the cache. Returns the loss."""
    n_learned = learned[:, 1:].sum()
    total = 0.0
    optimiser.zero_grad()
    for some_ids, some_learned in zip(ids.split(part), learned.split(part)):
        loss = loss_sum(model, some_ids, some_learned) / n_learned
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return total


@torch.no_grad()
def validation_loss(model, args, tokenizer, device):
    ids, learned = packing.batch(random.Random(VALIDATION_SEED), N_VALIDATION, Config.n_context, tokenizer)
    ids, learned = torch.tensor(ids, device=device), torch.tensor(learned, device=device)
    total = sum(loss_sum(model, *part).item() for part in zip(ids.split(args.part), learned.split(args.part)))
    return total / learned[:, 1:].sum().item()


def report(model, tokenizer, args, device):
    """Prints the measures of a model in training, and a story."""
    with torch.autocast(device.type, dtype=torch.bfloat16):
        right = addition_accuracy(model, tokenizer, additions.read_held_out())
        story = sample(model, tokenizer.encode("Once upon a time"), 300, tokenizer.encode("<|endoftext|>"))
    loss = validation_loss(model, args, tokenizer, device)
    print(f"validation loss {loss:.4f}, held-out additions {right:.1%}\n{tokenizer.decode(story)}\n", flush=True)


def train(args, device):
    tokenizer = Tokenizer.load(args.tokenizer)
    model = Llama(Config(n_vocab=len(tokenizer)), tokenizer.encode("<|endoftext|>")[0]).to(device)
    optimiser = Optimiser(model)
    print(f"{sum(weight.numel() for weight in model.parameters())} parameters, on {device}", flush=True)
    start, n_tokens, recent = time.monotonic(), 0, 0.0
    for step in range(args.steps):
        optimiser.set_rate(rate_share(step, args.steps))
        ids, learned = make_batch(step, args, tokenizer, device)
        loss = train_step(model, optimiser, ids, learned, args.part)
        recent = loss if step == 0 else 0.95 * recent + 0.05 * loss
        n_tokens += ids.numel()
        if step % 20 == 19:
            seconds = time.monotonic() - start
            print(f"step {step + 1}: loss {recent:.4f}, {n_tokens / 1e6:.2f} M tokens, {seconds:.0f} s", flush=True)
        if step % 200 == 199 or step + 1 == args.steps:
            report(model, tokenizer, args, device)
            torch.save({"config": vars(model.config), "weights": model.state_dict()}, args.out)


def main():
    args = arguments()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    train(args, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


if __name__ == "__main__":
    main()
