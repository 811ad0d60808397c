"""Trains a small Llama with ReLU gates that are almost always zero.

Text → byte-level BPE → a decoder with ReGLU, trained with a penalty on open gates → a GGUF file in Q8_0. See README.md.
Usage: train.py --data FOLDER --out reglu-tiny.gguf [--steps N] [--threads N]
"""
import argparse
import json
import math
import re
import time
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

END = "<|endoftext|>"
LAYERS, HIDDEN, HEADS, FFN, VOCABULARY, CONTEXT = 3, 256, 4, 1024, 1536, 256
EPSILON, ROPE_BASE = 1e-5, 10000.0


# ---------------------------------------------------------------------------------------------------------------- text

def articles(path):
    """Returns the articles of a WikiText file. Undoes its tokenisation where that is unambiguous."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r" @(.)@ ", r"\1", text)
    text = re.sub(r" ([.,;:!?)\]%]|'s\b|n't\b)", r"\1", text)
    text = re.sub(r"([(\[]) ", r"\1", text)
    text = re.sub(r'" ([^"\n]*?) "', r'"\1"', text)
    parts = re.split(r"\n(?= = [^=])", "\n" + text)
    return ["\n".join(line.strip() for line in part.split("\n") if line.strip()) + "\n"
            for part in parts if part.strip()]


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # uses GPT-2's regular expression
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[END], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer, texts):
    end = tokenizer.token_to_id(END)
    return torch.tensor([token for text in texts for token in [end, *tokenizer.encode(text).ids]], dtype=torch.long)


# --------------------------------------------------------------------------------------------------------------- model

class RmsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * self.weight


def rotate(x, cosine, sine):
    """Rotates the pairs (2i, 2i + 1) of each head, the order of GGUF's llama layout."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2)


class Layer(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.attention_norm, self.ffn_norm = RmsNorm(), RmsNorm()
        self.query, self.key, self.value, self.output = (nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(HIDDEN, FFN, bias=False) for _ in range(2))
        self.down = nn.Linear(FFN, HIDDEN, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, cosine, sine):
        batch, length, _ = x.shape
        n = self.attention_norm(x)
        q, k, v = (m(n).view(batch, length, HEADS, -1).transpose(1, 2) for m in (self.query, self.key, self.value))
        attended = F.scaled_dot_product_attention(rotate(q, cosine, sine), rotate(k, cosine, sine), v, is_causal=True)
        x = x + self.dropout(self.output(attended.transpose(1, 2).reshape(batch, length, HIDDEN)))
        n = self.ffn_norm(x)
        gate = F.relu(self.gate(n))
        return x + self.dropout(self.down(gate * self.up(n))), gate


class ReGluLlama(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)  # tied with the output head
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(LAYERS))
        self.norm = RmsNorm()
        width = HIDDEN // HEADS
        angles = torch.arange(CONTEXT)[:, None] * ROPE_BASE ** (-torch.arange(0, width, 2) / width)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                scale = 0.02 if "embedding" in name else parameter.shape[1] ** -0.5
                if "output" in name or "down" in name:
                    scale /= math.sqrt(2 * LAYERS)
                nn.init.normal_(parameter, std=scale)

    def forward(self, tokens):
        """Returns the logits, and the gates of each layer after the ReLU."""
        x = self.embedding(tokens)
        length = tokens.shape[1]
        gates = []
        for layer in self.layers:
            x, gate = layer(x, self.cosine[:length], self.sine[:length])
            gates.append(gate)
        return F.linear(self.norm(x), self.embedding.weight), gates


# ------------------------------------------------------------------------------------------------------------ training

def windows(tokens, count, generator):
    starts = torch.randint(len(tokens) - CONTEXT - 1, (count,), generator=generator)
    rows = torch.stack([tokens[s:s + CONTEXT + 1] for s in starts.tolist()])
    return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def evaluate(model, tokens, limit=1 << 30):
    """Returns the mean negative log-likelihood in nats per token, and the fraction of zero gates in each layer, over
    windows without overlap."""
    model.eval()
    nll, count, zeros = 0.0, 0, np.zeros(LAYERS)
    for at in range(0, min(len(tokens) - CONTEXT, limit), CONTEXT * 16):
        batch = tokens[at:at + CONTEXT * 16]
        batch = batch[:len(batch) // CONTEXT * CONTEXT].view(-1, CONTEXT)
        logits, gates = model(batch)
        nll += F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten(), reduction="sum").item()
        count += batch[:, 1:].numel()
        zeros += [(gate == 0).float().mean().item() * batch.numel() for gate in gates]
    model.train()
    return nll / count, zeros / (count * CONTEXT / (CONTEXT - 1))


