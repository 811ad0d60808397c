#include "model/byte_level.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "nn/few_attention.h"
#include "nn/gelu.h"
#include "nn/linear.h"

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

// Rows of a block's matrix.
Status rows_of(const GgufHeader& header, const ByteTensorName& name, uint32_t* rows) {
  const GgufTensor* tensor = gguf_find_tensor(header, name);
  if (tensor == nullptr || tensor->dimensions[1] > kMaxWidth) {
    Status status = make_error(ErrorCode::kBadTensor, "The file has no usable tensor %s.", name.text);
    status = with_expected(status, "a matrix of at most %u rows", kMaxWidth);
    return with_found(status, tensor == nullptr ? "none" : "more");
  }
  *rows = static_cast<uint32_t>(tensor->dimensions[1]);
  return {};
}

// Notes the widths of the blocks, the first of which takes c->width.
Status read_widths(const GgufHeader& header, const char* end, uint32_t blocks, ByteConfig* c) {
  uint32_t width = c->width, ffn = 0;
  for (uint32_t i = 0; i < blocks; ++i) {
    if (width % c->heads != 0 || width / c->heads % 4 != 0 || width % kPanelRows != 0) {
      Status status = make_error(ErrorCode::kUnsupportedArchitecture, "Heads of bytes of this width are not supported.");
      status = with_expected(status, "a multiple of 4 for each of %u heads, and of %u for all", c->heads, kPanelRows);
      return with_found(status, "%u for all", width);
    }
    c->widest = std::max(c->widest, width);
    CAMELGPT_TRY(rows_of(header, ByteTensorName(end, i, "ffn_up.weight"), &ffn));
    CAMELGPT_TRY(rows_of(header, ByteTensorName(end, i, "ffn_down.weight"), &width));
    c->widest_ffn = std::max(c->widest_ffn, ffn);
  }
  return {};
}

Status bind_blocks(WeightBinder* binder, const char* end, uint32_t count, uint32_t width, uint32_t last_width, std::span<ByteBlock>* out) {
  *out = binder->arena->take<ByteBlock>(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto name = [&](const char* suffix) { return ByteTensorName(end, i, suffix); };
    uint32_t ffn = 0, next = last_width;
    CAMELGPT_TRY(rows_of(*binder->header, name("ffn_up.weight"), &ffn));
    if (i + 1 < count) CAMELGPT_TRY(rows_of(*binder->header, name("ffn_down.weight"), &next));
    ByteBlock block;
    CAMELGPT_TRY(bind_vector(binder, name("attn_norm.weight"), width, &block.attention_norm));
    CAMELGPT_TRY(bind_panel(binder, name("attn_qkv.weight"), 3 * width, width, &block.qkv));
    CAMELGPT_TRY(bind_panel(binder, name("attn_output.weight"), width, width, &block.output));
    CAMELGPT_TRY(bind_vector(binder, name("ffn_norm.weight"), width, &block.ffn_norm));
    CAMELGPT_TRY(bind_panel(binder, name("ffn_up.weight"), ffn, width, &block.up));
    CAMELGPT_TRY(bind_panel(binder, name("ffn_down.weight"), next, ffn, &block.down));
    if (!out->empty()) (*out)[i] = block;
    width = next;
  }
  return {};
}

// One thread's part. All run the same code and meet at barriers, as in the decoder.
struct BytePass {
  const ModelConfig& config;
  const Worker& worker;
  Workspace* w;
  ByteWorkspace& b;
  uint32_t rows;
  size_t stride = padded_rows(config.bytes.widest);
  size_t ffn_stride = padded_rows(config.bytes.widest_ffn);

  const Activations& quantized(std::span<float> x, size_t x_stride, uint32_t columns) const {
    return quantize_input(worker, x.data(), x_stride, rows, columns, Precision::k16, w);
  }
  const Activations& normed(const float* weight, uint32_t width) const {
    return quantize_input(worker, b.normed.data(), stride, rows, width, Precision::k16, w, [&](Range part) {
      for (uint32_t t = part.first; t < part.end; ++t) {
        kernels().rms_norm(b.x.data() + t * stride, weight, width, config.norm_epsilon, b.normed.data() + t * stride);
      }
    });
  }
  const Activations& attended(uint32_t width) const {
    const uint32_t length = config.bytes.length, heads = config.bytes.heads, head_width = width / heads;
    const size_t qkv_stride = 3 * stride;
    return quantize_input(worker, b.attended.data(), stride, rows, width, Precision::k16, w, [&](Range part) {
      for (uint32_t t = part.first; t < part.end; ++t) {
        const float* q = b.qkv.data() + t * qkv_stride;
        const float* first = b.qkv.data() + t / length * length * qkv_stride;
        for (uint32_t at = 0; at < width; at += head_width) {
          attend_to_few(q + at, first + width + at, first + 2 * width + at, qkv_stride, length, head_width, b.attended.data() + t * stride + at);
        }
      }
    });
  }
};

