// The transfer of a saved state: the cached text with its keys and values. docs/formats.md describes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/buffer.h"

namespace camelgpt {

struct StateHeader {
  char magic[4];  // "CGST"
  uint32_t version;
  uint64_t checksum;    // of everything after this field
  uint64_t model;       // model_fingerprint
  uint32_t kv_bits;     // of a stored key or value
  uint32_t length;      // tokens
  uint64_t text_bytes;  // bytes of the token ids or chunks
};
static_assert(sizeof(StateHeader) == 40);

struct StateTransfer {
  StateHeader header;
  Buffer<uint8_t> text;
  uint64_t remaining = 0;  // bytes still to transfer
  uint32_t section = 0;    // 0: the header, 1: the text, then the sections of the cache
  size_t offset = 0;       // bytes of the section transferred so far
};

}  // namespace camelgpt
