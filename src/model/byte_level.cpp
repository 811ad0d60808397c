#include "model/byte_level.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "nn/gelu.h"
#include "nn/linear.h"
#include "nn/small_attention.h"

namespace camelgpt {
namespace {

constexpr char kEmbedder[] = "enc", kHead[] = "dec";

// The name of a block's tensor: "enc.blk.<block>.<suffix>".
struct ByteTensorName {
  char text[96];
  ByteTensorName(const char* end, uint32_t block, const char* suffix) {
    std::snprintf(text, sizeof text, "%s.blk.%u.%s", end, block, suffix);
  }
  operator std::string_view() const { return text; }
};

// Rows of a block's matrix; 0 if binding it will fail.
uint32_t rows_of(const GgufHeader& header, const ByteTensorName& name) {
  const GgufTensor* tensor = gguf_find_tensor(header, name);
  return tensor == nullptr || tensor->dimensions[1] > kMaxWidth ? 0 : static_cast<uint32_t>(tensor->dimensions[1]);
}

// Updates the largest widths with those of the blocks, the first of which has c->width. False if the heads do not fit a
// width.
bool read_widths(const GgufHeader& header, const char* end, uint32_t blocks, ByteConfig* c) {
  uint32_t width = c->width;
  for (uint32_t i = 0; i < blocks; ++i) {
    if (width % (c->heads * 4) != 0 || width % kPanelRows != 0) return false;
    c->widest = std::max(c->widest, width);
    c->widest_ffn = std::max(c->widest_ffn, rows_of(header, ByteTensorName(end, i, "ffn_up.weight")));
    width = rows_of(header, ByteTensorName(end, i, "ffn_down.weight"));
  }
  return true;
}

// A tensor that becomes a panel, or a table of floats: a vector if rows is 0.
struct ByteTensor {
  const char* name;
  uint32_t rows, columns;
  Panel* panel;
  const float** values;
};

// Binds tensors whose names begin with a prefix.
Status bind_tensors(WeightBinder* binder, const char* prefix, std::span<const ByteTensor> tensors) {
  for (const ByteTensor& t : tensors) {
    char name[96];
    std::snprintf(name, sizeof name, "%s%s.weight", prefix, t.name);
    CAMELGPT_TRY(t.panel != nullptr ? bind_panel(binder, name, t.rows, t.columns, t.panel)
                 : t.rows == 0      ? bind_vector(binder, name, t.columns, t.values)
                                    : bind_table(binder, name, t.rows, t.columns, t.values));
  }
  return {};
}

Status bind_blocks(WeightBinder* binder, const char* end, uint32_t count, uint32_t width, uint32_t last_width,
                   std::span<ByteBlock>* out) {
  *out = binder->arena->take<ByteBlock>(count);
  for (uint32_t i = 0; i < count; ++i) {
    ByteBlock block;
    const uint32_t ffn = rows_of(*binder->header, ByteTensorName(end, i, "ffn_up.weight"));
    const uint32_t next =
        i + 1 == count ? last_width : rows_of(*binder->header, ByteTensorName(end, i, "ffn_down.weight"));
    const ByteTensor tensors[] = {{"attn_norm", 0, width, nullptr, &block.attention_norm},
                                  {"attn_qkv", 3 * width, width, &block.qkv.weight, nullptr},
                                  {"attn_output", width, width, &block.output.weight, nullptr},
                                  {"ffn_norm", 0, width, nullptr, &block.ffn_norm},
                                  {"ffn_up", ffn, width, &block.up.weight, nullptr},
                                  {"ffn_down", next, ffn, &block.down.weight, nullptr}};
    CAMELGPT_TRY(bind_tensors(binder, ByteTensorName(end, i, "").text, tensors));
    if (!out->empty()) (*out)[i] = block;
    width = next;
  }
  return {};
}

// Work on a range of any kind. The code that divides it among threads is compiled once.
struct RangeWork {
  const void* context;
  void (*run)(const void* context, Range slice);

