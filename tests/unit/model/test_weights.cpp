#include <doctest/doctest.h>

#include <string_view>

#include "gguf_writer.h"
#include "model/weights.h"

using namespace camelgpt;

TEST_CASE("a tensor of an unsupported type is an error if it is bound") {
  GgufWriter writer;
  writer.tensors.push_back({"weight", {64, 2}, 28, {}, 0});  // F64
  const auto bytes = writer.header();
  GgufReader reader;
  size_t consumed = 0;
  REQUIRE(reader.append(bytes, &consumed).ok());
  Arena arena;
  WeightBinder binder{};
  binder.header = &reader.header;
  binder.arena = &arena;
  CHECK(binder_has(binder, "weight"));
  CHECK_FALSE(binder_has_neurons(binder, "weight"));
  Panel panel;
  const Status status = bind_panel(&binder, "weight", 2, 64, &panel);
  CHECK(status.code == ErrorCode::kUnsupportedTensorType);
  CHECK(std::string_view(status.message).find("\"weight\" has an unsupported type (F64)") != std::string_view::npos);
  const float* vector = nullptr;
  CHECK(bind_table(&binder, "weight", 2, 64, &vector).code == ErrorCode::kUnsupportedTensorType);
}
