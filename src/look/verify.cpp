// look verify: every record was computed twice, from the same inputs in other buffers; equal bits show that the recording is
// what really happened and that ops are functions of their inputs. Next: err.cpp.
#include "src/look/text.h"

namespace tapedeck {

using namespace look;

std::string look_verify(const Recording& r, const LookOptions& o) {
  int64_t equal = 0, different = 0, none = 0;
  std::string wrong;
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    const OpRecord& x = r.records[i];
    if (x.kind == OpRecord::Kind::leaf || x.kind == OpRecord::Kind::update) continue;
    ++(x.replay == OpRecord::Replay::equal ? equal : x.replay == OpRecord::Replay::different ? different : none);
    if (x.replay == OpRecord::Replay::different) wrong += "  " + where(r, i) + ", " + std::string(phase(x)) + "\n";
  }
  if (o.json) return json_object({{"equal", equal}, {"different", different}, {"not_computed_again", none}}).dump() + "\n";
  std::string out =
      title(r) + text(equal, " of ", equal + different + none, " records give the same bits when they are computed again\n");
  if (none) out += text(none, " were not computed again: record with look verify EXPERIMENT\n");
  return out + (different ? "these gave other bits:\n" + wrong : "");
}

}  // namespace tapedeck
