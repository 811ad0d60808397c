#include "model/decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/experts.h"
#include "model/short_conv.h"
#include "model/sparse_ffn.h"
#include "nn/linear.h"
#include "nn/rope.h"

namespace camelgpt {
namespace {

// One thread's view of a forward pass. All threads run the same code, divide the rows, heads or tokens of each stage
// among themselves, and meet at barriers between the stages.
struct Pass {
  const ModelConfig& config;
  const Worker& worker;
  Workspace* w;
  ThreadWorkspace* thread;
  float* x;  // [tokens, hidden] the residual stream of the current batch
};

// The norm of x, quantised as the input of matrix products.
const Activations& norm_and_quantize(const Pass& pass, const Norm& norm, uint32_t tokens, Precision precision) {
  const ModelConfig& c = pass.config;
  const size_t stride = padded_rows(c.hidden);
  float* normed = tokens == 1 ? pass.thread->normed.data() : pass.w->normed.data();
  return quantize_input(pass.worker, normed, stride, tokens, c.hidden, precision, pass.w, [&](Range slice) {
    for (uint32_t t = slice.first; t < slice.end; ++t) {
      normalize(c, norm, pass.x + t * stride, c.hidden, normed + t * stride);
    }
  });
}

// Adds some of the projected values of a token to its residual stream.
void add_values(const Pass& pass, uint32_t token, Range slice) {
  const size_t at = token * padded_rows(pass.config.hidden) + slice.first;
  float* values = pass.w->projected.data() + at;
  if (pass.config.residual_scale != 1) scale_values(values, slice.size(), pass.config.residual_scale);
  kernels().add(pass.x + at, values, slice.size());
}

// x += norm(projected)
void add_projected(const Pass& pass, const Norm& norm, uint32_t tokens) {
  const ModelConfig& c = pass.config;
  pass.worker.for_each_slice(tokens, 1, [&](Range slice) {
    for (uint32_t t = slice.first; t < slice.end; ++t) {
      float* values = pass.w->projected.data() + t * padded_rows(c.hidden);
      if (norm.weight != nullptr) normalize(c, norm, values, c.hidden, values);
      add_values(pass, t, {0, c.hidden});
    }
  });
  pass.worker.barrier();
}

// x += norm(linear(input))
void add_product(const Pass& pass, const Linear& linear, const Norm& norm, const Activations& input) {
  const size_t stride = padded_rows(linear.weight.rows);
  float* projected = pass.w->projected.data();
  const bool adds = norm.weight == nullptr;  // a norm needs all rows first
  pass.worker.for_each_slice(linear.weight.rows, kPanelRows, [&](Range rows) {
    linear_slice(linear, rows, input, projected, stride, pass.thread->group.data());
    for (uint32_t t = 0; adds && t < input.tokens; ++t) add_values(pass, t, rows);
  });
  pass.worker.barrier();
  if (!adds) add_projected(pass, norm, input.tokens);
}

// Rotates some of the heads of one token.
void rotate(const Pass& pass, uint32_t layer, float* x, Range heads, const TokenRow& row) {
  const ModelConfig& c = pass.config;
  if (!has_rope(c, layer)) return;
  const size_t set = c.local_rope_base != 0 && is_local(c, layer) ? pass.w->cosine.size() / 2 : 0;
  const size_t angles = set + static_cast<size_t>(row.index) * (c.rope_rotated / 2);
  const auto rope = c.rope == RopeStyle::kPairs ? kernels().rope : kernels().rope_halves;
  rope(x + static_cast<size_t>(heads.first) * c.head_width, heads.size(), c.head_width, c.rope_rotated,
       pass.w->cosine.data() + angles, pass.w->sine.data() + angles);
}

// The items of a slice among the `count` items from `start` on, counted from `start`.
Range slice_within(Range slice, uint32_t start, uint32_t count) {
  const auto clamp = [&](uint32_t at) { return at < start ? 0 : std::min(at - start, count); };
  return {clamp(slice.first), clamp(slice.end)};
}

// The rows that hold some heads.
Range rows_of(const ModelConfig& config, Range heads) {
  return {heads.first * config.head_width, heads.end * config.head_width};
}

// Normalizes some of the heads of all tokens, each by itself. x [tokens, heads * head_width]
void norm_heads(const Pass& pass, const Norm& norm, Range heads, uint32_t tokens, float* x, size_t stride) {
  const ModelConfig& c = pass.config;
  if (norm.weight == nullptr || c.norms_all_heads) return;
  for (uint32_t t = 0; t < tokens; ++t) {
    for (uint32_t h = heads.first; h < heads.end; ++h) {
      float* head = x + t * stride + static_cast<size_t>(h) * c.head_width;
      normalize(c, norm, head, c.head_width, head);
    }
  }
}

// Computes keys and values of one layer before rotation. The slice counts the heads of keys, then those of values.
void project_keys_and_values(const Pass& pass, const DecoderLayer& layer, Range slice, const Activations& input) {
  const ModelConfig& c = pass.config;
  const uint32_t kv_heads = layer.counts.kv_heads, kv_width = kv_heads * c.head_width;
  const Range heads = slice_within(slice, 0, kv_heads), keys = rows_of(c, heads);
  linear_slice(layer.key, keys, input, pass.w->key.data(), kv_width);
  norm_heads(pass, layer.key_norm, heads, input.tokens, pass.w->key.data(), kv_width);
  const Range values = rows_of(c, slice_within(slice, kv_heads, kv_heads));
  linear_slice(layer.value, values, input, pass.w->value.data(), kv_width);
}

// Rotates the keys and stores keys and values in the caches.
void store_keys_and_values(const Pass& pass, const DecoderLayer& layer, uint32_t index, Range slice, TokenRows rows) {
  const ModelConfig& c = pass.config;
  const uint32_t kv_heads = layer.counts.kv_heads;
  const size_t kv_width = static_cast<size_t>(kv_heads) * c.head_width;
  const auto store = [&](float* x, Range heads, auto cache_store) {
    for (const TokenRow& row : rows) {
      for (uint32_t h = heads.first; h < heads.end; ++h) {
        cache_store(c, layer.first_kv_head + h, row.position, x + h * c.head_width, row.cache);
      }
      x += kv_width;
    }
  };
  const Range keys = slice_within(slice, 0, kv_heads);
  for (size_t t = 0; t < rows.size(); ++t) rotate(pass, index, pass.w->key.data() + t * kv_width, keys, rows[t]);
  store(pass.w->key.data(), keys, cache_store_key);
  store(pass.w->value.data(), slice_within(slice, kv_heads, kv_heads), cache_store_value);
}

// Computes queries before rotation.
void project_queries(const Pass& pass, const DecoderLayer& layer, Range heads, const Activations& input) {
  const ModelConfig& c = pass.config;
  const uint32_t q_width = layer.counts.heads * c.head_width;
  const Range rows = rows_of(c, heads);
  linear_slice(layer.query, rows, input, pass.w->query.data(), q_width);
  norm_heads(pass, layer.query_norm, heads, input.tokens, pass.w->query.data(), q_width);
}

void rotate_queries(const Pass& pass, const DecoderLayer& layer, uint32_t index, Range heads, TokenRows rows) {
  const size_t q_width = static_cast<size_t>(layer.counts.heads) * pass.config.head_width;
  for (size_t t = 0; t < rows.size(); ++t) rotate(pass, index, pass.w->query.data() + t * q_width, heads, rows[t]);
}

// Normalizes all heads of each token together.
void norm_all_heads(const Pass& pass, const DecoderLayer& layer, uint32_t keys, uint32_t queries) {
  const ModelConfig& c = pass.config;
  const auto norm = [&](const Norm& norm, uint32_t width, Range tokens, float* x) {
    for (uint32_t t = tokens.first; t < tokens.end; ++t) {
      float* row = x + static_cast<size_t>(t) * width;
      normalize(c, norm, row, width, row);
    }
  };
  pass.worker.barrier();
  pass.worker.for_each_slice(keys + queries, 1, [&](Range slice) {
    norm(layer.key_norm, layer.counts.kv_heads * c.head_width, slice_within(slice, 0, keys), pass.w->key.data());
    norm(layer.query_norm, layer.counts.heads * c.head_width, slice_within(slice, keys, queries), pass.w->query.data());
  });
  pass.worker.barrier();
}

// Attention of tokens of one run in some of the heads. For several tokens the heads are whole groups.
void attend_run(const Pass& pass, const DecoderLayer& layer, uint32_t index, TokenRows rows, Range tokens,
                Range heads) {
  const ModelConfig& c = pass.config;
  const TokenRow& row = rows[tokens.first];
  const auto [all_heads, kv_heads, _] = layer.counts;
  const size_t stride = static_cast<size_t>(all_heads) * c.head_width;
  const float* q = pass.w->query.data() + tokens.first * stride;
  float* out = pass.w->attended.data() + tokens.first * stride;
  const uint32_t group = all_heads / kv_heads;
  AttentionArguments arguments{};
  arguments.q = q;
  arguments.q_stride = stride;
  cache_heads(c, layer.first_kv_head, *row.cache, &arguments);
  arguments.position = row.position;
  arguments.tokens = tokens.size();
  arguments.head_width = c.head_width;
  arguments.group = group;
  arguments.kv_head_first = 0;
  arguments.kv_head_count = kv_heads;
  arguments.scale = score_scale(c);
  arguments.softcap = c.attention_softcap;
  arguments.window = is_local(c, index) ? c.window : 0;
  arguments.seen = row.seen;
  arguments.out = out;
  arguments.out_stride = stride;
  arguments.scratch = pass.thread->attention.data();
  const uint32_t kv_tokens = is_local(c, index) ? 0 : row.kv_tokens;
  if (heads.size() == all_heads && kv_tokens == 0) return kernels().attend(arguments);
  for (uint32_t head = heads.first; head < heads.end; head += arguments.group) {
    // The kernel takes heads of an incomplete group as a smaller group, which begins at kv_head * group.
    arguments.kv_head_first = head / group;
    arguments.kv_head_count = 1;
    arguments.group = std::min(group - head % group, heads.end - head);
    if (kv_tokens != 0) {
      const float* queries = q + static_cast<size_t>(arguments.kv_head_first) * group * c.head_width;
      const std::span<const uint32_t> tiles = select_pages(c, layer.first_kv_head + arguments.kv_head_first, group,
                                                           queries, kv_tokens, *row.cache, pass.thread->pages);
      arguments.tiles = tiles.data();
      arguments.tile_count = static_cast<uint32_t>(tiles.size());
    }
    const size_t offset = static_cast<size_t>(head - arguments.kv_head_first * arguments.group) * c.head_width;
    arguments.q = q + offset;
    arguments.out = out + offset;
    kernels().attend(arguments);
  }
}

// The same as attend_run(), but for tokens of any runs.
void attend(const Pass& pass, const DecoderLayer& layer, uint32_t index, TokenRows rows, Range tokens, Range heads) {
  for (uint32_t first = tokens.first, end = first; first < tokens.end; first = end) {
    while (end < tokens.end && rows[end].cache == rows[first].cache) ++end;
    attend_run(pass, layer, index, rows, {first, end}, heads);
  }
}

// Attention of all rows, quantised.
const Activations& attend_and_quantize(const Pass& pass, const DecoderLayer& layer, uint32_t index, TokenRows rows) {
  const auto [heads, kv_heads, _] = layer.counts;
  const uint32_t q_width = heads * pass.config.head_width, tokens = static_cast<uint32_t>(rows.size());
  const bool one_run = rows.front().cache == rows.back().cache;
  if (tokens == 1) {
    attend(pass, layer, index, rows, {0, 1}, pass.worker.static_slice(heads));
    pass.worker.barrier();
  } else if (!one_run) {  // each run reads its own cache: threads divide the heads too
    const uint32_t group = heads / kv_heads;
    pass.worker.for_each_slice(kv_heads * tokens, 1, [&](Range slice) {
      for (uint32_t h = slice.first / tokens; h * tokens < slice.end; ++h) {
        attend(pass, layer, index, rows, slice_within(slice, h * tokens, tokens), {h * group, (h + 1) * group});
      }
    });
    pass.worker.barrier();
  }
  return quantize_input(pass.worker, pass.w->attended.data(), q_width, tokens, q_width, input_precision(layer.output),
                        pass.w, [&](Range slice) {
                          if (tokens > 1 && one_run) attend(pass, layer, index, rows, slice, {0, heads});
                        });
}

// x = norm(x), if there is a norm
void normalize_stream(const Pass& pass, const Norm& norm, uint32_t tokens) {
  if (norm.weight == nullptr) return;
  const ModelConfig& c = pass.config;
  pass.worker.for_each_slice(tokens, 1, [&](Range slice) {
    for (uint32_t t = slice.first; t < slice.end; ++t) {
      float* x = pass.x + t * padded_rows(c.hidden);
      normalize(c, norm, x, c.hidden, x);
    }
  });
  pass.worker.barrier();
}

// Moves the residual stream of the tokens with outputs to the first rows. One thread does it; the others must not read
// the stream before the next barrier.
void keep_outputs(const Pass& pass, TokenRows outputs) {
  if (pass.worker.index != 0) return;
  const size_t hidden = padded_rows(pass.config.hidden);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].index != i)
      std::memcpy(pass.x + i * hidden, pass.x + outputs[i].index * hidden, hidden * sizeof(float));
  }
}

