# SPDX-License-Identifier: Apache-2.0
# What is installed where, and the three Debian packages that CPack makes of it (scripts/package.sh).
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  set(CMAKE_INSTALL_PREFIX "/" CACHE PATH "Paths below are relative to it" FORCE)
endif()

# rollback_install(PACKAGE DESTINATION target...): programs of a package
function(rollback_install package destination)
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      install(TARGETS ${target} RUNTIME DESTINATION ${destination} COMPONENT ${package})
    endif()
  endforeach()
  install(FILES LICENSE DESTINATION usr/share/doc/${package} COMPONENT ${package} RENAME copyright)
endfunction()

rollback_install(rollback-agent usr/sbin rollback-agent rollback-recover)
rollback_install(rollback-coordinator usr/sbin rollback-coordinator)
rollback_install(rollbackctl usr/bin rollbackctl)
install(FILES systemd/rollback-agent.service systemd/rollback-recover.service
  DESTINATION lib/systemd/system COMPONENT rollback-agent)
install(FILES systemd/rollback-coordinator.service
  DESTINATION lib/systemd/system COMPONENT rollback-coordinator)
install(FILES packaging/sysusers.d/rollback-coordinator.conf
  DESTINATION usr/lib/sysusers.d COMPONENT rollback-coordinator)
# rollback_install_man(PACKAGE page...): NAME.SECTION of docs/man
function(rollback_install_man package)
  foreach(page IN LISTS ARGN)
    string(REGEX MATCH "[0-9]$" section ${page})
    install(FILES docs/man/${page} DESTINATION usr/share/man/man${section} COMPONENT ${package})
  endforeach()
endfunction()

rollback_install_man(rollback-agent rollback-agent.8 rollback-agent.yaml.5 rollback-recover.8)
rollback_install_man(rollback-coordinator rollback-coordinator.8)
rollback_install_man(rollbackctl rollbackctl.1)
foreach(package rollback-agent rollback-coordinator)
  # The operator's files; the packages ship none, so an upgrade never asks about one.
  install(DIRECTORY DESTINATION etc/rollback COMPONENT ${package} DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "rollbackctl")
set(CPACK_PACKAGE_CONTACT "rollbackctl maintainers <maintainers@rollbackctl.invalid>")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX "/")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL rollback-agent rollback-coordinator rollbackctl)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# rollback_package(PACKAGE DEPENDS RECOMMENDS DESCRIPTION)
macro(rollback_package package depends recommends description)
  string(TOUPPER ${package} component)
  set(CPACK_DEBIAN_${component}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${component}_PACKAGE_DEPENDS "${depends}")
  set(CPACK_DEBIAN_${component}_PACKAGE_RECOMMENDS "${recommends}")
  set(CPACK_COMPONENT_${component}_DESCRIPTION "${description}")
  file(GLOB control "${CMAKE_SOURCE_DIR}/packaging/${package}/*")
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA ${control})
endmacro()

rollback_package(rollback-agent "init-system-helpers, systemd (>= 252)" "rollbackctl"
  "Snapshots and takes back releases of one host
The agent records what a release is made of on this host (nginx, systemd units,
binaries, compose stacks, files) and restores it, checked, journaled and verified.")
rollback_package(rollback-coordinator "init-system-helpers, systemd (>= 252)" "rollbackctl"
  "Drives rollbacks of a whole fleet
The coordinator knows the hosts, sends a rollback to them in health-gated waves
and reports their health. It holds no host's file contents.")
rollback_package(rollbackctl "" "rollback-agent | rollback-coordinator"
  "Command line of the rollback agent and coordinator
Snapshots, history, differences, plans and rollbacks of a host or a fleet.")
include(CPack)
