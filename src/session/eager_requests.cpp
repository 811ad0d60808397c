// The requests for the rows that a step of an incomplete model lacks. Rows lie scattered over the file, and a request
// costs time, so rows are requested together with those in between; only the largest gaps are left out.
#include <algorithm>

#include "base/heap_sort.h"
#include "session/session.h"

namespace camelgpt {
namespace {

// A step uses this fraction of the remaining requests at most, so that some remain for later ones.
constexpr uint32_t kShareDivisor = 6;
// Rows are requested if they take less than this share of the time of all remaining weights. Otherwise the gain would
// be small, and later weights would arrive in more pieces.
constexpr double kMaxShare = 0.6;

struct Gap {
  uint64_t bytes;
  uint32_t before;  // the range after the gap
};

// Sorts the ranges and joins those that touch. Returns their number.
uint32_t sort_ranges(std::span<FileRange> ranges) {
  heap_sort(ranges.begin(), ranges.end(), [](const FileRange& a, const FileRange& b) { return a.from < b.from; });
  uint32_t count = 0;
  for (const FileRange& range : ranges) {
    if (count > 0 && range.from <= ranges[count - 1].to) {
      ranges[count - 1].to = std::max(ranges[count - 1].to, range.to);
    } else {
      ranges[count++] = range;
    }
  }
  return count;
}

// The remaining weights continue after a long range with a request of its own.
uint32_t requests_for(const FileRange& range) { return range.to - range.from >= kMinSkippedBytes ? 2 : 1; }

// Joins ranges without the gaps after which `splits` begins. Returns the requests for the result.
uint32_t join(std::span<const FileRange> ranges, std::span<const Gap> splits, Buffer<FileRange>* joined) {
  joined->clear();
  uint32_t requests = 0;
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    const bool splits_here = std::any_of(splits.begin(), splits.end(), [&](const Gap& gap) { return gap.before == i; });
    if (i > 0 && !splits_here) {
      joined->back().to = ranges[i].to;
    } else if (!joined->push_back(ranges[i])) {
      return UINT32_MAX;
    }
  }
  for (const FileRange& range : joined->span()) requests += requests_for(range);
  return requests;
}

// Requests as few bytes as possible with the requests that a step may use; a request counts as `request_bytes`. Rows in
// the gaps that have arrived are not spared: they arrive again. Returns the cost in bytes.
uint64_t plan(std::span<const FileRange> ranges, uint64_t request_bytes, RowRequests* requests) {
  uint64_t cost = ranges.back().to - ranges.front().from + request_bytes;
  Buffer<Gap> gaps;
  for (uint32_t i = 1; i < ranges.size(); ++i) {
    if (!gaps.push_back({ranges[i].from - ranges[i - 1].to, i})) break;
  }
  heap_sort(gaps.begin(), gaps.end(), [](const Gap& a, const Gap& b) { return a.bytes > b.bytes; });
  const uint32_t max_requests = requests->remaining - requests->remaining / kShareDivisor;
  size_t splits = 0;
  Buffer<FileRange> joined;
  join(ranges, {}, &requests->ranges);
  while (splits < gaps.size() && gaps[splits].bytes > request_bytes) {
    if (join(ranges, gaps.span().first(splits + 1), &joined) > max_requests) break;
    joined.swap(requests->ranges);
    cost -= gaps[splits++].bytes - request_bytes;
  }
  return cost;
}

}  // namespace

std::span<const FileRange> session_request_rows(Session* session, uint64_t request_bytes) {
  if (session->loader == nullptr) return {};
  Loader& loader = *session->loader;
  RowRequests& requests = loader.requests;
  requests.ranges.clear();
  const std::span<FileRange> missing = loader.missing.span();
  if (missing.empty()) return {};
  const std::span<const FileRange> ranges = missing.first(sort_ranges(missing));
  const uint64_t cost = plan(ranges, request_bytes, &requests);
  const uint64_t remaining = weight_stream_missing_bytes(loader.weights);
  uint32_t count = 0;
  for (const FileRange& range : requests.ranges.span()) count += requests_for(range);
  if (count > requests.remaining || static_cast<double>(cost) > kMaxShare * static_cast<double>(remaining)) return {};
  requests.remaining -= count;
  return requests.ranges.span();
}

}  // namespace camelgpt
