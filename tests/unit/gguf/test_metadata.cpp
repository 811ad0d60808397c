// Metadata: typed look-ups, arrays and JSON.
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "doctest/doctest.h"
#include "gguf/gguf.h"
#include "gguf/gguf_samples.h"
#include "gguf_writer.h"

using namespace camelgpt;

TEST_CASE("gguf reads metadata of every type") {
  GgufReader reader;
  REQUIRE(read(sample().file(), &reader).ok());
  const GgufHeader& header = reader.header;
  CHECK(header.version == 3);
  CHECK(header.entries.size() == 20);

  uint64_t integer = 0;
  CHECK((gguf_get_u64(header, "u8", 0, UINT64_MAX, &integer).ok() && integer == 200));
  CHECK((gguf_get_u64(header, "u16", 0, UINT64_MAX, &integer).ok() && integer == 60000));
  CHECK((gguf_get_u64(header, "u32", 0, UINT64_MAX, &integer).ok() && integer == 4000000000));
  CHECK((gguf_get_u64(header, "u64", 0, UINT64_MAX, &integer).ok() && integer == 18000000000000000000u));

  double real = 0;
  CHECK((gguf_get_f64(header, "f32", &real).ok() && real == double{1e-5f}));
  CHECK((gguf_get_f64(header, "f64", &real).ok() && real == 0.1));
  CHECK((gguf_get_f64(header, "i8", &real).ok() && real == -100));
  CHECK((gguf_get_f64(header, "i16", &real).ok() && real == -30000));
  CHECK((gguf_get_f64(header, "i32", &real).ok() && real == -2e9));
  CHECK((gguf_get_f64(header, "i64", &real).ok() && real == -9e18));
  CHECK((gguf_get_f64(header, "u64", &real).ok() && real == 18e18));

  bool flag = false;
  CHECK((gguf_get_bool(header, "yes", &flag).ok() && flag));
  CHECK((gguf_get_bool(header, "no", &flag).ok() && !flag));

  std::string_view text;
  CHECK((gguf_get_string(header, "general.architecture", &text).ok() && text == "llama"));
  CHECK((gguf_get_string(header, "empty", &text).ok() && text.empty()));
}

TEST_CASE("gguf reads arrays element by element") {
  GgufReader reader;
  REQUIRE(read(sample().file(), &reader).ok());
  const GgufHeader& header = reader.header;
  const GgufEntry* entry = nullptr;

  REQUIRE(gguf_get_array(header, "tokens", GgufType::kString, &entry).ok());
  GgufStringCursor cursor(header, *entry);
  std::string_view text;
  for (const std::string_view expected : {"<s>", "", "a\"b\\\n", "\xc3\xa4", "\xff"}) {
    REQUIRE(cursor.next(&text));
    CHECK(text == expected);
  }
  CHECK(!cursor.next(&text));

  REQUIRE(gguf_get_array(header, "no_strings", GgufType::kString, &entry).ok());
  CHECK(!GgufStringCursor(header, *entry).next(&text));
  REQUIRE(gguf_get_array(header, "types", GgufType::kI32, &entry).ok());
  REQUIRE(entry->count == 3);
  CHECK(gguf_integer_at(header, *entry, 2) == -3);
  REQUIRE(gguf_get_array(header, "flags", GgufType::kBool, &entry).ok());
  CHECK(gguf_integer_at(header, *entry, 0) == 1);
  REQUIRE(gguf_get_array(header, "scores", GgufType::kF32, &entry).ok());
  CHECK(gguf_number_at(header, *entry, 1) == -1.0);
  CHECK(gguf_integer_at(header, *entry, 2) == INT64_MAX);
  CHECK(gguf_integer_at(header, *gguf_find(header, "u64"), 0) == INT64_MAX);
}

