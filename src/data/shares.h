// Drawing a share of rows so that it looks like the whole: a validation split, rows that keep their label. Next: file_reader.cpp.
#pragma once
#include <cstdint>
#include <vector>

#include <tapedeck/tasks/task.h>

namespace tapedeck {

/// The classes in the answer of each row, numbered; none in a row without an answer.
std::vector<std::vector<int32_t>> classes_of(const std::vector<Row>& rows, const Task& task);

/// Takes about `size` of the rows, in the order given: of every class its share, to the nearest row, and never the last row of a
/// class. A row with several classes counts for its rarest. Rows without classes are a class that may be used up.
std::vector<bool> draw_share(const std::vector<std::vector<int32_t>>& classes, int64_t size, const std::vector<int64_t>& order);

}  // namespace tapedeck
