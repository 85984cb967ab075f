# SPDX-License-Identifier: Apache-2.0
set(CPACK_PACKAGE_NAME cnproc-exporter)
set(CPACK_PACKAGE_VENDOR "cnproc_exporter")
set(CPACK_PACKAGE_CONTACT "The cnproc_exporter authors <cnproc-exporter@users.noreply.github.com>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
    "Counts every fork, exec, exit and core dump of a host, by program, unit and container, exactly, from the process connector of the kernel.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_CNPROC_BINARY_DIR ${CMAKE_BINARY_DIR})
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_SOURCE_DIR}/packages/config.cmake)

set(CNPROC_PACKAGE_RELEASE "" CACHE STRING
    "Which of the packages of this version it is, for instance 1+deb12 for that of Debian 12")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE "${CNPROC_PACKAGE_RELEASE}")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_SOURCE_DIR}/packages/conffiles
    ${CMAKE_CURRENT_SOURCE_DIR}/packages/postinst
    ${CMAKE_CURRENT_SOURCE_DIR}/packages/prerm
    ${CMAKE_CURRENT_SOURCE_DIR}/packages/postrm)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/packages/rpm-post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/packages/rpm-preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/packages/rpm-postun)
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/cnproc-exporter/config.yml" "%config(noreplace) /etc/sysconfig/cnproc-exporter")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /etc /etc/sysconfig /usr/lib/systemd /usr/lib/systemd/system
    /usr/share/man /usr/share/man/man8)
include(CPack)
