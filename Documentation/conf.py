# SPDX-License-Identifier: GPL-2.0-only
# For sphinx-build; "make htmldocs" calls it. The extensions are the kernel's own.
import os
import sys

kernel = os.environ['KERNEL_SOURCE']
sys.path.insert(0, os.path.join(kernel, 'Documentation', 'sphinx'))

project = 'vhost backend channel'
copyright = 'The vhost backend channel developers'
author = 'The vhost backend channel developers'
extensions = ['kerneldoc', 'automarkup']
kerneldoc_bin = os.path.join(kernel, 'scripts', 'kernel-doc')
kerneldoc_srctree = os.path.abspath('..')
primary_domain = 'c'
highlight_language = 'none'
html_theme = 'alabaster'
html_theme_options = {'page_width': '70em'}
html_show_copyright = False
