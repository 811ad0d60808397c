// Pseudo-random numbers that are the same on every platform: xoshiro256** seeded by splitmix64.
//
// Both are the generators of Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (ACM TOMS 47, 2021).
// The standard library's engines would do as well, but its distributions differ between implementations.
#pragma once

#include <bit>
#include <cstdint>

namespace camelgpt {

// One step of splitmix64: advances *state and returns 64 well-mixed bits.
inline uint64_t splitmix64_next(uint64_t* state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Any seed will do, 0 too: splitmix64 spreads it over the state, which then cannot be all zero (xoshiro's one bad
// state).
inline void random_seed(uint64_t (&state)[4], uint64_t seed) {
  for (uint64_t& word : state) word = splitmix64_next(&seed);
}

// One step of xoshiro256**.
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

// Uniform in [0, 1): a multiple of 2^-53, from the top bits, so exact.
inline double random_unit(uint64_t (&state)[4]) { return static_cast<double>(random_bits(state) >> 11) * 0x1p-53; }

}  // namespace camelgpt
