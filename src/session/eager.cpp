// Eager loading: generates text before all weights have arrived. The layers come first, then the rows of the embedding
// and the output head that steps need, then the other rows.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

FileRange in_file(const Session& s, FileRange range) {
  return {s.data_position + range.from, s.data_position + range.to};
}

}  // namespace

Status session_load_eagerly(Session* session) {
  Session* s = session;
  if (s->state != LoadState::kWeights) {
    return make_error(ErrorCode::kBadState, "Eager loading is chosen before the weights arrive.");
  }
  const PruneMemory& pruning = s->memory.pruning;
  if (!pruning.head_reserved || pruning.head.rank == 0) return {};  // every step would need the whole output head
  const Panel* const matrices[] = {&s->memory.model.embedding, &s->memory.model.head.weight};
  WeightStream& weights = s->loader->weights;
  const uint64_t before = weights.position;
  CAMELGPT_TRY(weight_stream_defer(matrices, &weights));
  if (weights.position != before) s->loader->padding_remaining = 0;
  return {};
}

FileRange session_wanted(const Session* session) {
  const Session& s = *session;
  if (s.loader == nullptr || (s.state != LoadState::kWeights && s.state != LoadState::kReady)) return {};
  const FileRange range = weight_stream_wanted(s.loader->weights);
  if (range.from == range.to) return {};
  const FileRange wanted = in_file(s, range);
  return {wanted.from - s.loader->padding_remaining, wanted.to};
}

bool session_is_complete(const Session* session) { return is_complete(*session); }

std::span<const FileRange> session_missing(const Session* session) {
  if (session->loader == nullptr) return {};
  return session->loader->missing.span();
}

Status session_feed_rows(Session* session, uint64_t from, size_t size, size_t* used) {
  Session* s = session;
  *used = 0;
  if (s->state != LoadState::kReady || size > s->staging.size() || from < s->data_position) {
    return make_error(ErrorCode::kBadState, "The load does not take rows now.");
  }
  if (is_complete(*s)) {  // the rows arrived with the other weights
    *used = size;
    return {};
  }
  return weight_stream_put_rows(&s->loader->weights, s->loader->reader.header, from - s->data_position,
                                {s->staging.data(), size}, used);
}

Status expect_complete(const Session& session) {
  if (session.state != LoadState::kReady) return not_ready();
  if (is_complete(session)) return {};
  const Status status = make_error(ErrorCode::kBadState, "The last weights are still arriving.");
  return with_hint(status, "Wait for them: until then the model can only generate text.");
}

void want_row(Session* session, const Panel& matrix, uint32_t row) {
  Loader& loader = *session->loader;
  const FileRange range = weight_stream_missing(loader.weights, matrix, row);
  if (range.from == range.to) return;
  const FileRange wanted = in_file(*session, range);
  Buffer<FileRange>& missing = loader.missing;
  if (!missing.empty() && missing.back().to == wanted.from) {
    missing.back().to = wanted.to;
  } else if (!missing.push_back(wanted)) {
    return;  // out of memory: the next call requests the row again
  }
}

bool has_embeddings(Session* session, std::span<const int32_t> tokens) {
  if (is_complete(*session)) return true;
  session->loader->missing.clear();
  for (const int32_t token : tokens) want_row(session, model_of(*session).embedding, static_cast<uint32_t>(token));
  return session->loader->missing.empty();
}

}  // namespace camelgpt
