// LFM2 (Liquid AI 2025): most layers have a short convolution in the place of attention; heads of queries and keys are
// normed.
#include "model/decoder.h"
#include "model/short_conv.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.head_norms = true, .output_norm = "token_embd_norm.weight"};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "lfm2"};
  config->rope = RopeStyle::kHalves;
  CAMELGPT_TRY(reader.count("shortconv.l_cache", kMaxConvLength, &config->conv_length));
  return read_decoder_config(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kLfm2Architecture = {"lfm2", read_config, bind, decoder_forward};

}  // namespace camelgpt