// The rows of `from` [tokens, hidden] that have outputs, quantised. `to` [outputs, hidden] is scratch.
const Activations& quantize_outputs(const Pass& pass, TokenRows outputs, const float* from, float* to,
                                    Precision precision) {
  const ModelConfig& c = pass.config;
  const size_t hidden = padded_rows(c.hidden);
  const uint32_t count = static_cast<uint32_t>(outputs.size());
  if (count == 1) to = pass.thread->normed.data();
  return quantize_input(pass.worker, to, hidden, count, c.hidden, precision, pass.w, [&](Range slice) {
    for (uint32_t i = slice.first; i < slice.end; ++i)
      std::copy_n(from + outputs[i].index * hidden, c.hidden, to + i * hidden);
  });
}

// Attention of one layer. Keys and values are computed for all rows, unless the caches have them. The rest is computed
// for the outputs, which are then the only rows of the residual stream.
void attention_block(const Pass& pass, const DecoderLayer& layer, uint32_t index, TokenRows rows, TokenRows outputs,
                     bool has_keys = false) {
  const ModelConfig& c = pass.config;
  const uint32_t heads = layer.counts.heads, keys_and_values = 2 * layer.counts.kv_heads;
  const uint32_t done = has_keys ? keys_and_values : 0;
  const uint32_t tokens = static_cast<uint32_t>(rows.size()), queries = static_cast<uint32_t>(outputs.size());
  const Precision precision = input_precision(layer.query, layer.key, layer.value);
  const Activations& input = norm_and_quantize(pass, layer.attention_norm, tokens, precision);
  // Each thread finishes its own heads, unless all heads are normalized together.
  const auto finish = [&](Range slice) {
    store_keys_and_values(pass, layer, index, slice, rows);
    rotate_queries(pass, layer, index, slice_within(slice, keys_and_values, heads), outputs);
  };
  if (queries == tokens) {
    pass.worker.for_each_slice(keys_and_values + heads - done, 1, [&](Range slice) {
      slice = {slice.first + done, slice.end + done};
      project_keys_and_values(pass, layer, slice, input);
      project_queries(pass, layer, slice_within(slice, keys_and_values, heads), input);
      if (!c.norms_all_heads) finish(slice);
    });
  } else {
    pass.worker.for_each_slice(keys_and_values, 1, [&](Range slice) {
      project_keys_and_values(pass, layer, slice, input);
      if (!c.norms_all_heads) store_keys_and_values(pass, layer, index, slice, rows);
    });
    pass.worker.barrier();
    if (queries > 0) {
      keep_outputs(pass, outputs);
      const Activations& last =
          quantize_outputs(pass, outputs, pass.w->normed.data(), pass.w->projected.data(), precision);
      pass.worker.for_each_slice(heads, 1, [&](Range slice) {
        project_queries(pass, layer, slice, last);
        if (!c.norms_all_heads) rotate_queries(pass, layer, index, slice, outputs);
      });
    }
  }
  if (c.norms_all_heads) {
    norm_all_heads(pass, layer, has_keys ? 0 : tokens, queries);
    pass.worker.for_each_slice(keys_and_values + heads - done, 1,
                               [&](Range slice) { finish({slice.first + done, slice.end + done}); });
  }
  pass.worker.barrier();
  if (queries == 0) return;
  add_product(pass, layer.output, layer.post_attention_norm, attend_and_quantize(pass, layer, index, outputs));
  normalize_stream(pass, layer.attention_end_norm, queries);
}