  template <typename Body>
  RangeWork(const Body& body)
      : context(&body), run([](const void* c, Range slice) { (*static_cast<const Body*>(c))(slice); }) {}
};

// One thread's view of a pass. All threads run the same code and meet at barriers, as in the decoder.
struct BytePass {
  const ModelConfig& config;
  const Worker& worker;
  Workspace* w;
  ByteWorkspace& b;
  uint32_t rows;
  size_t stride = padded_rows(config.bytes.widest);
  size_t ffn_stride = padded_rows(config.bytes.widest_ffn);

  // Returns when all slices are done.
  __attribute__((noinline)) void for_each_slice(uint32_t total, uint32_t unit, RangeWork work) const {
    worker.for_each_slice(total, unit, [&](Range slice) { work.run(work.context, slice); });
    worker.barrier();
  }
  __attribute__((noinline)) const Activations& quantized(const Linear& matrix, const float* x, size_t x_stride,
                                                         uint32_t tokens) const {
    return quantize_input(worker, x, x_stride, tokens, matrix.weight.columns, input_precision(matrix), w);
  }
  const Activations& normed(const Linear& matrix, const float* weight) const {
    const uint32_t width = matrix.weight.columns;
    for_each_slice(rows, 1, [&](Range slice) {
      for (uint32_t t = slice.first; t < slice.end; ++t) {
        kernels().rms_norm(b.x.data() + t * stride, weight, width, config.norm_epsilon, b.normed.data() + t * stride);
      }
    });
    return quantized(matrix, b.normed.data(), stride, rows);
  }
  // Attention of qkv.
  const Activations& attended(const Linear& matrix) const {
    const uint32_t width = matrix.weight.columns, length = config.bytes.length, head_width = width / config.bytes.heads;
    const size_t qkv_stride = 3 * stride;
    for_each_slice(rows, 1, [&](Range slice) {
      for (uint32_t t = slice.first; t < slice.end; ++t) {
        const float* q = b.qkv.data() + t * qkv_stride;
        const float* first = b.qkv.data() + t / length * length * qkv_stride;
        for (uint32_t at = 0; at < width; at += head_width) {
          small_attention(q + at, first + width + at, first + 2 * width + at, qkv_stride, length, head_width,
                          b.normed.data() + t * stride + at);
        }
      }
    });
    return quantized(matrix, b.normed.data(), stride, rows);
  }

  enum class Then { kNothing, kAdd, kGelu };
  // y = linear(input), which is then added to x or goes through GELU.
  __attribute__((noinline)) void product(const Linear& linear, const Activations& input, float* y, size_t y_stride,
                                         Then then) const {
    for_each_slice(linear.weight.rows, kPanelRows, [&](Range slice) {
      linear_slice(linear, slice, input, y, y_stride);
      for (uint32_t t = 0; t < rows && then != Then::kNothing; ++t) {
        float* values = y + t * y_stride + slice.first;
        if (then == Then::kGelu) {
          gelu(values, slice.size());
        } else {
          kernels().add(b.x.data() + t * stride + slice.first, values, slice.size());
        }
      }
    });
  }
  void run(std::span<const ByteBlock> blocks) const {
    for (const ByteBlock& block : blocks) {
      product(block.qkv, normed(block.qkv, block.attention_norm), b.qkv.data(), 3 * stride, Then::kNothing);
      product(block.output, attended(block.output), b.qkv.data(), stride,
              Then::kAdd);  // over qkv, which attention has read
      product(block.up, normed(block.up, block.ffn_norm), b.neurons.data(), ffn_stride, Then::kGelu);
      product(block.down, quantized(block.down, b.neurons.data(), ffn_stride, rows), b.x.data(), stride,
              Then::kNothing);
    }
  }
};

// Chunks that are processed together.
uint32_t chunk_batch(const ByteConfig& c) { return kMaxBatch / c.length; }

// workspace->bytes->logits of `count` outputs from `first` on, at most chunk_batch().
void run_head(const Model& model, uint32_t first, uint32_t count, Workspace* w) {
  const ModelConfig& c = model.config;
  const ByteWeights& weights = *model.bytes;
  const uint32_t width = c.bytes.width, all = c.bytes.length * width;
  parallel([&](const Worker& worker) {
    const BytePass p{c, worker, w, *w->bytes, count * c.bytes.length};
    const size_t hidden = padded_rows(c.hidden);
    const Activations& input = p.quantized(weights.projection, w->x.data() + first * hidden, hidden, count);
    p.for_each_slice(all, kPanelRows, [&](Range slice) {
      linear_slice(weights.projection, slice, input, p.b.qkv.data(), all);
      for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t at = slice.first; at < slice.end; ++at) {
          const float projected = p.b.qkv[i * all + at];
          p.b.x[(i * c.bytes.length + at / width) * p.stride + at % width] =
              projected + (projected + weights.head_positions[at]);
        }
      }
    });
    p.run(weights.head_blocks);
    p.product(weights.head, p.quantized(weights.head, p.b.x.data(), p.stride, p.rows), p.b.logits.data(),
              padded_rows(kByteVocabulary), BytePass::Then::kNothing);
  });
}

}  // namespace

