"""The extension list; everything else about the build stands in pyproject.toml."""

import os
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
OPTIMISE = ["-O2", "-g", "-fno-semantic-interposition", "-fvisibility=hidden", "-D_GNU_SOURCE", "-pthread"]
# a build that fails on unknown warnings of a future compiler is no use to a packager
CORE_FLAGS = OPTIMISE + (STRICT if os.environ.get("CALLWARDEN_STRICT", "1") == "1" else STRICT[:1])

CORE = ("cwcore", {"sources": sorted(glob("native/csrc/*.c")), "cflags": ["-fPIC", *CORE_FLAGS]})


def extension(source: str) -> Extension:
    return Extension(
        source.removesuffix(".pyx").replace("/", "."),
        [source],
        include_dirs=["native/csrc"],
        depends=[*glob("native/csrc/*.h"), *glob("native/csrc/*.c")],
        extra_compile_args=OPTIMISE,
        extra_link_args=["-pthread"],
    )


setup(
    libraries=[CORE],
    ext_modules=cythonize(
        [extension(source) for source in sorted(glob("native/*.pyx"))],
        compiler_directives={"language_level": 3, "embedsignature": True, "binding": True},
    ),
)
