#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/chunk_table.h"

using namespace camelgpt;

namespace {

std::string word(int number) { return "w" + std::to_string(number); }

// Interns word(first) to word(end - 1); returns their ids.
std::vector<int32_t> intern(int first, int end, ChunkTable* table) {
  std::vector<int32_t> ids;
  for (int i = first; i < end; ++i) ids.push_back(chunks_intern(word(i), table));
  return ids;
}

}  // namespace

TEST_CASE("each chunk has one id, which leads back to its bytes") {
  ChunkTable table;
  REQUIRE(chunks_reserve(64, 12, &table));
  const std::vector<int32_t> ids = intern(0, 63, &table);
  CHECK(intern(0, 63, &table) == ids);
  for (int i = 0; i < 63; ++i) CHECK(chunks_bytes(table, ids[static_cast<size_t>(i)]) == word(i));
  const std::string zeros(3, '\0');
  CHECK(chunks_intern(zeros, &table) == -1);  // kEndChunk takes the 64th id
  CHECK(chunks_intern(word(5), &table) == ids[5]);
  CHECK(chunks_has(table, kEndChunk));
  CHECK(chunks_bytes(table, kEndChunk).empty());
  for (const int32_t id : {-1, 64, INT32_MAX}) CHECK_FALSE(chunks_has(table, id));
}

TEST_CASE("chunks of any byte values and lengths are distinct") {
  ChunkTable table;
  REQUIRE(chunks_reserve(64, 12, &table));
  const int32_t one = chunks_intern(std::string(1, '\0'), &table), two = chunks_intern(std::string(2, '\0'), &table);
  CHECK(one != two);
  CHECK(chunks_bytes(table, one).size() == 1);
  CHECK(chunks_bytes(table, two).size() == 2);
  CHECK(chunks_intern("\xff\xfe", &table) != chunks_intern("\xff", &table));
}

TEST_CASE("a sweep frees chunks that were not used recently, except those to keep") {
  ChunkTable table;
  REQUIRE(chunks_reserve(64, 12, &table));
  const std::vector<int32_t> ids = intern(0, 63, &table);
  // All were used since the last sweep, so all are freed except the kept ones.
  const std::vector<int32_t> kept = {ids[3], ids[40], kEndChunk};
  chunks_sweep(kept, &table);
  CHECK(chunks_intern(word(3), &table) == ids[3]);
  CHECK(chunks_bytes(table, ids[40]) == word(40));
  CHECK_FALSE(chunks_has(table, ids[4]));
  // Of the chunks added since, those used after the next sweep survive the one after it.
  const std::vector<int32_t> old = intern(100, 130, &table);
  for (const int32_t id : old) CHECK(id > 0);
  chunks_sweep(old, &table);
  const std::vector<int32_t> recent = intern(200, 230, &table);
  chunks_sweep({}, &table);
  for (const int32_t id : recent) CHECK(chunks_has(table, id));
  for (const int32_t id : old) CHECK_FALSE(chunks_has(table, id));
  CHECK(intern(200, 230, &table) == recent);
}
