#include "base/status.h"

#include <cstdarg>
#include <cstdio>

namespace camelgpt {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return "ok";
    case ErrorCode::kBadFormat: return "bad-format";
    case ErrorCode::kTruncated: return "truncated";
    case ErrorCode::kUnsupportedVersion: return "unsupported-version";
    case ErrorCode::kUnsupportedArchitecture: return "unsupported-architecture";
    case ErrorCode::kUnsupportedTensorType: return "unsupported-tensor-type";
    case ErrorCode::kUnsupportedTokenizer: return "unsupported-tokenizer";
    case ErrorCode::kMissingMetadata: return "missing-metadata";
    case ErrorCode::kBadMetadata: return "bad-metadata";
    case ErrorCode::kBadTensor: return "bad-tensor";
    case ErrorCode::kOutOfMemory: return "out-of-memory";
    case ErrorCode::kContextOverflow: return "context-overflow";
    case ErrorCode::kBadOption: return "bad-option";
    case ErrorCode::kBadInput: return "bad-input";
    case ErrorCode::kUnsupportedTask: return "unsupported-task";
    case ErrorCode::kBadGrammar: return "bad-grammar";
    case ErrorCode::kBadState: return "bad-state";
  }
  return "internal";
}

Status make_error(ErrorCode code, const char* message, ...) {
  Status status;
  status.code = code;
  status.expected[0] = status.found[0] = status.hint[0] = '\0';
  va_list arguments;
  va_start(arguments, message);
  vsnprintf(status.message, sizeof status.message, message, arguments);
  va_end(arguments);
  return status;
}

#define CAMELGPT_DEFINE_WITH(field)                                  \
  Status with_##field(Status status, const char* format, ...) {      \
    va_list arguments;                                               \
    va_start(arguments, format);                                     \
    vsnprintf(status.field, sizeof status.field, format, arguments); \
    va_end(arguments);                                               \
    return status;                                                   \
  }
CAMELGPT_DEFINE_WITH(expected)
CAMELGPT_DEFINE_WITH(found)
CAMELGPT_DEFINE_WITH(hint)
#undef CAMELGPT_DEFINE_WITH

Status out_of_memory(const char* what, uint64_t bytes) {
  Status status = make_error(ErrorCode::kOutOfMemory, "There is not enough memory for %s.", what);
  status = with_expected(status, "%llu bytes", static_cast<unsigned long long>(bytes));
  return with_hint(status, "Use a smaller model or a shorter contextLength.");
}

}  // namespace camelgpt