// The same as attention_block(), but for a layer with a convolution.
void conv_block(const Pass& pass, const DecoderLayer& layer, TokenRows rows, TokenRows outputs) {
  const ModelConfig& c = pass.config;
  const Precision precision = input_precision(layer.output);
  float* convolved = pass.w->convolved.data();
  const Activations& input = norm_and_quantize(pass, layer.attention_norm, static_cast<uint32_t>(rows.size()),
                                               input_precision(layer.conv_before, layer.conv_in, layer.conv_after));
  pass.worker.for_each_slice(c.hidden, kPanelRows,
                             [&](Range channels) { short_conv(c, layer, channels, input, rows, pass.w); });
  pass.worker.barrier();
  if (outputs.empty()) return;
  if (outputs.size() == rows.size()) {
    return add_product(
        pass, layer.output, {},
        quantize_input(pass.worker, convolved, padded_rows(c.hidden), input.tokens, c.hidden, precision, pass.w));
  }
  keep_outputs(pass, outputs);
  pass.worker.barrier();
  add_product(pass, layer.output, {}, quantize_outputs(pass, outputs, convolved, pass.w->normed.data(), precision));
}

void ffn_block(const Pass& pass, const DecoderLayer& layer, uint32_t index, uint32_t tokens) {
  const ModelConfig& c = pass.config;
  const Precision precision = input_precision(layer.gate, layer.up);
  if (c.experts != 0) {
    experts_ffn(pass.worker, c, layer, norm_and_quantize(pass, layer.ffn_norm, tokens, precision), pass.w);
    return add_projected(pass, layer.post_ffn_norm, tokens);
  }
  const bool gathers = !pass.w->importance.empty();  // importance needs all neurons
  if (skips_neurons(layer, tokens) && !gathers) return sparse_ffn(pass.worker, c, layer, index, tokens, pass.w);
  const uint32_t neurons = layer.counts.ffn;
  const size_t ffn = padded_rows(neurons);
  float* gate = pass.w->gate.data();
  float* up = pass.w->up.data();
  const Activations& input = norm_and_quantize(pass, layer.ffn_norm, tokens, precision);
  pass.worker.for_each_slice(neurons, kPanelRows, [&](Range rows) {
    linear_slice(layer.gate, rows, input, gate, ffn);
    if (c.gated) linear_slice(layer.up, rows, input, up, ffn, pass.thread->group.data());
    for (uint32_t t = 0; t < tokens; ++t) {
      activate_gate(c.activation, gate + t * ffn + rows.first, c.gated ? up + t * ffn + rows.first : nullptr,
                    rows.size());
    }
  });
  pass.worker.barrier();
  if (gathers)
    add_importance(pass.worker, gate, tokens, neurons, pass.w->importance.data() + static_cast<size_t>(index) * c.ffn);
  add_product(pass, layer.down, layer.post_ffn_norm,
              quantize_input(pass.worker, gate, ffn, tokens, neurons, input_precision(layer.down), pass.w));
  normalize_stream(pass, layer.ffn_end_norm, tokens);
}

