# Builds the listings of docs/guide/extend/ into the program: sets SKELETONS to a source file that defines skeletons().
set(SKELETONS ${CMAKE_BINARY_DIR}/generated/skeletons.cpp)
set(listings "")
foreach(kind op layer encoder model loss objective adversary task reader tokenizer sampler optimizer schedule metric)
  set(listing ${CMAKE_SOURCE_DIR}/docs/guide/extend/${kind}.cpp)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${listing})
  file(READ ${listing} text)
  string(APPEND listings "    {\"${kind}\", R\"listing(${text})listing\"},\n")
endforeach()
set(source "// Made by the build from docs/guide/extend/.
#include \"src/app/skeletons.h\"

namespace tapedeck::app {

std::span<const Skeleton> skeletons() {
  static constexpr Skeleton all[] = {
${listings}  };
  return all;
}

}  // namespace tapedeck::app
")
if(EXISTS ${SKELETONS})
  file(READ ${SKELETONS} before)
endif()
if(NOT source STREQUAL "${before}")
  file(WRITE ${SKELETONS} "${source}")
endif()