Status read_byte_config(const ConfigReader& reader, ModelConfig* config) {
  ByteConfig& c = config->bytes;
  const struct {
    const char* name;
    uint32_t limit;
    uint32_t* value;
  } counts[] = {{"chunk_length", kMaxChunkLength, &c.length},
                {"byte.embedding_length", kMaxWidth, &c.width},
                {"byte.head_count", kMaxWidth, &c.heads},
                {"byte.embedder_block_count", kMaxLayers, &c.embedder_blocks},
                {"byte.head_block_count", kMaxLayers, &c.head_blocks}};
  for (const auto& count : counts) CAMELGPT_TRY(reader.count(count.name, count.limit, count.value));
  c.widest = std::max(c.width, config->hidden);
  if (config->vocabulary == kByteVocabulary && c.length > 1 &&
      read_widths(reader.header, kEmbedder, c.embedder_blocks, &c) &&
      read_widths(reader.header, kHead, c.head_blocks, &c)) {
    return {};
  }
  Status status =
      make_error(ErrorCode::kUnsupportedArchitecture, "This configuration of chunks of bytes is not supported.");
  status = with_expected(
      status, "%u symbols, chunks of 2 or more, and heads of 4, 8, 12 ... in widths of 8, 16, 24 ...", kByteVocabulary);
  return with_found(status, "%u symbols, chunks of %u, %u heads", config->vocabulary, c.length, c.heads);
}

Status bind_bytes(WeightBinder* binder, Model* model) {
  const ModelConfig& c = model->config;
  const uint32_t length = c.bytes.length, width = c.bytes.width, projected = length * width;
  const bool tied = !binder_has(*binder, "output.weight");
  const uint64_t before = binder->macs;
  ByteWeights weights;
  const ByteTensor tensors[] = {{"token_embd", kByteVocabulary, width, &weights.embedding, nullptr},
                                {"position_embd", length, width, nullptr, &weights.positions},
                                {"dec.position_embd", length, width, nullptr, &weights.head_positions},
                                {"dec.projection", projected, c.hidden, &weights.projection.weight, nullptr},
                                {"output", kByteVocabulary, width, &weights.head.weight, nullptr}};
  CAMELGPT_TRY(bind_tensors(binder, "", std::span(tensors).first(tied ? 4 : 5)));
  if (tied) weights.head.weight = weights.embedding;
  CAMELGPT_TRY(bind_blocks(binder, kEmbedder, c.bytes.embedder_blocks, width, c.hidden, &weights.embedder));
  CAMELGPT_TRY(bind_blocks(binder, kHead, c.bytes.head_blocks, width, width, &weights.head_blocks));
  // The projection is computed once for a chunk, all else for each position. Looking up a byte multiplies nothing.
  const uint64_t projection = static_cast<uint64_t>(projected) * c.hidden,
                 embedding = tied ? 0 : kByteVocabulary * static_cast<uint64_t>(width);
  binder->macs = before + projection + (binder->macs - before - projection - embedding) * length;
  const std::span<ByteWeights> place = binder->arena->take<ByteWeights>(1);
  if (!place.empty()) place[0] = weights;
  model->bytes = place.data();
  return {};
}

uint32_t reserve_bytes(const ModelConfig& config, Arena* arena, Workspace* workspace) {
  const uint64_t widest = padded_rows(config.bytes.widest);
  const auto take = [arena](uint64_t width) { return arena->take<float>(kMaxBatch * width); };
  const ByteWorkspace b = {take(widest), take(widest), take(3 * widest), take(padded_rows(config.bytes.widest_ffn)),
                           take(padded_rows(kByteVocabulary))};
  const std::span<ByteWorkspace> place = arena->take<ByteWorkspace>(1);
  if (!place.empty()) place[0] = b;
  workspace->bytes = place.data();
  return std::max(config.bytes.widest, config.bytes.widest_ffn);
}

