# SPDX-License-Identifier: MIT
"""What a transcript does to the files of its own folder."""
import os
import shutil
import time

import bodies


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def replace(path, content):
    """By rename, so that nobody ever sees a part of it."""
    fresh = path + b".new"
    write(fresh, content)
    os.rename(fresh, path)


def act(kind, path, argument, site):
    """`path` is the file's, `argument` what the line says behind its name."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if kind == "folder":
        os.makedirs(path)
    elif kind == "remove":
        remove(path)
    elif kind == "truncate":
        os.truncate(path, int(argument))
    elif kind == "overwrite":
        write(path, argument.encode("latin-1"))
    elif kind == "file":
        replace(path, argument.encode("latin-1"))
    elif kind == "copy":
        shutil.copyfile(site.path(argument), path + b".new")
        os.rename(path + b".new", path)
    elif kind == "coded":
        coding, name = argument
        replace(path, bodies.encode(site.content(name, 0, site.size(name) - 1), coding))
    elif kind == "link":
        os.symlink(argument.encode("latin-1"), path)
    else:
        set_time(kind, path, argument, site)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    else:
        os.remove(path)


def set_time(kind, path, argument, site):
    if kind == "dated":
        modified_ns = os.stat(site.path(argument)).st_mtime_ns
    else:
        modified_ns = time.time_ns() - int(float(argument) * 1_000_000_000)
    os.utime(path, ns=(modified_ns, modified_ns))
