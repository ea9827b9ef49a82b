// The tag that a plugin carries and the host compares before it runs a line of the plugin: version, a hash of all public
// headers (what the code says), a hash of sizes and alignments (what the compiler made of it). Next: plugin.h.
#pragma once
#include <array>
#include <cstddef>

#include <tapedeck/data/reader.h>
#include <tapedeck/headers_hash.h>
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/tape/op_table.h>
#include <tapedeck/train/metrics.h>
#include <tapedeck/train/optimizer.h>
#include <tapedeck/train/schedule.h>

namespace tapedeck::detail {

template <class... Types>
constexpr uint64_t layout_of() {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a over the sizes and alignments
  ((hash = (hash ^ sizeof(Types)) * 0x100000001b3, hash = (hash ^ alignof(Types)) * 0x100000001b3), ...);
  return hash;
}

constexpr uint64_t layout =
    layout_of<std::string, std::vector<int>, std::map<std::string, int>, std::function<void()>, std::optional<double>, Json,
              Field, Fields, Method, Registry<Objective>::Entry, Shape, Tensor, Storage, Few<Tensor, max_inputs>, Node, Tape,
              OpCase, OpMisuse, OpEntry, Parameter, ParamStore, Params, Batch, Pass, Output, Step, View, Row, Table, Splits,
              Optimizer, Objective, Loss>();

constexpr std::string_view plugin_mark = "tapedeck-plugin:";

/// plugin_mark, then "0.1.0 headers 0123456789abcdef layout 0123456789abcdef", then a zero byte.
constexpr std::array<char, 96> make_tag() {
  std::array<char, 96> tag{};
  size_t at = 0;
  const auto put = [&](std::string_view words) {
    for (char c : words) tag[at++] = c;
  };
  put(plugin_mark);
  put(TAPEDECK_VERSION " headers " TAPEDECK_HEADERS_HASH " layout ");
  for (int shift = 60; shift >= 0; shift -= 4) tag[at++] = "0123456789abcdef"[layout >> shift & 15];
  return tag;
}

}  // namespace tapedeck::detail

/// Once per plugin, in any of its source files. tapedeck_add_plugin() of the CMake package does it by itself.
#define TAPEDECK_PLUGIN \
  extern "C" [[gnu::used, gnu::visibility("default")]] const auto tapedeck_plugin_tag = ::tapedeck::detail::make_tag();
