"""Writes the model and its vocabulary to a GGUF file in Q8_0, and reads it back."""
import json

import gguf
import torch

from model import CONTEXT, EPSILON, FFN, HEADS, HIDDEN, LAYERS, ROPE_BASE, CamelGptMini
from tasks import TASKS
from vocabulary import END, MASK, PAD, SEP, SPECIAL, UNK

Q8_0 = gguf.GGMLQuantizationType.Q8_0
NAMES = {"attention_norm": "attn_norm", "query": "attn_q", "key": "attn_k", "value": "attn_v", "output": "attn_output",
         "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}


def round_q8_0(weights):
    """Rounds a matrix to values that Q8_0 can store."""
    return torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(weights.detach().numpy(), Q8_0), Q8_0).copy())


def tensors(model):
    """Returns {name in the file: parameter}."""
    found = {"token_embd.weight": model.embedding.weight, "output_norm.weight": model.norm.weight}
    for i, layer in enumerate(model.layers):
        for module, name in NAMES.items():
            found[f"blk.{i}.{name}.weight"] = getattr(layer, module).weight
    return found


def stored_token(token):
    """Returns a WordPiece as llama.cpp writes it: ▁ marks the start of a word, continuations have no mark."""
    if token in SPECIAL:
        return token
    return token[2:] if token.startswith("##") and len(token) > 2 else "\u2581" + token


def write_gguf(path, model, tokens):
    writer = gguf.GGUFWriter(path, "camelgpt")
    writer.add_name("CamelGPT-mini")
    writer.add_license("CC-BY-NC-SA-4.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_string("camelgpt.hidden_activation", "relu")
    writer.add_causal_attention(False)
    writer.add_string("camelgpt.tasks", json.dumps(TASKS))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("bert")
    writer.add_token_list([stored_token(token) for token in tokens])
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens])
    writer.add_unk_token_id(UNK)
    writer.add_pad_token_id(PAD)
    writer.add_mask_token_id(MASK)
    writer.add_eos_token_id(END)
    writer.add_sep_token_id(SEP)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_bool("tokenizer.camelgpt.strip_accents", False)
    for name, parameter in tensors(model).items():
        values = parameter.detach().float().numpy()
        if values.ndim == 2:
            writer.add_tensor(name, gguf.quants.quantize(values, Q8_0), raw_dtype=Q8_0)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path):
    """Returns the stored model, and its tokens as BERT writes them."""
    reader = gguf.GGUFReader(path)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    model = CamelGptMini()
    with torch.no_grad():
        for name, parameter in tensors(model).items():
            tensor = stored.pop(name)
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(parameter.shape)
            parameter.copy_(torch.from_numpy(values.copy()))
    assert not stored, stored.keys()
    tokens = []
    for token in reader.fields["tokenizer.ggml.tokens"].contents():
        tokens.append(token if token in SPECIAL else token[1:] if token.startswith("\u2581") else "##" + token)
    return model.eval(), tokens
