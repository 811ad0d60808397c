// The bytes of the tensor data → weights in memory, block by block as they arrive: the file's bytes are never kept.
//
// Matrices of which single rows are read, the embedding and the output head, can be put off: then all else comes first,
// they come last, and rows of them that are wanted before can be put in one by one.
#pragma once

#include "base/file_range.h"
#include "model/weights.h"

namespace camelgpt {

struct WeightStream {
  // A matrix that was put off.
  struct Late {
    const uint8_t* data = nullptr;  // of its panel
    uint32_t target = 0;
    uint64_t row_bytes = 0;  // in the file
    uint64_t streamed = 0;   // rows from the first one on that are there
    Buffer<uint8_t> put;     // [rows] whether a row was put in by itself
  };
  static constexpr uint32_t kMostLate = 2, kMostRanges = 2 * kMostLate + 1;

  Buffer<WeightTarget> targets;   // in file order
  FileRange ranges[kMostRanges];  // of the tensor data, in the order in which they are to come
  uint32_t range_count = 0, range = 0;
  uint64_t position = 0;  // in the tensor data, of the next byte
  uint32_t next = 0;      // the target that is being filled
  uint8_t partial[256];   // a block that was cut by the end of a piece
  uint32_t partial_size = 0;
  Late late[kMostLate];
  uint32_t late_count = 0;
  uint32_t late_ranges = 0;  // how many of the ranges, the last ones, are of matrices that were put off
};

// Sorts the binder's targets and starts the stream.
void weight_stream_begin(WeightBinder* binder, WeightStream* stream);
// Puts matrices off, as far as they are not there yet; those without data, or that are the same, count once or not at
// all.
Status weight_stream_put_off(std::span<const Panel* const> matrices, WeightStream* stream);

// Takes bytes from stream->position on; *used is how many: fewer where a range ends. `header` names tensors in
// messages.
Status weight_stream_feed(WeightStream* stream, const GgufHeader& header, std::span<const uint8_t> bytes, size_t* used);
// Puts in whole rows of a matrix that was put off, which lie at `from` in the tensor data. kBadInput where that is
// something else.
Status weight_stream_put_rows(WeightStream* stream, const GgufHeader& header, uint64_t from,
                              std::span<const uint8_t> bytes);

// What is to be fed next; nothing when all is there.
inline FileRange weight_stream_wanted(const WeightStream& stream) {
  return stream.range < stream.range_count ? FileRange{stream.position, stream.ranges[stream.range].to} : FileRange{};
}
inline bool weight_stream_done(const WeightStream& stream) { return stream.range >= stream.range_count; }
// Whether only matrices that were put off are missing, or nothing.
inline bool weight_stream_has_rest(const WeightStream& stream) {
  return stream.range + stream.late_ranges >= stream.range_count;
}

// Where the bytes of a row lie in the tensor data; nothing where it is there.
FileRange weight_stream_missing(const WeightStream& stream, const Panel& matrix, uint32_t row);

}  // namespace camelgpt
