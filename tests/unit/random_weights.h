// Random weights for tests, valid in every tensor type.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/half.h"
#include "gguf/tensor_type.h"
#include "quant/blocks.h"

namespace camelgpt {

struct TestRandom {
  uint64_t state;
  explicit TestRandom(uint64_t seed) : state(seed * 2654435769u + 1) {}
  uint32_t next() {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<uint32_t>(state >> 33);
  }
  // In [-1, 1).
  float real() { return static_cast<float>(static_cast<int32_t>(next() & 0xffff) - 32768) / 32768.0f; }
};

// Random tokens of one byte each; `count` is also the seed.
inline std::vector<int32_t> some_tokens(size_t count) {
  TestRandom random(count);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.next() % 256);
  return tokens;
}

inline constexpr TensorType kAllTensorTypes[] = {
    TensorType::kF32,   TensorType::kF16,     TensorType::kBF16,   TensorType::kQ4_0,   TensorType::kQ4_1,
    TensorType::kQ5_0,  TensorType::kQ5_1,    TensorType::kQ8_0,   TensorType::kQ2_K,   TensorType::kQ3_K,
    TensorType::kQ4_K,  TensorType::kQ5_K,    TensorType::kQ6_K,   TensorType::kIQ4_NL, TensorType::kIQ1_S,
    TensorType::kIQ1_M, TensorType::kIQ2_XXS, TensorType::kIQ2_XS, TensorType::kIQ2_S,  TensorType::kIQ3_XXS,
    TensorType::kIQ3_S, TensorType::kIQ4_XS,  TensorType::kTQ1_0,  TensorType::kTQ2_0,  TensorType::kMXFP4};

// `count` values (whole blocks) with magnitudes of about `size`.
inline std::vector<uint8_t> random_tensor(TensorType type, uint64_t count, uint64_t seed, float size = 0.1f) {
  const TensorTypeInfo info = tensor_type_info(type);
  TestRandom random(seed);
  std::vector<uint8_t> bytes(count / info.block_elements * info.block_bytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  const auto put_half = [&](size_t at, float value) {
    const uint16_t half = float_to_half(value);
    std::memcpy(&bytes[at], &half, 2);
  };
  for (size_t at = 0; at < bytes.size(); at += info.block_bytes) {
    const float value = random.real() * size;
    switch (type) {
      case TensorType::kF32: std::memcpy(&bytes[at], &value, 4); break;
      case TensorType::kF16: put_half(at, value); break;
      case TensorType::kBF16: std::memcpy(&bytes[at], reinterpret_cast<const uint8_t*>(&value) + 2, 2); break;
      case TensorType::kQ4_0:
      case TensorType::kQ5_0: put_half(at, value / 8); break;
      case TensorType::kQ8_0:
      case TensorType::kIQ4_NL: put_half(at, value / 100); break;
      case TensorType::kQ4_1:
      case TensorType::kQ5_1:
        put_half(at, value / 8);
        put_half(at + 2, random.real() * size);
        break;
      case TensorType::kQ2_K:
        put_half(at + 80, value / 40);
        put_half(at + 82, random.real() * size / 15);
        break;
      case TensorType::kQ3_K: put_half(at + 108, value / 100); break;
      case TensorType::kQ4_K:
      case TensorType::kQ5_K:
        put_half(at, value / 500);
        put_half(at + 2, random.real() * size / 60);
        break;
      case TensorType::kQ6_K: put_half(at + 208, value / 2000); break;
      case TensorType::kIQ1_S: put_half(at, value / 10); break;
      case TensorType::kIQ1_M: {  // the scale is in the high nibbles of four words
        const uint16_t half = float_to_half(value / 10);
        for (size_t i = 0; i < 4; ++i) {
          uint8_t& high = bytes[at + 49 + 2 * i];
          high = static_cast<uint8_t>((high & 15) | (half >> (4 * i) & 15) << 4);
        }
        break;
      }
      case TensorType::kIQ2_XXS:
      case TensorType::kIQ2_XS:
      case TensorType::kIQ2_S: put_half(at, value / 60); break;
      case TensorType::kIQ3_XXS: put_half(at, value / 160); break;
      case TensorType::kIQ3_S: put_half(at, value / 160); break;
      case TensorType::kIQ4_XS: put_half(at, value / 1000); break;
      case TensorType::kTQ1_0: put_half(at + 52, value); break;
      case TensorType::kTQ2_0: put_half(at + 64, value); break;
      case TensorType::kMXFP4: bytes[at] = static_cast<uint8_t>(120 + bytes[at] % 6); break;
    }
  }
  return bytes;
}

// The values of a tensor, dequantised block by block.
inline std::vector<float> dequantize_tensor(TensorType type, const std::vector<uint8_t>& bytes) {
  const TensorTypeInfo info = tensor_type_info(type);
  std::vector<float> values(bytes.size() / info.block_bytes * info.block_elements);
  for (size_t b = 0; b < values.size() / info.block_elements; ++b) {
    dequantize_block(type, &bytes[b * info.block_bytes], &values[b * info.block_elements]);
  }
  return values;
}

}  // namespace camelgpt
