// The Llama graph (Touvron et al. 2023): pre-norm RMSNorm, grouped-query attention with rope on interleaved pairs, SwiGLU,
// tied or separate head. SmolLM2, TinyLlama and Llama 3 are of this form.
#include <cmath>
#include <cstring>

#include "model/model.h"
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
  CAMELGPT_TRY(bind_panel(binder, "token_embd.weight", c.vocabulary, c.hidden, &model->embedding));
  if (binder_has(*binder, "output.weight")) {
    binder->macs -= static_cast<uint64_t>(c.vocabulary) * c.hidden;  // looking a row up multiplies nothing
    CAMELGPT_TRY(bind_panel(binder, "output.weight", c.vocabulary, c.hidden, &model->head));
  } else {
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
    CAMELGPT_TRY(panel("ffn_gate.weight", c.ffn, c.hidden, &layer.gate));
    CAMELGPT_TRY(panel("ffn_up.weight", c.ffn, c.hidden, &layer.up));
    CAMELGPT_TRY(panel("ffn_down.weight", c.hidden, c.ffn, &layer.down));
    if (!model->layers.empty()) model->layers[l] = layer;
  }
  return {};
}

// normed = rms_norm(x), quantised for the products that follow.
void norm_and_quantize(const ModelConfig& c, const float* weight, uint32_t tokens, Workspace* w) {
  const size_t stride = padded_rows(c.hidden);
  for (uint32_t t = 0; t < tokens; ++t) {
    kernels().rms_norm(w->x.data() + t * stride, weight, c.hidden, c.norm_epsilon, w->normed.data() + t * stride);
  }
  kernels().quantize(w->normed.data(), stride, tokens, c.hidden, kRefineNormed, &w->activations);
}

// x += projected
void add_projected(const ModelConfig& c, uint32_t tokens, Workspace* w) {
  const size_t stride = padded_rows(c.hidden);
  for (uint32_t t = 0; t < tokens; ++t) {
    kernels().add(w->x.data() + t * stride, w->projected.data() + t * stride, c.hidden);
  }
}

// Attention of one layer. Keys and values are made for all tokens; the rest only for the tokens from `first` on, which then are
// the only ones in the residual stream.
void attention_block(const ModelConfig& c, const DecoderLayer& layer, uint32_t index, uint32_t tokens, uint32_t first,
                     KvCache* cache, Workspace* w) {
  const Kernels& k = kernels();
  const uint32_t query = c.heads * c.head_width;
  const uint32_t key = c.kv_heads * c.head_width;
  const size_t hidden = padded_rows(c.hidden);
  norm_and_quantize(c, layer.attention_norm, tokens, w);
  linear(layer.key, w->activations, w->key.data(), key);
  linear(layer.value, w->activations, w->value.data(), key);

  const auto rotate = [&](float* x, uint32_t heads, uint32_t token) {
    const size_t angles = static_cast<size_t>(token) * (c.rope_rotated / 2);
    k.rope(x, heads, c.head_width, c.rope_rotated, w->cosine.data() + angles, w->sine.data() + angles);
  };
  for (uint32_t t = 0; t < tokens; ++t) {
    const size_t from = static_cast<size_t>(t) * key;
    rotate(w->key.data() + from, c.kv_heads, t);
    for (uint32_t h = 0; h < c.kv_heads; ++h) {
      const size_t at = from + h * c.head_width;
      cache_store(c, index, h, cache->length + t, w->key.data() + at, w->value.data() + at, cache);
    }
  }
  const uint32_t queries = tokens - first;
  if (queries == 0) return;
  if (first > 0) {
    std::memmove(w->x.data(), w->x.data() + first * hidden, queries * hidden * sizeof(float));
    k.quantize(w->normed.data() + first * hidden, hidden, queries, c.hidden, kRefineNormed, &w->activations);
  }
  linear(layer.query, w->activations, w->query.data(), query);
  for (uint32_t t = 0; t < queries; ++t) rotate(w->query.data() + static_cast<size_t>(t) * query, c.heads, first + t);

  AttentionArguments arguments{};
  arguments.q = w->query.data();
  arguments.q_stride = query;
  cache_layer(c, index, *cache, &arguments);
  arguments.position = cache->length + first;
  arguments.tokens = queries;
  arguments.head_width = c.head_width;
  arguments.group = c.heads / c.kv_heads;
  arguments.kv_head_first = 0;
  arguments.kv_head_count = c.kv_heads;
  arguments.scale = 1.0f / std::sqrt(static_cast<float>(c.head_width));
  arguments.out = w->attended.data();
  arguments.out_stride = query;
  arguments.scratch = w->attention.data();
  k.attend(arguments);

  k.quantize(w->attended.data(), query, queries, query, kRefineAttended, &w->activations);
  linear(layer.output, w->activations, w->projected.data(), hidden);
  add_projected(c, queries, w);
}

void ffn_block(const ModelConfig& c, const DecoderLayer& layer, uint32_t tokens, Workspace* w) {
  const size_t ffn = padded_rows(c.ffn);
  norm_and_quantize(c, layer.ffn_norm, tokens, w);
  linear(layer.gate, w->activations, w->gate.data(), ffn);
  linear(layer.up, w->activations, w->up.data(), ffn);
  for (uint32_t t = 0; t < tokens; ++t) kernels().swiglu(w->gate.data() + t * ffn, w->up.data() + t * ffn, c.ffn);
  kernels().quantize(w->gate.data(), ffn, tokens, c.ffn, kRefineActivated, &w->activations);
  linear(layer.down, w->activations, w->projected.data(), padded_rows(c.hidden));
  add_projected(c, tokens, w);
}

void forward(const Model& model, std::span<const int32_t> tokens, uint32_t outputs, KvCache* cache, Workspace* w) {
  const ModelConfig& c = model.config;
  const uint32_t count = static_cast<uint32_t>(tokens.size());
  const RopeOptions rope{c.rope_rotated, c.rope_base, c.rope_position_scale, model.rope_factors};
  rope_angles(rope, cache->length, count, w->cosine.data(), w->sine.data());
  embed_tokens(model, tokens, w->x.data());
  for (uint32_t l = 0; l < c.layers; ++l) {
    const uint32_t wanted = l + 1 == c.layers ? outputs : count;
    attention_block(c, model.layers[l], l, count, count - wanted, cache, w);
    if (wanted > 0) ffn_block(c, model.layers[l], wanted, w);
  }
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