void embed_chunks(const Model& model, TokenRows rows, Workspace* w) {
  const ModelConfig& c = model.config;
  const uint32_t length = c.bytes.length;
  const size_t hidden = padded_rows(c.hidden);
  for (size_t first = 0; first < rows.size();) {
    const uint32_t count = static_cast<uint32_t>(std::min<size_t>(chunk_batch(c.bytes), rows.size() - first));
    parallel([&](const Worker& worker) {
      const BytePass p{c, worker, w, *w->bytes, count * length};
      p.for_each_slice(p.rows, 1, [&](Range slice) {
        for (uint32_t t = slice.first; t < slice.end; ++t) {
          const uint32_t at = t % length;
          const std::string_view bytes = chunks_bytes(*model.chunks, rows[first + t / length].token);
          const uint32_t symbol = at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : at == 0 ? kEndByte : kPadByte;
          float* x = p.b.x.data() + t * p.stride;
          panel_row(model.bytes->embedding, symbol, x);
          kernels().add(x, model.bytes->positions + at * c.bytes.width, c.bytes.width);
        }
      });
      p.run(model.bytes->embedder);
      p.for_each_slice(count, 1, [&](Range slice) {
        for (uint32_t i = slice.first; i < slice.end; ++i) {
          float* mean = w->x.data() + (first + i) * hidden;
          std::fill_n(mean, c.hidden, 0.0f);
          for (uint32_t at = 0; at < length; ++at)
            kernels().add(mean, p.b.x.data() + (i * length + at) * p.stride, c.hidden);
          scale_values(mean, c.hidden, 1.0f / static_cast<float>(length));
        }
      });
    });
    first += count;
  }
}

void byte_logits(const Model& model, uint32_t output, Workspace* w) {
  run_head(model, output, 1, w);
  for (uint32_t at = 0; at < model.config.bytes.length; ++at) {
    const float* row = w->bytes->logits.data() + at * padded_rows(kByteVocabulary);
    std::copy_n(row, kByteVocabulary, w->logits.begin() + static_cast<size_t>(at) * kByteVocabulary);
  }
}

uint32_t chunk_symbols(const ChunkTable& chunks, int32_t token, uint16_t (&symbols)[kMaxChunkLength]) {
  const std::string_view bytes = chunks_bytes(chunks, token);
  uint32_t count = 0;
  for (const char byte : bytes) symbols[count++] = static_cast<uint8_t>(byte);
  if (count < chunks.length) symbols[count++] = bytes.empty() ? kEndByte : kPadByte;
  return count;
}

double byte_log_probability(const float* logits, uint32_t symbol) {
  const float largest = logits[kernels().argmax(logits, kByteVocabulary)];
  return static_cast<double>(logits[symbol]) - static_cast<double>(largest) -
         std::log(kernels().sum_exp(logits, kByteVocabulary, largest));
}

void byte_score(const Model& model, std::span<const int32_t> targets, Workspace* w, float* logprobs, int32_t* best) {
  const uint32_t length = model.config.bytes.length, batch = chunk_batch(model.config.bytes);
  const size_t stride = padded_rows(kByteVocabulary);
  uint16_t symbols[kMaxChunkLength];
  for (uint32_t i = 0; i < targets.size(); ++i) {
    if (i % batch == 0) run_head(model, i, std::min(batch, static_cast<uint32_t>(targets.size()) - i), w);
    double sum = 0;
    best[i] = targets[i];
    const uint32_t count = chunk_symbols(*model.chunks, targets[i], symbols);
    for (uint32_t at = 0; at < count; ++at) {
      const float* logits = w->bytes->logits.data() + (i % batch * length + at) * stride;
      sum += byte_log_probability(logits, symbols[at]);
      if (kernels().argmax(logits, kByteVocabulary) != symbols[at]) best[i] = -1;
    }
    logprobs[i] = static_cast<float>(sum);
  }
}

}  // namespace camelgpt
