// How a failure travels: a code for programs and three short texts for people.
//
// Everything that comes from outside (a file, a prompt, an option) is answered with a Status, never with an exception,
// an abort or a trap. A caller's own bug is an assert.
#pragma once

#include <cstdint>

namespace camelgpt {

enum class ErrorCode : uint8_t {
  kOk = 0,
  kBadFormat,                // the bytes are not what the format says: magic, lengths, offsets, duplicates
  kTruncated,                // the bytes end too early
  kUnsupportedVersion,       // a GGUF version other than 2 and 3, or big-endian
  kUnsupportedArchitecture,  // no graph for this model
  kUnsupportedTensorType,    // a block format that the engine does not read
  kUnsupportedTokenizer,     // a tokenizer or pre-tokenizer that the engine does not have
  kMissingMetadata,          // a key that the architecture or tokenizer needs is not in the file
  kBadMetadata,              // a key has the wrong type or an impossible value
  kBadTensor,                // a tensor is missing, or has the wrong shape, or holds non-finite scales
  kOutOfMemory,              // the plan does not fit, or an allocation failed
  kContextOverflow,          // more tokens than the context holds
  kBadOption,                // an option outside its range
  kBadInput,                 // text or token ids that cannot be processed
  kUnsupportedTask,          // something that models of this kind do not do
  kBadState,                 // a call that is not possible now (before loading ended, for example)
};

// The code as scripts see it, for example "bad-format".
const char* error_code_name(ErrorCode code);

// The answer of a call that can fail. The texts are NUL-terminated and valid only when code is not kOk.
struct [[nodiscard]] Status {
  ErrorCode code = ErrorCode::kOk;
  char message[160];   // one sentence: what went wrong
  char expected[256];  // what would have been right
  char found[128];     // what was there
  char hint[160];      // what the user can do

  Status() {}  // success; the texts stay untouched, so that success costs nothing
  bool ok() const { return code == ErrorCode::kOk; }
};

// Builds an error. Any text may be null. `message` is a printf format; the other texts are set by the functions below.
Status make_error(ErrorCode code, const char* message, ...) __attribute__((format(printf, 2, 3)));

// Each returns the same error with one more text filled in (printf formats).
Status with_expected(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));
Status with_found(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));
Status with_hint(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

Status out_of_memory(const char* what, uint64_t bytes);

}  // namespace camelgpt

// Leaves the function with the error of `expression` if it has one.
#define CAMELGPT_TRY(expression)                               \
  do {                                                         \
    ::camelgpt::Status camelgpt_try_status = (expression);     \
    if (!camelgpt_try_status.ok()) return camelgpt_try_status; \
  } while (0)
