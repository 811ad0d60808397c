// Model files → whether runs of several sequences in one forward pass get the bits that each gets alone.
//   batch THREADS MODEL...
// Exits with 1 if a bit differs or a model does not load. Built natively and as WebAssembly in all builds of the
// engine.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "lent_threads.h"
#include "model/compare_runs.h"

using namespace camelgpt;

namespace {

std::vector<uint8_t> read_file(const char* path) {
  std::vector<uint8_t> bytes;
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return bytes;
  uint8_t piece[1 << 16];
  for (size_t size; (size = std::fread(piece, 1, sizeof piece, file)) > 0;)
    bytes.insert(bytes.end(), piece, piece + size);
  std::fclose(file);
  return bytes;
}

// Describes the first difference; empty if there is none.
std::string check(const char* path, KvType type) {
  LoadedModel loaded(read_file(path));
  return loaded.status.ok() ? ComparedRuns(loaded).difference(type) : loaded.status.message;
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count < 3 ? 0 : std::atoi(arguments[1]);
  if (threads < 1) {
    std::fprintf(stderr, "usage: batch THREADS MODEL...\n");
    return 2;
  }
  const LentThreads lent(static_cast<uint32_t>(threads));
  int failed = 0;
  for (int i = 2; i < count; ++i) {
    for (const KvType type : {KvType::k16, KvType::k8}) {
      if (type == KvType::k8 && threads > 1) continue;  // threads divide the work regardless of the type
      const std::string found = check(arguments[i], type);
      if (found.empty()) continue;
      std::fprintf(stderr, "%s with %d threads and %s: %s\n", arguments[i], threads,
                   type == KvType::k16 ? "16-bit cache" : "8-bit cache", found.c_str());
      failed = 1;
    }
  }
  std::fprintf(stderr, "%d models, %d threads, %s kernels: %s\n", count - 2, threads, kernels().name,
               failed == 0 ? "no bit differs" : "FAILED");
  return failed;
}
