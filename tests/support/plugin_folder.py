#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""plugin_folder.py FOLDER PLUGINS_DIR NAME...: fills FOLDER with links to the named plugins.

The tests see these and no others, so that scanning is quick and what else is installed on a machine
neither changes nor disturbs them. A plugin that is not installed is left out: the tests that need
it say so.
"""
import pathlib
import sys

folder, plugins = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
for old in folder.iterdir():
    old.unlink()
for name in sys.argv[3:]:
    library = plugins / f"libgst{name}.so"
    if library.exists():
        (folder / library.name).symlink_to(library)
