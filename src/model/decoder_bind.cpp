// Binds the tensors of a decoder.
#include "model/decoder.h"
#include "model/experts.h"
#include "model/short_conv.h"
#include "model/sparse_ffn.h"

namespace camelgpt {
namespace {

// Binds tensors of one layer.
struct LayerBinder {
  WeightBinder* binder;
  const DecoderTensors& tensors;
  const ModelConfig& c;
  uint32_t layer;

  LayerTensorName name(const char* suffix) const { return {layer, suffix}; }
  Status bias(const char* tensor, uint32_t count, bool required, const float** out) const {
    const LayerTensorName bias(layer, tensor, ".bias");
    return required ? bind_vector(binder, bias, count, out) : bind_optional_vector(binder, bias, count, out);
  }
  Status linear(const char* tensor, uint32_t rows, uint32_t columns, Linear* out, bool bias_required = false) const {
    CAMELGPT_TRY(bind_panel(binder, LayerTensorName(layer, tensor, ".weight"), rows, columns, &out->weight));
    return bias(tensor, rows, bias_required, &out->bias);
  }
  Status norm(const char* weight, const char* bias, uint32_t count, Norm* out) const {
    CAMELGPT_TRY(bind_vector(binder, name(weight), count, &out->weight));
    return c.norm == NormKind::kLayer ? bind_optional_vector(binder, name(bias), count, &out->bias) : Status{};
  }

  Status attention(DecoderLayer* out) const {
    const uint32_t q_width = out->counts.heads * c.head_width, kv_width = out->counts.kv_heads * c.head_width;
    if (tensors.pre_norms) CAMELGPT_TRY(norm("attn_norm.weight", "attn_norm.bias", c.hidden, &out->attention_norm));
    if (tensors.encoder)
      CAMELGPT_TRY(norm("attn_output_norm.weight", "attn_output_norm.bias", c.hidden, &out->attention_end_norm));
    if (c.conv_layers != 0 && binder_has(*binder, name("shortconv.conv.weight")))
      return bind_short_conv(binder, c, layer, out);
    if (tensors.fused_qkv) {
      const uint32_t all = q_width + 2 * kv_width;
      const auto rows = [&](Range slice, Linear* linear) {
        return bind_panel_rows(binder, name("attn_qkv.weight"), slice, all, c.hidden, &linear->weight);
      };
      CAMELGPT_TRY(rows({0, q_width}, &out->query));
      CAMELGPT_TRY(rows({q_width, q_width + kv_width}, &out->key));
      CAMELGPT_TRY(rows({q_width + kv_width, all}, &out->value));
      CAMELGPT_TRY(bias("attn_qkv", all, tensors.qkv_bias, &out->query.bias));
      if (out->query.bias != nullptr) {
        out->key.bias = out->query.bias + q_width;
        out->value.bias = out->key.bias + kv_width;
      }
    } else {
      CAMELGPT_TRY(linear("attn_q", q_width, c.hidden, &out->query, tensors.qkv_bias));
      CAMELGPT_TRY(linear("attn_k", kv_width, c.hidden, &out->key, tensors.qkv_bias));
      CAMELGPT_TRY(linear("attn_v", kv_width, c.hidden, &out->value, tensors.qkv_bias));
    }
    if (tensors.head_norms) {
      const bool all = c.norms_all_heads;
      CAMELGPT_TRY(norm("attn_q_norm.weight", "attn_q_norm.bias", all ? q_width : c.head_width, &out->query_norm));
      CAMELGPT_TRY(norm("attn_k_norm.weight", "attn_k_norm.bias", all ? kv_width : c.head_width, &out->key_norm));
    }
    CAMELGPT_TRY(linear("attn_output", c.hidden, q_width, &out->output));
    if (!tensors.post_norms) return {};
    return norm("post_attention_norm.weight", "post_attention_norm.bias", c.hidden, &out->post_attention_norm);
  }

