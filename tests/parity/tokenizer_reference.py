"""The tokens of a text by Hugging Face's tokenizers, from the vocabulary and merges in a GGUF file: the reference for
src/tokenize.

    pip install gguf tokenizers==0.23.3
    tokenizer_reference.py MODEL.gguf TEXT [--pre NAME] [--plain] [--out ids.json]
        prints the ids as JSON; --pre splits like another model family, --plain does not recognise special tokens
    tokenizer_reference.py MODEL.gguf --goldens tests/data --wikitext wikitext2-test.txt
        writes tests/data/tokenizer-hard.NAME.json and tests/data/tokenizer-goldens.json
    tokenizer_reference.py --pieces tests/data/tokenizer-hard.txt > tests/unit/tokenize/piece_goldens.h
        prints the lengths of the text's pre-tokens, which need no model

The patterns are those of the models' own tokenizer.json. Qwen 2's also normalises to NFC, which src/tokenize does not;
the reference omits it too.
"""
import argparse
import hashlib
import json
import struct
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA.replace("{1,3}", "")


def split(pattern):
    return Split(Regex(pattern), behavior="isolated", invert=False)


# ByteLevel with use_regex splits with GPT-2's pattern.
GPT2 = ByteLevel(add_prefix_space=False, use_regex=True)
BYTES = ByteLevel(add_prefix_space=False, use_regex=False)
PRE_TOKENIZERS = {
    "gpt-2": GPT2,
    "smollm": Sequence([Digits(individual_digits=True), GPT2]),
    "llama-bpe": Sequence([split(LLAMA), BYTES]),
    "qwen2": Sequence([split(QWEN), BYTES]),
}
# Patterns of further families, only for the lengths of pre-tokens.
ENDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CAPITALS, SMALLS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(ends, digits):
    words = "|".join(rf"[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}{first}{SMALLS}{second}{ends}"
                     for first, second in ("*+", "+*"))
    return rf"{words}|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


