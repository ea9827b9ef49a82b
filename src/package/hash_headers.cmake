# Writes OUT: the version, and a hash of every public header's text. Left alone when nothing changed, so nothing is rebuilt.
file(GLOB_RECURSE headers RELATIVE ${INCLUDE} ${INCLUDE}/tapedeck/*.h)
list(SORT headers)
set(all "")
foreach(header IN LISTS headers)
  file(SHA256 ${INCLUDE}/${header} hash)
  string(APPEND all "${header} ${hash}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 16 hash)
set(text "// Made by the build: what a plugin was compiled against. Read by config/plugin_tag.h.
#pragma once
#define TAPEDECK_VERSION \"${VERSION}\"
#define TAPEDECK_HEADERS_HASH \"${hash}\"
")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT text STREQUAL "${before}")
  file(WRITE ${OUT} "${text}")
endif()
