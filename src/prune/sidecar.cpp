#include "prune/sidecar.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "quant/neuron_panel.h"

namespace camelgpt {
namespace {

constexpr uint32_t kVersion = 3;

// The file's header, little-endian.
struct Header {
  char magic[4];  // "EPDP"
  uint32_t version;
  uint64_t checksum;       // hash_bytes of everything after it
  uint64_t model;          // model_fingerprint
  uint64_t head;           // head_fingerprint
  uint64_t data_position;  // Sidecar::data_position
  uint32_t hidden, vocabulary, rank;
  float tail_shift;
  MeasuredCost costs[kMeasuredCosts];
  float ffn;  // Sidecar::ffn
};
static_assert(sizeof(Header) == kSidecarHeaderBytes);
constexpr size_t kChecksumEnd = 16;  // the checksum covers the bytes from here

Status damaged(const char* found) {
  Status status = make_error(ErrorCode::kBadFormat, "The EPDP sidecar is damaged.");
  status = with_expected(status, "an unmodified file written by camelgpt calibrate");
  status = with_found(status, "%s", found);
  return with_hint(status, "Create it again with camelgpt calibrate.");
}

// Returns the memory of a panel.
std::span<uint8_t> bytes_of(const Panel& panel) {
  return {panel.data, static_cast<size_t>(panel_bytes(panel.kind, panel.rows, panel.columns).value)};
}

Status of_another_model(uint64_t expected, uint64_t found) {
  Status status = make_error(ErrorCode::kBadInput, "The EPDP sidecar belongs to another model.");
  status = with_expected(status, "fingerprint %016llx", static_cast<unsigned long long>(expected));
  status = with_found(status, "%016llx", static_cast<unsigned long long>(found));
  return with_hint(status, "Create one for this model with camelgpt calibrate.");
}

constexpr uint32_t kHeadRows = 256, kMatrixRows = 4;  // in a fingerprint

// One of `count` evenly spaced rows.
uint32_t spaced_row(const Panel& panel, uint32_t i, uint32_t count) {
  return static_cast<uint32_t>(static_cast<uint64_t>(i) * panel.rows / count);
}

// Continues a hash with some rows of a matrix. row [columns] is scratch.
uint64_t hash_rows(const Panel& panel, float* row, uint64_t hash) {
  const uint32_t count = std::min(kMatrixRows, panel.rows);
  for (uint32_t i = 0; i < count; ++i) {
    panel_row(panel, spaced_row(panel, i, count), row);
    hash = hash_bytes(row, panel.columns * sizeof(float), hash);
  }
  return hash;
}

}  // namespace

Status model_fingerprint(const Model& model, uint64_t* fingerprint) {
  const ModelConfig& c = model.config;
  Buffer<float> row;
  const uint32_t columns = std::max({c.hidden, c.ffn, c.heads * c.head_width});
  if (!row.resize(columns)) return out_of_memory("a fingerprint of the model", columns * sizeof(float));
  uint64_t hash =
      hash_bytes(model.final_norm.weight, model.final_norm.weight == nullptr ? 0 : c.hidden * sizeof(float));
  for (const DecoderLayer& l : model.layers) {
    for (const Linear* linear : {&l.query, &l.key, &l.value, &l.output, &l.gate, &l.up, &l.down}) {
      hash = hash_rows(linear->weight, row.data(), hash);
    }
  }
  *fingerprint = hash;
  return {};
}

Status head_fingerprint(const Model& model, uint64_t* fingerprint) {
  const Panel& head = model.head.weight;
  Buffer<float> row;
  Buffer<uint8_t> group;
  if (!row.resize(head.columns) || !group.resize(2 * head.group_bytes)) {
    return out_of_memory("a fingerprint of the model", head.columns * sizeof(float) + 2 * head.group_bytes);
  }
  *fingerprint = hash_bytes(nullptr, 0);
  const uint32_t count = std::min(kHeadRows, head.rows);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t r = spaced_row(head, i, count);
    // The order of the head can change, and zeros have a sign only in kRows.
    if (head.order == PanelOrder::kGroups && has_neuron_order(head.kind)) {
      Panel rows = head;
      rows.rows = kPanelRows;
      rows.data = group.data();
      std::copy_n(head.data + r / kPanelRows * head.group_bytes, head.group_bytes, rows.data);
      neuron_panel_reorder(rows, {0, 1}, PanelOrder::kRows, rows.data + head.group_bytes);
      rows.order = PanelOrder::kRows;
      panel_row(rows, r % kPanelRows, row.data());
    } else {
      panel_row(head, r, row.data());
    }
    *fingerprint = hash_bytes(row.data(), head.columns * sizeof(float), *fingerprint);
  }
  return {};
}

