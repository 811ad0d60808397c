// The metadata general.sampling.* → the sampling options that the file recommends.
//
// The keys are llama.cpp's. A value that SamplerOptions does not accept is ignored, with a note.
#include <cmath>
#include <cstdio>

#include "session/session.h"

namespace camelgpt {
namespace {

Status add_note(const char* key, const Status& problem, Session* s) {
  char line[600];
  const int size = std::snprintf(line, sizeof line, "%s is ignored: it is %s instead of %s.\n", key, problem.found,
                                 problem.expected);
  Buffer<char>* const notes = &s->tokenizer.notes;
  return notes->append(line, static_cast<size_t>(size)) ? Status{} : out_of_memory("notes", static_cast<size_t>(size));
}

// *found: the number of a key, or negative if the file lacks it.
template <typename Option>
Status read_number(const GgufHeader& header, const char* key, Option SamplerOptions::* option, double if_negative,
                   double* found) {
  CAMELGPT_TRY(gguf_get_f64(header, key, found));
  if (*found < 0 && if_negative >= 0) *found = if_negative;
  SamplerOptions options;
  if constexpr (std::is_same_v<Option, float>) {
    options.*option = static_cast<float>(*found);
  } else {
    if (*found != std::floor(*found) || *found < 0 || *found > kAnyCount) {
      return with_found(with_expected(make_error(ErrorCode::kBadOption, "%s", key), "a whole number of at least 0"),
                        "%g", *found);
    }
    options.*option = static_cast<Option>(*found);
  }
  return record_check(kSamplerOptionsRecord, &options);
}

// `if_negative`: what a negative number means; negative: nothing.
template <typename Option, typename Value>
Status read(const GgufHeader& header, const char* key, Option SamplerOptions::* option, double if_negative,
            Value* value, Session* s) {
  if (gguf_find(header, key) == nullptr) return {};
  double found = 0;
  const Status problem = read_number(header, key, option, if_negative, &found);
  if (!problem.ok()) return add_note(key, problem, s);
  *value = static_cast<Value>(found);
  return {};
}

}  // namespace

Status read_recommended_sampling(const GgufHeader& header, Session* session) {
  using Options = SamplerOptions;
  RecommendedSampling& r = session->sampling;
  Session* const s = session;
  CAMELGPT_TRY(read(header, "general.sampling.temp", &Options::temperature, -1, &r.temperature, s));
  CAMELGPT_TRY(read(header, "general.sampling.top_k", &Options::top_k, 0, &r.top_k, s));
  CAMELGPT_TRY(read(header, "general.sampling.top_p", &Options::top_p, -1, &r.top_p, s));
  CAMELGPT_TRY(read(header, "general.sampling.min_p", &Options::min_p, -1, &r.min_p, s));
  CAMELGPT_TRY(read(header, "general.sampling.penalty_repeat", &Options::repeat_penalty, -1, &r.repeat_penalty, s));
  CAMELGPT_TRY(
      read(header, "general.sampling.penalty_last_n", &Options::repeat_last, kMaxRepeatLast, &r.repeat_last, s));
  CAMELGPT_TRY(read(header, "general.sampling.xtc_probability", &Options::xtc_probability, -1, &r.xtc_probability, s));
  return read(header, "general.sampling.xtc_threshold", &Options::xtc_threshold, -1, &r.xtc_threshold, s);
}

}  // namespace camelgpt
