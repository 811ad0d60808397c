// The field table of the sampler's options.
#include "generate/options.h"

namespace camelgpt {
namespace {

constexpr double kMaxSeed = 9007199254740991;  // the largest whole number that JavaScript has

constexpr Field kSamplerOptionsFields[] = {
    CAMELGPT_FIELD(SamplerOptions, temperature, range(0, 100),
                   "Divides the logits before a token is drawn; 0: always the most probable token."),
    CAMELGPT_FIELD(SamplerOptions, top_k, range(0, kAnyCount), "Keep the k most probable tokens; 0: all."),
    CAMELGPT_FIELD(SamplerOptions, top_p, above(0, 1),
                   "Keep the most probable tokens that together have this probability; 1: all."),
    CAMELGPT_FIELD(SamplerOptions, min_p, below(0, 1),
                   "Keep tokens with at least this share of the best token's probability; 0: all."),
    CAMELGPT_FIELD(SamplerOptions, typical_p, above(0, 1), "Locally typical sampling (Meister et al. 2022); 1: off."),
    CAMELGPT_FIELD(SamplerOptions, repeat_penalty, above(0, 100),
                   "Divides the positive and multiplies the negative logits of recent tokens; 1: off."),
    CAMELGPT_FIELD(SamplerOptions, repeat_last, range(0, kMaxRepeatLast),
                   "How many of the last tokens the penalties see."),
    CAMELGPT_FIELD(SamplerOptions, presence_penalty, range(-100, 100),
                   "Subtracted once from the logit of a token that occurred."),
    CAMELGPT_FIELD(SamplerOptions, frequency_penalty, range(-100, 100),
                   "Subtracted from the logit for each time the token occurred."),
    CAMELGPT_FIELD(SamplerOptions, dry_multiplier, range(0, 100),
                   "Don't repeat yourself (DRY): subtract `dryMultiplier * dryBase ^ (length - dryAllowedLength)` from "
                   "the logit of a token that would extend a repeated sequence of `length` tokens. Sequences end at a "
                   "line break, colon, quotation mark or asterisk; 0: off."),
    CAMELGPT_FIELD(SamplerOptions, dry_base, range(1, 100),
                   "Growth of the DRY penalty with each token of the repetition."),
    CAMELGPT_FIELD(SamplerOptions, dry_allowed_length, range(1, kMaxRepeatLast),
                   "Shortest repeated sequence whose extension DRY penalizes."),
    CAMELGPT_FIELD(SamplerOptions, dry_range, range(0, kMaxRepeatLast),
                   "How many of the last tokens DRY searches for repetitions."),
    CAMELGPT_FIELD(SamplerOptions, xtc_probability, range(0, 1),
                   "Exclude top choices (XTC): with this probability, remove all tokens above `xtcThreshold` except "
                   "the least probable of them; 0: never. Needs a temperature above 0."),
    CAMELGPT_FIELD(SamplerOptions, xtc_threshold, range(0, 1),
                   "Probability from which XTC counts a token as a top choice."),
    CAMELGPT_FIELD(SamplerOptions, seed, range(0, kMaxSeed),
                   "The same seed gives the same text at a temperature above 0. Default: a random one."),
};

}  // namespace

constinit const Record kSamplerOptionsRecord =
    CAMELGPT_RECORD(SamplerOptions, "", kSamplerOptionsFields,
                    "How the next token is chosen. The options apply in the order of llama.cpp's default chain: "
                    "biases, penalties, DRY, topK, typicalP, topP, minP, XTC, temperature.");

}  // namespace camelgpt
