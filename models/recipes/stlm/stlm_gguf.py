"""Writes the weights of a Super Tiny Language Model as a GGUF file of the architecture `stlm`.

The weights have the reference's names. docs/formats.md describes the keys and tensors.
"""
import json

import gguf
import numpy as np

TYPES = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16,
         "q8_0": gguf.GGMLQuantizationType.Q8_0}
FILE_TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
              "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
BYTE_HEADS = 8  # fixed in the reference
EPSILON, ROPE_BASE = 1e-6, 10000.0
PAD, END, VOCABULARY = 256, 257, 258


def layer_tensors(weights, layer):
    """Returns the tensors of one layer of the core, by their names without "core.transformer.h.N."."""
    prefix = f"core.transformer.h.{layer}."
    return {name[len(prefix):]: values for name, values in weights.items() if name.startswith(prefix)}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def sharing(layers):
    """Returns (number of consecutive equal layers, whether the different layers share their feed-forward matrices)."""
    repeat = next(r for r in range(len(layers), 0, -1)
                  if len(layers) % r == 0 and all(same(layers[i], layers[i - i % r]) for i in range(len(layers))))
    matrices = [{name: values for name, values in layer.items() if name.startswith("ffn.")}
                for layer in layers[::repeat]]
    shared = len(matrices) > 1 and all(not other or same(matrices[0], other) for other in matrices[1:])
    return repeat, shared


def pad_heads(matrix, heads, width, padded, axis=0):
    """Pads each head with zeros from `width` to `padded`: the engine needs head widths that are multiples of eight."""
    matrix = np.moveaxis(matrix, axis, 0)
    wide = np.zeros((heads, padded, matrix.shape[1]), matrix.dtype)
    wide[:, :width] = matrix.reshape(heads, width, -1)
    return np.moveaxis(wide.reshape(heads * padded, -1), 0, axis)


def add_vocabulary(writer, path):
    """Adds the tokens and merges of a tokenizer.json with byte-level BPE, at whose boundaries words are split."""
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    model, added = tokenizer["model"], {token["content"] for token in tokenizer["added_tokens"]}
    if model["type"] != "BPE" or (tokenizer["pre_tokenizer"] or {}).get("type") != "ByteLevel":
        raise ValueError(f"{path} is not a tokenizer of GPT-2's kind (byte-level BPE)")
    tokens = sorted((token for token in model["vocab"] if token not in added), key=model["vocab"].get)
    writer.add_token_list(tokens)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])


