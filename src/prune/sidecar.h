// The sidecar model.epdp: what a calibration has learnt, to be kept beside the model. docs/formats.md describes it.
#pragma once

#include <span>

#include "base/buffer.h"
#include "base/status.h"
#include "prune/head.h"
#include "prune/options.h"

namespace camelgpt {

// Beside the packed head.
struct Sidecar {
  uint64_t head = 0;  // head_fingerprint of the model it was made for; 0 where that head is too small to be pruned
  uint64_t data_position = 0;  // in its file, where the tensor data begin: whoever reads the file can stop there
  float ffn = 0;  // part of the neurons that the model was trained to answer with (PruneOptions::ffn): modes take it
  MeasuredCost costs[kMeasuredCosts] = {};
};

// Tell models apart: a hash over some rows of every matrix of the layers, and one over some of the head. The head may
// still be arriving when the first is made.
Status model_fingerprint(const Model& model, uint64_t* fingerprint);
Status head_fingerprint(const Model& model, uint64_t* fingerprint);

Status sidecar_write(const Model& model, const PrunedHead& head, const Sidecar& sidecar, Buffer<char>* out);
// Packs the head with what the file holds. kTruncated, kBadFormat (not a sidecar, or damaged), kUnsupportedVersion, or
// kBadInput (of another model, as far as its layers tell).
Status sidecar_read(const Model& model, std::span<const uint8_t> bytes, PrunedHead* head, Sidecar* sidecar);
// Once the head is there. kBadInput: the sidecar belongs to another one.
Status sidecar_check_head(const Model& model, const Sidecar& sidecar);

}  // namespace camelgpt
