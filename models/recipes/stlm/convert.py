"""Converts a byte-level checkpoint of LeonGuertler/SuperTinyLanguageModels to GGUF. See README.md.

Usage: convert.py CHECKPOINT --out model.gguf [--type f32|f16|q8_0] [--words gpt-2|whitespace]
                  [--vocabulary tokenizer.json]
       convert.py --random 10m|50m|100m --out model.gguf [--ffn-sharing] [--block-repeat N]
"""
import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np

import stlm_gguf

# Names of the model's modules in checkpoints and in this recipe.
MODULES = {"embedding_model.": "embedder.", "core_model.": "core.", "model_head.": "head."}
# hidden, layers, heads, query heads per key/value head, neurons
SIZES = {"10m": (384, 4, 8, 4, 1024), "50m": (512, 16, 16, 4, 1536), "100m": (768, 16, 16, 4, 2048)}


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in ("F32", "F16"):
            sys.exit(f"{path}: {name} has type {entry['dtype']}; expected F32 or F16")
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + size + start:8 + size + end], "<f4" if entry["dtype"] == "F32" else "<f2")
        tensors[name] = values.astype(np.float32).reshape(entry["shape"])
    return tensors


def read_checkpoint(path, config_path):
    """Returns the reference's model configuration and {canonical name: weights}."""
    if path.suffix == ".safetensors":
        weights, found = read_safetensors(path), json.loads((config_path or path.with_suffix(".json")).read_text())
    else:
        import torch  # imported here because the other inputs need no PyTorch

        # Unpickling runs code from the file: a checkpoint stores its configuration as an OmegaConf object.
        saved = torch.load(path, map_location="cpu", weights_only=False)
        weights = {name: tensor.float().numpy() for name, tensor in saved["model"].items()}
        found = json.loads(config_path.read_text()) if config_path else saved["config"]
    config = dict(found.get("config", found))
    config.update({key: found[key] for key in ("rms_eps", "rope_base") if key in found})
    return dict(config.get("model", config)), {canonical(name): values for name, values in weights.items()}


def canonical(name):
    for wrapper in ("module.", "_orig_mod."):
        name = name.removeprefix(wrapper)
    for theirs, ours in MODULES.items():
        if name.startswith(theirs):
            name = ours + name[len(theirs):]
    return name


def check(config, weights):
    biases = [name for name in weights if name.endswith(".bias")]
    if biases:
        sys.exit(f"the checkpoint has biases, such as {biases[0]}; the architecture stlm has none")
    ffn = config["core_model"]["ffn"]["ffn_type"]
    if ffn != "swiglu" or config.get("positional_encoding_type", "rope") != "rope":
        sys.exit(f"the core must use swiglu and rope, not {ffn} and {config.get('positional_encoding_type')}")
    if weights["embedder.byte_token_embedder.weight"].shape[0] != stlm_gguf.VOCABULARY:
        sys.exit(f"the byte vocabulary must have {stlm_gguf.VOCABULARY} symbols: 256 bytes, pad, end")


def random_model(size, shares_ffn, repeat):
    """Returns a configuration of the reference's sizes and random weights, for tests and measurements."""
    hidden, layers, heads, group, ffn = SIZES[size]
    width, length = 128, 12
    config = {"core_model": {"num_layers": layers * repeat, "ffn": {"ffn_type": "swiglu", "ffn_dim": ffn},
                             "attn": {"num_heads": heads, "group_size": group}},
              "hidden_dim": hidden, "context_window": 512, "byte_context_window": length, "byte_embedding_dim": width}
    generator = np.random.default_rng(1)
    weights = {}

    def add(name, rows, columns, scale=1.0):
        values = generator.standard_normal((rows, columns)) * scale / columns ** 0.5
        weights[name + ".weight"] = values.astype(np.float32)

    def add_norm(name, size):
        weights[name + ".weight"] = np.ones(size, np.float32)

    def add_byte_block(prefix, width, out, ffn):
        for norm in ("attn_norm", "ffn_norm"):
            add_norm(prefix + norm, width)
        add(prefix + "attn.c_attn", 3 * width, width)
        add(prefix + "attn.c_proj", width, width)
        add(prefix + "ffn.linear_1", ffn, width)
        add(prefix + "ffn.linear_2", out, ffn, 2)

    add("embedder.byte_token_embedder", stlm_gguf.VOCABULARY, width)
    for end in ("embedder", "head"):
        weights[f"{end}.pos_encoder.pe.weight"] = generator.standard_normal((length, width)).astype(np.float32)
    widths = [width, 2 * width, 2 * width, 2 * width, hidden]
    for i in range(4):
        add_byte_block(f"embedder.transformer.{i}.", widths[i], widths[i + 1], width * (4 if i == 0 else 8))
    for i in range(7):
        add_byte_block(f"head.transformer.{i}.", width, width, 4 * width)
    add("head.projection", length * width, hidden)
    add("head.lm_head", stlm_gguf.VOCABULARY, width, 2)
    for i in range(layers * repeat):
        prefix = f"core.transformer.h.{i}."
        if i % repeat != 0:
            before = f"core.transformer.h.{i - 1}."
            weights.update({prefix + name[len(before):]: values for name, values in list(weights.items())
                            if name.startswith(before)})
            continue
        for norm in ("attn_norm", "ffn_norm"):
            add_norm(prefix + norm, hidden)
        add(prefix + "attn.c_attn", hidden + 2 * hidden // group, hidden)
        add(prefix + "attn.c_proj", hidden, hidden)
        if i == 0 or not shares_ffn:
            add(prefix + "ffn.linear_1", ffn, hidden)
            add(prefix + "ffn.linear_3", ffn, hidden)
            add(prefix + "ffn.linear_2", hidden, ffn)
    return config, weights


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path, nargs="?",
                        help="a .pt file of the reference's trainer, or a .safetensors file with a .json next to it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--type", choices=stlm_gguf.TYPES, default="f32", help="type of the matrices")
    parser.add_argument("--words", choices=("gpt-2", "whitespace"), default="gpt-2",
                        help="how text is split into words")
    parser.add_argument("--vocabulary", type=Path,
                        help="tokenizer.json of GPT-2: splits words at its token boundaries, as the reference does")
    parser.add_argument("--config", type=Path, help="configuration as JSON, if the checkpoint's cannot be read")
    parser.add_argument("--random", choices=SIZES, help="generate random weights instead of reading a checkpoint")
    parser.add_argument("--ffn-sharing", action="store_true",
                        help="with --random: all layers share one feed-forward network")
    parser.add_argument("--block-repeat", type=int, default=1,
                        help="with --random: number of consecutive layers that share all weights")
    options = parser.parse_args()
    if (options.checkpoint is None) == (options.random is None):
        parser.error("pass either a checkpoint or --random")
    if options.random:
        config, weights = random_model(options.random, options.ffn_sharing, options.block_repeat)
        name = f"STLM {options.random} of random weights"
    else:
        config, weights = read_checkpoint(options.checkpoint, options.config)
        name = options.checkpoint.stem
    if options.vocabulary and options.words != "gpt-2":
        parser.error("--vocabulary requires --words gpt-2")
    check(config, weights)
    parameters = stlm_gguf.write(options.out, config, weights, options.type, options.words, name,
                                 vocabulary=options.vocabulary)
    print(f"{parameters} parameters, {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
