"""Trains a small model that reads and writes bytes.

Captions → chunks of bytes → a smaller model with the graph of convert.py's models → a GGUF file in Q8_0. See README.md.
Usage: train.py --data FOLDER --out stlm-tiny.gguf [--steps N] [--threads N]
"""
import argparse
import math
import random
import time
from pathlib import Path

import gguf
import torch
import torch.nn.functional as F
from tokenizers import pre_tokenizers
from torch import nn

import stlm_gguf
from stlm_gguf import END, EPSILON, PAD, ROPE_BASE, VOCABULARY

LENGTH, WIDTH, BYTE_HEADS = 12, 64, 8  # bytes of a chunk; width and attention heads of the byte blocks
EMBEDDER, HEAD_BLOCKS = (64, 192), 2   # widths of the embedder's blocks; number of blocks in the head
HIDDEN, HEADS, GROUP, LAYERS, FFN, CONTEXT = 192, 6, 3, 6, 768, 128


# ---------------------------------------------------------------------------------------------------------------- text

def captions(path):
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


PRE_TOKENIZER = pre_tokenizers.ByteLevel(add_prefix_space=False)  # uses GPT-2's regular expression


def chunks_of(text):
    """Splits a text into chunks like src/tokenize/chunks.cpp, without an end chunk."""
    chunks = []
    for _, (first, last) in PRE_TOKENIZER.pre_tokenize_str(text):
        word = text[first:last].encode()
        while len(word) > LENGTH:
            end = LENGTH
            while word[end] & 0xC0 == 0x80:
                end -= 1
            chunks.append(word[:end])
            word = word[end:]
        chunks.append(word)
    return chunks


def encode(texts):
    """Returns symbols [chunks, LENGTH]. Each text begins with an end chunk."""
    rows = []
    for text in texts:
        rows.append([END] + [PAD] * (LENGTH - 1))
        rows += [list(chunk) + [PAD] * (LENGTH - len(chunk)) for chunk in chunks_of(text)]
    return torch.tensor(rows, dtype=torch.long)


# --------------------------------------------------------------------------------------------------------------- model

class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * self.weight


def linear(columns, rows, gain=1.0):
    layer = nn.Linear(columns, rows, bias=False)
    nn.init.normal_(layer.weight, std=gain * columns ** -0.5)
    return layer