def write(path, config, weights, kind="f32", words="gpt-2", name="STLM", license=None, add_bos=False, vocabulary=None):
    """Writes the file and returns the number of stored parameters.

    config has the reference's hidden_dim, context_window, byte_context_window, byte_embedding_dim and core_model.
    """
    core, attention = config["core_model"], config["core_model"]["attn"]
    hidden, layer_count, heads = config["hidden_dim"], core["num_layers"], attention["num_heads"]
    kv_heads, width = heads // attention["group_size"], hidden // heads
    padded = -(-width // 8) * 8
    layers = [layer_tensors(weights, i) for i in range(layer_count)]
    for i in range(1, layer_count):  # a checkpoint stores shared matrices only in the first layer
        for tensor, values in layers[0].items():
            if tensor.startswith("ffn."):
                layers[i].setdefault(tensor, values)
    repeat, shares_ffn = sharing(layers)
    layers = layers[::repeat]
    byte_blocks = [len({name.split(".")[2] for name in weights if name.startswith(f"{end}.transformer.")})
                   for end in ("embedder", "head")]

    writer = gguf.GGUFWriter(path, "stlm")
    writer.add_name(name)
    if license:
        writer.add_license(license)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_context_length(config["context_window"])
    writer.add_embedding_length(hidden)
    writer.add_block_count(len(layers))
    writer.add_feed_forward_length(core["ffn"]["ffn_dim"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config.get("rms_eps", EPSILON))
    writer.add_rope_freq_base(float(config.get("rope_base", ROPE_BASE)))
    if padded != width:
        writer.add_key_length(padded)
        writer.add_value_length(padded)
        writer.add_rope_dimension_count(width)
        writer.add_attention_scale(width ** -0.5)
    if repeat > 1:
        writer.add_uint32("stlm.block_repeat", repeat)
    if shares_ffn:
        writer.add_bool("stlm.ffn_sharing", True)
    writer.add_uint32("stlm.chunk_length", config["byte_context_window"])
    writer.add_uint32("stlm.byte.embedding_length", config["byte_embedding_dim"])
    writer.add_uint32("stlm.byte.head_count", BYTE_HEADS)
    writer.add_uint32("stlm.byte.embedder_block_count", byte_blocks[0])
    writer.add_uint32("stlm.byte.head_block_count", byte_blocks[1])
    writer.add_tokenizer_model("bytes")
    writer.add_tokenizer_pre(words)
    writer.add_uint32("tokenizer.ggml.chunk_length", config["byte_context_window"])
    writer.add_add_bos_token(add_bos)  # BOS is the end chunk
    if vocabulary is not None:
        add_vocabulary(writer, vocabulary)

    parameters = 0

    def add(tensor, values, exact=False):
        nonlocal parameters
        values = np.ascontiguousarray(values, np.float32)
        parameters += values.size
        stored = TYPES["f32"] if exact or values.ndim < 2 else TYPES[kind]
        if stored == TYPES["q8_0"] and values.shape[-1] % 32 != 0:
            stored = TYPES["f16"]
        if stored == TYPES["f32"]:
            writer.add_tensor(tensor, values)
        else:
            writer.add_tensor(tensor, gguf.quants.quantize(values, stored), raw_dtype=stored)

    add("token_embd.weight", weights["embedder.byte_token_embedder.weight"])
    add("position_embd.weight", weights["embedder.pos_encoder.pe.weight"], exact=True)
    add("dec.projection.weight", weights["head.projection.weight"])
    add("dec.position_embd.weight", weights["head.pos_encoder.pe.weight"], exact=True)
    if not np.array_equal(weights["head.lm_head.weight"], weights["embedder.byte_token_embedder.weight"]):
        add("output.weight", weights["head.lm_head.weight"])
    byte_tensors = (("attn_norm", "attn_norm"), ("attn_qkv", "attn.c_attn"), ("attn_output", "attn.c_proj"),
                    ("ffn_norm", "ffn_norm"), ("ffn_up", "ffn.linear_1"), ("ffn_down", "ffn.linear_2"))
    for end, prefix, count in (("embedder", "enc", byte_blocks[0]), ("head", "dec", byte_blocks[1])):
        for i in range(count):
            for ours, theirs in byte_tensors:
                add(f"{prefix}.blk.{i}.{ours}.weight", weights[f"{end}.transformer.{i}.{theirs}.weight"])
    for i, layer in enumerate(layers):
        block = f"blk.{i}."
        query, key, value = np.split(layer["attn.c_attn.weight"], [hidden, hidden + kv_heads * width])
        add(block + "attn_norm.weight", layer["attn_norm.weight"])
        add(block + "attn_q.weight", pad_heads(query, heads, width, padded))
        add(block + "attn_k.weight", pad_heads(key, kv_heads, width, padded))
        add(block + "attn_v.weight", pad_heads(value, kv_heads, width, padded))
        add(block + "attn_output.weight", pad_heads(layer["attn.c_proj.weight"], heads, width, padded, axis=1))
        add(block + "ffn_norm.weight", layer["ffn_norm.weight"])
        if i > 0 and shares_ffn:
            continue
        for ours, theirs in (("ffn_gate", "linear_1"), ("ffn_up", "linear_3"), ("ffn_down", "linear_2")):
            add(f"{block}{ours}.weight", layer[f"ffn.{theirs}.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return parameters
