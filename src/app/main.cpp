// The door: parse the command line, do what it says, turn every failure into a message and its exit code
// (docs/guide/errors.md). Next: commands.h.
#include <csignal>
#include <cstdio>
#include <exception>

#include <fmt/core.h>

#include <tapedeck/base/error.h>
#include <tapedeck/base/registry.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

constexpr const char* ours = "\nThis is a mistake in tapedeck; please report it with the experiment file.";

int run(const std::vector<std::string>& typed) {
  require_different_names();
  CommandLine line("tapedeck: experiments with small transformers on the CPU, from a JSON file",
                   "tapedeck " + std::string(version()),
                   "Start with: tapedeck run configs/quickstart.json, or just: tapedeck run");
  add_run(line, typed);
  add_resume(line, typed);
  for (auto add : {add_check,  add_show,      add_eval,    add_predict, add_embed, add_similar, add_import, add_export,
                   add_list,   add_explain,   add_compare, add_ls,      add_plan,  add_report,  add_look,   add_step,
                   add_schema, add_gradcheck, add_new,     add_doctor,  add_bench, add_version})
    add(line);
  return line.run({typed.begin() + 1, typed.end()});
}

int fail(const Error& error) {
  const int code = exit_code(error.kind());
  const std::string what = error.what();
  if (what.starts_with("error TD")) fmt::print(stderr, "{}\n", what);  // diagnostics come with their places
  else complain(code == 1 ? what + ours : what);
  return code;
}

}  // namespace
}  // namespace tapedeck::app

int main(int argc, char** argv) {
  using namespace tapedeck;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error of the write
  try {
    return app::run({argv, argv + argc});
  } catch (...) { return app::fail(as_error(std::current_exception())); }
}
