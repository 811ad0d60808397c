"""Evaluates the small model of tests/unit/tiny_stlm.h from the definition of the graph, in doubles, and writes the
results to tests/unit/model/stlm_goldens.h. Usage: python3 tests/parity/make_stlm_goldens.py (needs numpy)"""
import math
from pathlib import Path

import numpy as np

LENGTH, WIDTH, BYTE_HEADS, VOCABULARY, PAD = 6, 16, 2, 258, 256
HIDDEN, HEADS, KV_HEADS, HEAD_WIDTH, FFN, BLOCKS, REPEAT = 32, 2, 1, 16, 48, 2, 2
EPSILON, BASE = 1e-6, 10000.0
TEXTS = ["Once", " upon", " a", " caf\u00e9"]
POSITIONS = (0, 5)  # of the last chunk, whose logits are kept


class Weights(dict):
    """The numbers of TestRandom in tests/unit/random_weights.h; the seed is the tensor's index."""

    def add(self, name, rows, columns, size, shift=0.0):
        state = (len(self) + 1) * 2654435769 + 1
        values = []
        for _ in range(rows * columns):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            real = np.float32((state >> 33 & 0xFFFF) - 32768) / np.float32(32768)
            values.append(np.float32(shift) + np.float32(size) * real)
        self[name] = np.array(values, np.float64).reshape((rows, columns) if rows > 1 else columns)

    def add_block(self, prefix, width, ffn, out):
        self.add(prefix + "attn_norm", 1, width, 0.5, 1)
        self.add(prefix + "attn_qkv", 3 * width, width, 0.5)
        self.add(prefix + "attn_output", width, width, 0.4)
        self.add(prefix + "ffn_norm", 1, width, 0.5, 1)
        self.add(prefix + "ffn_up", ffn, width, 0.5)
        self.add(prefix + "ffn_down", out, ffn, 0.5)


def make_weights():
    w = Weights()
    w.add("token_embd", VOCABULARY, WIDTH, 1)
    w.add("position_embd", LENGTH, WIDTH, 1)
    w.add_block("enc.blk.0.", 16, 40, 24)
    w.add_block("enc.blk.1.", 24, 48, HIDDEN)
    w.add("dec.projection", LENGTH * WIDTH, HIDDEN, 0.3)
    w.add("dec.position_embd", LENGTH, WIDTH, 1)
    w.add_block("dec.blk.0.", 16, 40, 16)
    w.add_block("dec.blk.1.", 16, 24, 16)
    w.add("output", VOCABULARY, WIDTH, 1)
    for i in range(BLOCKS):
        block = f"blk.{i}."
        w.add(block + "attn_norm", 1, HIDDEN, 0.5, 1)
        w.add(block + "attn_q", HEADS * HEAD_WIDTH, HIDDEN, 0.4)
        w.add(block + "attn_k", KV_HEADS * HEAD_WIDTH, HIDDEN, 0.4)
        w.add(block + "attn_v", KV_HEADS * HEAD_WIDTH, HIDDEN, 0.4)
        w.add(block + "attn_output", HIDDEN, HEADS * HEAD_WIDTH, 0.3)
        w.add(block + "ffn_norm", 1, HIDDEN, 0.5, 1)
        if i == 0:  # the other layers share it
            w.add(block + "ffn_gate", FFN, HIDDEN, 0.4)
            w.add(block + "ffn_up", FFN, HIDDEN, 0.4)
            w.add(block + "ffn_down", HIDDEN, FFN, 0.3)
    return w


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight


def attend(q, k, v, causal):
    """q [tokens, heads, width]; k, v [tokens, fewer heads, width]"""
    tokens, heads, width = q.shape
    out = np.zeros_like(q)
    for h in range(heads):
        kv = h * k.shape[1] // heads
        scores = q[:, h] @ k[:, kv].T / math.sqrt(width)
        if causal:
            scores[np.triu_indices(tokens, 1)] = -np.inf
        shares = np.exp(scores - scores.max(1, keepdims=True))
        out[:, h] = shares / shares.sum(1, keepdims=True) @ v[:, kv]
    return out.reshape(tokens, heads * width)


def rotate(x):
    angles = np.arange(len(x))[:, None] * BASE ** (-np.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cosine - x[..., 1::2] * sine
    out[..., 1::2] = x[..., 0::2] * sine + x[..., 1::2] * cosine
    return out


def byte_block(w, prefix, x):
    qkv = norm(x, w[prefix + "attn_norm"]) @ w[prefix + "attn_qkv"].T
    q, k, v = (part.reshape(LENGTH, BYTE_HEADS, -1) for part in np.split(qkv, 3, 1))
    x = x + attend(q, k, v, False) @ w[prefix + "attn_output"].T
    up = norm(x, w[prefix + "ffn_norm"]) @ w[prefix + "ffn_up"].T
    gelu = up * 0.5 * (1 + np.vectorize(math.erf)(up / math.sqrt(2)))
    return gelu @ w[prefix + "ffn_down"].T


def embed(w, chunk):
    symbols = list(chunk) + [PAD] * (LENGTH - len(chunk))
    x = w["token_embd"][symbols] + w["position_embd"]
    for i in range(2):
        x = byte_block(w, f"enc.blk.{i}.", x)
    return x.mean(0)


def core(w, x):
    for i in range(BLOCKS * REPEAT):
        b = f"blk.{i // REPEAT}."
        n = norm(x, w[b + "attn_norm"])
        q, k, v = ((n @ w[f"{b}attn_{part}"].T).reshape(len(x), -1, HEAD_WIDTH) for part in "qkv")
        x = x + attend(rotate(q), rotate(k), v, True) @ w[b + "attn_output"].T
        n = norm(x, w[b + "ffn_norm"])
        gate = n @ w["blk.0.ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (n @ w["blk.0.ffn_up"].T)) @ w["blk.0.ffn_down"].T
    return x


def head(w, hidden):
    x = (w["dec.projection"] @ hidden).reshape(LENGTH, WIDTH)
    x = x + (x + w["dec.position_embd"])
    for i in range(2):
        x = byte_block(w, f"dec.blk.{i}.", x)
    return x @ w["output"].T


def main():
    w = make_weights()
    embedded = np.array([embed(w, text.encode()) for text in TEXTS])
    hidden = core(w, embedded)
    logits = head(w, hidden[-1])[list(POSITIONS)]
    lines = ["// Made by tests/parity/make_stlm_goldens.py.", "#pragma once", "", "namespace camelgpt {", ""]
    for name, values in (("Embedded", embedded), ("Hidden", hidden), ("Logits", logits)):
        numbers = [f"{value:.7g}" for value in values.flatten()]
        numbers = [number + ("f" if "." in number else ".0f") for number in numbers]
        rows = [", ".join(numbers[i:i + 10]) for i in range(0, len(numbers), 10)]
        lines += [f"inline constexpr float kStlm{name}[] = {{"] + [f"    {row}," for row in rows] + ["};"]
    lines += ["", "}  // namespace camelgpt", ""]
    path = Path(__file__).parents[1] / "unit/model/stlm_goldens.h"
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
