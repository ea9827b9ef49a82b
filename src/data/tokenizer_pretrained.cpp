// "pretrained": the tokenizer of a Hugging Face folder, id for id and offset for offset as the `tokenizers` package reads it.
// tests/golden/tokenizers.py compares the two on 100,000 texts of every kind. Next: pretrained_files.h.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/data/added_tokens.h"
#include "src/data/post_processor.h"
#include "src/data/pre_tokenizer.h"
#include "src/data/pretrained_files.h"
#include "src/data/vocabulary_tokenizer.h"

namespace tapedeck {
namespace {

const nlohmann::json nothing;

/// Everything tokenizer.json says.
struct Pipeline {
  Pipeline(const nlohmann::json& json, const std::string& file) : Pipeline(JsonValue(json, file)) {}
  explicit Pipeline(const JsonValue& json)
      : normalizer(json.has("normalizer") ? make_normalizer(json.at("normalizer")) : nullptr),
        pre_tokenizer(json.has("pre_tokenizer") ? make_pre_tokenizer(json.at("pre_tokenizer")) : nullptr),
        model(make_subword_model(json.at("model"))),
        added(json.has("added_tokens") ? AddedTokens(json.at("added_tokens"), *model, normalizer.get()) : AddedTokens()),
        around(json.has("post_processor") ? json.at("post_processor") : JsonValue(nothing, json.file())) {
    size = model->table.size();
    if (!added.by_id().empty()) size = std::max<int64_t>(size, added.by_id().rbegin()->first + 1);
    if (around.largest_id() >= size)
      throw json.at("post_processor")
          .error(text("puts in the id ", around.largest_id(), ", the vocabulary has ", size, " tokens"), "the file is damaged");
    if (!around.trim) return;
    edges.reserve(size_t(model->table.size()));
    for (int32_t id = 0; id < model->table.size(); ++id) edges.push_back(spaces_around(model->table.token(id)));
  }

  struct Edges {
    uint32_t before, behind;
  };  // spaces of a token, written as Ġ or as they are
  static Edges spaces_around(std::string_view token) {
    Edges found{};
    bool inside = false;
    for (size_t at = 0; at < token.size();) {
      const uint32_t point = unicode::next(token, at);
      const bool space = point == 0x120 || unicode::white_space(point);
      inside = inside || !space;
      if (!inside) ++found.before;
      found.behind = space ? found.behind + 1 : 0;
    }
    return found;
  }

  NormalizerPtr normalizer;
  PreTokenizerPtr pre_tokenizer;
  std::unique_ptr<SubwordModel> model;
  AddedTokens added;
  PostProcessor around;
  std::vector<Edges> edges;  // by id; empty where offsets are not trimmed
  int64_t size = 0;
};

/// A token, the bytes of the source it stands for, and its spaces.
struct Placed {
  int32_t id;
  Origin origin;
  Pipeline::Edges edges;
};

std::vector<Placed> tokens_of(std::string_view source, const Pipeline& pipeline) {
  AlignedText text(source);
  pipeline.added.apply(text, pipeline.normalizer.get());
  if (pipeline.pre_tokenizer) pipeline.pre_tokenizer->apply(text);
  std::vector<Placed> out;
  out.reserve(text.pieces.size() * 2);
  std::vector<Token> tokens;
  const bool trim = !pipeline.edges.empty();
  for (const Piece& piece : text.pieces) {
    if (piece.token >= 0) {
      out.push_back({piece.token, text.source_of(piece.begin, piece.end),
                     trim ? Pipeline::spaces_around(text.view(piece)) : Pipeline::Edges{}});
      continue;
    }
    tokens.clear();
    pipeline.model->encode(text.view(piece), tokens);
    for (const Token& t : tokens)
      out.push_back({t.id, text.source_of(piece.begin + t.begin, piece.begin + t.end),
                     trim ? pipeline.edges[size_t(t.id)] : Pipeline::Edges{}});
  }
  return out;
}

/// Bytes of a text as code points, and back.
class Points {
 public:
  explicit Points(std::string_view text) : size_(text.size()) {
    if (ascii_prefix(text) == text.size()) return;
    points_.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      bytes_.push_back(uint32_t(at));
      unicode::next(text, at);
      points_.resize(at, uint32_t(bytes_.size() - 1));
    }
  }
  /// What lies behind the end stays in bytes, as in `tokenizers`.
  Origin from_bytes(Origin bytes) const {
    if (points_.empty() || bytes.begin >= size_) return bytes;
    return {points_[bytes.begin], bytes.end < size_ ? points_[bytes.end] : points_[bytes.end - 1] + 1};
  }
  int32_t byte(uint32_t point) const {
    if (points_.empty()) return int32_t(std::min<size_t>(point, size_));
    return int32_t(point < bytes_.size() ? bytes_[point] : size_);
  }

 private:
  size_t size_;
  std::vector<uint32_t> points_, bytes_;  // of each byte, of each code point; empty for ASCII
};

void add_offsets(const std::vector<Placed>& tokens, std::string_view source, const PostProcessor& around,
                 std::vector<Offset>& offsets) {
  const Points points(source);
  for (size_t i = 0; i < tokens.size(); ++i) {
    auto [begin, end] = points.from_bytes(tokens[i].origin);
    auto [before, behind] = tokens[i].edges;
    if (before == 1 && around.prefix && (i == 0 || begin == 0)) before = 0;
    if (before) begin = std::min(begin + before, end);
    if (behind && end >= behind) end = std::max(end - behind, begin);
    offsets.push_back({int32_t(begin), int32_t(end), points.byte(begin), points.byte(end)});
  }
}

struct PretrainedTokenizer final : Tokenizer {
  void describe(Fields& f) override {
    f("from", from_, "folder of a model saved by transformers: tokenizer.json, or vocab.txt and tokenizer_config.json")
        .required();
    f("max_length", max_length_,
      "longest sequence of tokens, special ones included; longer texts are cut, running text into windows of it")
        .range(3, 1 << 20);
  }

