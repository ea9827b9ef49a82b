// The sentences of a cursor: a record, a value, its gradient as it grows, why a value exists, memory. Names pass through
// plain() on their way. Next: cursor.cpp.
#include "src/look/cursor_text.h"

namespace tapedeck::look {
namespace {

constexpr int64_t few = 8, row_length = 16;

std::string elements_text(const RecordedValue& v) {
  const int64_t n = v.shape.size(), shown = int64_t(v.sample.size());
  std::string out;
  if (shown < n) {  // evenly spaced: element i n / shown
    for (int64_t i = 0; i < shown; i += std::max<int64_t>(1, shown / few))
      out += text(i ? "  " : "", "[", i * n / shown, "] ", number(double(v.sample[size_t(i)])));
    return out;
  }
  const int64_t row = v.shape.rank() > 1 ? v.shape[v.shape.rank() - 1] : n;
  for (int64_t i = 0; i < n; ++i) {
    if (i) out += row > 0 && row <= row_length && i % row == 0 ? "\n            " : "  ";
    out += number(double(v.sample[size_t(i)]));
  }
  return out;
}

std::string summary_text(const Recording& r, uint32_t id) {
  const RecordedValue& v = r.values[id];
  if (!is_floating(v.dtype)) return text("min ", number(v.summary.min), "  max ", number(v.summary.max));
  std::string out = text("min ", number(v.summary.min), "  max ", number(v.summary.max), "  mean ", number(v.summary.mean),
                         "  rms ", number(root_mean_square(v)), "  zeros ", v.summary.zeros, " of ", v.shape.size());
  if (v.summary.finite()) return out;
  return out + text("  NaN ", v.summary.nan, "  infinite ", v.summary.infinite, ", ", first_bad_text(r, id));
}

/// The value that g is the gradient of; a sum of gradients is the gradient of the same.
uint32_t differentiated(const Recording& r, uint32_t g) {
  for (uint32_t v = g; v != nothing;) {
    if (r.values[v].gradient_of != nothing) return r.values[v].gradient_of;
    const uint32_t i = r.values[v].made_by;
    if (i == nothing || r.records[i].kind != OpRecord::Kind::add || r.records[i].in.empty() || r.records[i].in[0].value >= v)
      break;
    v = r.records[i].in[0].value;
  }
  return nothing;
}

/// What sweep a record belongs to: the value it started from.
std::string loss_label(const Recording& r, uint32_t i) {
  uint32_t loss = nothing;
  for (auto& s : r.sweeps)
    if (s.at <= i) loss = s.value;
  return loss == nothing ? "loss" : label(loss);
}

std::string saved_because(const Recording& r, const OpRecord& x, uint32_t v) {
  if (x.origin == nothing) return "";
  for (auto& save : r.records[x.origin].saves)
    if (save.value == v) return " (" + plain(save.why) + ")";
  return "";
}

/// The line of the chain rule that made a gradient.
std::string chain_text(const Recording& r, uint32_t v, uint32_t of) {
  const uint32_t i = r.values[v].made_by;
  if (i == nothing) return text("  it is the gradient of ", shown(r, of), "; no record made it\n");
  const OpRecord& x = r.records[i];
  const std::string loss = loss_label(r, i);
  std::string sum, from;
  for (auto& use : x.in) {
    if (use.role == Use::Role::gradient) {
      const uint32_t y = r.values[use.value].gradient_of;
      sum += text(sum.empty() ? "" : " + ", "(d ", label(y), " / d ", label(of), ")^T d ", loss, " / d ", label(y));
      from += text("    ", label(use.value), " = d ", loss, " / d ", label(y), ", from ", where(r, r.values[use.value].made_by),
                   "\n");
    }
    if (use.role == Use::Role::saved)
      from += text("    ", shown(r, use.value), ", kept since forward", saved_because(r, x, use.value), "\n");
    if (use.role == Use::Role::sum) from += text("    added to ", label(use.value), ", what other records gave before\n");
  }
  if (x.kind == OpRecord::Kind::add) {
    for (size_t k = 0; k < x.in.size(); ++k) sum += text(k ? " + " : "", label(x.in[k].value));
    return text("  it is the gradient of ", shown(r, of), ": gradients that meet are added up\n  d ", loss, " / d ", label(of),
                " = ", sum, "\n");
  }
  std::string out = text("  it is the gradient of ", shown(r, of), "\n");
  if (sum.empty()) return out + text("  computed in the rule of ", where(r, x.origin), ", by ", call(x), "\n");
  return out + text("  d ", loss, " / d ", label(of), " = ", sum, "\n  by ", short_name(r, i),
                    x.origin == nothing ? "" : " (the derivative of " + where(r, x.origin) + ")", ", which read\n", from);
}

std::string life_text(const Recording& r, uint32_t at, uint32_t v) {
  if (r.values[v].buffer == nothing) return "  it has no buffer of its own\n";
  const RecordedBuffer& b = r.buffers[r.values[v].buffer];
  const uint32_t born = r.values[v].made_by;
  uint32_t overwritten = nothing;
  for (uint32_t w = v + 1; w < r.values.size() && overwritten == nothing; ++w)
    if (r.values[w].buffer == r.values[v].buffer && r.values[w].made_by != nothing && r.values[w].made_by != born &&
        r.values[w].hash != r.values[v].hash && (born == nothing || r.values[w].made_by > born) &&
        original(r, w) != original(r, v) && r.values[w].shape == r.values[v].shape)
      overwritten = w;
  std::string out = text("  its buffer: ", b.bytes, " bytes of ", memory_names[size_t(b.purpose)], ", taken ",
                         b.taken == nothing ? "before the recording" : text("for #", b.taken), ", given back ",
                         b.given == nothing ? "after it" : text("before #", b.given));
  const bool future = born != nothing && born > at;
  if (future) out += text("; it does not exist yet at #", at);
  else out += b.given != nothing && b.given <= at ? text("; gone at #", at) : text("; alive at #", at);
  if (overwritten != nothing)
    out += text("; ", short_name(r, r.values[overwritten].made_by), " writes ", label(overwritten), " in its place");
  return out + "\n";
}

}  // namespace

std::string record_text(const Recording& r, uint32_t i) {
  const OpRecord& x = r.records[i];
  std::string out =
      text("#", i, " of ", r.records.size(), "  ", phase(x), "  ", x.scope.empty() ? "" : plain(x.scope) + "\n  ", call(x), "\n");
  for (uint32_t v : x.out)
    out += text("  makes  ", shown(r, v), r.statistics ? text(", rms ", number(root_mean_square(r.values[v]))) : "",
                bad(r.values[v]) ? "  NOT FINITE" : "", "\n");
  constexpr std::string_view roles[] = {"  reads  ", "  reads  gradient ", "  reads  saved ", "  adds to  "};
  for (auto& use : x.in) {
    const uint32_t of = use.role == Use::Role::gradient ? differentiated(r, use.value) : nothing;
    out += text(
        roles[size_t(use.role)], shown(r, use.value), of == nothing ? "" : " of " + label(of), ", ",
        r.values[use.value].made_by == nothing ? "made outside the tape" : "from " + where(r, r.values[use.value].made_by), "\n");
  }
  for (auto& save : x.saves) out += text("  keeps  ", label(save.value), ": ", plain(save.why), "\n");
  if (x.origin != nothing && x.kind != OpRecord::Kind::again && x.kind != OpRecord::Kind::restore)
    out += text("  for the gradient of ", where(r, x.origin), "\n");
  std::string cost = time_text(x.ns);
  if (x.flops > 0) cost += ", " + count_text(x.flops) + " flops";
  return out + text("  ", cost, ", ", bytes_text(double(total(x.alive))), " alive afterwards\n");
}

std::string value_text(const Recording& r, uint32_t at, uint32_t v) {
  const RecordedValue& x = r.values[v];
  std::string out =
      text(shown(r, v), ", ", made_by(r, x.made_by), x.made_by != nothing && x.made_by > at ? " (later)" : "", "\n");
  if (const uint32_t of = differentiated(r, v); of != nothing) out += text("  the gradient of ", shown(r, of), "\n");
  if (x.copy_of != nothing) out += text("  the same elements as ", shown(r, x.copy_of), "\n");
  if (!r.statistics) return out + "  this recording has no statistics\n";
  return out +
         text("  summary   ", summary_text(r, v), "\n  elements  ", x.sample.empty() ? "none were kept" : elements_text(x), "\n");
}

std::string gradient_text(const Recording& r, uint32_t at, uint32_t v) {
  std::vector<uint32_t> all;
  for (uint32_t g = 0; g < r.values.size(); ++g) {
    const uint32_t i = r.values[g].made_by;
    if (i == nothing || r.records[i].kind == OpRecord::Kind::update) continue;
    const uint32_t of = differentiated(r, g);
    if (of != nothing && (of == v || original(r, of) == original(r, v))) all.push_back(g);
  }
  std::string out = text("the gradient of ", shown(r, v), ": ");
  if (all.empty()) return out + "no record made one, or a rule in ops did without saying what for\n";
  const auto done = std::count_if(all.begin(), all.end(), [&](uint32_t g) { return r.values[g].made_by <= at; });
  out += text(done, " of ", all.size(), " contributions up to #", at, "\n");
  for (size_t k = 0; k < all.size(); ++k) {
    const uint32_t g = all[k], i = r.values[g].made_by;
    const OpRecord& x = r.records[i];
    const bool added = std::any_of(x.in.begin(), x.in.end(), [&](auto& use) {
      return use.role == Use::Role::sum && r.values[use.value].buffer == r.values[g].buffer;
    });
    out += text("  ", k + 1, i > at ? " later: " : ": ", where(r, i), added ? " adds: " : " writes: ", typed(r, g), ", rms ",
                number(root_mean_square(r.values[g])), "\n");
    if (i > at) continue;
    for (auto& use : x.in)
      if (use.role == Use::Role::gradient)
        out += text("     from ", shown(r, use.value), ", the gradient of ", shown(r, differentiated(r, use.value)), "\n");
    if (r.statistics && !r.values[g].sample.empty()) out += "  elements  " + elements_text(r.values[g]) + "\n";
  }
  return out;
}

std::string why_text(const Recording& r, uint32_t at, uint32_t v) {
  std::string out = text(shown(r, v), ", ", made_by(r, r.values[v].made_by), "\n");
  if (const uint32_t of = differentiated(r, v); of != nothing) out += chain_text(r, v, of);
  out += life_text(r, at, v);
  std::string kept, read;
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    const OpRecord& x = r.records[i];
    for (auto& save : x.saves)
      if (save.value == v) kept += text("  kept for backward by ", where(r, i), ": ", plain(save.why), "\n");
    const auto use = std::find_if(x.in.begin(), x.in.end(), [&](auto& u) { return u.value == v; });
    if (use != x.in.end()) read += (read.empty() ? "" : ", ") + short_name(r, i);
  }
  if (kept.empty()) kept = "  no row keeps it for backward\n";
  return out + kept + (read.empty() ? "  no record reads it\n" : "  read by " + read + "\n");
}

std::string memory_text(const Recording& r, uint32_t at) {
  const OpRecord& x = r.records[at];
  std::string out = text("after #", at, ": ", total(x.alive), " bytes alive\n");
  TableRows parts;
  for (size_t k = 0; k < x.alive.size(); ++k)
    if (x.alive[k] > 0) parts.push_back({"  " + std::string(memory_names[k]), bytes_text(double(x.alive[k]))});
  out += table(parts, "lr") + "the largest of them\n";
  TableRows rows;
  for (const Owner& owner : alive_at(r, at)) {
    if (rows.size() == size_t(few)) break;
    const RecordedBuffer& b = r.buffers[owner.buffer];
    rows.push_back({text("  ", b.bytes), std::string(memory_names[size_t(b.purpose)]), owner_text(r, owner)});
  }
  return out + table(rows, "rll");
}

std::string lines_text(const Recording& r, uint32_t first, uint32_t last, uint32_t at) {
  TableRows rows;
  for (uint32_t i = first; i <= last; ++i)
    rows.push_back({i == at ? ">" : "", std::to_string(i), std::string(phase(r.records[i])), line(r, r.records[i]),
                    plain(r.records[i].scope)});
  return table(rows, "lrlll");
}

}  // namespace tapedeck::look
