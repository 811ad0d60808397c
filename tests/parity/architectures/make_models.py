"""Small GGUF files of random weights, one for each row of a table: every architecture with the tensors and keys that llama.cpp
asks for, and sizes at which a mistake shows.

    make_models.py OUT [names…]
        OUT/<name>.gguf for each row, or for those named, and OUT/models.json: [{"name", "architecture", "type", "encoder"}…]
"""
import argparse
import json
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

CONTEXT = 256
VOCABULARY = 300
SPREAD = 3.0  # standard deviation of the logits, in nats


@dataclass
class Model:
    architecture: str
    keys: dict = field(default_factory=dict)  # "<architecture>.<key>", beyond those that all files have
    type: str = "F32"  # of matrices; vectors, positions and routers stay F32
    layers: int = 3
    hidden: int = 128
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 32
    ffn: int = 160
    experts: int = 0
    shared_ffn: int = 0  # of the expert that always takes part
    norm: str = "rms"  # or "layer", with a bias
    before: bool = True  # norms before attention and feed-forward network
    after: bool = False  # norms after them, before their sums
    qk_norm: str = ""  # "head": one for all heads, "all": across them
    qkv_bias: bool = False
    fused_qkv: bool = False
    gate: str = "own"  # or "fused" with ffn_up, or "" for none
    ffn_bias: bool = False  # and of attn_output
    tied: bool = True
    positions: bool = False
    encoder: bool = False  # norms are after the sums then, and there are token types
    embedding: float = 0.2  # size of the embedding's numbers
    logit_gain: float = 1  # what the norm before the head makes up for
    extra: dict = field(default_factory=dict)  # vectors: name → values


LLAMA = Model("llama")
# The embedding is multiplied with √hidden, and heads are wider than hidden / heads.
GEMMA = {"hidden": 96, "embedding": 0.03}
GEMMA_HEADS = {"attention.key_length": 32, "attention.value_length": 32}
EXPERTS = {"expert_count": 4, "expert_used_count": 2}

ROWS = {
    "llama": LLAMA,
    "llama-f16": replace(LLAMA, type="F16"),
    "llama-q8_0": replace(LLAMA, type="Q8_0"),
    "llama-q4_0": replace(LLAMA, type="Q4_0"),
    "llama-untied": replace(LLAMA, tied=False),
    "llama-rope-freqs": replace(LLAMA, extra={"rope_freqs.weight": np.geomspace(1, 8, 16)}),
    "llama-rope-linear": replace(LLAMA, keys={"rope.scaling.type": "linear", "rope.scaling.factor": 2.0}),
    "llama-moe": replace(LLAMA, keys=EXPERTS, experts=4, tied=False),
    "qwen2": Model("qwen2", {"rope.freq_base": 1e6}, qkv_bias=True),
    "qwen2-q8_0": Model("qwen2", {"rope.freq_base": 1e6}, qkv_bias=True, type="Q8_0"),
    "qwen3": Model("qwen3", {"rope.freq_base": 1e6, "attention.key_length": 32, "attention.value_length": 32}, hidden=96,
                   qk_norm="head"),
    "gemma": Model("gemma", GEMMA_HEADS, kv_heads=1, **GEMMA),
    "gemma2": Model("gemma2", {**GEMMA_HEADS, "attention.sliding_window": 16, "attn_logit_softcapping": 5.0,
                               "final_logit_softcapping": 10.0}, after=True, **GEMMA),
    # Five layers with the window and the base 10000, one without and with the base in the file.
    "gemma3": Model("gemma3", {**GEMMA_HEADS, "attention.sliding_window": 16, "rope.freq_base": 1e6}, layers=6, after=True,
                    qk_norm="head", **GEMMA),
    "gemma3-q4_0": Model("gemma3", {**GEMMA_HEADS, "attention.sliding_window": 16, "rope.freq_base": 1e6}, layers=6, after=True,
                         qk_norm="head", type="Q4_0", **GEMMA),
    # llama.cpp does not apply phi3's window, so this one is longer than the context.
    "phi3": Model("phi3", {"rope.dimension_count": 32, "attention.sliding_window": 2047,
                           "rope.scaling.original_context_length": CONTEXT}, fused_qkv=True, gate="fused", tied=False),
    "phi3-q8_0": Model("phi3", {"rope.dimension_count": 32}, fused_qkv=True, gate="fused", tied=False, type="Q8_0"),
    "gpt2": Model("gpt2", norm="layer", kv_heads=4, fused_qkv=True, qkv_bias=True, gate="", ffn_bias=True, positions=True),
    "stablelm": Model("stablelm", {"rope.dimension_count": 8, "use_parallel_residual": False}, norm="layer", qkv_bias=True,
                      tied=False),
    "olmo2": Model("olmo2", {"rope.freq_base": 5e5}, before=False, after=True, qk_norm="all", tied=False),
    "granite": Model("granite", {"embedding_scale": 3.0, "residual_scale": 0.6, "attention.scale": 0.3, "logit_scale": 2.0},
                     logit_gain=2),
    "chatglm": Model("chatglm", {"rope.dimension_count": 16}, fused_qkv=True, qkv_bias=True, gate="fused", tied=False),
    "smollm3": Model("smollm3", {"rope.freq_base": 5e6}, layers=4),  # the fourth has no rope
    "qwen2moe": Model("qwen2moe", {**EXPERTS, "expert_feed_forward_length": 96, "expert_shared_feed_forward_length": 128},
                      ffn=96, experts=4, shared_ffn=128, qkv_bias=True, tied=False),
    "qwen3moe": Model("qwen3moe", {**EXPERTS, "expert_feed_forward_length": 96, "attention.key_length": 32,
                                   "attention.value_length": 32}, hidden=96, ffn=96, experts=4, qk_norm="head", tied=False),
    "olmoe": Model("olmoe", EXPERTS, experts=4, kv_heads=4, qk_norm="all", tied=False),
    "bert": Model("bert", {"attention.causal": False, "pooling_type": 1}, norm="layer", kv_heads=4, qkv_bias=True, gate="",
                  ffn_bias=True, positions=True, encoder=True),
    "nomic-bert": Model("nomic-bert", {"attention.causal": False, "pooling_type": 1, "rope.freq_base": 1000.0}, norm="layer",
                        kv_heads=4, fused_qkv=True, encoder=True),
}


