# Installs the headers and what find_package(kith) reads. The tree is the same for every machine and
# every choice of optional parts, so it lives under share and its version file ignores the
# architecture.
include(CMakePackageConfigHelpers)

set(kith_config_dir ${CMAKE_INSTALL_DATADIR}/cmake/kith)

install(TARGETS kith EXPORT kith-targets
  FILE_SET kith_headers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT kith-targets NAMESPACE kith:: DESTINATION ${kith_config_dir})

# An export of its own: the package configuration reads it only on request, after it has found the
# linked library that this part needs.
install(TARGETS kith_boost_archive EXPORT kith-boost_archive-targets)
install(EXPORT kith-boost_archive-targets NAMESPACE kith:: DESTINATION ${kith_config_dir})

configure_package_config_file(cmake/kith-config.cmake.in ${PROJECT_BINARY_DIR}/kith-config.cmake
  INSTALL_DESTINATION ${kith_config_dir})
# While the major version is 0, a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kith-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  ${PROJECT_BINARY_DIR}/kith-config.cmake
  ${PROJECT_BINARY_DIR}/kith-config-version.cmake
  DESTINATION ${kith_config_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/kith)
