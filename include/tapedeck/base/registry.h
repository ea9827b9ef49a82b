// A registry maps a name to (documentation, factory of a default-configured part). Parts register themselves with a
// macro beside their code; nothing is injected by magic, and `list`, `explain` and the schema read the same table.
#pragma once
#include <cassert>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/fields.h>

namespace tapedeck {

/// Two parts of one kind, or two ops, that want the same name. Registering happens before main(), where nothing can be thrown:
/// the first one stays, the clash is noted, and whoever starts or loads a plugin asks.
struct NameClash {
  std::string kind, name, first, second;  // first, second: source files, or the plugin the first came with
  std::string str() const;                // two parts of the kind "loss" are called "mine": a.cpp and b.cpp
};
void note_name_clash(NameClash clash);
std::vector<NameClash> take_name_clashes();  // those noted since the last call
/// Throws Error{config} naming every clash noted so far.
void require_different_names();

template <class T>
struct Registry {
  struct Entry {
    std::string doc;  // one sentence, then the equation and source if any
    std::unique_ptr<T> (*make)();
    Method method;       // what its page says; empty for parts without one
    std::string origin;  // its source file, or the plugin it came with
  };
  static std::map<std::string, Entry, std::less<>>& entries() {
    static std::map<std::string, Entry, std::less<>> table;
    return table;
  }
  static const Entry* find(std::string_view name) {
    const auto it = entries().find(name);
    return it == entries().end() ? nullptr : &it->second;
  }
  static bool add(std::string name, std::unique_ptr<T> (*make)(), std::string doc, Method method = {},
                  const char* file = __builtin_FILE()) {  // std::source_location is not in clang 14
    const auto [at, fresh] = entries().try_emplace(std::move(name), Entry{std::move(doc), make, std::move(method), file});
    if (!fresh) note_name_clash({T::kind, at->first, at->second.origin, file});
    return fresh;
  }
};

/// A kind of part declares its name once: struct Objective : Part { static constexpr const char* kind = "objective"; ... };
template <class T>
class Choice final : public AnyChoice {
 public:
  Choice() = default;
  explicit Choice(std::string_view name) {
    const bool known = choose(name);
    assert(known);
    (void)known;
  }
  T* operator->() const { return part_.get(); }
  T& operator*() const { return *part_; }
  explicit operator bool() const { return part_ != nullptr; }
  T* get() const { return part_.get(); }
  /// For use from C++: choice.set("r_drop", std::make_unique<RDrop>(...)).
  void set(std::string name, std::unique_ptr<T> part) {
    name_ = std::move(name);
    part_ = std::move(part);
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, entry] : Registry<T>::entries()) all.push_back(name);
    return all;
  }
  std::string kind() const override { return T::kind; }
  bool choose(std::string_view name) override {
    const auto* entry = Registry<T>::find(name);
    if (!entry) return false;
    name_ = name;
    part_ = entry->make();
    return true;
  }
  std::string_view name() const override { return name_; }
  Part* part() override { return part_.get(); }
  std::string doc(std::string_view name) const override {
    const auto* entry = Registry<T>::find(name);
    return entry ? entry->doc : "";
  }
  Method method(std::string_view name) const override {
    const auto* entry = Registry<T>::find(name);
    return entry ? entry->method : Method{};
  }
  std::unique_ptr<Part> example(std::string_view name) const override {
    const auto* entry = Registry<T>::find(name);
    return entry ? entry->make() : nullptr;
  }

 private:
  std::string name_;
  std::unique_ptr<T> part_;
};

/// TAPEDECK_PART(Objective, RDrop, "r_drop", "Two dropout passes must agree. ...") in the part's .cpp file; a method adds
/// what its page says: ..., {.equation = "L = ...", .source = "...", .cost = "2F + 2B", .pitfalls = "..."}).
#define TAPEDECK_PART(Kind, Class, name, ...)                                      \
  static const bool tapedeck_registered_##Class = ::tapedeck::Registry<Kind>::add( \
      name, []() -> std::unique_ptr<Kind> { return std::make_unique<Class>(); }, __VA_ARGS__)

}  // namespace tapedeck
