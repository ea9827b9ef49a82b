// What each diagnostic means and what to do about it, beyond the one line printed beside the caret.
// Why: a code can be looked up, searched for and linked to. Next: diagnostics.cpp prints them.
#include <tapedeck/base/error_codes.h>

#include <algorithm>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

constexpr ErrorCode table[] = {
    {"TD0101", "the text is not JSON",
     "The file breaks the rules of JSON: a comma too many or too few, single quotes, True instead of true, a bracket left open. "
     "Comments (// and /* */) are allowed; everything else is plain JSON.",
     "Go to the line and column shown; the hint beside the caret names the usual cause."},
    {"TD0102", "a key appears twice",
     "Two entries of one object have the same key. Other readers keep the last one silently, which hides a forgotten line.",
     "Delete one of the two."},
    {"TD0103", "the text is not UTF-8", "Experiment files are UTF-8. The byte shown does not belong to any UTF-8 character.",
     "Save the file as UTF-8 in your editor, or run: iconv -f latin1 -t utf-8 old.json > new.json"},
    {"TD0104", "nested too deeply", "Objects and lists may contain each other up to 64 levels deep.",
     "Experiments need fewer than ten; look for a missing bracket."},
    {"TD0105", "the file is too large", "Experiment files may have up to 16 MiB, 200000 values, and 20000 keys in one object.",
     "Put data into data files and name them in the section \"data\"."},
    {"TD0106", "the experiment is not an object",
     "The outermost value of an experiment file is an object: { \"name\": ..., ... }.", "Put the sections between { and }."},
    {"TD0201", "a file named in \"extends\" cannot be read",
     "\"extends\" holds a file name or a list of them; relative names start in the folder of the file that contains them.",
     "Check the path and the permissions."},
    {"TD0202", "files extend each other in a circle", "Following \"extends\" leads back to a file that is already being read.",
     "Remove one \"extends\" of the chain shown."},
    {"TD0203", "too many files", "An experiment may be put together from up to 100 files.", "Merge some of the base files."},
    {"TD0204", "--set names a place that does not exist",
     "The path of --set goes through names of sections and options and through positions of lists, separated by dots: "
     "optimizer.groups.0.lr=0.",
     "Use `tapedeck show FILE` to see the paths there are."},
    {"TD0205", "--set has a broken value",
     "The value begins like a list, an object or a quoted string, so it must be JSON; words without quotes are taken as strings.",
     "Put the whole argument in single quotes for the shell: --set 'evaluation.metrics=[\"accuracy\"]'"},
    {"TD0206", "both \"seed\" and \"seeds\"",
     "\"seed\" runs once, \"seeds\" repeats the run and reports statistics; one file can say only one of them.",
     "Delete one of the two. A file that extends another replaces either by its own."},
    {"TD0207", "unknown variable",
     "Strings may contain ${vars.x} for an entry of \"vars\", ${env:X} for an environment variable, ${name} and ${seed}. They "
     "are replaced once.",
     "Define the variable in \"vars\" or correct its name."},
    {"TD0208", "environment variable not set",
     "${env:X} stands for the environment variable X, which has no value in this shell.", "Set it: X=value tapedeck run ..."},
    {"TD0209", "unknown format", "\"format\" is the version of the file format; this program knows format 1.",
     "Write \"format\": 1 or leave it out."},
    {"TD0210", "not a good name", "The name of an experiment becomes a folder name: letters, digits, dot, dash and underscore.",
     "Rename it, for example \"sst2-rdrop\"."},
    {"TD0301", "unknown option", "The section or part has no option of this name. Nothing is ignored silently.",
     "Take one of the options listed, or see `tapedeck explain PART`."},
    {"TD0302", "unknown part", "No part of this kind is registered under this name.",
     "Take one of the names listed, or see `tapedeck list KIND`."},
    {"TD0303", "wrong type of value",
     "The option wants another type of JSON value: a number, a string, true or false, a list, an object.",
     "Write the value as the message says; numbers, true and false have no quotes."},
    {"TD0304", "out of range", "The number lies outside the range in which the option makes sense.",
     "See `tapedeck explain PART` for ranges and defaults."},
    {"TD0305", "not a duration",
     "Durations carry their unit: \"500 steps\" (optimizer updates), \"3 epochs\", \"2 evaluations\", \"1000 examples\", \"6%\" "
     "(of the run), "
     "\"90 s\", \"15 min\", \"2 h\". Not every option takes every unit.",
     "Write the unit, in quotes: \"3 epochs\"."},
    {"TD0306", "not one of the choices", "The option takes one of a fixed set of words.", "Take one of the choices listed."},
    {"TD0307", "something is missing", "The section or part has an option without a default, and the file does not give it.",
     "Add the option named; files that extend others need it only after merging."},
    {"TD0308", "no type given", "A part is chosen by its \"type\"; the other keys are options of that part.",
     "Add \"type\": \"...\" with one of the names listed."},
    {"TD0309", "a bare name is not enough", "A part may be written as just its name only if none of its options is required.",
     "Write an object: { \"type\": \"NAME\", ... } with the options named."},
    {"TD0310", "wrong number of entries", "The list has more or fewer entries than the option allows.",
     "Give as many entries as the message says."},
    {"TD0311", "a sweep that cannot be laid out",
     "Under \"over\" stands a dotted path with a list of its values, or with a range where points are drawn at random.",
     "See `tapedeck explain sweep` for the ranges, and `tapedeck plan FILE` for the runs."},
    {"TD0312", "a pattern that matches nothing",
     "Patterns over parameter names (* for any run of characters, ? for one) must match at least one parameter, and freeze "
     "must leave one free.",
     "Use `tapedeck check FILE` to list the parameters."},
    {"TD0313", "unknown metric", "No metric is registered under this name.",
     "Take one of the names listed, or see `tapedeck list metric`."},
    {"TD0314", "a metric that does not suit the labels",
     "Some metrics compare classes, others numbers or the next tokens of running text; the labels of the data are of another "
     "sort.",
     "Take one of the metrics listed."},
    {"TD0315", "nothing to choose the best checkpoint by",
     "evaluation.best names a metric that is not measured, or there are no validation data to measure it on.",
     "List the metric in evaluation.metrics; give the data a \"validation\" part."},
    {"TD0316", "a micro batch that does not fit",
     "micro_batch_size splits a batch to save memory; it cannot exceed batch_size, and an objective that both compares the "
     "examples "
     "of a batch with each other and differentiates a gradient needs the batch whole.",
     "Lower batch_size or leave micro_batch_size out."},
    {"TD0317", "durations that contradict each other",
     "A duration is zero where nothing would happen, or the warm-up is as long as the whole run.", "Change one of the two."},
    {"TD0318", "unknown site or parameter",
     "Adversarial objectives act at a site of the model (such as \"embedding\") or on a parameter; this model has none of this "
     "name.",
     "Take one of those listed."},
    {"TD0319", "a loss that does not suit the labels",
     "Cross-entropy needs at least two classes, mean squared error needs numbers.",
     "Choose the loss for the labels, or check the column the labels are read from."},
    {"TD0320", "the model cannot be built",
     "Sizes of the model contradict each other or do not fit the data, for example a width that the heads do not divide; or it "
     "answers once per text where every token has a label.",
     "Change the size the message names."},
    {"TD0321", "a sampler that does not suit the data", "The sampler needs something the data or the batch size do not offer.",
     "Change the sampler's options or training.batch_size."},
    {"TD0322", "an entry twice", "A list of different things holds the same one twice.", "Remove one of them."},
    {"TD0323", "too large for this machine",
     "The parameters with their gradients and moments would need more memory than the machine has.", "Make the model smaller."},
    {"TD0324", "the data do not have what the file says",
     "An option of the section \"data\" names something, such as a column or a label, that the data files do not hold.",
     "Correct the option named, or the files."},
    {"TD0325", "options that contradict each other",
     "Each option is fine by itself, but together they ask for something that the method or the schedule cannot do.",
     "Follow the hint beside the caret."},
    {"TD0326", "a plugin that cannot be loaded",
     "A shared library of the section \"plugins\" is missing, damaged, no plugin, built for another tapedeck, or brings a part "
     "whose name "
     "is taken.",
     "Do what the message says; usually: build the plugin again. Or it was refused with --no-plugins."},
    {"TD0327", "output leads out of the working directory",
     "\"output\" of a file may be an absolute path, or one that stays below the working directory; climbing out of it with .. is "
     "left to whoever types the command.",
     "Give -o DIR or --set output=DIR, or write an absolute path."},
    {"TD0328", "an option this machine cannot honour",
     "An option of the section \"runtime\" asks for something that the processor does not have.",
     "Take another value, or run on a machine that has it; `tapedeck doctor` says what there is."},
};

}  // namespace

std::span<const ErrorCode> error_codes() { return table; }

const ErrorCode* find_error_code(std::string_view code) {
  std::string upper(code);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  const auto it = std::find_if(std::begin(table), std::end(table), [&](const ErrorCode& row) { return row.code == upper; });
  return it == std::end(table) ? nullptr : it;
}

std::string explain(const ErrorCode& code) {
  return text(code.code, ": ", code.title, "\n\n", code.explanation, "\n\nWhat to do: ", code.hint, "\n");
}

}  // namespace tapedeck
