"""Text from the network, one token after the other, without a cache: for looking at what it has learned."""
import torch


@torch.no_grad()
def continue_greedily(model, prompts, n_tokens):
    """prompts: lists of ids. The n_tokens most likely ids that follow each one."""
    out = {}
    for length in {len(prompt) for prompt in prompts}:
        same = [tuple(prompt) for prompt in prompts if len(prompt) == length]
        ids = torch.tensor(same, device=model.cos.device)
        for _ in range(n_tokens):
            ids = torch.cat((ids, model(ids)[:, -1:].argmax(-1)), dim=1)
        out.update(zip(same, ids[:, length:].tolist()))
    return [out[tuple(prompt)] for prompt in prompts]


@torch.no_grad()
def sample(model, prompt, n_tokens, stops, temperature=0.8, top_k=40, seed=0):
    """The prompt's ids and up to n_tokens more, ended early by one of the ids in stops."""
    generator = torch.Generator().manual_seed(seed)
    ids = list(prompt)
    for _ in range(n_tokens):
        logits = model(torch.tensor([ids[-model.config.n_context:]], device=model.cos.device))[0, -1].float().cpu()
        best, candidates = (logits / temperature).topk(top_k)
        choice = candidates[torch.multinomial(best.softmax(0), 1, generator=generator)].item()
        ids.append(choice)
        if choice in stops:
            break
    return ids


def addition_accuracy(model, tokenizer, cases):
    """The share of cases, (prompt, answer), that the model continues with the answer and the end of the text."""
    end = "<|endoftext|>"
    prompts = [tokenizer.encode(prompt) for prompt, _ in cases]
    continued = continue_greedily(model, prompts, 5)
    right = sum(tokenizer.decode(ids).startswith(f" {answer}{end}")
                for ids, (_, answer) in zip(continued, cases, strict=True))
    return right / len(cases)
