// A sidecar in which some bytes are changed, through the check of its header, its use and a few pruned steps: any
// bytes give an error or an answer, and the model without it still answers as before.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "load_model.h"
#include "require.h"
#include "tiny_sidecar.h"

using namespace camelgpt;

namespace {

constexpr size_t kHeader = kSidecarHeaderBytes;

struct LoadedModel {
  Session* session = session_create();
  std::vector<uint8_t> sidecar;
  std::string dense;  // the answer without the sidecar

  LoadedModel() {
    load_model(session, large_head_file(), kPrunes);
    sidecar = make_sidecar(session);
    require(generate({.mode = PruneMode::kOff}, &dense), "the dense model answers");
  }
  ~LoadedModel() { session_destroy(session); }

  bool generate(const PruneOptions& options, std::string* answer) {
    if (!session_set_pruning(session, options).ok()) return false;
    const int32_t prompt[] = {72, 69};
    require(session_begin(session, GenerateRequest{prompt, {.max_tokens = 2, .ignore_eos = true}}).ok(), "a prompt");
    ActivityProgress progress{ActivityState::kMore};
    while (progress.state == ActivityState::kMore) {
      require(session_continue(session, 64, &progress).ok(), "the model answers");
      *answer += session_text(session);
    }
    return true;
  }
};

void read_info(std::span<const uint8_t> bytes) {
  for (const PruneMode mode : {PruneMode::kOff, PruneMode::kExact, PruneMode::kBalanced, PruneMode::kCustom}) {
    const SidecarInfo info = sidecar_info(bytes, {.head_rows = 100, .mode = mode});
    require(info.trained_ffn >= 0 && info.trained_ffn < 1, "a share of the neurons");
  }
}

}  // namespace

// The input: a byte of flags (whether the checksum is corrected, whether a number of the sidecar is the start of the
// input), then changes of three bytes: a position (16 bits) and the new value. Even changes are in the header. Two
// remaining bytes truncate or lengthen the sidecar.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static LoadedModel model;
  read_info({data, size});
  if (size == 0) return 0;
  const uint8_t flags = data[0];
  std::vector<uint8_t> bytes = model.sidecar;
  for (size_t i = 1; i + 3 <= size && i < 300; i += 3) {
    const size_t position = size_t{data[i]} | size_t{data[i + 1]} << 8;
    bytes[i % 2 == 1 ? position % kHeader : position * 37 % bytes.size()] = data[i + 2];
  }
  if (size % 3 == 0) {
    const size_t position = size_t{data[size - 2]} | size_t{data[size - 1]} << 8;
    bytes.resize(flags % 4 == 0 ? position % (2 * kHeader) : bytes.size() + position % 64);
  }
  if (flags % 2 == 1) correct_sidecar_checksum(&bytes);
  read_info(bytes);

  const Status status = session_use_sidecar(model.session, bytes);
  if (!status.ok()) {
    require(status.message[0] != 0, "an error has a message");
    require(status.code == ErrorCode::kBadFormat || status.code == ErrorCode::kTruncated ||
                status.code == ErrorCode::kUnsupportedVersion || status.code == ErrorCode::kBadInput,
            "a damaged sidecar has one of four codes");
  } else {
    Buffer<char> again;
    require(session_sidecar(model.session, &again).ok(), "a sidecar in use can be written");
    require(again.size() == bytes.size(), "in the same size");
  }
  if (!status.ok() && flags % 16 != 0) return 0;  // generating takes most of the time
  std::string answer;
  const PruneOptions all[] = {{.mode = PruneMode::kBalanced},
                              {.head_rows = 100, .margin = 0.1f, .max_kl = 0.1f},
                              {.mode = PruneMode::kAggressive}};
  require(model.generate(all[flags / 4 % 3], &answer), "the options are valid for any sidecar");
  if (flags < 224) return 0;
  answer.clear();
  require(model.generate({.mode = PruneMode::kOff}, &answer) && answer == model.dense,
          "without pruning the sidecar has no effect");
  return 0;
}
