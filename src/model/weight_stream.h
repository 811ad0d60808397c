// Turns the bytes of the tensor data into weights in memory, block by block as they arrive. The bytes are not kept.
//
// Matrices of which single rows are read, the embedding and the output head, can be deferred: all other tensors come
// first, and rows that are needed earlier can be put in. Long runs of rows that were put in are left out of what the
// stream still wants.
#pragma once

#include "base/file_range.h"
#include "model/weights.h"

namespace camelgpt {

struct WeightStream {
  struct DeferredTensor {
    const uint8_t* data = nullptr;  // of its panel
    uint32_t target = 0;
    uint64_t row_bytes = 0;  // in the file
    uint64_t streamed = 0;   // rows that the stream has delivered, from the first one on
    Buffer<uint8_t> put;     // [rows] whether a row was put in by itself
  };
  static constexpr uint32_t kMaxDeferred = 2, kMaxRanges = 2 * kMaxDeferred + 1;

  Buffer<WeightTarget> targets;  // in file order
  FileRange ranges[kMaxRanges];  // of the tensor data, in the order in which they are to come
  uint32_t range_count = 0, range = 0;
  uint64_t position = 0;  // in the tensor data, of the next byte
  uint32_t next = 0;      // the target that is being filled
  uint8_t partial[256];   // the beginning of a block that the end of the bytes cut
  uint32_t partial_size = 0;
  DeferredTensor deferred[kMaxDeferred];
  uint32_t deferred_count = 0;
  uint32_t deferred_ranges = 0;  // how many of the ranges, counted from the last one, belong to deferred tensors
};
// Shorter runs of rows that were put in are fed again: leaving them out would cost another request.
inline constexpr uint64_t kMinSkippedBytes = 128 << 10;

// Sorts the binder's targets and starts the stream.
void weight_stream_begin(WeightBinder* binder, WeightStream* stream);
// Defers matrices whose data has not arrived. A matrix without data is ignored, and one that is given twice counts
// once.
Status weight_stream_defer(std::span<const Panel* const> matrices, WeightStream* stream);

// Takes bytes from stream->position on. *used says how many: fewer than all if a range ends. `header` names tensors in
// messages.
Status weight_stream_feed(WeightStream* stream, const GgufHeader& header, std::span<const uint8_t> bytes, size_t* used);
// Puts in the whole rows of a deferred tensor that lie at `from` in the tensor data. *used says how many bytes they
// have: fewer than all if the last row is cut. kBadInput if there is no whole row.
Status weight_stream_put_rows(WeightStream* stream, const GgufHeader& header, uint64_t from,
                              std::span<const uint8_t> bytes, size_t* used);

// The range to feed next; empty if all weights have arrived.
FileRange weight_stream_wanted(const WeightStream& stream);
inline bool weight_stream_done(const WeightStream& stream) { return stream.range >= stream.range_count; }
// Whether no tensor is missing except for deferred ones.
inline bool weight_stream_has_rest(const WeightStream& stream) {
  return stream.range + stream.deferred_ranges >= stream.range_count;
}

// Where the bytes of a row lie in the tensor data; empty if the row has arrived.
FileRange weight_stream_missing(const WeightStream& stream, const Panel& matrix, uint32_t row);
// The bytes of all rows of deferred tensors that have not arrived.
uint64_t weight_stream_missing_bytes(const WeightStream& stream);

}  // namespace camelgpt
