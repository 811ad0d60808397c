#include "grammar/sort.h"

namespace camelgpt {

// Shell sort with gaps that shrink by a factor of about 2.25 (Tokuda 1992); fast for the short and mostly sorted
// sequences of a grammar.
void sort_pairs(SortPair* pairs, size_t count) {
  size_t gap = 1;
  while (gap < count / 3) gap = gap * 9 / 4 + 1;
  for (;; gap = gap * 4 / 9) {
    for (size_t i = gap; i < count; ++i) {
      const SortPair moved = pairs[i];
      size_t to = i;
      for (; to >= gap && moved < pairs[to - gap]; to -= gap) pairs[to] = pairs[to - gap];
      pairs[to] = moved;
    }
    if (gap <= 1) return;
    if (gap < 3) gap = 3;  // the next one is 1
  }
}

}  // namespace camelgpt
