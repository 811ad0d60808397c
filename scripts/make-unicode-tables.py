"""Unicode's character database goes in, src/tokenize/unicode_tables.inc comes out: where \\p{L}, \\p{N} and white space
begin and end.

    pip install unicodedata2==16.0.0
    python3 scripts/make-unicode-tables.py > src/tokenize/unicode_tables.inc

Version 16.0.0 is that of the regular expressions in Hugging Face's tokenizers 0.23.3, which the tests compare with.
"""
import unicodedata2

VERSION = "16.0.0"
assert unicodedata2.unidata_version == VERSION, unicodedata2.unidata_version

OTHER, LETTER, NUMBER, SPACE = range(4)
# The property White_Space (PropList.txt), which general categories cannot tell: all of Z*, and these controls.
WHITE_SPACE_CONTROLS = {*range(0x09, 0x0E), 0x85}


def class_of(code_point):
    category = unicodedata2.category(chr(code_point))
    if category[0] == "L":
        return LETTER
    if category[0] == "N":
        return NUMBER
    return SPACE if category[0] == "Z" or code_point in WHITE_SPACE_CONTROLS else OTHER


starts = []
previous = None
for code_point in range(0x110000):
    current = class_of(code_point)
    if current != previous:
        starts.append(code_point << 2 | current)
        previous = current

print(f"// Made by scripts/make-unicode-tables.py from Unicode {VERSION}: {len(starts)} ranges.")
print("// Each number is (first code point << 2 | class); a range ends where the next one starts.")
line = ""
for start in starts:
    item = f"0x{start:x},"
    if len(line) + 1 + len(item) > 118:
        print(line)
        line = ""
    line += f" {item}" if line else item
print(line)
