# SPDX-License-Identifier: MIT OR Apache-2.0
"""What all Python bridges of Kapelle share: frames, link, executor, capture, code.

Standard library only, Python 3.7 or newer. It knows no application: what an application gives is a
`Table` of commands and a `Host`. Everything inside is imported relatively, because the folder is
copied into the bridge of an application under whatever package name that has there.
"""

VERSION = "0.1.0"
