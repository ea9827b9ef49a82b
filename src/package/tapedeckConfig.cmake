# find_package(tapedeck): tapedeck::tapedeck for programs, tapedeck_add_plugin(NAME SOURCE...) for plugins of the tapedeck program,
# tapedeck::headers for what only compiles against it. docs/guide/extend.md shows both.
include(CMakeFindDependencyMacro)
find_dependency(OpenMP COMPONENTS CXX)
find_dependency(ZLIB)
find_library(TAPEDECK_OPENBLAS openblas PATH_SUFFIXES openblas-openmp)
if(NOT TAPEDECK_OPENBLAS)
  set(tapedeck_FOUND FALSE)
  set(tapedeck_NOT_FOUND_MESSAGE "tapedeck needs OpenBLAS (Debian: libopenblas-openmp-dev)")
  return()
endif()

find_library(TAPEDECK_UTF8PROC utf8proc)
if(NOT TAPEDECK_UTF8PROC)
  set(tapedeck_FOUND FALSE)
  set(tapedeck_NOT_FOUND_MESSAGE "tapedeck needs utf8proc (Debian: libutf8proc-dev)")
  return()
endif()

include(${CMAKE_CURRENT_LIST_DIR}/tapedeckTargets.cmake)
set(TAPEDECK_PACKAGE_FOLDER ${CMAKE_CURRENT_LIST_DIR})

if(NOT TARGET tapedeck::tapedeck)
  add_library(tapedeck::tapedeck INTERFACE IMPORTED)
  target_link_libraries(tapedeck::tapedeck INTERFACE tapedeck::headers "$<LINK_LIBRARY:WHOLE_ARCHIVE,tapedeck::archive>" OpenMP::OpenMP_CXX
                                                     ${TAPEDECK_OPENBLAS} ZLIB::ZLIB ${TAPEDECK_UTF8PROC} ${CMAKE_DL_LIBS})
endif()

# A library that the program loads: "plugins": ["libNAME.so"], or --plugin libNAME.so.
function(tapedeck_add_plugin name)
  configure_file(${TAPEDECK_PACKAGE_FOLDER}/plugin.cpp.in ${CMAKE_CURRENT_BINARY_DIR}/${name}_tag.cpp COPYONLY)
  add_library(${name} MODULE ${ARGN} ${CMAKE_CURRENT_BINARY_DIR}/${name}_tag.cpp)
  target_link_libraries(${name} PRIVATE tapedeck::headers)
endfunction()
