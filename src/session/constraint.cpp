// GBNF → the tokens that may come next, or that come next without a choice.
//
// A stretch that the grammar forces is tokenized as the model would and joins the answer without a step for each of its
// tokens; the next step evaluates them together. The end of a stretch can merge with the text after it, so its last
// tokens are left to the masks.
#include "session/constraint.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>
#include <utility>

#include "base/utf8.h"
#include "session/session.h"

namespace camelgpt {
namespace {

constexpr size_t kMaxForcedBytes = 512;  // of one stretch
constexpr size_t kMinForcedBytes = 2;    // a shorter stretch is one token, which is left to the masks

// ---------------------------------------------------------------------------------------------------- kept grammars

// Whether a token can be part of a text. Others only match where the grammar names them.
bool is_text(const Tokenizer& tokenizer, int32_t token) {
  const size_t i = static_cast<size_t>(token);
  if (i >= tokenizer.token_type.size() || tokenizer_ends_answer(tokenizer, token)) return false;
  const uint8_t type = tokenizer.token_type[i];
  return type == kTokenNormal || type == kTokenUserDefined || type == kTokenByte;
}

const Tokenizer& tokenizer_of(const void* context) { return *static_cast<const Tokenizer*>(context); }

// Builds the trie unless there is one. *trie: null for a byte-level model.
Status find_trie(Session* s, const TokenTrie** trie) {
  *trie = nullptr;
  if (s->chunks.in_use()) return {};
  if (s->grammars.trie == nullptr) {
    std::unique_ptr<TokenTrie> built(new (std::nothrow) TokenTrie);
    if (built == nullptr) return out_of_memory("the grammar", sizeof(TokenTrie));
    TokenSource source;
    source.context = &s->tokenizer;
    source.tokens = config_of(*s).vocabulary;
    source.piece = [](const void* context, int32_t token) { return tokenizer_piece(tokenizer_of(context), token); };
    source.is_text = [](const void* context, int32_t token) { return is_text(tokenizer_of(context), token); };
    CAMELGPT_TRY(token_trie_build(source, built.get()));
    s->grammars.trie = std::move(built);
  }
  *trie = s->grammars.trie.get();
  return {};
}

// Whether an answer in progress follows the grammar.
bool is_in_use(const Session& s, const Grammar& grammar) {
  const auto uses = [&](const Sequence& q) { return q.is_held && q.constraint.grammar == &grammar; };
  return std::any_of(s.sequences, s.sequences + s.sequence_count, uses);
}

// Drops those that fill too much memory, from the second one on, unless they are in use.
void drop_old_grammars(Session* s) {
  std::unique_ptr<KeptGrammar>* const kept = s->grammars.kept;
  uint64_t bytes = 0;
  uint32_t count = 0;
  for (uint32_t i = 0; i < kMaxGrammars && kept[i] != nullptr; ++i) {
    bytes += grammar_memory(kept[i]->grammar);
    if (i > 0 && bytes > kMaxKeptGrammarBytes && !is_in_use(*s, kept[i]->grammar)) {
      kept[i] = nullptr;
    } else {
      std::swap(kept[count++], kept[i]);
    }
  }
}

bool has_text(const KeptGrammar& kept, std::string_view gbnf) {
  return std::string_view(kept.text.data(), kept.text.size()) == gbnf;
}

// The compiled grammar, which is kept in place of the least recently used one that is not in use.
Status find_grammar(Session* s, std::string_view gbnf, Grammar** grammar) {
  std::unique_ptr<KeptGrammar>* const kept = s->grammars.kept;
  uint32_t place = 0;
  while (place < kMaxGrammars - 1 && kept[place] != nullptr && !has_text(*kept[place], gbnf)) ++place;
  while (kept[place] != nullptr && !has_text(*kept[place], gbnf) && is_in_use(*s, kept[place]->grammar)) --place;
  if (kept[place] == nullptr || !has_text(*kept[place], gbnf)) {
    const TokenTrie* trie = nullptr;
    CAMELGPT_TRY(find_trie(s, &trie));
    std::unique_ptr<KeptGrammar> compiled(new (std::nothrow) KeptGrammar);
    if (compiled == nullptr || !compiled->text.append(gbnf.data(), gbnf.size())) {
      return out_of_memory("the grammar", sizeof(KeptGrammar) + gbnf.size());
    }
    CAMELGPT_TRY(grammar_compile(gbnf, trie, &compiled->grammar));
    kept[place] = std::move(compiled);
  }
  std::rotate(kept, kept + place, kept + place + 1);
  drop_old_grammars(s);
  *grammar = &kept[0]->grammar;
  return {};
}

// Frees memory of a grammar. The states of this sequence and of answers in progress stay valid.
Status sweep(Session* s, Grammar* grammar, Sequence* sequence) {
  GrammarState* states[kMaxSequences];
  size_t count = 0;
  for (Sequence& q : std::span(s->sequences, s->sequence_count)) {
    if ((q.is_held || &q == sequence) && q.constraint.grammar == grammar) states[count++] = &q.constraint.state;
  }
  return grammar_sweep(grammar, {states, count});
}

// -------------------------------------------------------------------------------------------------- forced stretches

// Tokenizers cut texts where the kind of the characters changes.
int kind_of(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  if (byte <= ' ') return 0;
  const unsigned char letter = byte | 0x20;
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (letter >= 'a' && letter <= 'z') ? 1 : 2;
}

// The bytes of a stretch before its last run of characters of one kind, which may continue.
size_t stable_bytes(std::string_view text) {
  size_t size = text.size();
  while (size > 0 && kind_of(text[size - 1]) == kind_of(text.back())) --size;
  return size;
}

// *count: how many of the tokens, one after the other, move *state on, before the first that is not allowed.
Status accept(const Session& s, Grammar* grammar, std::span<const int32_t> tokens, GrammarState* state,
              uint32_t* count) {
  bool accepted = true;
  for (*count = 0; *count < tokens.size(); ++*count) {
    const int32_t token = tokens[*count];
    if (s.chunks.in_use()) {
      const std::string_view bytes = s.token_form->piece(s, token);
      size_t size = 0;
      CAMELGPT_TRY(grammar_accept_bytes(grammar, bytes, state, &size));
      accepted = size == bytes.size();
    } else {
      CAMELGPT_TRY(grammar_accept_token(grammar, token, state, &accepted));
    }
    if (!accepted) break;
  }
  return {};
}

// A byte-level model has no biases.
bool is_forbidden(const Session& s, const Sequence& sequence, int32_t token) {
  return !s.chunks.in_use() && sampler_forbids(sequence.sampler, token);
}

// Makes the tokens of a stretch that the grammar forces the next ones, up to the first one that a bias forbids: the
// masks may allow other tokens for its text.
Status force(Session* s, Sequence* q) {
  Constraint* const c = &q->constraint;
  c->forced_text.clear();
  CAMELGPT_TRY(grammar_forced(c->grammar, c->state, kMaxForcedBytes, &c->forced_text));
  const std::string_view bytes(c->forced_text.data(), c->forced_text.size());
  if (bytes.size() < kMinForcedBytes) return {};
  const std::string_view text = bytes.substr(0, utf8_validate(bytes));
  GrammarState state = c->state;
  size_t accepted = 0;
  CAMELGPT_TRY(grammar_accept_bytes(c->grammar, text, &state, &accepted));
  const bool ends = text.size() == bytes.size() && grammar_must_end(*c->grammar, state);
  CAMELGPT_TRY(tokenizer_encode(s->tokenizer, text, {false, false, true, {}, &s->chunks, kept_chunks(*s)}, &c->forced));
  const size_t stable = ends ? text.size() : stable_bytes(text);
  size_t count = 0, at = 0;
  while (count + (ends ? 0 : 1) < c->forced.size()) {
    at += s->token_form->piece(*s, c->forced[count]).size();
    if (at > stable || is_forbidden(*s, *q, c->forced[count])) break;
    ++count;
  }
  state = c->state;
  uint32_t allowed = 0;
  CAMELGPT_TRY(accept(*s, c->grammar, c->forced.span().first(count), &state, &allowed));
  c->forced.shrink(allowed);
  return {};
}

// -------------------------------------------------------------------------------------------------------------- masks

void set_bit(std::span<uint64_t> bits, int32_t i) { bits[static_cast<size_t>(i) / 64] |= uint64_t{1} << (i % 64); }

Status mask(const Session& s, Sequence* q, bool may_end) {
  Constraint& c = q->constraint;
  std::span<const uint64_t> allowed;
  CAMELGPT_TRY(grammar_mask(c.grammar, c.state, &allowed));
  std::copy(allowed.begin(), allowed.end(), c.allowed.begin());
  const Generation& g = q->generation;
  if (may_end && !g.options.ignore_eos && g.generated >= g.options.min_tokens) {
    for (const int32_t token : s.tokenizer.end_tokens) set_bit(c.allowed.span(), token);
  }
  c.allowed_count = 0;
  for (const uint64_t word : c.allowed) c.allowed_count += static_cast<uint32_t>(std::popcount(word));
  return {};
}

int32_t first_allowed(std::span<const uint64_t> bits) {
  size_t word = 0;
  while (bits[word] == 0) ++word;
  return static_cast<int32_t>(word * 64) + std::countr_zero(bits[word]);
}

Status cannot_continue() {
  Status status = make_error(ErrorCode::kBadGrammar, "No token of the model continues the text as the grammar asks.");
  return with_hint(status, "Allow characters that the model's vocabulary can write.");
}

}  // namespace

Status constraint_begin(Session* session, std::string_view gbnf, Sequence* sequence) {
  Constraint& c = sequence->constraint;
  const Session& s = *session;
  const bool has_ends = sequence->generation.options.min_tokens == 0 || s.chunks.in_use();
  if (gbnf.empty() && has_ends) return {};
  const size_t words = (size_t{config_of(s).vocabulary} + 63) / 64;
  if (!c.allowed.resize(words)) return out_of_memory("the grammar", words * sizeof(uint64_t));
  if (gbnf.empty()) {  // all tokens but those that end the answer
    for (int32_t token = 0; token < static_cast<int32_t>(config_of(s).vocabulary); ++token) {
      if (!is_end_token(s, token)) set_bit(c.allowed.span(), token);
    }
    return {};
  }
  if (!config_of(s).causal) {
    const Status status = make_error(ErrorCode::kUnsupportedTask, "A masked model cannot follow a grammar.");
    return with_hint(status, "Use a model that chooses one token after the other.");
  }
  CAMELGPT_TRY(find_grammar(session, gbnf, &c.grammar));
  CAMELGPT_TRY(sweep(session, c.grammar, nullptr));  // an answer that failed may have filled the grammar's memory
  return grammar_begin(c.grammar, &c.state);
}

Status session_match(Session* session, std::string_view text, std::string_view grammar, GrammarMatch* match) {
  if (session->state != LoadState::kReady) return not_ready();
  end_activities(session);  // their grammars may be dropped
  Grammar* compiled = nullptr;
  CAMELGPT_TRY(find_grammar(session, grammar, &compiled));
  size_t matched = 0;
  CAMELGPT_TRY(grammar_match(compiled, text, &matched, &match->complete));
  match->matched = static_cast<uint32_t>(matched);
  return {};
}

Status constraint_prepare(Session* session, Sequence* sequence, bool* ends) {
  Constraint& c = sequence->constraint;
  if (c.is_ready || c.has_forced()) return {};
  *ends = constraint_must_end(*sequence);
  CAMELGPT_TRY(sweep(session, c.grammar, sequence));
  c.forced.clear();
  c.forced_used = 0;
  const bool jumps = sequence->generation.options.logprobs == 0;
  if (!*ends && jumps) CAMELGPT_TRY(force(session, sequence));
  if (*ends || c.has_forced() || session->chunks.in_use()) return {};
  const bool may_end = grammar_may_end(*c.grammar, c.state);
  CAMELGPT_TRY(mask(*session, sequence, may_end));
  if (c.allowed_count == 0) {
    *ends = may_end;
    return may_end ? Status{} : cannot_continue();
  }
  const int32_t token = first_allowed(c.allowed.span());
  if (c.allowed_count == 1 && jumps && !is_forbidden(*session, *sequence, token)) {
    return c.forced.push_back(token) ? Status{} : out_of_memory("the grammar", sizeof token);
  }
  c.is_ready = true;
  c.is_masked = false;
  return {};
}

Status constraint_accept(const Session& session, Sequence* sequence, int32_t token) {
  Constraint& c = sequence->constraint;
  c.is_ready = false;
  if (c.grammar == nullptr) return {};
  uint32_t accepted = 0;
  CAMELGPT_TRY(accept(session, c.grammar, {&token, 1}, &c.state, &accepted));
  assert(accepted == 1);
  return {};
}

bool constraint_must_end(const Sequence& sequence) {
  const Constraint& c = sequence.constraint;
  return c.grammar != nullptr && grammar_must_end(*c.grammar, c.state);
}

uint32_t constraint_accepted(const Session& session, const Sequence& sequence, std::span<const int32_t> tokens) {
  const Constraint& c = sequence.constraint;
  uint32_t count = static_cast<uint32_t>(tokens.size());
  if (c.grammar == nullptr) return count;
  GrammarState state = c.state;
  const Status status = accept(session, c.grammar, tokens, &state, &count);
  return status.ok() ? count : 0;
}

std::span<const uint64_t> constraint_candidates(const Sequence& sequence) {
  const Constraint& c = sequence.constraint;
  const Generation& g = sequence.generation;
  const bool restricts = c.grammar != nullptr ? !c.is_masked : g.generated < g.options.min_tokens;
  return restricts ? c.allowed.span() : std::span<const uint64_t>();
}

}  // namespace camelgpt
