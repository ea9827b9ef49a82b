// Every objective of the registry with every option it has, one at a time, in surroundings of every task: the rows of
// pieces_test.cpp. An objective or an option that is added is a row from then on.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck::testing {

/// A task with a model that answers it and a loss that teaches it.
struct Surroundings {
  const char *name, *task, *model, *loss;
  int64_t texts = 1;
  bool templates = false;
};

inline const std::vector<Surroundings>& all_surroundings() {
  static const std::vector<Surroundings> all{
      {"classes", "classification", R"("type": "text")", "cross_entropy"},
      {"numbers", "regression", R"("type": "text")", "mse"},
      {"sets", "multi_label", R"("type": "text")", "bce"},
      {"pairs", "regression", R"("type": "sentence", "projection": "dense")", "similarity", 2},
      {"triplets", "classification", R"("type": "sentence")", "similarity", 3},
      {"templates", "classification",
       R"("type": "sentence", "pooling": "mask", "projection": "dense", "templates": ["{} [MASK]", "[MASK] {}"])", "similarity",
       2, true},
      {"spans", "spans", R"("type": "span", "head_size": 4)", "global_pointer"},
      {"spans that share queries", "spans", R"("type": "span", "head_size": 4, "efficient": true)", "global_pointer"},
      {"tags", "tagging", R"("type": "tagger", "head": "softmax")", "cross_entropy"},
      {"tags in chains", "tagging", R"("type": "tagger", "head": "crf")", "crf"},
      {"tags after tags", "tagging", R"("type": "tagger", "head": "memm")", "memm"},
      {"next tokens", "language_model", R"("type": "language_model")", "cross_entropy"}};
  return all;
}

struct PieceRow {
  const Surroundings* in;
  std::string objective, options;  // options as JSON, without the braces
};

/// What an objective needs; vat: a trial step that does not magnify rounding (of size / xi).
inline std::string needed_options(std::string_view objective) {
  if (objective == "sum") return R"("terms": [{"loss": LOSS}, {"loss": {"type": "r_drop", "loss": PLAIN}, "weight": 0.3}])";
  if (objective == "periodic") return R"("otherwise": {"type": "r_drop", "loss": PLAIN}, "until": "12 steps", "loss": LOSS)";
  if (objective == "vat") return R"("xi": 0.5, "loss": LOSS)";
  if (objective == "distillation") return R"("teacher": "TEACHER", "loss": LOSS)";
  return R"("loss": LOSS)";
}

/// Values other than the present one for an option, as JSON; parts with their own options.
class OtherValues {
 public:
  OtherValues(std::string_view objective, std::vector<std::string>& all) : objective_(objective), all_(all) {}
  void of(Part& part, const std::string& before = "", const std::string& after = "") {
    Fields fields;
    part.describe(fields);
    for (Field& field : fields.all) {
      before_ = before + "\"" + field.name + "\": ", after_ = after;
      field_ = &field;
      std::visit([&](auto& target) { (*this)(target); }, field.target);
    }
  }

