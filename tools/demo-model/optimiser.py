"""Muon for the matrices inside the blocks, AdamW for the embedding and the norms.

Muon (K. Jordan and others, 2024, https://kellerjordan.github.io/posts/muon) takes the momentum of a matrix's gradient
and replaces it by the nearest orthogonal matrix, so that every direction learns at one pace. The demo model then needs
about half of the tokens that AdamW alone needs, which is what makes a training run on a CPU bearable.
"""
import torch

# The odd quintic of the Newton-Schulz iteration, from the same source: steep at zero, singular values end near 1.
QUINTIC = (3.4445, -4.7750, 2.0315)
N_ITERATIONS = 5


def orthogonalise(matrix):
    """The nearest orthogonal matrix to one of any shape, roughly, in bf16: only directions matter here."""
    a, b, c = QUINTIC
    x = matrix.bfloat16()
    if matrix.shape[0] > matrix.shape[1]:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(N_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if matrix.shape[0] > matrix.shape[1] else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """For weights with two dimensions. The rate is the size of a step relative to an orthogonal matrix."""

    def __init__(self, weights, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["velocity"] = torch.zeros_like(weight)
                velocity = state["velocity"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(velocity, group["momentum"])  # Nesterov's look ahead
                scale = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonalise(ahead), alpha=-group["lr"] * scale)


class Optimiser:
    """Both of them, with one schedule: set_rate takes the share of the peak rates."""

    MUON_RATE = 0.02
    ADAM_RATE = 2e-3

    def __init__(self, model):
        inside = [weight for weight in model.blocks.parameters() if weight.dim() == 2]
        norms = [weight for weight in model.parameters() if weight.dim() == 1]
        self.parts = (
            (Muon(inside, self.MUON_RATE), self.MUON_RATE),
            (torch.optim.AdamW([model.embedding.weight, *norms], lr=self.ADAM_RATE, betas=(0.9, 0.98),
                               weight_decay=0.0), self.ADAM_RATE),
        )

    def set_rate(self, share):
        for optimiser, peak in self.parts:
            for group in optimiser.param_groups:
                group["lr"] = share * peak

    def zero_grad(self):
        for optimiser, _ in self.parts:
            optimiser.zero_grad(set_to_none=True)

    def step(self):
        for optimiser, _ in self.parts:
            optimiser.step()
