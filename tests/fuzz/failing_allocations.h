// Lets allocations of the core fail. The program is linked with --wrap (CMakeLists.txt), so that calls of realloc(),
// aligned_alloc() and the operator new that returns null arrive here first; the core allocates in no other way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace camelgpt {

// Allocations since the last arm_failures(). Number `first_failure` fails (0: none does), and the later ones too if
// `fails_from_there_on`.
struct AllocationFailures {
  bool armed = false;
  bool fails_from_there_on = false;
  uint32_t first_failure = 0;
  uint32_t count = 0;
  uint32_t failed = 0;
};
inline AllocationFailures allocation_failures;

inline void arm_failures(uint32_t first_failure, bool fails_from_there_on) {
  allocation_failures = {true, fails_from_there_on, first_failure, 0, 0};
}
inline void disarm_failures() { allocation_failures.armed = false; }

inline bool allocation_fails() {
  AllocationFailures& failures = allocation_failures;
  if (!failures.armed) return false;
  const uint32_t number = ++failures.count;
  const bool fails = failures.first_failure != 0 && (failures.fails_from_there_on ? number >= failures.first_failure
                                                                                  : number == failures.first_failure);
  failures.failed += fails ? 1 : 0;
  return fails;
}

}  // namespace camelgpt

extern "C" {
void* __real_realloc(void* memory, size_t size);
void* __real_aligned_alloc(size_t alignment, size_t size);
void* __real__ZnwmRKSt9nothrow_t(size_t size, const std::nothrow_t& tag);

void* __wrap_realloc(void* memory, size_t size) {
  return camelgpt::allocation_fails() ? nullptr : __real_realloc(memory, size);
}
void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  return camelgpt::allocation_fails() ? nullptr : __real_aligned_alloc(alignment, size);
}
void* __wrap__ZnwmRKSt9nothrow_t(size_t size, const std::nothrow_t& tag) {
  return camelgpt::allocation_fails() ? nullptr : __real__ZnwmRKSt9nothrow_t(size, tag);
}
}