  void fit(const Table&) override { load(PretrainedFiles::read(from_.path)); }

  Encoded encode(std::string_view a, std::string_view b) const override { return encode(a, b, false); }
  Encoded encode_with_offsets(std::string_view a, std::string_view b) const override { return encode(a, b, true); }

  std::vector<int32_t> token_ids(std::string_view text) const override {
    std::vector<int32_t> ids;
    for (const Placed& token : tokens_of(text, pipeline())) ids.push_back(token.id);
    return ids;
  }

  Encoded tokens_with_offsets(std::string_view text) const override {
    const std::vector<Placed> tokens = tokens_of(text, pipeline());
    Encoded out;
    for (const Placed& token : tokens) out.ids.push_back(token.id);
    add_offsets(tokens, text, pipeline().around, out.offsets);
    return out;
  }

  /// BERT's names of special tokens find those that stand for them in other files.
  int32_t id(std::string_view token) const override {
    const Pipeline& p = pipeline();
    const auto find = [&](std::string_view name) {
      const int32_t added = p.added.find(name);
      return added >= 0 ? added : p.model->table.find(name);
    };
    if (const int32_t found = find(token); found >= 0) return found;
    if (token == "[UNK]") return p.model->unknown;
    if (token == "[MASK]") return find("<mask>");
    if (token == "[PAD]") return find("<pad>");
    const auto& items = p.around.items(false);
    if (token == "[CLS]" && items.front().kind == PostProcessor::Kind::special) return items.front().id;
    if (token == "[SEP]" && items.back().kind == PostProcessor::Kind::special) return items.back().id;
    return -1;
  }

  int64_t vocabulary_size() const override { return pipeline_ ? pipeline_->size : 0; }
  int64_t max_length() const override { return max_length_; }

  std::string token(int32_t id) const override {
    if (id < 0 || id >= vocabulary_size())
      throw Error(ErrorKind::index, text("token id ", id, " is outside the vocabulary of ", vocabulary_size()), "");
    const auto added = pipeline_->added.by_id().find(id);
    if (added != pipeline_->added.by_id().end()) return added->second;
    return id < pipeline_->model->table.size() ? pipeline_->model->table.token(id) : "";
  }

  /// The files as they are: the run folder needs the other one no more.
  Json state() const override {
    Json files = Json::dict(), state = Json::dict();
    for (const PretrainedFiles::File& file : files_.files) files.set(file.name, Json::of(file.content));
    state.set("files", std::move(files));
    return state;
  }

  void restore(const Json& state) override {
    const Json::Member* saved = state.is(Json::Kind::object) ? state.find("files") : nullptr;
    PretrainedFiles files{"the saved tokenizer", {}};
    if (saved)
      for (const Json::Member& file : saved->value.members) files.files.push_back({file.key, file.value.string});
    if (files.files.empty())
      throw Error(ErrorKind::checkpoint, "the saved tokenizer holds no files",
                  "the tokenizer file is damaged; use another checkpoint");
    load(std::move(files));
  }

 private:
  void load(PretrainedFiles files) {
    auto made = std::make_shared<const Pipeline>(files.to_json(), files.source());
    if (const int64_t specials = made->around.specials(true); max_length_ <= specials)
      throw Error(ErrorKind::config,
                  text("tokenizer.max_length ", max_length_, " leaves no room beside the ", specials, " special tokens of ",
                       files.source()),
                  "raise tokenizer.max_length");
    files_ = std::move(files);
    pipeline_ = std::move(made);
  }

  const Pipeline& pipeline() const {
    if (!pipeline_) throw Error(ErrorKind::value, "the tokenizer has no vocabulary yet", "call fit() or restore() first");
    return *pipeline_;
  }

  Encoded encode(std::string_view a, std::string_view b, bool offsets) const {
    const Pipeline& p = pipeline();
    const bool pair = !b.empty();
    std::vector<Placed> first = tokens_of(a, p), second = pair ? tokens_of(b, p) : std::vector<Placed>();
    const auto [keep_first, keep_second] =
        lengths_within(first.size(), second.size(), size_t(max_length_ - p.around.specials(pair)));
    Encoded out;
    out.cut = int64_t(first.size() + second.size() - keep_first - keep_second);
    first.resize(keep_first), second.resize(keep_second);
    out.ids.reserve(size_t(max_length_));
    for (const PostProcessor::Item& item : p.around.items(pair)) {
      if (item.kind == PostProcessor::Kind::special) {
        out.ids.push_back(item.id);
        if (offsets) out.offsets.push_back({});
      } else {
        const bool is_first = item.kind == PostProcessor::Kind::first;
        const std::vector<Placed>& tokens = is_first ? first : second;
        for (const Placed& token : tokens) out.ids.push_back(token.id);
        if (offsets) add_offsets(tokens, is_first ? a : b, p.around, out.offsets);
      }
      out.segments.resize(out.ids.size(), item.segment);
    }
    return out;
  }

  Path from_;
  int64_t max_length_ = 128;
  PretrainedFiles files_;
  std::shared_ptr<const Pipeline> pipeline_;
};
TAPEDECK_PART(Tokenizer, PretrainedTokenizer, "pretrained",
              "The tokenizer of a Hugging Face folder (WordPiece, byte-level BPE, Unigram), ids as in the published models.");

}  // namespace
}  // namespace tapedeck