 private:
  void add(const std::string& value) { all_.push_back(before_ + value + after_); }
  bool named() {
    for (const std::string& choice : field_->choices) add("\"" + choice + "\"");
    return !field_->choices.empty();
  }
  double another(double v) const {
    for (const double other : {v / 2, v + 0.25, v * 2 + 1, (field_->low + field_->high) / 2})
      if (other != v && other > field_->low && other < field_->high) return other;
    return v;
  }
  template <class T>
  void operator()(T&) {}
  void operator()(bool*& v) { add(*v ? "false" : "true"); }
  void operator()(std::optional<bool>*&) { add("false"), add("true"); }
  void operator()(int64_t*& v) { add(text(double(*v + 1) <= field_->high ? *v + 1 : *v - 1)); }
  void operator()(std::optional<int64_t>*&) { add("2"); }
  void operator()(double*& v) { add(text(another(*v))); }
  void operator()(std::optional<double>*& v) { add(text(another(v->value_or(0.5)))); }
  void operator()(std::string*&) {
    if (!named() && field_->name == "at")
      for (const char* site : {"embedding", "pooled", "encoder.embeddings.word"}) add("\"" + std::string(site) + "\"");
  }
  void operator()(std::optional<std::string>*&) { named(); }
  void operator()(std::vector<std::string>*&) {
    if (field_->name == "at") add(R"(["pooled"])"), add(R"(["embedding"])"), add(R"(["hidden"])");
    if (field_->name == "parameters") add(R"(["*weight"])");
  }
  void operator()(std::vector<double>*&) { add("[0.3, 0.6, 0.5]"), add("[0.3, 0.6]"); }
  void operator()(Duration*&) { add("\"24 steps\""); }
  void operator()(Part*& group) { OtherValues(objective_, all_).of(*group, before_ + "{", "}" + after_); }
  /// Each part of the kind, and each of its options. A loss of its own is varied for the plainest objective, an inner objective
  /// by a few that divide, pool or compare.
  void operator()(AnyChoice*& choice) {
    const bool loss = choice->kind() == "loss", objective = choice->kind() == "objective";
    if (loss && (objective_ != "supervised" || after_.find('}') != after_.npos)) return;  // no loss inside a loss inside ...
    const std::vector<std::string> inner{"r_drop", "simcse", "sup_con"};
    const std::string before = before_, after = after_;
    for (const std::string& name : objective ? inner : choice->names()) {
      const std::string needs = objective ? R"(, "loss": PLAIN)" : name == "vat" ? R"(, "xi": 0.5)" : "";
      all_.push_back(before + "{\"type\": \"" + name + "\"" + needs + "}" + after);
      if (objective) continue;
      const auto part = choice->example(name);
      if (name == "vat") all_.push_back(before + R"({"type": "vat"})" + after);
      OtherValues(objective_, all_).of(*part, before + "{\"type\": \"" + name + "\"" + needs + ", ", "}" + after);
    }
  }
  std::string_view objective_;
  std::vector<std::string>& all_;
  std::string before_, after_;
  Field* field_ = nullptr;
};

inline std::string replaced(std::string s, std::string_view what, const std::string& with) {
  for (size_t at; (at = s.find(what)) != s.npos;) s.replace(at, what.size(), with);
  return s;
}

/// All rows; combinations of options that a single one does not show stand in a table.
inline std::vector<PieceRow> all_piece_rows() {
  std::vector<PieceRow> rows;
  for (const Surroundings& in : all_surroundings()) {
    const std::string plain = R"({"type": "supervised", "loss": ")" + std::string(in.loss) + "\"}";
    for (const auto& [name, entry] : Registry<Objective>::entries()) {
      const auto objective = entry.make();
      Fields fields;
      objective->describe(fields);
      const auto* loss = [&]() -> AnyChoice* {
        for (Field& f : fields.all)
          if (auto** choice = std::get_if<AnyChoice*>(&f.target); choice && f.name == "loss") return *choice;
        return nullptr;
      }();
      std::string base = needed_options(name);
      if (!loss && base == R"("loss": LOSS)") base = "";
      const std::string quoted = "\"" + std::string(in.loss) + "\"", own = loss && loss->kind() == "loss" ? quoted : plain;
      const auto add = [&](const std::string& options) {
        rows.push_back({&in, name, replaced(replaced(options, "PLAIN", quoted), "LOSS", own)});
      };
      add(base);
      std::vector<std::string> others;
      OtherValues(name, others).of(*objective);
      for (const std::string& other : others) {
        const bool again = base.find(other.substr(0, other.find(':') + 1)) != base.npos;  // the option is in the base already
        add(again || base.empty() ? other : base + ", " + other);
      }
    }
    for (const char* reduction : {"sum", "mean", "batchmean", "tokenmean"})
      for (const char* pool : {"mean", "sum", "to_mean"})
        rows.push_back({&in, "r_drop",
                        text(R"("loss": ")", in.loss, R"(", "passes": 3, "kl_reduction": ")", reduction, R"(", "pair_pool": ")",
                             pool, "\"")});
    if (in.texts > 1) continue;
    for (const char* direction : {"steepest", "unit", "gradient"})
      for (const char* norm : {"l2", "linf", "l1"})
        for (const char* scope : {"sample", "token", "batch"})
          for (const char* objective : {"pgd", "freelb", "smart"})
            rows.push_back({&in, objective,
                            text(R"("loss": )", plain, R"(, "at": "embedding", "direction": ")", direction, R"(", "norm": ")",
                                 norm, R"(", "scope": ")", scope, "\"")});
  }
  return rows;
}

}  // namespace tapedeck::testing
