// The sidecar model.epdp: what a calibration has learnt, to be kept beside the model. docs/formats.md describes it.
#pragma once

#include <span>

#include "base/buffer.h"
#include "base/status.h"
#include "prune/head.h"
#include "prune/options.h"

namespace camelgpt {

struct Sidecar {
  HeadDirections directions;  // rank 0 where the head is too small to be pruned
  float ffn = 0;              // part of the neurons that the model was trained to answer with (PruneOptions::ffn): modes take it
  float tail_shift = 0;
  MeasuredCost costs[kMeasuredCosts] = {};
};

// Tells models apart: a hash over some rows of every matrix.
Status model_fingerprint(const Model& model, uint64_t* fingerprint);

Status sidecar_write(const Model& model, const Sidecar& sidecar, Buffer<char>* out);
// kTruncated, kBadFormat (not a sidecar, or damaged), kUnsupportedVersion, or kBadInput (of another model).
Status sidecar_read(const Model& model, std::span<const uint8_t> bytes, Sidecar* sidecar);

}  // namespace camelgpt