QWEN35 = QWEN.replace(r"\p{L}+", r"[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
MORE_PIECES = {
    "qwen35": Sequence([split(QWEN35), BYTES]),
    "gpt-4o": Sequence([split(cased(f"{ENDS}?", r"\p{N}{1,3}")), BYTES]),
    "tekken": Sequence([split(cased("", r"\p{N}")), BYTES]),
}
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
HAN_AND_KANA = "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+"
DEEPSEEK_WIDE = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+"
DEEPSEEK_LETTERS = (
    "A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373"
    "\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F"
    "\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77"
    "\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D"
    "\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB"
    "\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128"
    "\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4"
    "\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF"
    "\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3"
    "\U000104D8-\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943"
)
DEEPSEEK_MARKS = "!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002"
BLOOM = " ?[^(\\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+"
DEEPSEEK_WORDS = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def passes(*patterns):
    return Sequence([*map(split, patterns), BYTES])


# Rules of several passes and variants, only for a digest of their pieces. The names are those of PreTokenizer.
DIGESTS = {
    "Default": passes(r"[\p{P}\$\+<=>\^~\|]+", GPT2_PATTERN, r"\p{N}+", "[0-9][0-9][0-9]"),
    "Falcon": passes(r"[\p{P}\$\+<=>\^~\|`]+", GPT2_PATTERN, "[0-9][0-9][0-9]"),
    "DeepSeekLlm": passes("[\r\n]", rf"\s?[{DEEPSEEK_LETTERS}]+", rf"\s?[{DEEPSEEK_MARKS}]+", r"\s+$", DEEPSEEK_WIDE,
                          r"\p{N}+"),
    "DeepSeekCoder": passes("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_WIDE, r"\p{N}"),
    "DeepSeekV3": passes(r"\p{N}{1,3}", HAN_AND_KANA, DEEPSEEK_WORDS),
    "Bloom": passes(BLOOM),
    "Viking": passes(BLOOM, r"\p{N}"),
    "TinyAya": passes(r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", cased(f"{ENDS}?", r"\p{N}{1,3}")),
    "Youtu": passes("[\uAC00-\uD7A3\u3131-\u318E]+|[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C"
                    "\u3001-\u303F\uFE30-\uFE4F]+|[\u3105-\u312F]+|" + HAN_AND_KANA, cased(f"{ENDS}?", r"\p{N}")),
    "Laguna": passes(r"[^\n]+|[\n]+", QWEN),
    "SeedCoder": passes(QWEN.replace(r"[^\s\p{L}\p{N}]+[\r\n]*", r"[^\s\p{L}\p{N}\r\n]+")),
    "Ufakzeka": passes(QWEN.replace(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|", "")),
    "MiniCpm5": passes(r"\p{N}{1,3}", LLAMA.replace(r"\p{N}{1,3}", r"\p{N}+")),
    "Lines": passes(r"[^\n]+|[\n]+"),
}
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4


class Reference:
    def __init__(self, path):
        from gguf import GGUFReader

        fields = GGUFReader(path).fields
        field = lambda key: fields[f"tokenizer.ggml.{key}"].contents() if f"tokenizer.ggml.{key}" in fields else None
        self.pre = field("pre") or "gpt-2"
        self.tokens = field("tokens")
        self.types = field("token_type") or [1] * len(self.tokens)
        self.merges = [tuple(merge.split(" ")) for merge in field("merges")]
        unknown = field("unknown_token_id")
        # In SmolLM2's file the unknown token is a control token, and its tokenizer.json has none.
        self.unknown = self.tokens[unknown] if unknown is not None and self.types[unknown] == UNKNOWN else None

    def tokenizer(self, pre, plain=False):
        vocabulary = {token: i for i, token in enumerate(self.tokens)}
        model = BPE(vocab=vocabulary, merges=self.merges, unk_token=self.unknown, fuse_unk=False, byte_fallback=False,
                    ignore_merges=pre == "llama-bpe")
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre]
        if not plain:
            special = (UNKNOWN, CONTROL, USER_DEFINED)
            tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)
                                          for token, kind in zip(self.tokens, self.types) if kind in special])
        return tokenizer

    def ids(self, text, pre=None, plain=False):
        return self.tokenizer(pre or self.pre, plain).encode(text, add_special_tokens=False).ids


def read_text(path):
    return Path(path).read_bytes().decode()  # not read_text, which changes line endings


def digest_of_ids(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()


def write_goldens(reference, folder, wikitext):
    folder = Path(folder)
    hard = folder / "tokenizer-hard.txt"
    texts = {"tokenizer-hard": hard, "wikitext2-test": Path(wikitext)}
    goldens = {
        "about": "Made by tests/parity/tokenizer_reference.py with the vocabulary and merges of SmolLM2-135M-Instruct. "
                 "sha256 is that of the ids as little-endian int32; plain is without special tokens.",
        "tokenizers": tokenizers.__version__,
        "texts": {name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
                  for name, path in texts.items()},
        "ids": [],
    }
    for name, path in texts.items():
        text = read_text(path)
        for pre in PRE_TOKENIZERS:
            for plain in (False, True):
                ids = reference.ids(text, pre, plain)
                goldens["ids"].append(
                    {"text": name, "pre": pre, "plain": plain, "count": len(ids), "sha256": digest_of_ids(ids)})
                if path == hard and not plain:
                    line = json.dumps({"text": hard.name, "pre": pre, "ids": ids}, separators=(",", ":"))
                    (folder / f"tokenizer-hard.{pre}.json").write_text(line + "\n")
    rows = ",\n".join("    " + json.dumps(row) for row in goldens.pop("ids"))
    head = json.dumps(goldens, indent=2).removesuffix("\n}")
    (folder / "tokenizer-goldens.json").write_text(f'{head},\n  "ids": [\n{rows}\n  ]\n}}\n')


def print_pieces(path):
    text = read_text(path)
    print(f"// Made by tests/parity/tokenizer_reference.py with tokenizers {tokenizers.__version__}:")
    print(f"// the lengths in bytes of the pieces that tests/data/{Path(path).name} is cut into.")
    print("#pragma once\n\n#include <cstdint>\n\n#include \"tokenize/tokenizer.h\"\n\nnamespace camelgpt {\n")
    for pre, cutter in (PRE_TOKENIZERS | MORE_PIECES).items():
        # In the byte alphabet each character is one byte.
        lengths = [len(piece) for piece, _ in cutter.pre_tokenize_str(text)]
        assert sum(lengths) == len(text.encode())
        name = "".join(word.capitalize() for word in pre.split("-"))
        print(f"inline constexpr uint8_t k{name}Pieces[] = {{")
        line = ""
        for length in lengths:
            assert length < 256
            if len(line) + len(f" {length},") > 120:
                print(line)
                line = ""
            line += f" {length}," if line else f"    {length},"
        print(f"{line}\n}};")
    print("\nstruct PieceDigest {\n  PreTokenizer pre;\n  uint32_t pieces;")
    print("  uint64_t fnv;  // FNV-1a of the lengths\n};")
    print("inline constexpr PieceDigest kPieceDigests[] = {")
    for name, cutter in DIGESTS.items():
        hashed, pieces = 0xCBF29CE484222325, cutter.pre_tokenize_str(text)
        assert sum(len(piece) for piece, _ in pieces) == len(text.encode())
        for piece, _ in pieces:
            hashed = (hashed ^ len(piece)) * 0x100000001B3 % 2**64
        print(f"    {{PreTokenizer::k{name}, {len(pieces)}, {hashed:#x}}},")
    print("};\n\n}  // namespace camelgpt")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("text", nargs="?")
    parser.add_argument("--pre", choices=PRE_TOKENIZERS)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--goldens")
    parser.add_argument("--wikitext")
    parser.add_argument("--pieces")
    options = parser.parse_args()
    if options.pieces:
        return print_pieces(options.pieces)
    reference = Reference(options.model)
    if options.goldens:
        return write_goldens(reference, options.goldens, options.wikitext)
    text = json.dumps(reference.ids(read_text(options.text), options.pre, options.plain), separators=(",", ":"))
    if options.out:
        Path(options.out).write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