TEST_CASE("gguf look-ups name the missing or invalid key") {
  GgufWriter writer = sample();
  writer.add("nan", std::nan(""));
  GgufReader reader;
  REQUIRE(read(writer.file(), &reader).ok());
  const GgufHeader& header = reader.header;
  uint64_t integer = 7;
  double real = 7;
  bool flag = true;
  std::string_view text = "7";
  const GgufEntry* entry = nullptr;

  CHECK(gguf_find(header, "absent") == nullptr);
  const Status missing = gguf_get_u64(header, "absent", 0, 1, &integer);
  CHECK(missing.code == ErrorCode::kMissingMetadata);
  CHECK(std::string_view(missing.message).find("\"absent\"") != std::string_view::npos);

  const Status range = gguf_get_u64(header, "u8", 1, 199, &integer);
  CHECK(range.code == ErrorCode::kBadMetadata);
  CHECK(std::string_view(range.expected) == "an integer from 1 to 199");
  CHECK(std::string_view(range.found).substr(0, 4) == "200 ");
  CHECK(std::string_view(gguf_get_u64(header, "i64", 0, UINT64_MAX, &integer).found).substr(0, 2) == "-9");
  CHECK(gguf_get_u64(header, "u64", 0, INT64_MAX, &integer).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_u64(header, "u16", 60001, UINT64_MAX, &integer).code == ErrorCode::kBadMetadata);

  CHECK(gguf_get_u64(header, "f32", 0, 1, &integer).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_u64(header, "yes", 0, 1, &integer).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_u64(header, "types", 0, 1, &integer).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_f64(header, "tokens", &real).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_f64(header, "nan", &real).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_bool(header, "u8", &flag).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_string(header, "tokens", &text).code == ErrorCode::kBadMetadata);
  CHECK(gguf_get_array(header, "scores", GgufType::kI32, &entry).code == ErrorCode::kBadMetadata);
  const Status scalar = gguf_get_array(header, "f32", GgufType::kF32, &entry);
  CHECK(scalar.code == ErrorCode::kBadMetadata);
  CHECK(std::string_view(scalar.expected) == "an array of float32");
  // A failed look-up leaves the output unchanged.
  CHECK((integer == 7 && real == 7 && flag && text == "7" && entry == nullptr));
}

TEST_CASE("gguf finds every one of many keys") {
  GgufWriter writer;
  for (uint32_t i = 0; i < 1000; ++i) writer.add("key." + std::to_string(i * 7919 % 1000), i);
  GgufReader reader;
  REQUIRE(read(writer.header(), &reader).ok());
  for (uint32_t i = 0; i < 1000; ++i) {
    uint64_t value = 0;
    REQUIRE(gguf_get_u64(reader.header, "key." + std::to_string(i * 7919 % 1000), 0, 1000, &value).ok());
    CHECK(value == i);
  }
}

TEST_CASE("gguf writes its metadata as JSON") {
  GgufReader reader;
  REQUIRE(read(sample().file(), &reader).ok());
  CHECK(json_of(reader.header, 5) ==
        "{\"general.architecture\":\"llama\",\"u8\":200,\"i8\":-100,\"u16\":60000,\"i16\":-30000,\"u32\":4000000000,"
        "\"i32\":-2000000000,\"u64\":18000000000000000000,\"i64\":-9000000000000000000,\"f32\":1e-05,\"f64\":0.1,"
        "\"yes\":true,\"no\":false,\"empty\":\"\",\"tokens\":[\"<s>\",\"\",\"a\\\"b\\\\\\n\",\"\xc3\xa4\","
        "\"\xef\xbf\xbd\"],"
        "\"no_strings\":[],\"scores\":[0.5,-1,null],\"types\":[1,2,-3],\"flags\":[true,false],\"no_numbers\":[]}");
}

TEST_CASE("gguf JSON replaces long arrays by their type and count") {
  GgufReader reader;
  REQUIRE(read(sample().file(), &reader).ok());
  const std::string json = json_of(reader.header, 3);
  CHECK(json.find("\"tokens\":{\"type\":\"string\",\"count\":5}") != std::string::npos);
  CHECK(json.find("\"types\":[1,2,-3]") != std::string::npos);
}

TEST_CASE("gguf JSON escapes control characters and replaces invalid UTF-8") {
  GgufWriter writer;
  writer.add_string("\xf0\x9f\x90\xaa", std::string_view("a\0b\x1f\x7f\xed\xa0\x80\xf0\x9f\x90", 11));
  GgufReader reader;
  REQUIRE(read(writer.header(), &reader).ok());
  // A surrogate is three invalid bytes; the truncated character at the end is one ill-formed subpart.
  CHECK(json_of(reader.header, 0) ==
        "{\"\xf0\x9f\x90\xaa\":\"a\\u0000b\\u001f\x7f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
}

TEST_CASE("gguf JSON keeps every bit of floats") {
  GgufWriter writer;
  writer.add("a", 0.1f + 0.2f);
  writer.add("b", 0.1 + 0.2);
  writer.add("c", std::numeric_limits<float>::denorm_min());
  writer.add("d", -std::numeric_limits<double>::max());
  GgufReader reader;
  REQUIRE(read(writer.header(), &reader).ok());
  CHECK(json_of(reader.header, 0) ==
        "{\"a\":0.3,\"b\":0.30000000000000004,\"c\":1.4013e-45,\"d\":-1.7976931348623157e+308}");
}
