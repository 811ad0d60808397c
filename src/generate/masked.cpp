#include "generate/masked.h"

#include <algorithm>

namespace camelgpt {

void sort_surest_first(std::span<MaskChoice> choices) {
  std::sort(choices.begin(), choices.end(), [](const MaskChoice& a, const MaskChoice& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.position < b.position;
  });
}

}  // namespace camelgpt
