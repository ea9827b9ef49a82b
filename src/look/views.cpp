// The views that exist, in the order in which the help text names them. Next: list.cpp.
#include <tapedeck/look/views.h>

namespace tapedeck {

const std::vector<LookView>& look_views() {
  static const std::vector<LookView> views = {
      {"list", "every record in the order of execution", look_list},
      {"saved", "what is kept for backward, for whom and why", look_saved},
      {"mem", "memory over time, the peak and its owners", look_mem},
      {"reach", "parameters that the loss does not reach", look_reach},
      {"flow", "sizes of gradients and updates", look_flow},
      {"nan", "where a number that is none came from", look_nan},
      {"trace", "a time line for Chrome or Perfetto", look_trace},
      {"verify", "computes every record again, demands equal bits", look_verify, true},
      {"svg", "the graph drawn, repeated layers once", look_svg},
      {"html", "a page to step through, one file without network", look_html, false, false, true},
      {"roof", "each op against what the machine can do at best", look_roof, false, false, false, true},
      {"err", "what f32 lost against f64", look_err, false, true},
  };
  return views;
}

}  // namespace tapedeck
