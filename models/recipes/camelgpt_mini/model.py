"""The model: a bidirectional transformer that evaluates a response with the neurons that its prompt chooses."""
import math

import torch
import torch.nn.functional as F
from torch import nn

HIDDEN, HEADS, LAYERS, FFN, CONTEXT = 32, 4, 2, 64, 512
KEPT = FFN // 2  # neurons of each layer that evaluate a response
EPSILON, ROPE_BASE = 1e-5, 10000.0
PARAMETERS = 56_000
VOCABULARY = (PARAMETERS - LAYERS * (4 * HIDDEN * HIDDEN + 3 * HIDDEN * FFN + 2 * HIDDEN) - HIDDEN) // HIDDEN


class RmsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return F.rms_norm(x, (HIDDEN,), self.weight, EPSILON)


def rotate(x, cosine, sine):
    """Rotates the pairs (2i, 2i + 1) of each head, the order of GGUF's llama layout."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2)


def choose_neurons(h, prompt, down, kept):
    """Returns a mask [batch, 1, FFN] with 1 for the neurons that are most important in the prompt.

    h is [batch, length, FFN], prompt a mask [batch, length]. The importance of a neuron is the sum of its absolute
    activations over the prompt's tokens, each token's vector scaled to length 1, times the norm of its column in
    `down`.
    """
    with torch.no_grad():
        h = h.abs() * prompt[..., None]
        importance = (h / h.norm(dim=-1, keepdim=True).clamp_min(1e-30)).sum(1) * down.norm(dim=0)
        chosen = importance.topk(kept, dim=-1).indices
        return torch.zeros_like(importance).scatter_(1, chosen, 1.0)[:, None]


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.ffn_norm = RmsNorm(), RmsNorm()
        self.query, self.key, self.value, self.output = (nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(HIDDEN, FFN, bias=False) for _ in range(2))
        self.down = nn.Linear(FFN, HIDDEN, bias=False)

    def forward(self, x, cosine, sine, seen, prompt, kept):
        batch, length, _ = x.shape
        n = self.attention_norm(x)
        qkv = F.linear(n, torch.cat((self.query.weight, self.key.weight, self.value.weight)))
        q, k, v = qkv.view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(rotate(q, cosine, sine), rotate(k, cosine, sine), v, attn_mask=seen)
        x = x + self.output(attended.transpose(1, 2).reshape(batch, length, HIDDEN))
        n = self.ffn_norm(x)
        h = F.relu(self.gate(n)) * self.up(n)
        if kept < FFN:
            chosen = choose_neurons(h, prompt, self.down.weight, kept)
            h = h * torch.maximum(chosen, prompt[..., None])
        return x + self.down(h)


class CamelGptMini(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)  # tied with the output head
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = RmsNorm()
        width = HIDDEN // HEADS
        angles = torch.arange(CONTEXT)[:, None] * ROPE_BASE ** (-torch.arange(0, width, 2) / width)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                scale = 0.1 if "embedding" in name else parameter.shape[1] ** -0.5
                if "output" in name or "down" in name:
                    scale /= math.sqrt(2 * LAYERS)
                nn.init.normal_(parameter, std=scale)
        assert sum(p.numel() for p in self.parameters()) == PARAMETERS

    def forward(self, tokens, prompts, lengths, kept=FFN):
        """Returns the hidden states before the head.

        tokens is [batch, length]: each row has a prompt, then a response, then padding. prompts and lengths [batch] are
        the numbers of tokens in the prompt and in both. Prompt tokens attend to the prompt, response tokens to both.
        The response is evaluated with `kept` neurons.
        """
        length = tokens.shape[1]
        positions = torch.arange(length)
        prompt = positions < prompts[:, None]
        visible = torch.where(prompt[:, :, None], prompts[:, None, None], lengths[:, None, None])
        seen = torch.zeros(len(tokens), 1, length, length).masked_fill_((positions >= visible)[:, None], -1e9)
        x = self.embedding(tokens)
        prompt = prompt.float()
        for layer in self.layers:
            x = layer(x, self.cosine[:length], self.sine[:length], seen, prompt, kept)
        return self.norm(x)

    def logits(self, states):
        return F.linear(states, self.embedding.weight)
