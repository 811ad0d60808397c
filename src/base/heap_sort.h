// Sorts in place without recursion, n log n in the worst case, with less code than std::sort.
#pragma once

#include <algorithm>

namespace camelgpt {

template <typename Iterator, typename Less>
void heap_sort(Iterator begin, Iterator end, Less less) {
  std::make_heap(begin, end, less);
  std::sort_heap(begin, end, less);
}

}  // namespace camelgpt
