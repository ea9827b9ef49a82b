#!/bin/sh
# headers.sh COMPILER ROOT GENERATED: every public header compiles alone, and all of them in one file, twice, in either order.
# Two structs of one name do not pass. Next: odr.sh, for what no public header shows.
set -eu
cd "$2/include"
list=$(find tapedeck -name '*.h' | LC_ALL=C sort)
compile() { "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. -I"$generated" -x c++ -; }
compiler=$1 generated=$3
status=0
for order in sort 'sort -r'; do
  { printf '%s\n' "$list" | LC_ALL=C $order; printf '%s\n' "$list"; } | sed 's/.*/#include <&>/' | compile || status=1
done
export compiler generated
printf '%s\n' "$list" | xargs -P 2 -n 1 sh -c '
  printf "#include <%s>\n" "$1" | "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. -I"$generated" -x c++ - ||
    { echo "$1 does not compile alone"; exit 1; }' sh || status=1
echo "$(printf '%s\n' "$list" | wc -l) public headers"
exit $status
