// Makes a sidecar without a calibration, which takes seconds under sanitizers. Its directions are coordinate axes.
#pragma once

#include <vector>

#include "base/hash.h"
#include "prune/sidecar.h"
#include "require.h"
#include "session/session.h"
#include "tiny_llama.h"

namespace camelgpt {

// A model whose output head is large enough to be pruned, in a small file.
inline std::vector<uint8_t> large_head_file() {
  return TinyLlama(TensorType::kQ4_0, true, false, 128, 8200).writer.file();
}
inline constexpr MemoryOptions kPrunes = {.context_length = 128, .prune = {.mode = PruneMode::kBalanced}};

// Makes the sidecar of a model that was loaded with kPrunes.
inline std::vector<uint8_t> make_sidecar(Session* session) {
  const Model& model = model_of(*session);
  PrunedHead& head = session->memory.pruning.head;
  HeadDirections directions;
  const uint32_t hidden = model.config.hidden;
  directions.rank = head.rank;
  const size_t size = size_t{hidden} * head.rank;
  require(directions.centre.resize(hidden) && directions.to_rows.resize(size) && directions.to_states.resize(size),
          "memory");
  for (uint32_t i = 0; i < head.rank; ++i) {
    directions.to_rows[size_t{i} * head.rank + i] = directions.to_states[size_t{i} * head.rank + i] = 1;
  }
  HeadPacker packer;
  require(pruned_head_begin(model, directions, &head, &packer).ok(), "the directions are finite");
  while (packer.next < model.head.weight.rows) pruned_head_pack(model, &head, &packer);
  head.packed = true;
  Sidecar sidecar;
  sidecar.data_position = session->data_position;
  for (MeasuredCost& cost : sidecar.costs) cost = {400, 0.01f, 0.9f};
  Buffer<char> bytes;
  require(sidecar_write(model, head, sidecar, &bytes).ok(), "memory");
  head.packed = false;
  return {bytes.begin(), bytes.end()};
}

// Recomputes the checksum of a changed sidecar.
inline void correct_sidecar_checksum(std::vector<uint8_t>* bytes) {
  constexpr size_t kChecksum = 8, kChecksumEnd = 16;
  if (bytes->size() < kChecksumEnd) return;
  const uint64_t checksum = hash_bytes(bytes->data() + kChecksumEnd, bytes->size() - kChecksumEnd);
  std::memcpy(bytes->data() + kChecksum, &checksum, sizeof checksum);
}

}  // namespace camelgpt
