# `cmake --install`: the program, the library as one archive, public headers, and the files that find_package(tapedeck) reads.
# The archive is linked whole, or the linker would drop the parts that register themselves. Next: tapedeckConfig.cmake.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

add_library(tapedeck_archive STATIC ${TAPEDECK_OBJECTS})
set_target_properties(tapedeck_archive PROPERTIES OUTPUT_NAME tapedeck EXPORT_NAME archive LINKER_LANGUAGE CXX)

# What a plugin is compiled with: headers and a language, nothing to link, because the program that loads it has the library.
add_library(tapedeck_plugin_headers INTERFACE)
set_target_properties(tapedeck_plugin_headers PROPERTIES EXPORT_NAME headers)
target_compile_features(tapedeck_plugin_headers INTERFACE cxx_std_20)
target_include_directories(
  tapedeck_plugin_headers INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated>
                                    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tapedeck)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/tapedeckConfigVersion.cmake COMPATIBILITY ExactVersion)
install(TARGETS tapedeck_archive tapedeck_plugin_headers EXPORT tapedeckTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT tapedeckTargets NAMESPACE tapedeck:: DESTINATION ${package_folder})
install(DIRECTORY include/tapedeck ${CMAKE_BINARY_DIR}/generated/tapedeck DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES src/package/tapedeckConfig.cmake src/package/plugin.cpp.in ${CMAKE_BINARY_DIR}/package/tapedeckConfigVersion.cmake
        DESTINATION ${package_folder})
if(TARGET tapedeck)
  install(TARGETS tapedeck RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# `./deck deb`: the same as a package of Debian, which knows the libraries that the program needs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the authors of tapedeck")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "experiments with small transformers on a CPU")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
include(CPack)
