// OLMoE (Muennighoff et al. 2024): experts, and norms over all heads of queries and of keys together.
#include "model/decoder.h"
#include "model/experts.h"

namespace camelgpt {
namespace {

constexpr DecoderTensors kTensors = {.head_norms = true};

Status read_config(const GgufHeader& header, ModelConfig* config) {
  const ConfigReader reader{header, "olmoe"};
  config->rope = RopeStyle::kHalves;
  config->norms_all_heads = true;
  config->experts_renormalised = false;
  CAMELGPT_TRY(read_decoder_config(reader, config));
  return read_experts(reader, config);
}

Status bind(WeightBinder* binder, Model* model) { return decoder_bind(kTensors, binder, model); }

}  // namespace

const Architecture kOlmoeArchitecture = {"olmoe", read_config, bind, decoder_forward};

}  // namespace camelgpt