Status sidecar_write(const Model& model, const PrunedHead& head, const Sidecar& sidecar, Buffer<char>* out) {
  Header header{};
  std::copy_n("EPDP", 4, header.magic);
  header.version = kVersion;
  CAMELGPT_TRY(model_fingerprint(model, &header.model));
  CAMELGPT_TRY(head_fingerprint(model, &header.head));
  header.hidden = model.config.hidden;
  header.vocabulary = model.config.vocabulary;
  header.rank = head.packed ? head.rank : 0;
  header.tail_shift = head.tail_shift;
  std::copy_n(sidecar.costs, kMeasuredCosts, header.costs);
  header.ffn = sidecar.ffn;
  header.data_position = sidecar.data_position;
  const size_t begin = out->size();
  bool ok = out->append(reinterpret_cast<const char*>(&header), sizeof header);
  for (const Panel* panel : {&head.rotation, &head.coarse}) {
    if (header.rank == 0) continue;
    const std::span<const uint8_t> bytes = bytes_of(*panel);
    ok = ok && out->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const size_t biases = header.rank == 0 ? 0 : header.vocabulary;
  ok = ok && out->append(reinterpret_cast<const char*>(head.bias.data()), biases * sizeof(float));
  if (!ok) return out_of_memory("the sidecar", out->size() - begin);
  header.checksum = hash_bytes(out->data() + begin + kChecksumEnd, out->size() - begin - kChecksumEnd);
  std::memcpy(out->data() + begin, &header, sizeof header);
  return {};
}

Status sidecar_read(const Model& model, std::span<const uint8_t> bytes, PrunedHead* head, Sidecar* sidecar) {
  Header header;
  if (bytes.size() < sizeof header || std::memcmp(bytes.data(), "EPDP", 4) != 0) {
    if (bytes.size() >= 4 && std::memcmp(bytes.data(), "EPDP", 4) != 0) return damaged("a file of another type");
    Status status = make_error(ErrorCode::kTruncated, "The EPDP sidecar is truncated.");
    return with_found(status, "%zu bytes", bytes.size());
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != kVersion) {
    Status status = make_error(ErrorCode::kUnsupportedVersion, "The EPDP sidecar has an unsupported version.");
    status = with_expected(status, "version %u", kVersion);
    status = with_found(status, "version %u", header.version);
    return with_hint(status, "Create it again with camelgpt calibrate.");
  }
  uint64_t fingerprint;
  CAMELGPT_TRY(model_fingerprint(model, &fingerprint));
  if (header.model != fingerprint || header.hidden != model.config.hidden ||
      header.vocabulary != model.config.vocabulary || header.rank != pruned_head_rank(model.config)) {
    return of_another_model(fingerprint, header.model);
  }
  size_t size = sizeof header;
  if (header.rank != 0)
    size += bytes_of(head->rotation).size() + bytes_of(head->coarse).size() + header.vocabulary * sizeof(float);
  if (bytes.size() < size) {
    Status status = make_error(ErrorCode::kTruncated, "The EPDP sidecar is truncated.");
    status = with_expected(status, "%zu bytes", size);
    return with_found(status, "%zu bytes", bytes.size());
  }
  if (bytes.size() > size) return damaged("extra bytes at the end");
  if (hash_bytes(bytes.data() + kChecksumEnd, bytes.size() - kChecksumEnd) != header.checksum)
    return damaged("a different checksum");
  if (!(header.ffn >= 0 && header.ffn <= 1)) return damaged("a fraction of neurons out of range");
  if (!(std::fabs(header.tail_shift) <= 16)) return damaged("a tail shift out of range");
  sidecar->ffn = header.ffn;
  sidecar->data_position = header.data_position;
  std::copy_n(header.costs, kMeasuredCosts, sidecar->costs);
  if (header.rank == 0) return {};
  head->packed = false;
  bytes = bytes.subspan(sizeof header);
  for (const Panel* panel : {&head->rotation, &head->coarse}) {
    const std::span<uint8_t> to = bytes_of(*panel);
    std::memcpy(to.data(), bytes.data(), to.size());
    bytes = bytes.subspan(to.size());
    if (!panel_is_finite(*panel)) return damaged("non-finite numbers");
  }
  std::memcpy(head->bias.data(), bytes.data(), bytes.size());
  if (!std::all_of(head->bias.begin(), head->bias.end(), [](float bias) { return std::isfinite(bias); }))
    return damaged("non-finite numbers");
  sidecar->head = header.head;
  head->tail_shift = header.tail_shift;
  head->packed = true;
  return {};
}

SidecarInfo sidecar_info(std::span<const uint8_t> bytes, const PruneOptions& options) {
  SidecarInfo info;
  info.used = prune_room(options, 0).head;
  Header header;
  if (!info.used || bytes.size() < sizeof header) return info;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != kVersion) return info;
  if (header.rank > 0) info.header_bytes = header.data_position;
  if (header.ffn > 0 && header.ffn < 1) info.trained_ffn = header.ffn;
  return info;
}

Status sidecar_check_head(const Model& model, const Sidecar& sidecar) {
  uint64_t fingerprint;
  CAMELGPT_TRY(head_fingerprint(model, &fingerprint));
  return fingerprint == sidecar.head ? Status{} : of_another_model(fingerprint, sidecar.head);
}

}  // namespace camelgpt