void run_block(const BytePass& p, const ByteBlock& block) {
  const uint32_t width = block.qkv.columns, ffn = block.up.rows;
  const auto product = [&p](const Panel& weights, const Activations& input, std::span<float> y, size_t y_stride, auto finish) {
    p.worker.each(weights.rows, kPanelRows, [&](Range part) {
      linear_part(weights, part, input, y.data(), y_stride);
      for (uint32_t t = 0; t < p.rows; ++t) finish(t, part);
    });
    p.worker.barrier();
  };
  const auto nothing = [](uint32_t, Range) {};
  product(block.qkv, p.normed(block.attention_norm, width), p.b.qkv, 3 * p.stride, nothing);
  product(block.output, p.attended(width), p.b.projected, p.stride, [&p](uint32_t t, Range part) {
    const size_t at = t * p.stride + part.first;
    kernels().add(p.b.x.data() + at, p.b.projected.data() + at, part.size());
  });
  product(block.up, p.normed(block.ffn_norm, width), p.b.neurons, p.ffn_stride, [&p](uint32_t t, Range part) {
    gelu(p.b.neurons.data() + t * p.ffn_stride + part.first, part.size());
  });
  product(block.down, p.quantized(p.b.neurons, p.ffn_stride, ffn), p.b.x, p.stride, nothing);
}

// Chunks that are processed together.
uint32_t chunks_at_once(const ByteConfig& c) { return kMaxBatch / c.length; }

// workspace->bytes->logits of some outputs, which are at most chunks_at_once.
void run_head(const Model& model, uint32_t first, uint32_t count, Workspace* w) {
  const ModelConfig& c = model.config;
  const ByteWeights& weights = *model.bytes;
  const uint32_t width = c.bytes.width, all = c.bytes.length * width;
  ByteWorkspace& b = *w->bytes;
  parallel([&](const Worker& worker) {
    const BytePass p{c, worker, w, b, count * c.bytes.length};
    const size_t hidden = padded_rows(c.hidden);
    const Activations& input = quantize_input(worker, w->x.data() + first * hidden, hidden, count, c.hidden, Precision::k16, w);
    worker.each(all, kPanelRows, [&](Range part) { linear_part(weights.projection, part, input, b.qkv.data(), all); });
    worker.barrier();
    worker.each(p.rows, 1, [&](Range part) {
      for (uint32_t t = part.first; t < part.end; ++t) {
        const float* projected = b.qkv.data() + static_cast<size_t>(t) * width;
        const float* position = weights.head_positions + static_cast<size_t>(t % c.bytes.length) * width;
        for (uint32_t i = 0; i < width; ++i) b.x[t * p.stride + i] = projected[i] + (projected[i] + position[i]);
      }
    });
    worker.barrier();
    for (const ByteBlock& block : weights.head_blocks) run_block(p, block);
    const Activations& last = p.quantized(b.x, p.stride, width);
    worker.each(kByteVocabulary, kPanelRows, [&](Range part) {
      linear_part(weights.head, part, last, b.logits.data(), padded_rows(kByteVocabulary));
    });
  });
}

}  // namespace

Status read_byte_config(const ConfigReader& reader, ModelConfig* config) {
  ByteConfig& c = config->bytes;
  CAMELGPT_TRY(reader.count("chunk_length", kMaxChunkLength, &c.length));
  CAMELGPT_TRY(reader.count("byte.embedding_length", kMaxWidth, &c.width));
  CAMELGPT_TRY(reader.count("byte.head_count", kMaxWidth, &c.heads));
  CAMELGPT_TRY(reader.count("byte.embedder_block_count", kMaxLayers, &c.embedder_blocks));
  CAMELGPT_TRY(reader.count("byte.head_block_count", kMaxLayers, &c.head_blocks));
  if (config->vocabulary != kByteVocabulary || c.length < 2) {
    Status status = make_error(ErrorCode::kUnsupportedArchitecture, "Chunks of bytes of this form are not supported.");
    status = with_expected(status, "%u symbols (bytes, pad, end), and 2 to %u of them", kByteVocabulary, kMaxChunkLength);
    return with_found(status, "%u, and %u", config->vocabulary, c.length);
  }
  c.widest = std::max(c.width, config->hidden);
  CAMELGPT_TRY(read_widths(reader.header, kEmbedder, c.embedder_blocks, &c));
  return read_widths(reader.header, kHead, c.head_blocks, &c);
}

