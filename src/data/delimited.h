// Tables of text in columns: tsv and csv differ only in how a record is cut. Next: reader_tsv.cpp, reader_csv.cpp.
#pragma once
#include "src/data/file_reader.h"

namespace tapedeck {

struct TableFormat {
  char separator = '\t';
  bool quotes = false;  // RFC 4180: fields in quotes may hold separators, line breaks and doubled quotes
  bool header = true;
};
void parse_delimited(const TextFile& file, const TableFormat& format, const Columns& columns, RowSink& rows);
/// The names in the first record of a file.
std::vector<std::string> header_of(const TextFile& file, const TableFormat& format);

}  // namespace tapedeck