class File:
    """A GGUF file in the making. Weights depend on their tensor's name alone, so a row may change without the others."""

    def __init__(self, path, model):
        self.model = model
        self.writer = GGUFWriter(path, model.architecture)

    def key(self, key, value):
        add = {bool: "add_bool", int: "add_uint32", float: "add_float32", str: "add_string"}[type(value)]
        getattr(self.writer, add)(f"{self.model.architecture}.{key}", value)

    def random(self, name, *shape):
        return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)

    def vector(self, name, values):
        self.writer.add_tensor(name, np.asarray(values, np.float32))

    def matrix(self, name, *shape, size=None, plain=False):
        """By default what comes out is somewhat larger than what goes in: attention is sharp, and each layer counts."""
        size = 1.4 / np.sqrt(shape[-1]) if size is None else size
        values = self.random(name, *shape) * np.float32(size)
        kind = GGMLQuantizationType["F32" if plain else self.model.type]
        quantised = kind not in (GGMLQuantizationType.F32, GGMLQuantizationType.F16)
        self.writer.add_tensor(name, quantize(values, kind), raw_dtype=kind if quantised else None)

    def bias(self, name, size):
        self.vector(f"{name}.bias", 0.3 * self.random(f"{name}.bias", size))

    def linear(self, name, rows, columns, bias=False):
        self.matrix(f"{name}.weight", rows, columns)
        if bias:
            self.bias(name, rows)

    def norm(self, name, size, gain=1.0):
        self.vector(f"{name}.weight", gain * (1 + 0.2 * self.random(f"{name}.weight", size)))
        if self.model.norm == "layer":
            self.bias(name, size)