Status bind_bytes(WeightBinder* binder, Model* model) {
  const ModelConfig& c = model->config;
  const ByteConfig& bytes = c.bytes;
  ByteWeights weights;
  const uint64_t before = binder->macs;
  CAMELGPT_TRY(bind_panel(binder, "token_embd.weight", kByteVocabulary, bytes.width, &weights.embedding));
  const bool tied = !binder_has(*binder, "output.weight");
  if (!tied) binder->macs = before;  // looking a row up multiplies nothing
  CAMELGPT_TRY(bind_table(binder, "position_embd.weight", bytes.length, bytes.width, &weights.positions));
  CAMELGPT_TRY(bind_blocks(binder, kEmbedder, bytes.embedder_blocks, bytes.width, c.hidden, &weights.embedder));
  CAMELGPT_TRY(bind_table(binder, "dec.position_embd.weight", bytes.length, bytes.width, &weights.head_positions));
  CAMELGPT_TRY(bind_blocks(binder, kHead, bytes.head_blocks, bytes.width, bytes.width, &weights.head_blocks));
  weights.head = weights.embedding;
  if (!tied) CAMELGPT_TRY(bind_panel(binder, "output.weight", kByteVocabulary, bytes.width, &weights.head));
  binder->macs = before + (binder->macs - before) * bytes.length;  // at each position
  CAMELGPT_TRY(bind_panel(binder, "dec.projection.weight", bytes.length * bytes.width, c.hidden, &weights.projection));
  const std::span<ByteWeights> place = binder->arena->take<ByteWeights>(1);
  if (!place.empty()) place[0] = weights;
  model->bytes = place.data();
  return {};
}

ByteWorkspace* byte_workspace_reserve(const ModelConfig& config, Arena* arena) {
  const uint64_t widest = padded_rows(config.bytes.widest);
  ByteWorkspace b;
  for (std::span<float>* part : {&b.x, &b.normed, &b.attended, &b.projected}) *part = arena->take<float>(kMaxBatch * widest);
  b.qkv = arena->take<float>(kMaxBatch * 3 * widest);
  b.neurons = arena->take<float>(kMaxBatch * static_cast<uint64_t>(padded_rows(config.bytes.widest_ffn)));
  b.logits = arena->take<float>(kMaxBatch * static_cast<uint64_t>(padded_rows(kByteVocabulary)));
  const std::span<ByteWorkspace> place = arena->take<ByteWorkspace>(1);
  if (!place.empty()) place[0] = b;
  return place.data();
}

void embed_chunks(const Model& model, std::span<const int32_t> tokens, Workspace* w) {
  const ModelConfig& c = model.config;
  const uint32_t length = c.bytes.length, width = c.bytes.width;
  const size_t hidden = padded_rows(c.hidden);
  ByteWorkspace& b = *w->bytes;
  for (size_t first = 0; first < tokens.size();) {
    const uint32_t count = static_cast<uint32_t>(std::min<size_t>(chunks_at_once(c.bytes), tokens.size() - first));
    parallel([&](const Worker& worker) {
      const BytePass p{c, worker, w, b, count * length};
      worker.each(count, 1, [&](Range part) {
        for (uint32_t i = part.first; i < part.end; ++i) {
          const std::string_view bytes = chunks_bytes(*model.chunks, tokens[first + i]);
          for (uint32_t at = 0; at < length; ++at) {
            const uint32_t symbol = at < bytes.size()          ? static_cast<uint8_t>(bytes[at])
                                    : at == 0 && bytes.empty() ? kEndByte
                                                               : kPadByte;
            float* x = b.x.data() + (i * length + at) * p.stride;
            panel_row(model.bytes->embedding, symbol, x);
            kernels().add(x, model.bytes->positions + static_cast<size_t>(at) * width, width);
          }
        }
      });
      worker.barrier();
      for (const ByteBlock& block : model.bytes->embedder) run_block(p, block);
      worker.each(count, 1, [&](Range part) {
        for (uint32_t i = part.first; i < part.end; ++i) {
          float* mean = w->x.data() + (first + i) * hidden;
          std::fill_n(mean, c.hidden, 0.0f);
          for (uint32_t at = 0; at < length; ++at) kernels().add(mean, b.x.data() + (i * length + at) * p.stride, c.hidden);
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
  return static_cast<double>(logits[symbol]) - static_cast<double>(largest) - std::log(kernels().sum_exp(logits, kByteVocabulary, largest));
}

void byte_score(const Model& model, std::span<const int32_t> targets, Workspace* w, float* logprobs, int32_t* best) {
  const uint32_t length = model.config.bytes.length, most = chunks_at_once(model.config.bytes);
  const size_t stride = padded_rows(kByteVocabulary);
  uint16_t symbols[kMaxChunkLength];
  for (uint32_t i = 0; i < targets.size(); ++i) {
    if (i % most == 0) run_head(model, i, std::min(most, static_cast<uint32_t>(targets.size()) - i), w);
    double sum = 0;
    best[i] = targets[i];
    const uint32_t count = chunk_symbols(*model.chunks, targets[i], symbols);
    for (uint32_t at = 0; at < count; ++at) {
      const float* logits = w->bytes->logits.data() + (i % most * length + at) * stride;
      sum += byte_log_probability(logits, symbols[at]);
      if (kernels().argmax(logits, kByteVocabulary) != symbols[at]) best[i] = -1;
    }
    logprobs[i] = static_cast<float>(sum);
  }
}

}  // namespace camelgpt
