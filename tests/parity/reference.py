"""An independent evaluation of a llama-architecture GGUF: weights dequantised by the PyPI package gguf, everything else
in numpy float32 from the model's definition.

    reference.py MODEL.gguf --tokens ids.json --window 1024 --out scores.json
        for each token but the first of each window: {"logprobs": nats, "best": the best token, "top": the two best
        logits}
    reference.py MODEL.gguf --prefixes prefixes.json --out tops.json
        for each of several lists of ids, the prediction after its last token: {"tokens": the two best, "logits":
        theirs}
"""
import argparse
import json

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


class Llama:
    def __init__(self, path):
        reader = GGUFReader(path)
        field = lambda key: reader.fields[f"llama.{key}"].contents()
        self.layers = field("block_count")
        self.heads = field("attention.head_count")
        self.kv_heads = field("attention.head_count_kv")
        self.epsilon = field("attention.layer_norm_rms_epsilon")
        self.base = field("rope.freq_base") if "llama.rope.freq_base" in reader.fields else 10000.0
        self.tensors = {t.name: t for t in reader.tensors}
        self.embedding = self.weight("token_embd.weight")
        self.head = self.weight("output.weight") if "output.weight" in self.tensors else self.embedding
        self.width = self.embedding.shape[1] // self.heads
        self.factors = self.weight("rope_freqs.weight") if "rope_freqs.weight" in self.tensors else np.float32(1)
        self.final_norm = self.weight("output_norm.weight")
        self.blocks = [
            {name: self.weight(f"blk.{i}.{name}.weight") for name in (
                "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")}
            for i in range(self.layers)]

    def weight(self, name):
        tensor = self.tensors[name]
        return dequantize(tensor.data, tensor.tensor_type).astype(np.float32)

    def norm(self, x, weight):
        return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + self.epsilon) * weight

    def rope(self, x):  # [tokens, heads, width], pairs (2i, 2i + 1)
        frequencies = self.base ** (-np.arange(0, self.width, 2) / self.width) / self.factors
        angles = np.arange(x.shape[0])[:, None] * frequencies[None]
        cosine, sine = (f(angles).astype(np.float32)[:, None, :] for f in (np.cos, np.sin))
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1).reshape(x.shape)

    def hidden(self, tokens):
        x = self.embedding[tokens]
        count = len(tokens)
        mask = np.triu(np.full((count, count), -np.inf, np.float32), 1)
        for block in self.blocks:
            n = self.norm(x, block["attn_norm"])
            q = self.rope((n @ block["attn_q"].T).reshape(count, self.heads, self.width))
            k = self.rope((n @ block["attn_k"].T).reshape(count, self.kv_heads, self.width))
            v = (n @ block["attn_v"].T).reshape(count, self.kv_heads, self.width)
            out = np.empty_like(q)
            for head in range(self.heads):
                kv = head * self.kv_heads // self.heads
                scores = q[:, head] @ k[:, kv].T / np.float32(np.sqrt(self.width)) + mask
                scores = np.exp(scores - scores.max(axis=1, keepdims=True))
                out[:, head] = scores / scores.sum(axis=1, keepdims=True) @ v[:, kv]
            x = x + out.reshape(count, -1) @ block["attn_output"].T
            n = self.norm(x, block["ffn_norm"])
            gate = n @ block["ffn_gate"].T
            x = x + (gate / (1 + np.exp(-gate)) * (n @ block["ffn_up"].T)) @ block["ffn_down"].T
        return self.norm(x, self.final_norm)


def score(model, tokens):
    """Log-probability of each token but the first, the best token and the two best logits at each position."""
    hidden = model.hidden(tokens)[:-1]
    logprobs, best, top = [], [], []
    for start in range(0, len(hidden), 256):
        logits = hidden[start:start + 256] @ model.head.T
        peak = logits.max(axis=1, keepdims=True)
        total = np.log(np.exp((logits - peak).astype(np.float64)).sum(axis=1)) + peak[:, 0]
        targets = tokens[start + 1:start + 1 + len(logits)]
        logprobs.append(logits[np.arange(len(logits)), targets] - total)
        best.append(logits.argmax(axis=1))
        top.append(-np.sort(-np.partition(logits, -2, axis=1)[:, -2:], axis=1))
    return np.concatenate(logprobs), np.concatenate(best), np.concatenate(top)


def after(model, tokens):
    """The two best tokens after these ids, and their logits."""
    logits = model.hidden(tokens)[-1] @ model.head.T
    two = np.argsort(-logits)[:2]
    return {"tokens": two.tolist(), "logits": logits[two].tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--tokens", help="a JSON array of ids")
    parser.add_argument("--window", type=int, default=1024)
    parser.add_argument("--prefixes", help="a JSON array of arrays of ids")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    model = Llama(options.model)
    if options.prefixes:
        result = [after(model, np.array(prefix, dtype=np.int64)) for prefix in read_json(options.prefixes)]
    else:
        tokens = np.array(read_json(options.tokens), dtype=np.int64)
        parts = [score(model, tokens[i:i + options.window]) for i in range(0, len(tokens), options.window)]
        logprobs, best, top = (np.concatenate(part).tolist() for part in zip(*parts))
        result = {"logprobs": logprobs, "best": best, "top": top}
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(result, file)


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


if __name__ == "__main__":
    main()