  Status ffn_norms(DecoderLayer* out) const {
    if (tensors.pre_norms) CAMELGPT_TRY(norm("ffn_norm.weight", "ffn_norm.bias", c.hidden, &out->ffn_norm));
    if (tensors.encoder)
      CAMELGPT_TRY(norm("layer_output_norm.weight", "layer_output_norm.bias", c.hidden, &out->ffn_end_norm));
    return tensors.post_norms ? norm("post_ffw_norm.weight", "post_ffw_norm.bias", c.hidden, &out->post_ffn_norm)
                              : Status{};
  }

  Status ffn(DecoderLayer* out) const {
    const uint32_t ffn = out->counts.ffn;
    if (c.experts != 0) return bind_experts(binder, c, layer, out);
    if (!c.gated) {  // the file's "up" goes through the activation, as gates do
      CAMELGPT_TRY(linear("ffn_up", ffn, c.hidden, &out->gate));
    } else if (tensors.fused_gate) {
      const LayerTensorName both = name("ffn_up.weight");
      CAMELGPT_TRY(bind_panel_rows(binder, both, {0, ffn}, 2 * ffn, c.hidden, &out->gate.weight));
      CAMELGPT_TRY(bind_panel_rows(binder, both, {ffn, 2 * ffn}, 2 * ffn, c.hidden, &out->up.weight));
    } else {
      return bind_gated_ffn(binder, c, layer, !tensors.post_norms, out);
    }
    return linear("ffn_down", c.hidden, ffn, &out->down);
  }
};

// The transformation before the head of an encoder, and the bias of the head.
Status bind_masked_head(WeightBinder* binder, const ModelConfig& c, Model* model) {
  if (!c.has_head) return {};
  CAMELGPT_TRY(bind_panel(binder, "mlm_dense.weight", c.hidden, c.hidden, &model->head_dense.weight));
  CAMELGPT_TRY(bind_vector(binder, "mlm_dense.bias", c.hidden, &model->head_dense.bias));
  CAMELGPT_TRY(bind_vector(binder, "mlm_norm.weight", c.hidden, &model->head_norm.weight));
  CAMELGPT_TRY(bind_vector(binder, "mlm_norm.bias", c.hidden, &model->head_norm.bias));
  return bind_vector(binder, "mlm_output.bias", c.vocabulary, &model->head.bias);
}

// Binds the factors that the kind of rope scaling uses, if the file has them.
Status bind_rope_factors(WeightBinder* binder, Model* model) {
  constexpr const char *kFactors = "rope_freqs.weight", *kShort = "rope_factors_short.weight",
                       *kLong = "rope_factors_long.weight";
  const ModelConfig& c = model->config;
  const uint32_t count = c.rope == RopeStyle::kNone ? 0 : c.rope_rotated / 2;
  const bool has_sets = binder_has(*binder, kShort) || binder_has(*binder, kLong);
  const bool unused = c.rope_factor_sets ? binder_has(*binder, kFactors) : has_sets;
  if (unused || (count == 0 && has_sets)) {
    Status status = make_error(ErrorCode::kBadTensor, "The file has rope factors that its kind of rope does not use.");
    status = with_expected(status, "%s for rope.scaling.type longrope, %s for other types",
                           "rope_factors_short and _long", "rope_freqs");
    return with_found(status, "%s", c.rope_factor_sets ? kFactors : binder_has(*binder, kShort) ? kShort : kLong);
  }
  if (count == 0) return {};
  if (!c.rope_factor_sets) return bind_optional_vector(binder, kFactors, count, &model->rope_factors);
  CAMELGPT_TRY(bind_optional_vector(binder, kShort, count, &model->rope_factors));
  return bind_optional_vector(binder, kLong, count, &model->long_rope_factors);
}

}  // namespace

Status decoder_bind_ends(WeightBinder* binder, Model* model) {
  const DecoderTensors& tensors = model->architecture->tensors;
  const ModelConfig& c = model->config;
  if (!c.has_head) {
    CAMELGPT_TRY(bind_panel(binder, "token_embd.weight", c.vocabulary, c.hidden, &model->embedding));
    binder->macs -= static_cast<uint64_t>(c.vocabulary) * c.hidden;  // looking up a row multiplies nothing
  } else if (binder_has(*binder, "output.weight")) {
    CAMELGPT_TRY(bind_panel(binder, "token_embd.weight", c.vocabulary, c.hidden, &model->embedding));
    binder->macs -= static_cast<uint64_t>(c.vocabulary) * c.hidden;
    CAMELGPT_TRY(bind_head(binder, "output.weight", c.vocabulary, c.hidden, &model->head.weight));
  } else {
    CAMELGPT_TRY(bind_head(binder, "token_embd.weight", c.vocabulary, c.hidden, &model->embedding));
    model->head.weight = model->embedding;
  }
  if (c.rope == RopeStyle::kNone) {
    CAMELGPT_TRY(bind_panel(binder, "position_embd.weight", c.context_length, c.hidden, &model->positions));
    binder->macs -= static_cast<uint64_t>(c.context_length) * c.hidden;
  }
  const auto norm = [&](const char* weight, const char* bias, Norm* out) {
    CAMELGPT_TRY(bind_vector(binder, weight, c.hidden, &out->weight));
    return c.norm == NormKind::kLayer ? bind_optional_vector(binder, bias, c.hidden, &out->bias) : Status{};
  };
  if (tensors.encoder) {
    CAMELGPT_TRY(bind_panel(binder, "token_types.weight", c.token_types, c.hidden, &model->token_types));
    binder->macs -= static_cast<uint64_t>(c.token_types) * c.hidden;
    CAMELGPT_TRY(norm("token_embd_norm.weight", "token_embd_norm.bias", &model->embedding_norm));
    CAMELGPT_TRY(bind_masked_head(binder, c, model));
  } else {
    CAMELGPT_TRY(norm(tensors.output_norm, "output_norm.bias", &model->final_norm));
  }
  return bind_rope_factors(binder, model);
}

Status decoder_bind_layers(WeightBinder* binder, Model* model) {
  const ModelConfig& c = model->config;
  model->layers = binder->arena->take<DecoderLayer>(c.layers);
  DecoderLayer layer;  // keeps what a layer shares with the one before it
  uint64_t block_macs = 0, ffn_macs = 0;
  uint32_t convolutions = 0, kv_heads = 0;
  const ConfigReader reader{*binder->header, model->architecture->name};
  for (uint32_t l = 0; l < c.layers; ++l) {
    const LayerBinder layer_binder{binder, model->architecture->tensors, c, l / c.block_repeat};
    const bool repeats = l % c.block_repeat != 0, shares_ffn = repeats || (l > 0 && c.ffn_sharing);
    if (!shares_ffn) layer = {};
    layer.counts = read_layer_counts(reader, c, l / c.block_repeat);
    const uint64_t before = binder->macs;
    if (!repeats) {
      CAMELGPT_TRY(layer_binder.attention(&layer));
      CAMELGPT_TRY(layer_binder.ffn_norms(&layer));
      const uint64_t before_ffn = binder->macs;
      if (!shares_ffn) CAMELGPT_TRY(layer_binder.ffn(&layer));
      if (!shares_ffn) ffn_macs = binder->macs - before_ffn;
      block_macs = before_ffn - before + ffn_macs;
    }
    binder->macs = before + block_macs;
    if (shares_ffn && binder->ffn_kinds.size() == l && !binder->ffn_kinds.push_back(binder->ffn_kinds.back())) {
      return out_of_memory("the list of layers", sizeof(FfnKinds));
    }
    const bool convolves = layer.conv_in.weight.rows != 0;
    layer.conv_index = convolutions;
    layer.first_kv_head = kv_heads;
    convolutions += convolves;
    if (!convolves) kv_heads += layer.counts.kv_heads;
    if (!model->layers.empty()) model->layers[l] = layer;
  }
  if (convolutions == c.conv_layers && kv_heads == c.all_kv_heads) return {};
  Status status =
      make_error(ErrorCode::kBadMetadata,
                 "The number of layers with a short convolution is not that of layers without key/value heads.");
  status = with_expected(status, "%u", c.conv_layers);
  return with_found(status, "%u", convolutions);
}

}  // namespace camelgpt