def add_vocabulary(writer, encoder):
    """Single bytes in GPT-2's alphabet, four merges, then control tokens: the end, the beginning, and others."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    tokens = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    merges = ["Ġ t", "h e", "i n", "e r"]
    tokens += [merge.replace(" ", "") for merge in merges]
    end, start = len(tokens), len(tokens) + 1
    types = [1] * end + [3] * (VOCABULARY - end)
    tokens += ["<|endoftext|>", "<|begin|>"]
    tokens += [f"<|unused{i}|>" for i in range(VOCABULARY - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(start)
    writer.add_eos_token_id(end)
    if encoder:
        writer.add_token_type_count(2)


def add_keys(file, model):
    file.key("block_count", model.layers)
    file.key("context_length", CONTEXT)
    file.key("embedding_length", model.hidden)
    file.key("feed_forward_length", model.ffn)
    file.key("attention.head_count", model.heads)
    file.key("attention.head_count_kv", model.kv_heads)
    file.key(f"attention.layer_norm_{'rms_' if model.norm == 'rms' else ''}epsilon", 1e-5)
    for key, value in model.keys.items():
        file.key(key, value)


def add_attention(file, model, block):
    q, kv = model.heads * model.head_width, model.kv_heads * model.head_width
    if model.fused_qkv:
        file.linear(f"{block}.attn_qkv", q + 2 * kv, model.hidden, model.qkv_bias)
    else:
        for name, rows in ("attn_q", q), ("attn_k", kv), ("attn_v", kv):
            file.linear(f"{block}.{name}", rows, model.hidden, model.qkv_bias)
    if model.qk_norm:
        for name, size in ("attn_q_norm", q), ("attn_k_norm", kv):
            file.norm(f"{block}.{name}", model.head_width if model.qk_norm == "head" else size)
    file.linear(f"{block}.attn_output", model.hidden, q, model.ffn_bias)


def add_ffn(file, model, block):
    if model.experts:
        add_experts(file, model, block)
        return
    if model.gate == "own":
        file.linear(f"{block}.ffn_gate", model.ffn, model.hidden)
    file.linear(f"{block}.ffn_up", model.ffn * (2 if model.gate == "fused" else 1), model.hidden, model.ffn_bias)
    file.linear(f"{block}.ffn_down", model.hidden, model.ffn, model.ffn_bias)


def add_experts(file, model, block):
    file.matrix(f"{block}.ffn_gate_inp.weight", model.experts, model.hidden, plain=True)
    file.matrix(f"{block}.ffn_gate_exps.weight", model.experts, model.ffn, model.hidden)
    file.matrix(f"{block}.ffn_up_exps.weight", model.experts, model.ffn, model.hidden)
    file.matrix(f"{block}.ffn_down_exps.weight", model.experts, model.hidden, model.ffn)
    if model.shared_ffn:
        file.matrix(f"{block}.ffn_gate_inp_shexp.weight", model.hidden, size=1 / np.sqrt(model.hidden), plain=True)
        file.linear(f"{block}.ffn_gate_shexp", model.shared_ffn, model.hidden)
        file.linear(f"{block}.ffn_up_shexp", model.shared_ffn, model.hidden)
        file.linear(f"{block}.ffn_down_shexp", model.hidden, model.shared_ffn)


def add_tensors(file, model):
    file.matrix("token_embd.weight", VOCABULARY, model.hidden, size=model.embedding)
    if model.positions:
        file.matrix("position_embd.weight", CONTEXT, model.hidden, size=model.embedding, plain=True)
    if model.encoder:
        file.matrix("token_types.weight", 2, model.hidden, size=model.embedding, plain=True)
        file.norm("token_embd_norm", model.hidden)
    else:
        file.norm("output_norm", model.hidden, gain=output_gain(model))
    if not model.tied:
        file.matrix("output.weight", VOCABULARY, model.hidden, size=SPREAD / np.sqrt(model.hidden))
    for name, values in model.extra.items():
        file.vector(name, values)
    for layer in range(model.layers):
        block = f"blk.{layer}"
        for part, add in ("attn", add_attention), ("ffn", add_ffn):
            if model.before and not model.encoder:
                file.norm(f"{block}.{part}_norm", model.hidden)
            add(file, model, block)
            if model.after:
                file.norm(f"{block}.{'post_attention' if part == 'attn' else 'post_ffw'}_norm", model.hidden)
            if model.encoder:
                file.norm(f"{block}.{'attn_output' if part == 'attn' else 'layer_output'}_norm", model.hidden)


def output_gain(model):
    """A norm's output is about 1: the head, which may be the embedding, then gives logits of the wanted spread."""
    head = SPREAD / (model.embedding * np.sqrt(model.hidden)) if model.tied else 1
    return model.logit_gain * head


def write(path, model):
    file = File(path, model)
    add_keys(file, model)
    add_vocabulary(file.writer, model.encoder)
    add_tensors(file, model)
    file.writer.write_header_to_file()
    file.writer.write_kv_data_to_file()
    file.writer.write_tensors_to_file()
    file.writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(ROWS)}")
    options = parser.parse_args()
    unknown = set(options.names) - set(ROWS)
    if unknown:
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    options.out.mkdir(parents=True, exist_ok=True)
    models = []
    for name in options.names or ROWS:
        model = ROWS[name]
        write(options.out / f"{name}.gguf", model)
        models.append({"name": name, "architecture": model.architecture, "type": model.type, "encoder": model.encoder})
    (options.out / "models.json").write_text(json.dumps(models, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