// All layers of a model whose tokens see those after them: each layer computes all keys before the first query.
void forward_both_ways(const Pass& all, const Model& model, TokenRows rows) {
  const auto each_batch = [&](auto body) {
    for (size_t first = 0; first < rows.size(); first += kMaxBatch) {
      Pass pass = all;
      pass.x += first * padded_rows(all.config.hidden);
      body(pass, rows.subspan(first, std::min<size_t>(kMaxBatch, rows.size() - first)));
    }
  };
  const bool keys_first = rows.size() > kMaxBatch;
  for (uint32_t l = 0; l < all.config.layers; ++l) {
    const DecoderLayer& layer = model.layers[l];
    if (keys_first) each_batch([&](const Pass& pass, TokenRows batch) { attention_block(pass, layer, l, batch, {}); });
    each_batch([&](const Pass& pass, TokenRows batch) {
      attention_block(pass, layer, l, batch, batch, keys_first);
      ffn_block(pass, layer, l, static_cast<uint32_t>(batch.size()));
    });
  }
}

// Rope angles of the positions of all runs, followed by those of local layers.
void make_angles(const Model& model, std::span<const TokenRun> runs, Workspace* w) {
  const ModelConfig& c = model.config;
  if (c.rope == RopeStyle::kNone) return;
  const size_t local = w->cosine.size() / 2;
  const RopeOptions options = rope_options(model, false), local_options = rope_options(model, true);
  size_t at = 0;
  for (const TokenRun& run : runs) {
    const uint32_t position = run.cache->length, tokens = static_cast<uint32_t>(run.tokens.size());
    rope_angles(options, position, tokens, w->cosine.data() + at, w->sine.data() + at);
    if (c.local_rope_base != 0)
      rope_angles(local_options, position, tokens, w->cosine.data() + local + at, w->sine.data() + local + at);
    at += static_cast<size_t>(tokens) * (c.rope_rotated / 2);
  }
}

}  // namespace

