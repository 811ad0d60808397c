#include "model/model.h"

#include <algorithm>
#include <cmath>

#include "model/architecture.h"
#include "model/decoder.h"
#include "model/sparse_ffn.h"

namespace camelgpt {

Status model_bind(WeightBinder* binder, Model* model) {
  binder->macs = 0;
  CAMELGPT_TRY(model->ends != nullptr ? model->ends->bind(binder, model) : decoder_bind_ends(binder, model));
  CAMELGPT_TRY(decoder_bind_layers(binder, model));
  const CheckedSize used = binder->arena->used();
  return used.overflowed ? out_of_memory("the weights", used.value) : Status{};
}

void model_set_context(uint32_t context, Model* model) {
  const ModelConfig& c = model->config;
  if (c.rope_factor_sets && context > c.rope_original_context) model->rope_factors = model->long_rope_factors;
}

void workspace_reserve(const Model& model, uint32_t context, Arena* arena, Workspace* workspace) {
  const ModelConfig& config = model.config;
  const uint64_t hidden = padded_rows(config.hidden);
  // Head widths are multiples of eight.
  const uint64_t q_width = static_cast<uint64_t>(config.heads) * config.head_width;
  const uint64_t kv_width = static_cast<uint64_t>(config.kv_heads) * config.head_width;
  const uint32_t widest_ffn = std::max(config.ffn, config.shared_ffn);
  const uint64_t ffn = padded_rows(widest_ffn);
  const uint64_t tokens = forward_tokens(config, context);
  workspace->rows = arena->take<TokenRow>(tokens);
  workspace->output_rows = arena->take<TokenRow>(kMaxBatch);
  workspace->x = arena->take<float>(tokens * hidden);
  workspace->normed = arena->take<float>(kMaxBatch * hidden);
  workspace->query = arena->take<float>(kMaxBatch * q_width);
  workspace->key = arena->take<float>(kMaxBatch * kv_width);
  workspace->value = arena->take<float>(kMaxBatch * kv_width);
  workspace->attended = arena->take<float>(kMaxBatch * q_width);
  if (config.conv_layers != 0) {
    for (std::span<float>* rows : {&workspace->conv_before, &workspace->conv_in, &workspace->convolved}) {
      *rows = arena->take<float>(kMaxBatch * hidden);
    }
  }
  workspace->gate = arena->take<float>(kMaxBatch * ffn);
  workspace->up = arena->take<float>(kMaxBatch * ffn);
  workspace->projected = arena->take<float>(kMaxBatch * hidden);
  const uint64_t angles = tokens * (config.rope_rotated / 2) * (config.local_rope_base != 0 ? 2 : 1);
  workspace->cosine = arena->take<float>(angles);
  workspace->sine = arena->take<float>(angles);
  if (is_relu(config.activation)) workspace->open_neurons = arena->take<uint32_t>(config.layers);
  if (config.experts != 0) workspace->gathered = arena->take<float>(kMaxBatch * hidden);
  workspace->logits = arena->take<float>(padded_rows(logit_count(config)));
  workspace->head_tile = arena->take<float>(kMaxBatch * static_cast<uint64_t>(kHeadTile));
  uint64_t columns = std::max<uint64_t>({config.hidden, widest_ffn, q_width});
  if (model.ends != nullptr) columns = std::max<uint64_t>(columns, model.ends->reserve(config, arena, workspace));
  const Activations batch = activations_reserve(kMaxBatch, static_cast<uint32_t>(columns), arena);
  workspace->threads = arena->take<ThreadWorkspace>(thread_count());
  for (uint32_t i = 0; i < thread_count(); ++i) {
    ThreadWorkspace thread;
    thread.normed = arena->take<float>(hidden);
    thread.attention = arena->take<uint8_t>(attention_scratch_bytes(kMaxBatch, config.max_group, config.head_width));
    thread.pages = page_scratch_reserve(context, arena);
    if (is_relu(config.activation))
      thread.fired = arena->take<uint32_t>(static_cast<uint64_t>(config.ffn) + kListSlack);
    thread.group = arena->take<uint8_t>(panel_group_bytes(PanelKind::kHalf, std::max(config.hidden, config.ffn)).value);
    if (config.experts != 0) {
      thread.gathered = arena->take<float>(hidden);
      thread.routes = arena->take<float>(kMaxBatch * static_cast<uint64_t>(padded_rows(config.experts)));
    }
    thread.rows = arena->take<uint32_t>(kHeadTile);
    thread.one = activations_reserve(1, static_cast<uint32_t>(columns), arena);
    thread.batch = batch;
    if (!workspace->threads.empty()) workspace->threads[i] = thread;
  }
}

TokenRows token_rows(const Model& model, std::span<const TokenRun> runs, Workspace* workspace) {
  const bool causal = model.config.causal;
  uint32_t count = 0, outputs = 0;
  for (const TokenRun& run : runs) {
    const uint32_t tokens = static_cast<uint32_t>(run.tokens.size()), position = run.cache->length;
    for (uint32_t t = 0; t < tokens; ++t, ++count) {
      const TokenRow row{run.cache,
                         run.tokens[t],
                         count,
                         position + t,
                         causal ? 0 : position + tokens,
                         causal && tokens == 1 ? run.kv_tokens : 0};
      workspace->rows[count] = row;
      if (causal && tokens - t <= run.outputs) workspace->output_rows[outputs++] = row;
    }
  }
  return workspace->rows.first(count);
}

void model_forward(const Model& model, std::span<const TokenRun> runs, Workspace* workspace) {
  assert(!runs.empty());
  [[maybe_unused]] size_t tokens = 0;
  for ([[maybe_unused]] const TokenRun& run : runs) {
    assert(!run.tokens.empty() && run.tokens.size() <= run.cache->context - run.cache->length);
    assert(run.outputs <= run.tokens.size());
    tokens += run.tokens.size();
    assert(tokens <= forward_tokens(model.config, run.cache->context));
  }
  const TokenRows rows = token_rows(model, runs, workspace);
  const auto embed = model.ends != nullptr ? model.ends->embed : embed_tokens;
  embed(model, rows, workspace);
  decoder_forward(model, runs, workspace);
}

namespace {

// y[token * y_stride + row - rows.first] = logits of some rows of the output head, with the soft cap.
void head_rows(const Model& model, Range rows, const Activations& input, ThreadWorkspace* thread, float* y,
               size_t y_stride) {
  const bool by_rows = model.head.weight.order == PanelOrder::kRows && input.tokens == 1;
  if (!by_rows) linear_rows(model.head, rows.first, rows.size(), input, y, y_stride, thread->group.data());
  for (uint32_t first = rows.first; by_rows && first < rows.end; first += kHeadTile) {
    const std::span<uint32_t> list = thread->rows.first(std::min(kHeadTile, rows.end - first));
    for (size_t i = 0; i < list.size(); ++i) list[i] = first + static_cast<uint32_t>(i);
    linear_list(model.head, list, input, y + (first - rows.first));
  }
  const float cap = model.config.logit_softcap;
  for (uint32_t t = 0; cap != 0 && t < input.tokens; ++t) kernels().softcap(y + t * y_stride, rows.size(), cap);
}

// workspace->normed [hidden] = norm(gelu(head_dense(x)))
void transform_output(const Model& model, const float* x, Workspace* workspace) {
  const ModelConfig& c = model.config;
  float* y = workspace->normed.data();
  parallel([&](const Worker& worker) {
    ThreadWorkspace& thread = workspace->threads[worker.index];
    const Activations& input =
        quantize_input(worker, x, padded_rows(c.hidden), 1, c.hidden, input_precision(model.head_dense), workspace);
    worker.for_each_slice(c.hidden, kPanelRows, [&](Range rows) {
      linear_slice(model.head_dense, rows, input, y, padded_rows(c.hidden), thread.group.data());
      activate_gate(c.activation, y + rows.first, nullptr, rows.size());
    });
  });
  normalize(c, model.head_norm, y, c.hidden, y);
}

}  // namespace

void model_logits(const Model& model, uint32_t output, Workspace* workspace) {
  if (model.ends != nullptr) return model.ends->logits(model, output, workspace);
  const ModelConfig& c = model.config;
  const size_t stride = padded_rows(c.hidden);
  float* x = workspace->x.data() + output * stride;
  if (model.head_dense.weight.data != nullptr) {
    transform_output(model, x, workspace);
    x = workspace->normed.data();
  }
  parallel([&](const Worker& worker) {
    const Activations& input = quantize_input(worker, x, stride, 1, c.hidden, input_precision(model.head), workspace);
    worker.for_each_slice(c.vocabulary, kPanelRows, [&](Range rows) {
      head_rows(model, rows, input, &workspace->threads[worker.index], workspace->logits.data() + rows.first,
                padded_rows(c.vocabulary));
    });
  });
}

void model_many_logits(const Model& model, uint32_t outputs, std::span<float> logits, Workspace* workspace) {
  const ModelConfig& c = model.config;
  assert(model_has_many_logits(model) && outputs <= kMaxBatch);
  const size_t stride = padded_rows(c.vocabulary);
  parallel([&](const Worker& worker) {
    const Activations& input = quantize_input(worker, workspace->x.data(), padded_rows(c.hidden), outputs, c.hidden,
                                              input_precision(model.head), workspace);
    worker.for_each_slice(c.vocabulary, kPanelRows, [&](Range slice) {
      for (uint32_t first = slice.first; first < slice.end; first += kHeadTile) {
        const Range tile{first, std::min(first + kHeadTile, slice.end)};
        head_rows(model, tile, input, &workspace->threads[worker.index], logits.data() + first, stride);
      }
    });
  });
}

void model_score(const Model& model, std::span<const int32_t> targets, Workspace* workspace, float* logprobs,
                 int32_t* best) {
  if (model.ends != nullptr) return model.ends->score(model, targets, workspace, logprobs, best);
  const Kernels& k = kernels();
  const ModelConfig& c = model.config;
  const uint32_t tokens = static_cast<uint32_t>(targets.size());
  parallel([&](const Worker& worker) {
    const Activations& input = quantize_input(worker, workspace->x.data(), padded_rows(c.hidden), tokens, c.hidden,
                                              input_precision(model.head), workspace);
    // Threads divide the rows of the head in products, and tokens after them.
    const Range token_slice = worker.static_slice(tokens);
    float maximum[kMaxBatch], target_logit[kMaxBatch];
    double total[kMaxBatch];
    for (uint32_t t = token_slice.first; t < token_slice.end; ++t) {
      maximum[t] = -HUGE_VALF;
      total[t] = 0;
      target_logit[t] = -HUGE_VALF;
      best[t] = 0;
    }
    for (uint32_t first = 0; first < c.vocabulary; first += kHeadTile) {
      const uint32_t rows = std::min(kHeadTile, c.vocabulary - first);
      worker.for_each_slice(rows, kPanelRows, [&](Range slice) {
        const Range absolute{first + slice.first, first + slice.end};
        head_rows(model, absolute, input, &workspace->threads[worker.index], workspace->head_tile.data() + slice.first,
                  kHeadTile);
      });
      worker.barrier();
      for (uint32_t t = token_slice.first; t < token_slice.end; ++t) {
        const float* logits = workspace->head_tile.data() + static_cast<size_t>(t) * kHeadTile;
        const uint32_t top = k.argmax(logits, rows);
        if (logits[top] > maximum[t]) {
          total[t] *= std::exp(static_cast<double>(maximum[t]) - static_cast<double>(logits[top]));
          maximum[t] = logits[top];
          best[t] = static_cast<int32_t>(first + top);
        }
        total[t] += k.sum_exp(logits, rows, maximum[t]);
        const uint32_t target = static_cast<uint32_t>(targets[t]);
        if (target >= first && target < first + rows) target_logit[t] = logits[target - first];
      }
      worker.barrier();
    }
    for (uint32_t t = token_slice.first; t < token_slice.end; ++t) {
      logprobs[t] = static_cast<float>(static_cast<double>(target_logit[t]) - static_cast<double>(maximum[t]) -
                                       std::log(total[t]));
    }
  });
}

void embed_tokens(const Model& model, TokenRows rows, Workspace* workspace) {
  const ModelConfig& c = model.config;
  const size_t stride = padded_rows(c.hidden);
  float* x = workspace->x.data();
  for (const TokenRow& row : rows) {
    panel_row(model.embedding, static_cast<uint32_t>(row.token), x);
    if (c.embedding_scale != 1) scale_values(x, c.hidden, c.embedding_scale);
    const auto add_row = [&](const Panel& table, uint32_t index) {
      if (table.data == nullptr) return;
      panel_row(table, index, workspace->normed.data());
      kernels().add(x, workspace->normed.data(), c.hidden);
    };
    add_row(model.positions, row.position);
    add_row(model.token_types, 0);
    if (model.embedding_norm.weight != nullptr) normalize(c, model.embedding_norm, x, c.hidden, x);
    x += stride;
  }
}

void normalize(const ModelConfig& config, const Norm& norm, const float* x, uint32_t count, float* y) {
  if (norm.weight == nullptr) {
    if (x != y) std::copy_n(x, count, y);
  } else if (config.norm == NormKind::kRms) {
    kernels().rms_norm(x, norm.weight, count, config.norm_epsilon, y);
  } else {
    kernels().layer_norm(x, norm.weight, norm.bias, count, config.norm_epsilon, y);
  }
}

}  // namespace camelgpt
