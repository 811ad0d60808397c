"""Generates src/tokenize/unicode_tables.inc from the Unicode Character Database: the class, the lower-case letter and
the canonical decomposition of each code point, encoded as bytes that src/tokenize/unicode_tables.cpp reads.

    pip install unicodedata2==16.0.0
    python3 scripts/make-unicode-tables.py > src/tokenize/unicode_tables.inc

Version 16.0.0 is that of the regular expressions in Hugging Face's tokenizers 0.23.3, which the tests compare against.
"""
import unicodedata2

VERSION = "16.0.0"
assert unicodedata2.unidata_version == VERSION, unicodedata2.unidata_version

# In the order of CharacterClass in src/tokenize/unicode_tables.h.
UNASSIGNED, CAPITAL, SMALL, LETTER, NUMBER, NONSPACING, MARK, PUNCTUATION, SYMBOL, CONTROL, SPACE = range(11)
CLASSES = {"Lu": CAPITAL, "Lt": CAPITAL, "Ll": SMALL, "L": LETTER, "N": NUMBER, "Mn": NONSPACING, "M": MARK,
           "P": PUNCTUATION, "S": SYMBOL, "Cc": CONTROL, "Cf": CONTROL, "Co": CONTROL, "C": UNASSIGNED, "Z": SPACE}
# White_Space (PropList.txt) is not a general category: it has all of Z*, and these controls.
WHITE_SPACE_CONTROLS = {*range(0x09, 0x0E), 0x85}
RUNS_IN_BLOCK = 32
HANGUL = range(0xAC00, 0xD7A4)  # syllables decompose by arithmetic
SURROGATES = range(0xD800, 0xE000)


def class_of(code_point):
    if code_point in WHITE_SPACE_CONTROLS:
        return SPACE
    category = unicodedata2.category(chr(code_point))
    return CLASSES.get(category, CLASSES.get(category[0]))


def varint(number):
    """A little-endian base-128 integer: seven bits a byte; bit 7 is set if another byte follows."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def zigzag(number):
    return number * 2 if number >= 0 else -number * 2 - 1


def class_runs():
    """(first code point, bytes) of each run. The first byte has the class in its high four bits and the length in its
    low four; a length of 16 or more is 0 there and follows as a varint."""
    runs, start = [], 0
    for end in range(1, 0x110001):
        if end < 0x110000 and class_of(end) == class_of(start):
            continue
        length = end - start
        head = bytes([class_of(start) << 4 | length]) if length < 16 else bytes([class_of(start) << 4]) + varint(length)
        runs.append((start, head))
        start = end
    return runs


def mapping_runs(pairs):
    """(code point that the gap counts from, bytes) of each run of pairs (from, to). The bytes are gap << 3 | form, the
    number of pairs if greater than one, and the distance of the first target from the previous last target in the
    block. Bits of form: 1 more than one pair, 2 every other code point, 4 all pairs have one target."""
    runs, at, end, last = [], 0, 0, 0
    while at < len(pairs):
        source, target = pairs[at]
        best = (1, 0)
        for step in (1, 2):
            for together in (step, 0):
                count = 1
                while pairs[at + count:at + count + 1] == [(source + count * step, target + count * together)]:
                    count += 1
                if count > best[0]:
                    best = (count, 1 | (step == 2) << 1 | (together == 0) << 2)
        count, form = best
        if len(runs) % RUNS_IN_BLOCK == 0:
            last = 0
        encoded = varint((source - end) << 3 | form) + (varint(count) if count > 1 else b"") + varint(zigzag(target - last))
        runs.append((end, encoded))
        end, last = pairs[at + count - 1][0] + 1, pairs[at + count - 1][1]
        at += count
    return runs


def characters():
    return (code_point for code_point in range(0x110000) if code_point not in SURROGATES)


def small_letters():
    # U+0130 (capital I with a dot) is the only character whose lower case has two code points.
    lower = ((code_point, chr(code_point).lower()) for code_point in characters())
    return [(code_point, ord(small[0])) for code_point, small in lower if small[0] != chr(code_point)]


def decomposed(code_point):
    """The one or two code points of the canonical decomposition without nonspacing marks; empty if there is none."""
    fields = unicodedata2.decomposition(chr(code_point)).split()
    if not fields or fields[0].startswith("<"):
        return []
    return [part for part in (int(field, 16) for field in fields) if class_of(part) != NONSPACING]


def decompositions():
    """Pairs of each character with the first code point of its decomposition, and of each character with the second.
    The first code point may itself have a decomposition of two."""
    firsts, seconds = [], []
    for code_point in characters():
        first, *second = decomposed(code_point) or [code_point]
        while len(further := decomposed(first)) == 1:
            first = further[0]
        if first != code_point:
            firsts.append((code_point, first))
        seconds += [(code_point, part) for part in second]
    return firsts, seconds


def print_numbers(kind, name, numbers):
    print(f"constexpr {kind} {name}[] = {{")
    line = ""
    for number in numbers:
        item = f"{number},"
        if len(line) + 1 + len(item) > 126:
            print(line)
            line = ""
        line += f" {item}" if line else f"    {item}"
    print(f"{line}\n}};")


def print_runs(name, runs):
    encoded = b"".join(part for _, part in runs)
    starts, offsets, offset = [], [], 0
    for index, (start, part) in enumerate(runs):
        if index % RUNS_IN_BLOCK == 0:
            starts.append(start)
            offsets.append(offset)
        offset += len(part)
    print(f"\n// {name}: {len(runs)} runs.")
    print_numbers("uint8_t", f"k{name}Bytes", encoded)
    print_numbers("uint32_t", f"k{name}Starts", starts)
    print_numbers("uint16_t", f"k{name}Offsets", offsets)


firsts, seconds = decompositions()
print(f"// Generated by scripts/make-unicode-tables.py from Unicode {VERSION}.")
print(f"// Starts: the first code point of each block of {RUNS_IN_BLOCK} runs. Offsets: the position of the block in Bytes.")
print_runs("Class", class_runs())
print_runs("Small", mapping_runs(small_letters()))
print_runs("First", mapping_runs(firsts))
print_runs("Second", mapping_runs(seconds))
