#include "model/weight_stream.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/heap_sort.h"
#include "quant/blocks.h"

namespace camelgpt {
namespace {

constexpr uint32_t kMaxBlockElements = 256;

Status non_finite(const GgufHeader& header, const WeightTarget& target) {
  const std::string_view name(reinterpret_cast<const char*>(header.bytes.data()) + target.name_position,
                              static_cast<size_t>(target.name_length));
  const int size = static_cast<int>(name.size());
  if (target.type == TensorType::kF32 && target.panel.kind == PanelKind::kHalf) {
    Status status =
        make_error(ErrorCode::kBadTensor, "The tensor %.*s holds numbers that are too large for 16-bit floats.", size,
                   name.data());
    status = with_expected(status, "magnitudes below 65520");
    status = with_found(status, "a larger number, an infinity or NaN");
    return with_hint(status, "Load the file with weights \"exact\", or choose one that is quantised.");
  }
  Status status =
      make_error(ErrorCode::kBadTensor, "The tensor %.*s holds numbers that are not finite.", size, name.data());
  status = with_expected(status, "finite weights and scales");
  status = with_found(status, "an infinity or NaN");
  return with_hint(status, "Download or convert the file again.");
}

// Re-encodes whole blocks, the first of which is block `first` of the target.
bool put_blocks(const WeightTarget& target, uint64_t first, std::span<const uint8_t> blocks) {
  if (target.vector == nullptr) {
    Panel panel = target.panel;
    return panel_put(&panel, target.type, first, blocks);
  }
  const TensorTypeInfo info = tensor_type_info(target.type);
  float values[kMaxBlockElements];
  float* out = target.vector + first * info.block_elements;
  for (size_t at = 0; at < blocks.size(); at += info.block_bytes, out += info.block_elements) {
    dequantize_block(target.type, blocks.data() + at, values);
    for (uint32_t i = 0; i < info.block_elements; ++i) {
      if (!std::isfinite(values[i])) return false;
      out[i] = values[i];
    }
  }
  return true;
}

// Continues at `position`, where a block begins.
void go_to(WeightStream* stream, uint64_t position) {
  const auto ends_before = [&](const WeightTarget& target) { return target.offset + target.bytes <= position; };
  stream->position = position;
  stream->next = 0;
  while (stream->next < stream->targets.size() && ends_before(stream->targets[stream->next])) ++stream->next;
  stream->partial_size = 0;
}

// The deferred tensor whose rows the current range has; null if it has other tensors.
const WeightStream::DeferredTensor* current_rows(const WeightStream& stream) {
  const uint32_t first = stream.range_count - stream.deferred_ranges;
  return stream.range >= first && stream.range < stream.range_count ? &stream.deferred[stream.range - first] : nullptr;
}

// The first run of at least kMinSkippedBytes of rows that were put in, in a deferred tensor from `position` on. Empty
// if there is none. The last row of the tensor is in no run, so that the stream feeds every tensor to its end.
FileRange next_run(const WeightStream& stream, const WeightStream::DeferredTensor& tensor, uint64_t position) {
  const uint64_t offset = stream.targets[tensor.target].offset;
  const size_t first = static_cast<size_t>((position - offset + tensor.row_bytes - 1) / tensor.row_bytes);
  size_t begin = first;
  for (size_t row = first; row < tensor.put.size(); ++row) {
    if (tensor.put[row] != 0 && row + 1 < tensor.put.size()) continue;
    if ((row - begin) * tensor.row_bytes >= kMinSkippedBytes) {
      return {offset + begin * tensor.row_bytes, offset + row * tensor.row_bytes};
    }
    begin = row + 1;
  }
  return {};
}

// Continues with the next range if this one is complete, and after rows that were put in.
void skip_arrived(WeightStream* stream) {
  if (stream->position >= stream->ranges[stream->range].to) {
    if (++stream->range == stream->range_count) return;
    go_to(stream, stream->ranges[stream->range].from);
  }
  const WeightStream::DeferredTensor* tensor = current_rows(*stream);
  if (tensor == nullptr) return;
  const FileRange run = next_run(*stream, *tensor, stream->position);
  if (run.from == stream->position && run.from < run.to) go_to(stream, run.to);
}

// Updates how many rows of deferred tensors the stream has delivered.
void count_rows(WeightStream* stream) {
  for (WeightStream::DeferredTensor& tensor : std::span(stream->deferred, stream->deferred_count)) {
    const WeightTarget& target = stream->targets[tensor.target];
    if (stream->range + stream->deferred_ranges < stream->range_count || stream->position <= target.offset) continue;
    if (stream->position <= target.offset + target.bytes)
      tensor.streamed = (stream->position - target.offset) / tensor.row_bytes;
  }
}

}  // namespace

void weight_stream_begin(WeightBinder* binder, WeightStream* stream) {
  stream->targets.swap(binder->targets);
  heap_sort(stream->targets.begin(), stream->targets.end(),
            [](const WeightTarget& a, const WeightTarget& b) { return a.offset < b.offset; });
  stream->ranges[0] = {0, binder->header->data_bytes};
  stream->range_count = 1;
  stream->range = stream->deferred_count = stream->deferred_ranges = 0;
  go_to(stream, 0);
  if (weight_stream_wanted(*stream).to == 0) ++stream->range;
}

Status weight_stream_defer(std::span<const Panel* const> matrices, WeightStream* stream) {
  WeightStream& s = *stream;
  if (weight_stream_done(s) || s.deferred_count != 0) return {};
  const uint64_t total = s.ranges[0].to;
  FileRange remaining[WeightStream::kMaxDeferred];
  uint64_t at = s.position;  // all before it has arrived, or is in one of the ranges
  s.range = s.range_count = 0;
  for (uint32_t i = 0; i < s.targets.size() && s.deferred_count < WeightStream::kMaxDeferred; ++i) {
    const WeightTarget& target = s.targets[i];
    const uint64_t end = target.offset + target.bytes;
    const auto is_target = [&](const Panel* matrix) {
      return matrix->data != nullptr && matrix->data == target.panel.data;
    };
    if (at >= end || std::none_of(matrices.begin(), matrices.end(), is_target)) continue;
    WeightStream::DeferredTensor& tensor = s.deferred[s.deferred_count];
    tensor.data = target.panel.data;
    tensor.target = i;
    tensor.row_bytes = target.bytes / target.panel.rows;  // rows are whole blocks
    tensor.streamed = at > target.offset ? (at - target.offset) / tensor.row_bytes : 0;
    if (!tensor.put.resize(target.panel.rows)) return out_of_memory("the list of rows", target.panel.rows);
    std::fill(tensor.put.begin(), tensor.put.end(), uint8_t{0});
    if (at < target.offset) s.ranges[s.range_count++] = {at, target.offset};
    remaining[s.deferred_count++] = {target.offset + tensor.streamed * tensor.row_bytes, end};
    at = end;
  }
  if (at < total) s.ranges[s.range_count++] = {at, total};
  s.deferred_ranges = s.deferred_count;
  for (uint32_t i = 0; i < s.deferred_count; ++i) s.ranges[s.range_count++] = remaining[i];
  if (s.position != s.ranges[0].from) go_to(stream, s.ranges[0].from);
  return {};
}

Status weight_stream_feed(WeightStream* stream, const GgufHeader& header, std::span<const uint8_t> bytes,
                          size_t* used) {
  *used = 0;
  if (weight_stream_done(*stream)) return {};
  const uint64_t end = weight_stream_wanted(*stream).to;
  size_t at = 0;
  while (at < bytes.size() && stream->position < end) {
    const uint64_t start =
        stream->next == stream->targets.size() ? end : std::min(stream->targets[stream->next].offset, end);
    if (stream->position < start) {  // padding, or a tensor that the model does not use
      const uint64_t skip = std::min<uint64_t>(start - stream->position, bytes.size() - at);
      stream->position += skip;
      at += static_cast<size_t>(skip);
      continue;
    }
    const WeightTarget& target = stream->targets[stream->next];
    const uint32_t block_bytes = tensor_type_info(target.type).block_bytes;
    const uint64_t done = stream->position - target.offset - stream->partial_size;  // bytes in whole blocks so far
    const size_t available =
        static_cast<size_t>(std::min<uint64_t>(bytes.size() - at, target.offset + target.bytes - stream->position));
    size_t taken;
    if (stream->partial_size > 0 || available < block_bytes) {
      taken = std::min<size_t>(block_bytes - stream->partial_size, available);
      std::memcpy(stream->partial + stream->partial_size, bytes.data() + at, taken);
      stream->partial_size += static_cast<uint32_t>(taken);
      if (stream->partial_size == block_bytes) {
        if (!put_blocks(target, done / block_bytes, {stream->partial, block_bytes})) return non_finite(header, target);
        stream->partial_size = 0;
      }
    } else {
      taken = available / block_bytes * block_bytes;
      if (!put_blocks(target, done / block_bytes, bytes.subspan(at, taken))) return non_finite(header, target);
    }
    at += taken;
    stream->position += taken;
    if (stream->position == target.offset + target.bytes) ++stream->next;
  }
  *used = at;
  count_rows(stream);
  if (stream->position == end) skip_arrived(stream);
  return {};
}

Status weight_stream_put_rows(WeightStream* stream, const GgufHeader& header, uint64_t from,
                              std::span<const uint8_t> bytes, size_t* used) {
  *used = 0;
  for (WeightStream::DeferredTensor& tensor : std::span(stream->deferred, stream->deferred_count)) {
    const WeightTarget& target = stream->targets[tensor.target];
    if (from < target.offset || from - target.offset >= target.bytes) continue;
    const uint64_t at = from - target.offset;
    const size_t rows = static_cast<size_t>(bytes.size() / tensor.row_bytes);
    if (at % tensor.row_bytes != 0 || rows == 0 || bytes.size() > target.bytes - at) break;
    *used = rows * static_cast<size_t>(tensor.row_bytes);
    if (!put_blocks(target, at / tensor_type_info(target.type).block_bytes, bytes.first(*used)))
      return non_finite(header, target);
    std::fill_n(tensor.put.begin() + static_cast<size_t>(at / tensor.row_bytes), rows, uint8_t{1});
    if (stream->partial_size == 0) skip_arrived(stream);
    return {};
  }
  Status status = make_error(ErrorCode::kBadInput, "These bytes are not rows of a deferred tensor.");
  status = with_expected(status, "whole rows of the embedding or the output head");
  return with_found(status, "%zu bytes at %llu", bytes.size(), static_cast<unsigned long long>(from));
}

FileRange weight_stream_wanted(const WeightStream& stream) {
  if (weight_stream_done(stream)) return {};
  FileRange wanted = {stream.position, stream.ranges[stream.range].to};
  if (const WeightStream::DeferredTensor* tensor = current_rows(stream)) {
    const FileRange run = next_run(stream, *tensor, stream.position);
    if (run.from < run.to) wanted.to = run.from;
  }
  return wanted;
}

FileRange weight_stream_missing(const WeightStream& stream, const Panel& matrix, uint32_t row) {
  for (const WeightStream::DeferredTensor& tensor : std::span(stream.deferred, stream.deferred_count)) {
    if (tensor.data != matrix.data || row < tensor.streamed || tensor.put[row] != 0) continue;
    const uint64_t from = stream.targets[tensor.target].offset + row * tensor.row_bytes;
    return {from, from + tensor.row_bytes};
  }
  return {};
}

uint64_t weight_stream_missing_bytes(const WeightStream& stream) {
  uint64_t bytes = 0;
  for (const WeightStream::DeferredTensor& tensor : std::span(stream.deferred, stream.deferred_count)) {
    const auto rest = tensor.put.span().subspan(static_cast<size_t>(tensor.streamed));
    bytes += static_cast<uint64_t>(std::count(rest.begin(), rest.end(), uint8_t{0})) * tensor.row_bytes;
  }
  return bytes;
}

}  // namespace camelgpt