def attend(x, qkv, heads, kv_heads, rotation=None):
    """Attention over x [batch, length, width]. With a rotation it is causal, without one bidirectional."""
    batch, length, width = x.shape
    head = width // heads
    qkv = qkv(x).split([width, kv_heads * head, kv_heads * head], -1)
    q, k, v = (matrix.view(batch, length, -1, head).transpose(1, 2) for matrix in qkv)
    if rotation is not None:
        q, k = (rotate(matrix, *rotation) for matrix in (q, k))
    k, v = (matrix.repeat_interleave(heads // kv_heads, 1) for matrix in (k, v))
    attended = F.scaled_dot_product_attention(q, k, v, is_causal=rotation is not None)
    return attended.transpose(1, 2).reshape(batch, length, width)


def rotate(x, cosine, sine):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2)


class ByteBlock(nn.Module):
    """A byte block. Its feed-forward network has no residual connection, so its initial weights preserve the scale of
    the input."""

    def __init__(self, width, out, ffn):
        super().__init__()
        self.attn_norm, self.ffn_norm = RmsNorm(width), RmsNorm(width)
        self.attn = nn.ModuleDict({"c_attn": linear(width, 3 * width), "c_proj": linear(width, width, 0.5)})
        self.ffn = nn.ModuleDict({"linear_1": linear(width, ffn), "linear_2": linear(ffn, out, 1.7)})

    def forward(self, x):
        x = x + self.attn["c_proj"](attend(self.attn_norm(x), self.attn["c_attn"], BYTE_HEADS, BYTE_HEADS))
        return self.ffn["linear_2"](F.gelu(self.ffn["linear_1"](self.ffn_norm(x))))


class Layer(nn.Module):
    def __init__(self, ffn):
        super().__init__()
        self.attn_norm, self.ffn_norm = RmsNorm(HIDDEN), RmsNorm(HIDDEN)
        self.attn = nn.ModuleDict({"c_attn": linear(HIDDEN, HIDDEN + 2 * HIDDEN // GROUP),
                                   "c_proj": linear(HIDDEN, HIDDEN, (2 * LAYERS) ** -0.5)})
        self.ffn = ffn  # shared by all layers

    def forward(self, x, rotation):
        x = x + self.attn["c_proj"](attend(self.attn_norm(x), self.attn["c_attn"], HEADS, HEADS // GROUP, rotation))
        n = self.ffn_norm(x)
        return x + self.ffn["linear_2"](F.silu(self.ffn["linear_1"](n)) * self.ffn["linear_3"](n))


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.pe = nn.Embedding(LENGTH, WIDTH)
        nn.init.normal_(self.pe.weight, std=0.5)


class Stlm(nn.Module):
    """The model. Its modules have the reference's names."""

    def __init__(self):
        super().__init__()
        widths = [*EMBEDDER, HIDDEN]
        byte_embedder = nn.Embedding(VOCABULARY, WIDTH)
        nn.init.normal_(byte_embedder.weight, std=0.5)
        self.embedder = nn.ModuleDict({
            "byte_token_embedder": byte_embedder, "pos_encoder": Positions(),
            "transformer": nn.ModuleList(ByteBlock(widths[i], widths[i + 1], 4 * widths[i])
                                         for i in range(len(EMBEDDER)))})
        ffn = nn.ModuleDict({"linear_1": linear(HIDDEN, FFN), "linear_3": linear(HIDDEN, FFN),
                             "linear_2": linear(FFN, HIDDEN, (2 * LAYERS) ** -0.5)})
        layers = nn.ModuleList(Layer(ffn) for _ in range(LAYERS))
        self.core = nn.ModuleDict({"transformer": nn.ModuleDict({"h": layers})})
        self.head = nn.ModuleDict({
            "projection": linear(HIDDEN, LENGTH * WIDTH, 0.5), "pos_encoder": Positions(),
            "transformer": nn.ModuleList(ByteBlock(WIDTH, WIDTH, 4 * WIDTH) for _ in range(HEAD_BLOCKS)),
            "lm_head": linear(WIDTH, VOCABULARY, 0.2)})
        width = HIDDEN // HEADS
        angles = torch.arange(CONTEXT)[:, None] * ROPE_BASE ** (-torch.arange(0, width, 2) / width)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def forward(self, symbols):
        """Maps [batch, context, LENGTH] to logits of the next chunk's symbols [batch, context, LENGTH, VOCABULARY]."""
        batch, context, _ = symbols.shape
        # Words repeat often, so each distinct chunk is embedded once.
        unique, places = symbols.flatten(0, 1).unique(dim=0, return_inverse=True)
        x = self.embedder["byte_token_embedder"](unique) + self.embedder["pos_encoder"].pe.weight
        for block in self.embedder["transformer"]:
            x = block(x)
        x = x.mean(1)[places].view(batch, context, HIDDEN)
        for layer in self.core["transformer"]["h"]:
            x = layer(x, (self.cosine[:context], self.sine[:context]))
        y = self.head["projection"](x).view(batch * context, LENGTH, WIDTH)
        y = y + (y + self.head["pos_encoder"].pe.weight)
        for block in self.head["transformer"]:
            y = block(y)
        return self.head["lm_head"](y).view(batch, context, LENGTH, VOCABULARY)


def loss_mask(symbols):
    """Returns a mask of the symbols that the loss counts: the bytes of a chunk and the symbol that ends it."""
    ended = (symbols >= PAD).long().cumsum(-1)
    return ended - (symbols >= PAD).long() == 0


def loss_of(model, inputs, targets):
    """Returns the sum of the negative log-likelihoods in nats."""
    logits = model(inputs)
    mask = loss_mask(targets)
    return F.cross_entropy(logits[mask], targets[mask], reduction="sum")


# ------------------------------------------------------------------------------------------------------------ training

def bytes_in(symbols):
    return (symbols < PAD).sum().item()


@torch.no_grad()
def bits_per_byte(model, symbols, limit=1 << 30):
    """Scores windows without overlap, all chunks of each except the first."""
    model.eval()
    nll, count = 0.0, 0
    for at in range(0, min(len(symbols), limit) - 1, CONTEXT * 8):
        batch = symbols[at:at + CONTEXT * 8]
        batch = batch[:len(batch) // CONTEXT * CONTEXT].view(-1, CONTEXT, LENGTH)
        if len(batch) > 0:
            nll += loss_of(model, batch[:, :-1], batch[:, 1:]).item()
            count += bytes_in(batch[:, 1:])
    model.train()
    return nll / count / math.log(2)


def train(model, symbols, held_out, options):
    generator = torch.Generator().manual_seed(options.seed)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
    started = time.time()
    for step in range(options.steps):
        rate = options.rate * min(1, (step + 1) / 50) * (1 - step / options.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(symbols) - CONTEXT - 1, (options.batch,), generator=generator)
        rows = torch.stack([symbols[s:s + CONTEXT + 1] for s in starts.tolist()])
        loss = loss_of(model, rows[:, :-1], rows[:, 1:]) / bytes_in(rows[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 250 == 0:
            bits = bits_per_byte(model, held_out, 4096)
            print(f"step {step + 1} loss {loss.item() / math.log(2):.3f} held-out {bits:.3f} bits a byte, "
                  f"{time.time() - started:.0f} s: {sample(model, 'A man', 24)}", flush=True)


@torch.no_grad()
def sample(model, text, count):
    """Continues a text greedily, as the engine does at temperature 0."""
    model.eval()
    rows = encode([text])
    for _ in range(count):
        logits = model(rows[None, -CONTEXT:])[0, -1]
        logits[0, PAD] = -math.inf
        symbols = logits.argmax(-1).tolist()
        chunk = []
        for symbol in symbols:
            if symbol >= PAD:
                break
            chunk.append(symbol)
        if not chunk:
            break
        rows = torch.cat([rows, torch.tensor([chunk + [PAD] * (LENGTH - len(chunk))])])
    model.train()
    return bytes(s for s in rows.flatten().tolist() if s < 256).decode(errors="replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder with multi30k/{train,val,test_2016_flickr}.en")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    training, validation, test = (captions(options.data / f"multi30k/{split}.en")
                                  for split in ("train", "val", "test_2016_flickr"))
    random.Random(options.seed).shuffle(training)
    symbols, held_out, test = encode(training), encode(validation), encode(test)
    model = Stlm()
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(symbols)} chunks of {bytes_in(symbols)} bytes, {parameters} parameters", flush=True)
    train(model, symbols, held_out, options)

    with torch.no_grad():  # evaluates the weights as stored
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and ".pe." not in name:
                quantised = gguf.quants.quantize(parameter.numpy(), stlm_gguf.TYPES["q8_0"])
                stored = gguf.quants.dequantize(quantised, stlm_gguf.TYPES["q8_0"])
                parameter.copy_(torch.from_numpy(stored.copy()))
    print(f"as stored: {bits_per_byte(model, held_out):.4f} bits a byte on val, "
          f"{bits_per_byte(model, test):.4f} on test_2016_flickr")
    for text in ("A", "Two men", "A little girl", "The dog"):
        print(sample(model, text, 40))
    config = {"core_model": {"num_layers": LAYERS, "ffn": {"ffn_type": "swiglu", "ffn_dim": FFN},
                             "attn": {"num_heads": HEADS, "group_size": GROUP}},
              "hidden_dim": HIDDEN, "context_window": CONTEXT, "byte_context_window": LENGTH,
              "byte_embedding_dim": WIDTH}
    weights = {name: values.numpy() for name, values in model.state_dict().items()}
    parameters = stlm_gguf.write(options.out, config, weights, "q8_0", "gpt-2", "STLM tiny",
                                 license="CC-BY-NC-SA-4.0", add_bos=True)
    print(f"{parameters} parameters stored, {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
