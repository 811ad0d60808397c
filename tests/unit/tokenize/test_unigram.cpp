#include <cmath>
#include <map>

#include "random_weights.h"
#include "tokenize/sentence_text.h"
#include "tokenize/unigram.h"
#include "tokenize/vocabulary.h"
#include "vocabularies.h"

namespace camelgpt {
namespace {

const std::string kMark(kSpaceMark);

// Starts with <pad>, </s> and <unk>; further tokens are added.
struct UnigramWriter : VocabularyWriter {
  std::vector<float> scores;

  UnigramWriter() : VocabularyWriter("", false) {
    model = "t5";
    add("<pad>", 0, kTokenControl);
    add("</s>", 0, kTokenControl);
    add("<unk>", 0, kTokenUnknown);
  }
  int32_t add(const std::string& written, float score, int32_t type = kTokenNormal) {
    scores.push_back(score);
    return add_written(written, type);
  }
  VocabularyWriter with_scores() const {
    VocabularyWriter writer = *this;
    writer.extra.add_numbers("tokenizer.ggml.scores", scores);
    return writer;
  }
  Tokenizer build() const { return with_scores().build(); }
  Status try_build() const { return with_scores().try_build(); }
};

constexpr int32_t kEnd = 1, kUnknown = 2;
constexpr EncodeOptions kPlainText = {.add_special = false};

// Encodes rules as in a file: a double array with a block of 256 units for each node's children, then the replacement
// strings.
std::vector<uint8_t> charsmap_of(const std::map<std::string, std::string>& rules) {
  std::vector<uint32_t> units(256, 0);
  std::string replacements;
  std::map<std::string, uint32_t> nodes = {{"", 0}};  // prefix → unit of its node
  const auto block_of = [&](uint32_t node) {
    if (units[node] >> 10 == 0) {
      units[node] |= (node ^ static_cast<uint32_t>(units.size())) << 10;
      units.resize(units.size() + 256, 0);
    }
    return node ^ units[node] >> 10;
  };
  for (const auto& [from, to] : rules) {
    for (size_t length = 1; length <= from.size(); ++length) {
      const uint8_t byte = static_cast<uint8_t>(from[length - 1]);
      const uint32_t child = block_of(nodes[from.substr(0, length - 1)]) ^ byte;
      nodes.emplace(from.substr(0, length), child);
      units[child] |= byte;
    }
    const uint32_t last = nodes[from];
    units[block_of(last)] = 0x80000000 | static_cast<uint32_t>(replacements.size());
    units[last] |= 0x100;
    replacements += to + '\0';
  }
  std::vector<uint8_t> bytes(4 + units.size() * 4);
  const uint32_t size = static_cast<uint32_t>(units.size() * 4);
  std::memcpy(bytes.data(), &size, 4);
  std::memcpy(bytes.data() + 4, units.data(), size);
  bytes.insert(bytes.end(), replacements.begin(), replacements.end());
  return bytes;
}

TEST_CASE("unigram chooses the tokens with the highest sum of scores") {
  UnigramWriter writer;
  writer.add(kMark, -2);
  writer.add(kMark + "ab", -5);
  writer.add("a", -1);
  writer.add("b", -1.5);
  writer.add("abc", -6);
  writer.add("c", -3);
  writer.add("bc", -2, kTokenUnused);
  const Tokenizer tokenizer = writer.build();
  CHECK(encode_to_pieces(tokenizer, "ab", kPlainText) == " |a|b");        // -4.5 and not -5
  CHECK(encode_to_pieces(tokenizer, "aabc", kPlainText) == " |a|a|b|c");  // unused tokens never match
  CHECK(encode(tokenizer, "a").back() == kEnd);
  CHECK(encode(tokenizer, "") == std::vector<int32_t>{kEnd});
  CHECK(encode(tokenizer, "a</s>") == std::vector<int32_t>{3, 5, kEnd, kEnd});
}

TEST_CASE("unigram agrees with a naive reference") {
  TestRandom random(5);
  for (int round = 0; round < 30; ++round) {
    UnigramWriter writer;
    writer.extra.add("tokenizer.ggml.add_space_prefix", false);
    std::map<std::string, double> scores;
    double lowest = 0;
    for (int i = 0; i < 40; ++i) {
      std::string piece;
      for (uint64_t length = 1 + random.next() % 4; length > 0; --length)
        piece += static_cast<char>('a' + random.next() % 4);
      const float score = -static_cast<float>(random.next() % (1 << 20)) / 65536;
      if (!scores.emplace(piece, score).second) continue;
      writer.add(piece, score);
      lowest = std::min(lowest, static_cast<double>(score));
    }
    const Tokenizer tokenizer = writer.build();
    for (int text_round = 0; text_round < 20; ++text_round) {
      std::string text;
      for (int i = 0; i < 15; ++i) text += static_cast<char>('a' + random.next() % 5);  // e is not a token
      std::vector<double> best = {0};
      std::vector<std::string> segmentations = {""};
      for (size_t end = 1; end <= text.size(); ++end) {
        best.push_back(-INFINITY);
        segmentations.emplace_back();
        for (size_t start = 0; start < end; ++start) {
          const std::string piece = text.substr(start, end - start);
          const bool is_token = scores.contains(piece);
          if (!is_token && piece.size() > 1) continue;
          const double score = best[start] + (is_token ? scores[piece] : lowest - 10);
          if (score <= best[end]) continue;
          best[end] = score;
          const std::string& before = segmentations[start];
          const bool continues_unknown = !is_token && before.ends_with("<unk>");
          segmentations[end] =
              continues_unknown ? before : before + (start == 0 ? "" : "|") + (is_token ? piece : "<unk>");
        }
      }
      CHECK(encode_to_pieces(tokenizer, text, kPlainText) == segmentations.back());
    }
  }
}

TEST_CASE("a run of characters without a token becomes byte tokens, or else one unknown token") {
  UnigramWriter writer;
  writer.add(kMark, -2);
  writer.add("a", -1);
  CHECK(encode(writer.build(), "axyza\xe4\xb8\xad", kPlainText) == std::vector<int32_t>{3, 4, kUnknown, 4, kUnknown});
  CHECK(encode(writer.build(), "x y", kPlainText) == std::vector<int32_t>{3, kUnknown, 3, kUnknown});
  UnigramWriter bytes;
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    bytes.add(text, 0, kTokenByte);
  }
  const int32_t a = bytes.add("a", -1);
  const Tokenizer tokenizer = bytes.build();
  CHECK(encode(tokenizer, "a\xc3\xa9", kPlainText) == std::vector<int32_t>{3 + ' ', a, 3 + 0xc3, 3 + 0xa9});
}

TEST_CASE("spaces are added, collapsed and stripped as the file says") {
  UnigramWriter writer;
  writer.add(kMark, -2);
  writer.add("a", -1);
  CHECK(encode_to_pieces(writer.build(), " a  a ", kPlainText) == " | |a| | |a| ");
  writer.extra.add("tokenizer.ggml.remove_extra_whitespaces", true);
  CHECK(encode_to_pieces(writer.build(), " a  a ", kPlainText) == " |a| |a");
  CHECK(encode(writer.build(), "   ", kPlainText).empty());
  writer.extra.add("tokenizer.ggml.add_space_prefix", false);
  CHECK(encode_to_pieces(writer.build(), "  a  a", kPlainText) == "a| |a");
  CHECK(encode_to_pieces(writer.build(), "a" + kMark + kMark + "a", kPlainText) == "a| | |a");  // marks are kept
  // With a token that contains a space, the text is segmented as a whole.
  writer.add("a" + kMark + "a", -1);
  CHECK(encode_to_pieces(writer.build(), "a a", kPlainText) == "a a");
}

TEST_CASE("the longest matching rule replaces characters") {
  UnigramWriter writer;
  writer.extra.add_numbers(
      "tokenizer.ggml.precompiled_charsmap",
      charsmap_of(
          {{"\xef\xbc\xa1", "A"}, {"\t", " "}, {"\xc2\xad", ""}, {"fi", "X"}, {"fil", "YZ"}, {"\xef\xac\x81", "fi"}}));
  writer.extra.add("tokenizer.ggml.remove_extra_whitespaces", true);
  const Tokenizer tokenizer = writer.build();
  const auto sentence = [&](std::string_view text) {
    Buffer<char> made;
    REQUIRE(make_sentence(tokenizer, text, &made));
    return std::string(made.data(), made.size());
  };
  CHECK(sentence("\xef\xbc\xa1\t\tb") == " A b");
  CHECK(sentence("a\xc2\xad"
                 "b") == " ab");
  CHECK(sentence("f fi fil filfi") == " f X YZ YZX");
  CHECK(sentence("\xef\xac\x81") == " fi");  // replacements are not replaced again
  CHECK(sentence("\t \t").empty());
  CHECK(sentence(std::string_view("a\0b", 3)) == std::string(" a\0b", 4));
}

TEST_CASE("a damaged character map is rejected or has no effect") {
  const std::vector<uint8_t> good = charsmap_of({{"ab", "c"}});
  const auto writer_with = [](std::vector<uint8_t> bytes) {
    UnigramWriter writer;
    writer.add("a", -1);
    writer.extra.add_numbers("tokenizer.ggml.precompiled_charsmap", bytes);
    return writer;
  };
  for (const size_t size : {size_t{1}, size_t{4}, size_t{7}, size_t{400}}) {
    check_error(writer_with({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}).try_build(),
                ErrorCode::kBadMetadata);
  }
  std::vector<uint8_t> odd = good;
  odd[0] = 3;
  check_error(writer_with(odd).try_build(), ErrorCode::kBadMetadata);
  // Arbitrary bytes in the map never cause a read out of bounds.
  TestRandom random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<uint8_t> bytes = good;
    for (int i = 0; i < 40; ++i) bytes[4 + random.next() % (bytes.size() - 4)] = static_cast<uint8_t>(random.next());
    if (round % 2 == 0) bytes.back() = 'x';  // the last replacement is not terminated
    const Tokenizer tokenizer = writer_with(bytes).build();
    encode(tokenizer, "abababab aab \xe4\xb8\xad");
  }
}

TEST_CASE("long texts and long tokens take linear time") {
  UnigramWriter writer;
  writer.add(kMark, -2);
  writer.add("a", -1);
  writer.add(std::string(kMaxUnigramLength + 1, 'a'), -1);
  writer.add("a" + kMark, -1);  // a token with a space, so that the text is one span
  const std::string text(1 << 13, 'a');
  CHECK(encode(writer.build(), text, kPlainText).size() == text.size() + 1);
}

TEST_CASE("a damaged unigram vocabulary is rejected") {
  UnigramWriter scores;
  scores.scores.pop_back();
  check_error(scores.try_build(), ErrorCode::kBadMetadata);
  UnigramWriter rules;
  rules.extra.add("tokenizer.ggml.precompiled_charsmap", uint32_t{3});
  check_error(rules.try_build(), ErrorCode::kBadMetadata);
}

}  // namespace
}  // namespace camelgpt
