// Gives a recording hostile names, twelve times, for drive_page.py to open their pages: hostile_tapes TAPE FOLDER prints where
// it wrote them. Next: tests/support/hostile_names.h.
#include <fstream>
#include <iostream>
#include <iterator>

#include "../support/hostile_names.h"

using namespace tapedeck;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream in(argv[1], std::ios::binary);
  const Recording recording = decode(std::string(std::istreambuf_iterator<char>(in), {}), argv[1]);
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const std::string path = std::string(argv[2]) + "/hostile" + std::to_string(seed) + ".tdt",
                      bytes = encode(testing::hostile(recording, seed));
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    std::cout << path << "\n";
  }
}