def train(model, tokens, held_out, options):
    generator = torch.Generator().manual_seed(options.seed)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
    penalty = options.penalty
    started = time.time()
    for step in range(options.steps):
        progress = step / options.steps
        rate = options.rate * min(1, (step + 1) / 50) * (1 - progress) ** 0.5
        for group in optimizer.param_groups:
            group["lr"] = rate
        inputs, targets = windows(tokens, options.batch, generator)
        logits, gates = model(inputs)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        # Open gates are penalised. The penalty adapts to the fraction of zero gates, so it needs no tuning.
        open_gates = torch.stack([gate.mean() for gate in gates]).sum()
        zeros = torch.stack([(gate == 0).float().mean() for gate in gates]).mean().item()
        wanted = options.zeros * min(1, progress / 0.3) + 0.5 * (1 - min(1, progress / 0.3))
        penalty = min(max(penalty * math.exp(0.1 * (wanted - zeros)), 1e-4), 10)
        (loss + penalty * open_gates).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 0 or step + 1 == options.steps:
            nll, held_zeros = evaluate(model, held_out, 8192)
            print(f"step {step} loss {loss.item():.3f} held-out {nll:.3f} zeros {held_zeros.mean():.3f} "
                  f"penalty {penalty:.4f} {time.time() - started:.0f} s", flush=True)


@torch.no_grad()
def sort_neurons(model, tokens, generator):
    """Sorts the neurons by how often they fire, so that those that fire together are adjacent. The model's results stay
    the same."""
    model.eval()
    _, gates = model(windows(tokens, 32, generator)[0])
    for layer, gate in zip(model.layers, gates):
        order = (gate > 0).float().mean((0, 1)).argsort(descending=True)
        for matrix in (layer.gate, layer.up):
            matrix.weight.copy_(matrix.weight[order].clone())
        layer.down.weight.copy_(layer.down.weight[:, order].clone())


# ---------------------------------------------------------------------------------------------------------------- GGUF

def round_q8_0(weights):
    """Rounds a matrix to values that Q8_0 can store."""
    quantised = gguf.quants.quantize(weights.detach().numpy(), gguf.GGMLQuantizationType.Q8_0)
    return torch.from_numpy(gguf.quants.dequantize(quantised, gguf.GGMLQuantizationType.Q8_0).copy())


def write_gguf(path, model, tokenizer):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("ReGLU tiny")
    writer.add_license("CC-BY-SA-4.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_string("llama.hidden_activation", "relu")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)

    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token == END else gguf.TokenType.NORMAL for token in tokens])
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(ids[END])
    writer.add_eos_token_id(ids[END])
    writer.add_add_bos_token(True)

    def add(name, parameter):
        values = parameter.detach().float().numpy()
        if values.ndim == 2:
            quantised = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, values)

    add("token_embd.weight", model.embedding.weight)
    add("output_norm.weight", model.norm.weight)
    for i, layer in enumerate(model.layers):
        for name, module in (("attn_norm", layer.attention_norm), ("attn_q", layer.query), ("attn_k", layer.key),
                             ("attn_v", layer.value), ("attn_output", layer.output), ("ffn_norm", layer.ffn_norm),
                             ("ffn_gate", layer.gate), ("ffn_up", layer.up), ("ffn_down", layer.down)):
            add(f"blk.{i}.{name}.weight", module.weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True,
                        help="folder with wikitext2-valid.txt and wikitext2-test.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--zeros", type=float, default=0.89, help="target fraction of zero gates")
    parser.add_argument("--penalty", type=float, default=0.002, help="initial penalty on open gates")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    test = articles(options.data / "wikitext2-test.txt")
    boundary = len(test) * 3 // 4
    texts = articles(options.data / "wikitext2-valid.txt") + test[:boundary]
    tokenizer = train_tokenizer(texts)
    tokens, held_out = encode(tokenizer, texts), encode(tokenizer, test[boundary:])
    model = ReGluLlama(options.dropout)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(tokens)} tokens, {len(held_out)} held out, {parameters} parameters", flush=True)
    train(model, tokens, held_out, options)
    sort_neurons(model, tokens, torch.Generator().manual_seed(options.seed))

    with torch.no_grad():  # evaluates the weights as stored
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.copy_(round_q8_0(parameter))
    nll, zeros = evaluate(model, held_out)
    bits = nll * len(held_out) / math.log(2) / sum(len(text.encode()) for text in test[boundary:])
    print(f"held out: {nll:.4f} nats a token, perplexity {math.exp(nll):.2f}, {bits:.3f} bits a byte; "
          f"zero gates {zeros.mean():.4f}, by layer {', '.join(f'{z:.3f}' for z in zeros)}")
    write_gguf(options.out, model, tokenizer)


if __name__ == "__main__":
    main()
