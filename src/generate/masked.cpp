#include "generate/masked.h"

#include "base/heap_sort.h"

namespace camelgpt {

void sort_surest_first(std::span<MaskChoice> choices) {
  heap_sort(choices.begin(), choices.end(), [](const MaskChoice& a, const MaskChoice& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.position < b.position;
  });
}

}  // namespace camelgpt
