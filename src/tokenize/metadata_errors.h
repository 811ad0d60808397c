// Shared texts of errors in the tokenizer's metadata.
#pragma once

#include <cstddef>
#include <string_view>

namespace camelgpt {

inline constexpr char kConvertHint[] =
    "Choose another file of the model, or convert it again with a current converter.";

// A string from a file, cut and reduced to printable ASCII for an error message.
struct Printable {
  char text[48];
  explicit Printable(std::string_view source) {
    size_t size = 0;
    for (; size < source.size() && size + 1 < sizeof text; ++size) {
      text[size] = source[size] >= ' ' && source[size] <= '~' ? source[size] : '?';
    }
    text[size] = '\0';
  }
};

}  // namespace camelgpt
