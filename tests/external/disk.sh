#!/usr/bin/env bash
# Real disks that misbehave: a file system that is full and then has room again, one that becomes read-only and writable again,
# a sync that fails, a sync that takes seconds. Users must notice nothing, every lost record must be counted and told, and
# writing must go on by itself within a second. Needs root for the file systems, and a C compiler for the syncs.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

if ((EUID != 0)); then
    echo "disk: left out, for only root may mount file systems"
    exit 0
fi
mkdir "$work/probe"
if ! unshare --mount mount -t tmpfs -o size=64k none "$work/probe" 2>/dev/null; then
    echo "disk: left out, for file systems cannot be mounted here"
    exit 0
fi
build_gateway
cat >"$work/syncs.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* A sync fails while the file FAILS is there, and takes two seconds while the file SLOW is there. */
static int there(const char *name) {
    const char *path = getenv(name);
    struct stat found;
    return path && stat(path, &found) == 0;
}
static int misbehaves(void) {
    if (there("SLOW")) sleep(2);
    if (there("FAILS")) { errno = EIO; return 1; }
    return 0;
}
int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return misbehaves() ? -1 : real(file);
}
int fdatasync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return misbehaves() ? -1 : real(file);
}
C
cc -shared -fPIC -O1 -o "$work/syncs.so" "$work/syncs.c" -ldl
unshare --mount python3 "$external/disk.py" "$crossfade" "$work" "$external/echo_model.py"
