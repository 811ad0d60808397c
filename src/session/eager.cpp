// Answers before all weights are there: the layers come first, and of the embedding and the head the rows that are
// needed.
#include <algorithm>

#include "session/session.h"

namespace camelgpt {
namespace {

// Rows that are no further from one another are read together: with as many requests at a time as there are, one takes
// about as long as this many bytes of a slow link.
constexpr uint64_t kLeastGap = 2 << 10;

FileRange in_file(const Session& s, FileRange range) {
  return {s.data_position + range.from, s.data_position + range.to};
}

}  // namespace

Status session_load_eagerly(Session* session) {
  Session* s = session;
  if (s->state != LoadState::kWeights)
    return make_error(ErrorCode::kBadState, "The order of the weights is chosen before they arrive.");
  if (!s->pruning.head_reserved || s->pruning.head.rank == 0) return {};  // every step would need the whole head
  const Panel* const matrices[] = {&s->model.embedding, &s->model.head.weight};
  const uint64_t before = s->weights.position;
  CAMELGPT_TRY(weight_stream_defer(matrices, &s->weights));
  if (s->weights.position != before) s->padding_left = 0;
  return {};
}

FileRange session_wanted(const Session* session) {
  const Session& s = *session;
  if (s.state != LoadState::kWeights && s.state != LoadState::kReady) return {};
  const FileRange range = weight_stream_wanted(s.weights);
  if (range.from == range.to) return {};
  const FileRange wanted = in_file(s, range);
  return {wanted.from - s.padding_left, wanted.to};
}

bool session_is_whole(const Session* session) { return session->state == LoadState::kReady && is_whole(*session); }

std::span<const FileRange> session_missing(const Session* session) { return session->missing.span(); }

Status session_feed_rows(Session* session, uint64_t from, size_t size) {
  Session* s = session;
  if (s->state != LoadState::kReady || size > s->staging.size() || from < s->data_position) {
    return make_error(ErrorCode::kBadState, "The load does not take rows now.");
  }
  if (is_whole(*s)) return {};  // they came with the rest meanwhile
  return weight_stream_put_rows(&s->weights, s->reader.header, from - s->data_position, {s->staging.data(), size});
}

Status expect_whole(const Session& session) {
  if (session.state != LoadState::kReady) return not_ready();
  if (is_whole(session)) return {};
  const Status status = make_error(ErrorCode::kBadState, "The last weights are still arriving.");
  return with_hint(status, "Wait for them: until then the model can only generate text.");
}

void want_row(Session* session, const Panel& matrix, uint32_t row) {
  const FileRange range = weight_stream_missing(session->weights, matrix, row);
  if (range.from == range.to) return;
  const FileRange wanted = in_file(*session, range);
  Buffer<FileRange>& missing = session->missing;
  const bool is_near =
      !missing.empty() && missing.back().from <= wanted.from && wanted.from <= missing.back().to + kLeastGap;
  if (is_near && wanted.to - missing.back().from <= kStagingBytes) {
    missing.back().to = std::max(missing.back().to, wanted.to);
  } else if (!missing.push_back(wanted)) {
    return;  // another call will ask for it again
  }
}

bool has_embeddings(Session* session, std::span<const int32_t> tokens) {
  session->missing.clear();
  if (is_whole(*session)) return true;
  for (const int32_t token : tokens) want_row(session, session->model.embedding, static_cast<uint32_t>(token));
  return session->missing.empty();
}

}  // namespace camelgpt
