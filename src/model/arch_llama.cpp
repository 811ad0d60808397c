// The Llama graph (Touvron et al. 2023): pre-norm RMSNorm, grouped-query attention with rope on interleaved pairs, SwiGLU (or a
// ReLU as the gate's activation), tied or separate head. SmolLM2, TinyLlama and Llama 3 are of this form.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/model.h"
#include "model/sparse_ffn.h"
#include "nn/linear.h"
#include "nn/rope.h"

namespace camelgpt {
namespace {

Status read_config(const GgufHeader& header, ModelConfig* config) {
  CAMELGPT_TRY(read_decoder_config(header, "llama", config));
  const GgufTensor* embedding = gguf_find_tensor(header, "token_embd.weight");
  if (embedding == nullptr || embedding->dimensions[1] > kMaxVocabularyRows) {
    Status status = make_error(ErrorCode::kBadTensor, "The file has no usable token embedding.");
    status = with_expected(status, "a tensor token_embd.weight [%u, vocabulary]", config->hidden);
    return with_found(status, embedding == nullptr ? "none" : "a vocabulary that is too large");
  }
  config->vocabulary = static_cast<uint32_t>(embedding->dimensions[1]);
  if (gguf_find(header, "llama.expert_count") != nullptr) {
    uint64_t experts = 0;
    CAMELGPT_TRY(gguf_get_u64(header, "llama.expert_count", 0, UINT32_MAX, &experts));
    if (experts != 0) {
      Status status = make_error(ErrorCode::kUnsupportedArchitecture, "Mixtures of experts are not supported.");
      status = with_expected(status, "llama.expert_count 0");
      return with_found(status, "%llu", static_cast<unsigned long long>(experts));
    }
  }
  return {};
}

Status bind(WeightBinder* binder, Model* model) {
  const ModelConfig& c = model->config;
  const uint32_t query = c.heads * c.head_width;
  const uint32_t key = c.kv_heads * c.head_width;
  if (binder_has(*binder, "output.weight")) {
    CAMELGPT_TRY(bind_panel(binder, "token_embd.weight", c.vocabulary, c.hidden, &model->embedding));
    binder->macs -= static_cast<uint64_t>(c.vocabulary) * c.hidden;  // looking a row up multiplies nothing
    CAMELGPT_TRY(bind_head(binder, "output.weight", c.vocabulary, c.hidden, &model->head));
  } else {
    CAMELGPT_TRY(bind_head(binder, "token_embd.weight", c.vocabulary, c.hidden, &model->embedding));
    model->head = model->embedding;
  }
  CAMELGPT_TRY(bind_vector(binder, "output_norm.weight", c.hidden, &model->final_norm));
  model->rope_factors = nullptr;
  if (binder_has(*binder, "rope_freqs.weight")) {
    CAMELGPT_TRY(bind_vector(binder, "rope_freqs.weight", c.rope_rotated / 2, &model->rope_factors));
  }
  model->layers = binder->arena->take<DecoderLayer>(c.layers);
  for (uint32_t l = 0; l < c.layers; ++l) {
    DecoderLayer layer;
    const auto panel = [&](const char* name, uint32_t rows, uint32_t columns, Panel* out) {
      return bind_panel(binder, LayerTensorName(l, name), rows, columns, out);
    };
    CAMELGPT_TRY(bind_vector(binder, LayerTensorName(l, "attn_norm.weight"), c.hidden, &layer.attention_norm));
    CAMELGPT_TRY(panel("attn_q.weight", query, c.hidden, &layer.query));
    CAMELGPT_TRY(panel("attn_k.weight", key, c.hidden, &layer.key));
    CAMELGPT_TRY(panel("attn_v.weight", key, c.hidden, &layer.value));
    CAMELGPT_TRY(panel("attn_output.weight", c.hidden, query, &layer.output));
    CAMELGPT_TRY(bind_vector(binder, LayerTensorName(l, "ffn_norm.weight"), c.hidden, &layer.ffn_norm));
    CAMELGPT_TRY(bind_gated_ffn(binder, c, l, &layer));
    if (!model->layers.empty()) model->layers[l] = layer;
  }
  return {};
}

// One thread's part in a forward pass. All of them run the same code, share the rows, heads or tokens of each stage, and meet
// at barriers between the stages.
struct Pass {
  const ModelConfig& config;
  const Worker& worker;
  const StepLimits& limits;
  KvCache* cache;
  Workspace* w;
  ThreadWorkspace* own;
};

// rms_norm(x), quantised for the products that follow.
const Activations& norm_and_quantize(const Pass& pass, const float* weight, uint32_t tokens) {
  const ModelConfig& c = pass.config;
  const size_t stride = padded_rows(c.hidden);
  float* normed = tokens == 1 ? pass.own->normed.data() : pass.w->normed.data();
  return quantize_input(pass.worker, normed, stride, tokens, c.hidden, Precision::k16, pass.w, [&](Range part) {
    for (uint32_t t = part.first; t < part.end; ++t) {
      kernels().rms_norm(pass.w->x.data() + t * stride, weight, c.hidden, c.norm_epsilon, normed + t * stride);
    }
  });
}

// x += weights * input
void add_product(const Pass& pass, const Panel& weights, const Activations& input) {
  const size_t stride = padded_rows(weights.rows);
  float* projected = pass.w->projected.data();
  pass.worker.each(weights.rows, kPanelRows, [&](Range rows) {
    linear_part(weights, rows, input, projected, stride, pass.own->group.data());
    for (uint32_t t = 0; t < input.tokens; ++t) {
      kernels().add(pass.w->x.data() + t * stride + rows.first, projected + t * stride + rows.first, rows.size());
    }
  });
  pass.worker.barrier();
}

// Rotates some values of the heads of one token, whole eights of them.
void rotate(const Pass& pass, float* x, Range values, uint32_t token) {
  const ModelConfig& c = pass.config;
  const size_t angles = static_cast<size_t>(token) * (c.rope_rotated / 2);
  for (uint32_t at = values.first; at < values.end;) {
    const uint32_t offset = at % c.head_width;
    const uint32_t count = std::min(c.head_width - offset, values.end - at);
    if (offset < c.rope_rotated) {
      kernels().rope(x + at, 1, count, std::min(c.rope_rotated - offset, count), pass.w->cosine.data() + angles + offset / 2,
                     pass.w->sine.data() + angles + offset / 2);
    }
    at += count;
  }
}

// What `part` has of the items from `start` on, counted from there.
Range part_within(Range part, uint32_t start, uint32_t count) {
  const auto clamp = [&](uint32_t at) { return at < start ? 0 : std::min(at - start, count); };
  return {clamp(part.first), clamp(part.end)};
}

// The rows of some heads.
Range rows_of(const ModelConfig& config, Range heads) {
  return {heads.first * config.head_width, heads.end * config.head_width};
}

// Keys and values of one layer, into the cache. `part` counts the heads of keys and then those of values.
void project_keys_and_values(const Pass& pass, const DecoderLayer& layer, uint32_t index, Range part,
                             const Activations& input) {
  const ModelConfig& c = pass.config;
  const uint32_t key = c.kv_heads * c.head_width;
  // Whole heads of x [tokens, key] go to their positions.
  const auto store = [&](const float* x, Range rows, auto cache_store) {
    for (uint32_t t = 0; t < input.tokens; ++t) {
      for (uint32_t h = rows.first / c.head_width; h < rows.end / c.head_width; ++h) {
        cache_store(c, index, h, pass.cache->length + t, x + static_cast<size_t>(t) * key + h * c.head_width, pass.cache);
      }
    }
  };
  const Range keys = rows_of(c, part_within(part, 0, c.kv_heads));
  linear_part(layer.key, keys, input, pass.w->key.data(), key);
  for (uint32_t t = 0; t < input.tokens; ++t) rotate(pass, pass.w->key.data() + static_cast<size_t>(t) * key, keys, t);
  store(pass.w->key.data(), keys, cache_store_key);
  const Range values = rows_of(c, part_within(part, c.kv_heads, c.kv_heads));
  linear_part(layer.value, values, input, pass.w->value.data(), key);
  store(pass.w->value.data(), values, cache_store_value);
}

// Queries of the tokens from `first` on.
void project_queries(const Pass& pass, const DecoderLayer& layer, uint32_t first, Range heads, const Activations& input) {
  const ModelConfig& c = pass.config;
  const uint32_t query = c.heads * c.head_width;
  const Range rows = rows_of(c, heads);
  linear_part(layer.query, rows, input, pass.w->query.data(), query);
  for (uint32_t t = 0; t < input.tokens; ++t) {
    rotate(pass, pass.w->query.data() + static_cast<size_t>(t) * query, rows, first + t);
  }
}

// Attention of some of the tokens from `first` on, in all heads or in some of a single token, over all positions up to theirs or
// over those pages that the limits allow.
void attend(const Pass& pass, uint32_t index, uint32_t first, Range tokens, Range heads) {
  const ModelConfig& c = pass.config;
  const size_t query = static_cast<size_t>(c.heads) * c.head_width;
  const uint32_t group = c.heads / c.kv_heads;
  AttentionArguments arguments{};
  arguments.q = pass.w->query.data() + tokens.first * query;
  arguments.q_stride = query;
  cache_layer(c, index, *pass.cache, &arguments);
  arguments.position = pass.cache->length + first + tokens.first;
  arguments.tokens = tokens.size();
  arguments.head_width = c.head_width;
  arguments.group = group;
  arguments.kv_head_first = 0;
  arguments.kv_head_count = c.kv_heads;
  arguments.scale = 1.0f / std::sqrt(static_cast<float>(c.head_width));
  arguments.out = pass.w->attended.data() + tokens.first * query;
  arguments.out_stride = query;
  arguments.scratch = pass.own->attention.data();
  const uint32_t kv_tokens = pass.limits.kv_tokens;
  if (heads.size() == c.heads && kv_tokens == 0) return kernels().attend(arguments);
  for (uint32_t head = heads.first; head < heads.end; head += arguments.group) {
    // A part of a group is a smaller group, which begins at kv_head * group for the kernel.
    arguments.kv_head_first = head / group;
    arguments.kv_head_count = 1;
    arguments.group = std::min(group - head % group, heads.end - head);
    if (kv_tokens != 0) {
      const float* queries = pass.w->query.data() + static_cast<size_t>(arguments.kv_head_first) * group * c.head_width;
      const std::span<const uint32_t> tiles =
          select_pages(c, index, arguments.kv_head_first, queries, kv_tokens, *pass.cache, pass.own->pages);
      arguments.tiles = tiles.data();
      arguments.tile_count = static_cast<uint32_t>(tiles.size());
    }
    const size_t offset = static_cast<size_t>(head - arguments.kv_head_first * arguments.group) * c.head_width;
    arguments.q = pass.w->query.data() + offset;
    arguments.out = pass.w->attended.data() + offset;
    kernels().attend(arguments);
  }
}

// The same for all of these tokens, quantised.
const Activations& attend_and_quantize(const Pass& pass, uint32_t index, uint32_t first, uint32_t tokens, Precision precision) {
  const ModelConfig& c = pass.config;
  const uint32_t query = c.heads * c.head_width;
  if (tokens == 1) {
    attend(pass, index, first, {0, 1}, pass.worker.share(c.heads));
    pass.worker.barrier();
  }
  return quantize_input(pass.worker, pass.w->attended.data(), query, tokens, query, precision, pass.w, [&](Range part) {
    if (tokens > 1) attend(pass, index, first, part, {0, c.heads});
  });
}

// Attention of one layer. Keys and values are made for all tokens; the rest only for the tokens from `first` on, which then are
// the only ones in the residual stream.
void attention_block(const Pass& pass, const DecoderLayer& layer, uint32_t index, uint32_t tokens, uint32_t first) {
  const ModelConfig& c = pass.config;
  const uint32_t keys_and_values = 2 * c.kv_heads;
  const uint32_t queries = tokens - first;
  const size_t hidden = padded_rows(c.hidden);
  const Activations& input = norm_and_quantize(pass, layer.attention_norm, tokens);
  if (first == 0) {
    pass.worker.each(keys_and_values + c.heads, 1, [&](Range part) {
      project_keys_and_values(pass, layer, index, part, input);
      project_queries(pass, layer, first, part_within(part, keys_and_values, c.heads), input);
    });
  } else {
    pass.worker.each(keys_and_values, 1, [&](Range part) { project_keys_and_values(pass, layer, index, part, input); });
    pass.worker.barrier();
    if (queries == 0) return;
    float* x = pass.w->x.data();
    if (pass.worker.index == 0) std::memmove(x, x + first * hidden, queries * hidden * sizeof(float));
    const Activations& last = quantize_input(pass.worker, pass.w->normed.data() + first * hidden, hidden, queries, c.hidden,
                                             Precision::k16, pass.w);
    pass.worker.each(c.heads, 1, [&](Range heads) { project_queries(pass, layer, first, heads, last); });
  }
  pass.worker.barrier();
  add_product(pass, layer.output, attend_and_quantize(pass, index, first, queries, coarse_precision(layer.output)));
}

void ffn_block(const Pass& pass, const DecoderLayer& layer, uint32_t index, uint32_t tokens) {
  const ModelConfig& c = pass.config;
  const bool gathers = !pass.w->importance.empty();
  if (skips_neurons(layer, tokens) && !gathers) return sparse_ffn(pass.worker, c, layer, tokens, pass.w);
  const size_t ffn = padded_rows(c.ffn);
  float* gate = pass.w->gate.data();
  float* up = pass.w->up.data();
  const Activations& input = norm_and_quantize(pass, layer.ffn_norm, tokens);
  pass.worker.each(c.ffn, kPanelRows, [&](Range rows) {
    linear_part(layer.gate, rows, input, gate, ffn);
    linear_part(layer.up, rows, input, up, ffn, pass.own->group.data());
    for (uint32_t t = 0; t < tokens; ++t) {
      activate_gate(c.activation, gate + t * ffn + rows.first, up + t * ffn + rows.first, rows.size());
    }
  });
  pass.worker.barrier();
  if (gathers) add_importance(pass.worker, gate, tokens, c.ffn, pass.w->importance.data() + static_cast<size_t>(index) * c.ffn);
  add_product(pass, layer.down, quantize_input(pass.worker, gate, ffn, tokens, c.ffn, coarse_precision(layer.down), pass.w));
}

void forward(const Model& model, std::span<const int32_t> tokens, uint32_t outputs, const StepLimits& limits, KvCache* cache,
             Workspace* w) {
  const ModelConfig& c = model.config;
  const uint32_t count = static_cast<uint32_t>(tokens.size());
  const RopeOptions rope{c.rope_rotated, c.rope_base, c.rope_position_scale, model.rope_factors};
  rope_angles(rope, cache->length, count, w->cosine.data(), w->sine.data());
  embed_tokens(model, tokens, w->x.data());
  parallel([&](const Worker& worker) {
    const Pass pass{c, worker, limits, cache, w, &w->threads[worker.index]};
    for (uint32_t l = 0; l < c.layers; ++l) {
      const uint32_t wanted = l + 1 == c.layers ? outputs : count;
      attention_block(pass, model.layers[l], l, count, count - wanted);
      if (wanted > 0) ffn_block(pass, model.layers[l], l, wanted);
    }
  });
  const size_t stride = padded_rows(c.hidden);
  for (uint32_t t = 0; t < outputs; ++t) {
    float* x = w->x.data() + t * stride;
    kernels().rms_norm(x, model.final_norm, c.hidden, c.norm_epsilon, x);
  }
  cache->length += count;
}

}  // namespace

const Architecture kLlamaArchitecture = {"llama", read_config, bind, forward};

}  // namespace camelgpt
