// tapedeck similar RUN TEXTS QUERY: the texts of a file whose vectors point the same way as that of a query.
#include <fmt/core.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct SimilarFlags {
  std::string run, input, query, checkpoint = "best";
  int64_t count = 5;
  bool json = false;
};

int similar(const SimilarFlags& flags) {
  const auto run = open_one_run(flags.run, flags.checkpoint);
  const Table texts = read_rows(flags.input);
  const Tensor vectors = embed_rows(*run, texts);
  const Tensor query = embed_rows(*run, {"the query", {text_row(flags.query, "the query", 1)}});
  Json all = Json::list();
  TableRows rows = {{"cosine", "line", "text"}};
  for (const Neighbour& near : nearest(vectors, query.data<float>(), flags.count)) {
    const Row& row = texts.rows[size_t(near.row)];
    rows.push_back({figure(near.cosine), std::to_string(row.line), row.text});
    all.items.push_back(json_object({{"cosine", near.cosine}, {"line", row.line}, {"text", row.text}}));
  }
  return print(flags.json, all, table(rows, "rrl"));
}

}  // namespace

void add_similar(CommandLine& line) {
  auto [command, flags] = add_command<SimilarFlags>(line, "similar", "find the texts of a file that are nearest to one", similar);
  command.required("run", flags.run, "folder of the run, or of one of its seeds")
      .required("texts", flags.input, "file with a text (or a JSON object with \"text\") on each line")
      .required("query", flags.query, "the text to compare them with")
      .number("-k,--count", flags.count, "how many to print", 1);
  add_checkpoint(command, flags.checkpoint);
  add_no_plugins(command);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
