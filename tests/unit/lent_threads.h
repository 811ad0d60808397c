// Lends threads to the pool for the lifetime of an object. WebAssembly has threads only if it is built with -pthread.
#pragma once

#include "base/threads.h"

#if !defined(__wasm__) || defined(__EMSCRIPTEN_PTHREADS__)
#include <thread>
#include <vector>
#endif

namespace camelgpt {

struct LentThreads {
  explicit LentThreads(uint32_t count) {
    set_thread_count(count);
#if !defined(__wasm__) || defined(__EMSCRIPTEN_PTHREADS__)
    for (uint32_t i = 1; i < count; ++i) helpers.emplace_back([i] { help(i); });
#endif
  }
  ~LentThreads() {
#if !defined(__wasm__) || defined(__EMSCRIPTEN_PTHREADS__)
    dismiss_helpers();
    for (std::thread& helper : helpers) helper.join();
#endif
    set_thread_count(1);
  }
  LentThreads(const LentThreads&) = delete;
  LentThreads& operator=(const LentThreads&) = delete;

#if !defined(__wasm__) || defined(__EMSCRIPTEN_PTHREADS__)
  std::vector<std::thread> helpers;
#endif
};

}  // namespace camelgpt
