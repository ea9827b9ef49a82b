// Writes the time line of every subject and order as a file of its own into the folder that is named: what trace_check.py reads.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <fstream>
#include <iostream>

#include <tapedeck/look/views.h>

#include "tests/support/look_subjects.h"

int main(int count, char** words) {
  using namespace tapedeck;
  if (count != 2) return std::cerr << "write_traces FOLDER\n", 1;
  doctest::Context context;                       // the helpers of the tests use its macros
  context.setAsDefaultForAssertsOutOfTestCases();
  int files = 0;
  for (const testing::Subject& subject : testing::look_subjects(1))
    for (int order = 1; order <= std::min(subject.orders, 2); ++order) {
      Recorder recorder;
      subject.run(order);
      std::ofstream file(std::string(words[1]) + "/" + std::to_string(files++) + ".json", std::ios::binary);
      file << look_trace(recorder.finish(), {});
      if (!file.flush()) return std::cerr << "cannot write into " << words[1] << "\n", 1;
    }
  return 0;
}