RopeOptions rope_options(const Model& model, bool is_local) {
  const ModelConfig& c = model.config;
  if (is_local && c.local_rope_base != 0) return {c.rope_rotated, c.local_rope_base, 1, nullptr, c.rope_magnitude};
  RopeOptions options{c.rope_rotated, c.rope_base, c.rope_position_scale, model.rope_factors, c.rope_magnitude};
  if (c.rope_yarn) {
    rope_set_ramp(c.rope_original_context, &options);
    if (c.rope_position_scale < 1) options.magnitude *= 1 - 0.1f * std::log(c.rope_position_scale);
  }
  return options;
}

bool has_rope(const ModelConfig& config, uint32_t layer) {
  const uint32_t period = config.rope_period;
  return config.rope != RopeStyle::kNone && (period == 0 || layer % period != period - 1);
}

void decoder_forward(const Model& model, std::span<const TokenRun> runs, Workspace* w) {
  const ModelConfig& c = model.config;
  size_t tokens = 0, outputs = 0;
  for (const TokenRun& run : runs) {
    tokens += run.tokens.size();
    outputs += c.causal ? run.outputs : run.tokens.size();
  }
  const TokenRows rows = w->rows.first(tokens);
  make_angles(model, runs, w);
  parallel([&](const Worker& worker) {
    const Pass pass{c, worker, w, &w->threads[worker.index], w->x.data()};
    if (!c.causal) return forward_both_ways(pass, model, rows);
    for (uint32_t l = 0; l < c.layers; ++l) {
      const TokenRows wanted = l + 1 == c.layers ? w->output_rows.first(outputs) : rows;
      const DecoderLayer& layer = model.layers[l];
      if (layer.conv != nullptr) {
        conv_block(pass, layer, rows, wanted);
      } else {
        attention_block(pass, layer, l, rows, wanted);
      }
      if (!wanted.empty()) ffn_block(pass, layer, l, static_cast<uint32_t>(wanted.size()));
    }
  });
  const size_t stride = padded_rows(c.hidden);
  for (size_t t = 0; t < outputs; ++t) {
    float* x = w->x.data() + t * stride;
    normalize(c, model.final_norm, x, c.hidden, x);
    if (c.logit_scale != 1) scale_values(x, c.hidden, c.logit_scale);
  }
  for (const TokenRun& run : runs) cache_advance(c, static_cast<uint32_t>(run.tokens.size()), run.cache);
}

}  // namespace camelgpt
