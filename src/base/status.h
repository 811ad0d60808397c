// Errors: a code for programs and four short texts for people.
//
// Invalid input from outside (a file, a prompt, an option) yields a Status, never an exception, an abort or a trap. A
// caller's bug is an assert.
#pragma once

#include <cstdint>

namespace camelgpt {

enum class ErrorCode : uint8_t {
  kOk = 0,
  kBadFormat,                // the bytes violate the format: magic, lengths, offsets, duplicates
  kTruncated,                // the bytes end too early
  kUnsupportedVersion,       // a GGUF version other than 2 and 3, or big-endian
  kUnsupportedArchitecture,  // an architecture without a graph
  kUnsupportedTensorType,    // an unsupported block format
  kUnsupportedTokenizer,     // an unsupported tokenizer or pre-tokenizer
  kMissingMetadata,          // a key that the architecture or tokenizer needs is missing
  kBadMetadata,              // a key has the wrong type or an invalid value
  kBadTensor,                // a tensor is missing, has the wrong shape or holds non-finite scales
  kOutOfMemory,              // the memory plan does not fit, or an allocation failed
  kContextOverflow,          // more tokens than the context holds
  kBadOption,                // an option is out of range
  kBadInput,                 // text or token ids that cannot be processed
  kUnsupportedTask,          // a task that models of this kind cannot do
  kBadGrammar,               // a grammar that is malformed, empty, left-recursive or too large
  kBadState,                 // a call that is not possible now, for example before loading has ended
};

// The code's name in JSON and TypeScript, for example "bad-format".
const char* error_code_name(ErrorCode code);

// The result of a call that can fail. The texts are NUL-terminated, and valid only if code is not kOk.
struct [[nodiscard]] Status {
  ErrorCode code = ErrorCode::kOk;
  char message[160];   // one sentence: what is wrong
  char expected[256];  // what would have been valid
  char found[128];     // what was found instead
  char hint[160];      // what the user can do

  Status() {}  // success: the texts stay uninitialised, so it costs nothing
  bool ok() const { return code == ErrorCode::kOk; }
};

// Builds an error with a message (a printf format); the other texts are empty.
Status make_error(ErrorCode code, const char* message, ...) __attribute__((format(printf, 2, 3)));

// Each returns `status` with one more text filled in (a printf format).
Status with_expected(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));
Status with_found(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));
Status with_hint(Status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

// kOutOfMemory. `what` completes "There is not enough memory for …"; `bytes` is how many it needs.
Status out_of_memory(const char* what, uint64_t bytes);

}  // namespace camelgpt

// Returns from the enclosing function with the error of `expression`, if it is one.
#define CAMELGPT_TRY(expression)                               \
  do {                                                         \
    ::camelgpt::Status camelgpt_try_status = (expression);     \
    if (!camelgpt_try_status.ok()) return camelgpt_try_status; \
  } while (0)
