"""Makes random valid blocks of every quantised GGUF type and their values according to the PyPI package gguf, the
independent reference for src/quant. Prints a C++ header.

    make_block_goldens.py > tests/unit/quant/block_goldens.h
"""
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize

# (name, block bytes, block elements, positions of the half-precision scales in a block)
TYPES = [
    ("Q4_0", 18, 32, [0]), ("Q4_1", 20, 32, [0, 2]), ("Q5_0", 22, 32, [0]), ("Q5_1", 24, 32, [0, 2]),
    ("Q8_0", 34, 32, [0]), ("Q2_K", 84, 256, [80, 82]), ("Q3_K", 110, 256, [108]), ("Q4_K", 144, 256, [0, 2]),
    ("Q5_K", 176, 256, [0, 2]), ("Q6_K", 210, 256, [208]), ("IQ4_NL", 18, 32, [0]),
    ("IQ4_XS", 136, 256, [0]), ("IQ3_S", 110, 256, [0]), ("IQ3_XXS", 98, 256, [0]), ("IQ2_S", 82, 256, [0]),
    ("IQ2_XS", 74, 256, [0]), ("IQ2_XXS", 66, 256, [0]), ("IQ1_S", 50, 256, [0]), ("IQ1_M", 56, 256, []),
    ("TQ1_0", 54, 256, [52]), ("TQ2_0", 66, 256, [64]), ("MXFP4", 17, 32, []),
]

random = np.random.default_rng(20)
print("// Made by tests/parity/make_block_goldens.py with the PyPI package gguf. Values are the bits of floats.")
print("#pragma once\n\n#include <cstdint>\n")
print("struct BlockGolden {\n  const char* name;\n  uint32_t bytes, elements;")
print("  const uint8_t* block;\n  const uint32_t* values;\n};\n")
for name, size, elements, scales in TYPES:
    block = random.integers(0, 256, size, dtype=np.uint8)
    for i, at in enumerate(scales):
        value = np.float16([0.0123, -0.0457][i] * (1 + random.random()))
        block[at:at + 2] = np.frombuffer(value.tobytes(), np.uint8)
    if name == "IQ1_M":  # the scale 0x2345 is in the high nibbles of four words
        block[49::2] = block[49::2] & 15 | np.array([0x50, 0x40, 0x30, 0x20], np.uint8)
    if name == "MXFP4":
        block[0] = 120  # an exponent
    values = dequantize(block.reshape(1, size), T[name]).astype(np.float32).reshape(-1)
    assert values.size == elements
    print(f"inline constexpr uint8_t k{name}Block[] = {{{', '.join(map(str, block))}}};")
    print(f"inline constexpr uint32_t k{name}Values[] = {{{', '.join(hex(v) for v in values.view(np.uint32))}}};")
print("\ninline constexpr BlockGolden kBlockGoldens[] = {")
for name, size, elements, _ in TYPES:
    print(f'    {{"{name}", {size}, {elements}, k{name}Block, k{name}Values}},')
print("};")
