#include "gguf/internal.h"

#include <cinttypes>

namespace camelgpt {

GgufTypeInfo gguf_type_info(GgufType type) {
  switch (type) {
    case GgufType::kU8: return {"uint8", 1};
    case GgufType::kI8: return {"int8", 1};
    case GgufType::kU16: return {"uint16", 2};
    case GgufType::kI16: return {"int16", 2};
    case GgufType::kU32: return {"uint32", 4};
    case GgufType::kI32: return {"int32", 4};
    case GgufType::kF32: return {"float32", 4};
    case GgufType::kBool: return {"bool", 1};
    case GgufType::kString: return {"string", 0};
    case GgufType::kArray: return {"array", 0};
    case GgufType::kU64: return {"uint64", 8};
    case GgufType::kI64: return {"int64", 8};
    case GgufType::kF64: return {"float64", 8};
  }
  return {nullptr, 0};
}

GgufQuoted::GgufQuoted(std::string_view source) {
  constexpr size_t kShown = 56;
  const bool cut = source.size() > kShown;
  const size_t shown = cut ? kShown : source.size();
  for (size_t i = 0; i < shown; ++i) text[i] = source[i] >= ' ' && source[i] <= '~' ? source[i] : '?';
  std::memcpy(text + shown, cut ? "..." : "", cut ? 4 : 1);
}

Status gguf_check_length(const char* label, uint64_t index, uint64_t length, uint64_t limit, uint64_t position) {
  if (length >= 1 && length <= limit) return {};
  Status error =
      make_error(ErrorCode::kBadFormat, "The %s number %" PRIu64 ", at byte %" PRIu64 ", has an invalid length.", label,
                 index, position);
  error = with_expected(error, "1 to %" PRIu64 " bytes", limit);
  error = with_found(error, "%" PRIu64 " bytes", length);
  return with_hint(error, kGgufDamagedHint);
}

Status gguf_duplicate(const char* what, std::string_view label, uint64_t first, uint64_t second) {
  const GgufQuoted quoted(label);
  Status error = make_error(ErrorCode::kBadFormat, "The file has two %s named \"%s\".", what, quoted.text);
  error = with_expected(error, "unique names");
  error = with_found(error, "one at byte %" PRIu64 " and one at byte %" PRIu64, first < second ? first : second,
                     first < second ? second : first);
  return with_hint(error, kGgufDamagedHint);
}

}  // namespace camelgpt
