# embed(OUT HEADER FUNCTION FILE...) puts the text of files into the program: sets OUT to a source that defines FUNCTION, which HEADER
# declares in namespace tapedeck. Each is named without its folder and extension, and comes with the SHA-256 of its bytes.
function(embed out header function)
  set(entries "")
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME_WE)
    file(READ ${file} text)
    file(SHA256 ${file} hash)
    string(APPEND entries "      {\"${name}\", R\"embedded(${text})embedded\", \"${hash}\"},\n")
  endforeach()
  string(MAKE_C_IDENTIFIER ${function} path)
  set(path ${CMAKE_BINARY_DIR}/generated/${path}.cpp)
  file(CONFIGURE OUTPUT ${path} CONTENT [[// Made by the build.
#include "@header@"

std::span<const tapedeck::EmbeddedFile> tapedeck::@function@() {
  static constexpr EmbeddedFile all[] = {
@entries@  };
  return all;
}
]] @ONLY)
  set(${out} ${path} PARENT_SCOPE)
endfunction()
