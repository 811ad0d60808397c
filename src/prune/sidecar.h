// The sidecar file model.epdp, which stores the result of a calibration. docs/formats.md describes the format.
#pragma once

#include <span>

#include "base/buffer.h"
#include "base/status.h"
#include "prune/head.h"
#include "prune/options.h"

namespace camelgpt {

// The contents of a sidecar other than the packed head.
struct Sidecar {
  uint64_t head = 0;           // head_fingerprint of the calibrated model; 0 if its head is too small to prune
  uint64_t data_position = 0;  // offset of the tensor data in the model file: a hint how much to fetch first
  float ffn = 0;               // fraction of neurons that the model was trained with (PruneOptions::ffn), used by modes
  MeasuredCost costs[kMeasuredCosts] = {};
};

// Hash some rows of each matrix of the layers, and some rows of the head, to tell models apart. The two are separate
// because the head may arrive after the layers.
Status model_fingerprint(const Model& model, uint64_t* fingerprint);
Status head_fingerprint(const Model& model, uint64_t* fingerprint);

// Appends the file's bytes to *out.
Status sidecar_write(const Model& model, const PrunedHead& head, const Sidecar& sidecar, Buffer<char>* out);
// Fills the packed head from a file's bytes. Returns kTruncated, kBadFormat (damaged, or not a sidecar),
// kUnsupportedVersion, or kBadInput (the layers are another model's).
Status sidecar_read(const Model& model, std::span<const uint8_t> bytes, PrunedHead* head, Sidecar* sidecar);
// Checks the head's fingerprint once the head has been loaded. kBadInput if it is another model's.
Status sidecar_check_head(const Model& model, const Sidecar& sidecar);

}  // namespace camelgpt
