// A saved state on its way: the text that the cache holds, with keys and values. docs/formats.md describes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/buffer.h"

namespace camelgpt {

struct StateHeader {
  char magic[4];  // "CGST"
  uint32_t version;
  uint64_t checksum;    // of what comes behind it, part by part
  uint64_t model;       // model_fingerprint
  uint32_t kv_bits;     // of a stored key or value
  uint32_t length;      // tokens
  uint64_t text_bytes;  // that say which these are
};
static_assert(sizeof(StateHeader) == 40);

struct StateTransfer {
  StateHeader header;
  Buffer<uint8_t> text;
  uint64_t left = 0;  // bytes that have not come through yet; 0: nothing is on its way
  uint32_t part = 0;  // the header, the text, then those of the cache
  size_t at = 0;      // bytes of it that have
};

}  // namespace camelgpt
