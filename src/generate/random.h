// Platform-independent pseudo-random numbers: xoshiro256**, seeded by splitmix64.
//
// Both generators are from Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (ACM TOMS 47, 2021).
// The standard library is not used because its distributions differ between implementations.
#pragma once

#include <bit>
#include <cstdint>

namespace camelgpt {

// splitmix64: advances *state and returns 64 random bits.
inline uint64_t splitmix64_next(uint64_t* state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Seeds xoshiro256**. Any seed is valid, including 0: splitmix64 never fills the state with zeros only, the one state
// that xoshiro must not have.
inline void random_seed(uint64_t (&state)[4], uint64_t seed) {
  for (uint64_t& word : state) word = splitmix64_next(&seed);
}

// xoshiro256**: advances the state and returns 64 random bits.
inline uint64_t random_bits(uint64_t (&state)[4]) {
  const uint64_t result = std::rotl(state[1] * 5, 7) * 9;
  const uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return result;
}

// Returns a uniform multiple of 2^-53 in [0, 1).
inline double random_unit(uint64_t (&state)[4]) { return static_cast<double>(random_bits(state) >> 11) * 0x1p-53; }

}  // namespace camelgpt
